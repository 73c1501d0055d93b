"""How much a Parquet file unpacks to, from the headers of its pages: what its footer says of that may be a lie.

Footer and headers are structs in Thrift's compact protocol; the numbers of their fields are those of parquet.thrift
(github.com/apache/parquet-format). Pages are walked as Arrow's reader walks them.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAGIC = b"PAR1"
MAX_FOOTER = 4 * 2**20  # bytes; a hundred columns in a hundred groups take one
HEADER_SIZES = (2**12, 2**20)  # bytes read for a page's header: usually, and at most
MAX_PAGES = 100_000  # of a column in a group of rows; a page has a thousand cells or more
MAX_DEPTH = 12
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
DATA_PAGE, DATA_PAGE_V2 = 5, 8  # fields of a page's header
ENCODING = {DATA_PAGE: 2, DATA_PAGE_V2: 4}
DELTA_LENGTH_BYTE_ARRAY = 6
DELTA_BYTE_ARRAY = 7  # each text may repeat all of the one before
CODED = (2, 8)  # each text is one of a dictionary's


class Thrift:
    """Reads values of the compact protocol from bytes; ValueError where there are none."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes."""
        if not 0 <= n_bytes <= len(self.data) - self.at:
            raise ValueError("a header is cut short")
        self.at += n_bytes
        return self.data[self.at - n_bytes : self.at]

    def unsigned(self) -> int:
        """Return a number of seven bits a byte, the lowest first."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number of a header is too long")

    def signed(self) -> int:
        """Return a number whose lowest bit is its sign."""
        value = self.unsigned()
        return (value >> 1) ^ -(value & 1)

    def struct(self, depth: int = 0) -> dict[int, object]:
        """Return a struct as field number -> value."""
        fields, number = {}, 0
        while head := self.take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self.signed()
            kind = head & 0x0F
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self.value(kind, depth + 1)
        return fields

    def value(self, kind: int, depth: int):
        """Return one value of a type."""
        if depth > MAX_DEPTH:
            raise ValueError("a header is nested too deep")
        if kind in (TRUE, FALSE, BYTE):  # in a list a bool is a byte
            return self.take(1)[0]
        if kind in (I16, I32, I64):
            return self.signed()
        if kind == DOUBLE:
            return self.take(8)
        if kind == BINARY:
            return self.take(self.unsigned())
        if kind == STRUCT:
            return self.struct(depth)
        if kind in (LIST, SET):
            head = self.take(1)[0]
            n_items = head >> 4 if head >> 4 < 15 else self.unsigned()
            return [self.value(head & 0x0F, depth + 1) for _ in range(self._possible(n_items))]
        if kind == MAP:
            n_items = self._possible(self.unsigned())
            kinds = self.take(1)[0] if n_items else 0
            return [(self.value(kinds >> 4, depth + 1), self.value(kinds & 0x0F, depth + 1)) for _ in range(n_items)]
        raise ValueError(f"a header has a value of type {kind}, which there is not")

    def _possible(self, n_items: int) -> int:
        if n_items > len(self.data) - self.at:
            raise ValueError("a list of a header is longer than the file")
        return n_items


@dataclass
class Unpacked:
    """What a column unpacks to: its pages, and its cells if each is a text of its own.

    ``is_delta`` says that some page has an encoding that Arrow does not read as codes.
    """

    n_page_bytes: int = 0
    n_cell_bytes: int = 0
    is_delta: bool = False
    n_longest_page: int = 0  # bytes


def unpacked_columns(path: Path) -> list[Unpacked]:
    """Return what the columns of a Parquet file unpack to, at most; ValueError if its pages cannot be walked."""
    with path.open("rb") as file:
        groups = _groups(file)
        columns = [Unpacked() for _ in groups[0]] if groups else []
        try:
            for group in groups:
                for column, chunk in zip(columns, group, strict=True):
                    _add_pages(column, file, chunk)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError("a header lacks a size") from error
        return columns


def chunks_of(path: Path, name: list[bytes], group: int | None = None) -> list[tuple[Unpacked, int, int | None]]:
    """Return (what it unpacks to, cells, how many are null) of a column in one group of rows, or in each.

    ``name`` is such as ``[b"audio", b"bytes"]``; how many are null is None where the file does not tell. ValueError if
    the pages cannot be walked.
    """
    with path.open("rb") as file:
        groups = _groups(file)
        chunks: list[tuple[Unpacked, int, int | None]] = []
        try:
            for columns in groups if group is None else [groups[group]]:
                for chunk in (chunk for chunk in columns if chunk[3] == name):
                    column = Unpacked()
                    _add_pages(column, file, chunk)
                    chunks.append((column, chunk[5], chunk.get(12, {}).get(3)))
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ValueError("a header lacks a size") from error
        return chunks


def _groups(file) -> list[list[dict]]:
    """Return the metadata of the columns of each group of rows."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    n_bytes = int.from_bytes(tail[:4], "little")
    if tail[4:] != MAGIC or n_bytes > size - 8:
        raise ValueError("it does not end in a footer")
    if n_bytes > MAX_FOOTER:
        raise ValueError(f"its footer has {n_bytes} bytes, more than {MAX_FOOTER}")
    file.seek(size - 8 - n_bytes)
    footer: Any = Thrift(file.read(n_bytes)).struct()
    try:
        return [[column[3] for column in group[1]] for group in footer[4]]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError("its footer names no columns") from error


def _add_pages(column: Unpacked, file, chunk: dict) -> None:
    """Add what the pages of a column in one group unpack to, up to the last that is read."""
    n_left, start = chunk[5], chunk[9]
    place = chunk[11] if 0 < chunk.get(11, 0) < start else start
    end, n_longest = place + chunk[7], 0
    for _ in range(MAX_PAGES):
        if n_left <= 0 or place >= end:
            return
        header, n_header = _page_header(file, place)
        n_unpacked, n_packed = header[2], header[3]
        kind = next((kind for kind in ENCODING if kind in header), None)
        n_cells, encoding = (header[kind][1], header[kind][ENCODING[kind]]) if kind else (0, None)
        if min(n_unpacked, n_packed, n_cells) < 0:
            raise ValueError("a page has a negative size")
        if kind is None:  # a dictionary, all of which a cell may be
            n_longest = max(n_longest, n_unpacked)
        column.n_page_bytes += n_unpacked
        column.n_longest_page = max(column.n_longest_page, n_unpacked)
        n_longest_here = n_longest if encoding in CODED else n_unpacked if encoding == DELTA_BYTE_ARRAY else 0
        column.n_cell_bytes += n_unpacked + n_longest_here * n_cells
        column.is_delta |= encoding in (DELTA_BYTE_ARRAY, DELTA_LENGTH_BYTE_ARRAY)
        n_left -= n_cells
        place += n_header + n_packed
    raise ValueError(f"a column has more than {MAX_PAGES} pages")


def _page_header(file, place: int) -> tuple[dict, int]:
    """Return (header of the page at a place, its bytes)."""
    if not 0 <= place < file.seek(0, 2):
        raise ValueError("a page lies outside the file")
    for n_bytes in HEADER_SIZES:
        file.seek(place)
        thrift = Thrift(file.read(n_bytes))
        with suppress(ValueError):
            return thrift.struct(), thrift.at
    raise ValueError("a page has no header that can be read")
