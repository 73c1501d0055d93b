"""What a Parquet file unpacks to is read from its pages, whatever its footer says."""

import io
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from guitarclf.data.parquet import read_parquet
from guitarclf.errors import EventTableError
from guitarclf.files.parquet_pages import MAX_FOOTER, Thrift, Unpacked, _add_pages, unpacked_columns

TABLE = pa.table(
    {
        "note_id": [f"n{n}" for n in range(5000)],
        "style": ["NO", "HA", None, "DN", "PM"] * 1000,
        "onset_sec": np.arange(5000) / 3,
        "is_good": [True, None, False, True, True] * 1000,
    }
)


def varint(number: int) -> bytes:
    """Return a number as the compact protocol writes it."""
    number, written = (number << 1) ^ (number >> 63), b""
    while number >= 0x80:
        written += bytes([number & 0x7F | 0x80])
        number >>= 7
    return written + bytes([number])


def page(n_unpacked, n_cells=None, encoding=0) -> bytes:
    """Return the header of a page of no bytes: of a dictionary, or of cells in an encoding."""
    kind, number = (b"\x15\x04", 7) if n_cells is None else (b"\x15\x00", 5)
    inner = b"\x15" + varint(n_cells or 0) + b"\x15" + varint(encoding) + b"\x00"
    return kind + b"\x15" + varint(n_unpacked) + b"\x15\x00" + bytes([(number - 3) << 4 | 0x0C]) + inner + b"\x00"


def unpacked_bytes(path) -> int:
    return sum(column.n_page_bytes for column in unpacked_columns(path))


def write(path, table, **settings):
    pq.write_table(table, path, **settings)
    return path


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"compression": "none", "use_dictionary": False},
        {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 700},
        {"compression": "gzip", "data_page_size": 500, "write_batch_size": 50},
        {"compression": "brotli", "write_page_index": True, "write_page_checksum": True},
        {"compression": "lz4", "version": "1.0", "write_statistics": False},
        {
            "use_dictionary": False,
            "column_encoding": {"onset_sec": "BYTE_STREAM_SPLIT", "note_id": "DELTA_LENGTH_BYTE_ARRAY"},
        },
    ],
)
def test_the_pages_are_what_the_footer_says_but_for_their_headers(tmp_path, settings):
    path = write(tmp_path / "t.parquet", TABLE, **settings)
    metadata = pq.read_metadata(path)
    said = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    n_pages = said / 400 + 100 * metadata.num_row_groups
    assert said - 200 * n_pages < unpacked_bytes(path) < said
    assert unpacked_bytes(path) > 0.5 * said


def test_a_footer_that_lies_is_not_believed(tmp_path):
    n_bytes = 600_000_000
    path = write(
        tmp_path / "t.parquet",
        pa.table({"a": ["x" * n_bytes]}),
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
    )
    said = varint(pq.read_metadata(path).row_group(0).total_byte_size)
    content = path.read_bytes()
    one = b"\x82" + b"\x80" * (len(said) - 2) + b"\x00"
    path.write_bytes(content[:-1000] + content[-1000:].replace(said, one))
    assert pq.read_metadata(path).row_group(0).total_byte_size == 1
    assert path.stat().st_size < 100_000
    with pytest.raises(
        EventTableError, match=r"must have at most 512 MB unpacked\. It may have 6000000\d\d bytes\. Split"
    ):
        read_parquet(path)


def test_texts_that_repeat_the_one_before_are_counted_whole(tmp_path):
    table = pa.table({"a": ["x" * 1_000_000] * 1000})
    settings = {"use_dictionary": False, "column_encoding": {"a": "DELTA_BYTE_ARRAY"}, "write_statistics": False}
    path = write(tmp_path / "t.parquet", table, **settings)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(EventTableError, match=r"must have at most 512 MB unpacked\. It may have 1\d{9} bytes"):
        read_parquet(path)


@pytest.mark.parametrize("encoding", ["DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY", "PLAIN"])
def test_texts_in_every_encoding_are_read(tmp_path, encoding):
    settings = {"use_dictionary": ["style"], "column_encoding": {"note_id": encoding}, "row_group_size": 2000}
    path = write(tmp_path / "t.parquet", TABLE.select(["note_id", "style"]), **settings)
    header, (ids, styles), _ = read_parquet(path)
    assert header == ["note_id", "style"]
    assert (ids[:3].to_pylist(), styles[:3].to_pylist()) == (["n0", "n1", "n2"], ["NO", "HA", ""])
    assert (ids[4999].as_py(), styles[4999].as_py()) == ("n4999", "PM")


def test_codes_beside_repeating_texts_are_counted_as_texts():
    """A column that cannot be read as codes takes, for every code, a text as long as all its dictionary."""
    column = Unpacked()
    pages = [page(1_000_000), page(10, 500, 8), page(1000, 20, 7), page(30, 5, 0)]
    chunk = {5: 525, 7: sum(map(len, pages)), 9: 0}
    _add_pages(column, io.BytesIO(b"".join(pages)), chunk)
    assert column == Unpacked(1_001_040, 1_001_040 + 500 * 1_000_000 + 20 * 1000, True, 1_000_000)


@pytest.mark.parametrize(
    ("footer", "message"),
    [
        (b"\x15", "a header is cut short"),
        (b"\x00", "its footer names no columns"),
        (b"\x49\x15\x02\x00", "its footer names no columns"),
        (b"\x1c" * 100, "a header is nested too deep"),
        (b"\x15" + b"\xff" * 20, "a number of a header is too long"),
        (b"\x19\xfc\xff\xff\xff\x0f", "a list of a header is longer than the file"),
        (b"\x1d\x00", "a header has a value of type 13, which there is not"),
    ],
)
def test_a_footer_that_is_none_is_told(tmp_path, footer, message):
    path = tmp_path / "t.parquet"
    path.write_bytes(b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    with pytest.raises(ValueError, match=message):
        unpacked_bytes(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it does not end in a footer"),
        (b"PAR1", "it does not end in a footer"),
        (b"\xff\xff\x00\x00PAR1", "it does not end in a footer"),
        (bytes(MAX_FOOTER + 8) + (MAX_FOOTER + 1).to_bytes(4, "little") + b"PAR1", "more than 4194304"),
    ],
)
def test_a_file_without_a_footer_is_told(tmp_path, content, message):
    (tmp_path / "t.parquet").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        unpacked_bytes(tmp_path / "t.parquet")


@pytest.mark.parametrize("place", range(4, 60, 2))
def test_damaged_pages_are_counted_or_told(tmp_path, place):
    path = write(tmp_path / "t.parquet", TABLE.select(["onset_sec"]), compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[place : place + 2] = b"\xff\x7f"
    path.write_bytes(content)
    with suppress(ValueError):
        assert unpacked_bytes(path) >= 0


def test_values_of_the_compact_protocol():
    for number in (0, 1, -1, 63, -64, 300, -(2**31), 2**31 - 1, 2**62):
        assert Thrift(varint(number)).signed() == number
    # 1: true, 2: a text, 3: two bools, 4: a map of one number to a struct
    written = b"\x11" + b"\x18\x02hi" + b"\x19\x21\x01\x00" + b"\x1b\x01\x5c\x02\x00" + b"\x00"
    assert Thrift(written).struct() == {1: True, 2: b"hi", 3: [1, 0], 4: [(1, {})]}


def test_a_file_without_groups_of_rows_has_nothing_to_unpack(tmp_path):
    pq.ParquetWriter(tmp_path / "t.parquet", TABLE.schema).close()
    assert unpacked_columns(tmp_path / "t.parquet") == []
    header, columns, _ = read_parquet(tmp_path / "t.parquet")
    assert (header, [len(column) for column in columns]) == (TABLE.schema.names, [0] * len(header))
