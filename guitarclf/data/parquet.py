"""Read a Parquet file as columns of text, and take no more memory than its text does.

A few bytes may stand for billions of cells, or for one long text in each of many rows: what the pages unpack to is
counted first, columns of text are read as codes and distinct texts, and others must be of a width that their type
fixes. Bytes are refused, but for sound as Hugging Face writes it, which stays where it is: its cells name it.
"""

from collections.abc import Container, Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
from pyarrow import compute, types

from guitarclf.data.parquet_sound import is_sound, names_of_sound, with_names
from guitarclf.data.texts import as_texts, one_column
from guitarclf.errors import EventTableError
from guitarclf.files.inside import COLUMNS
from guitarclf.files.parquet_pages import Unpacked, unpacked_columns
from guitarclf.files.wording import shortened

MAX_BYTES = 512 * 2**20  # of a table, and of its text; a million events take a tenth
MAX_CELLS = 50_000_000
TEXTS = ("string", "large_string", "string_view")  # types of pyarrow
BINARY = ("binary", "large_binary", "binary_view")
MAX_WIDTH = 32  # bytes of a cell that is no text; the widest decimal has as many
MAX_TYPE = 80  # characters of a type in a message
ROWS_AT_ONCE = 65_536  # cells that are objects of Python at once


def read_parquet(path: Path) -> tuple[list[str], list[pa.Array], dict[str, str]]:
    """Return (header, columns of text, unread) of a Parquet file.

    The named index of a DataFrame is columns like others. ``unread`` are the columns that are no plain text, numbers
    or times, name -> type: they are left out.

    Raises
    ------
    EventTableError
        If it is no Parquet file, or too large.
    """
    from pyarrow import parquet  # slow to load; pandas has loaded the rest of pyarrow

    try:
        with parquet.ParquetFile(path) as file:
            _require_few_cells(path, file.metadata)
            schema = file.schema_arrow
        unread = _unread_columns(schema)
        sound = _sound_column(path, schema)
        coded = _require_small_pages(path, schema, unread)
        with parquet.ParquetFile(path, read_dictionary=coded) as file:
            table = file.read(columns=[name for name in schema.names if name not in unread])
        table.validate(full=True)  # codes without a text, among others
        _require_little_text(path, table)
        named = {} if sound is None else {sound: names_of_sound(path, sound)}
        frame = table.to_pandas()
        frame = frame.reset_index(level=[name for name in frame.index.names if name is not None])
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, pa.ArrowException) as error:
        if isinstance(error, EventTableError):
            raise
        reason = " ".join(str(error).split())[:200]
        raise EventTableError(f"{path} must be a readable Parquet file. {reason}. Export the table again.") from error
    header = [str(name) for name in frame.columns]
    columns = [*with_names(header, [_texts(column) for _, column in frame.items()], schema.metadata), *named.values()]
    header, unread = [*header, *named], {name: kind for name, kind in unread.items() if name != sound}
    return header, columns, unread


def _texts(cells: pd.Series) -> pa.Array:
    """Return cells as Python writes them, "" where there is none."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        codes = pa.array(cells.cat.codes.to_numpy(), mask=(cells.cat.codes < 0).to_numpy())
        return compute.fill_null(_texts(cells.cat.categories.to_series()).take(codes), "")

    def parts() -> Iterator[pa.Array]:
        for first in range(0, len(cells), ROWS_AT_ONCE):
            part = cells.iloc[first : first + ROWS_AT_ONCE].astype(object)
            pairs = zip(part.tolist(), part.isna().tolist(), strict=True)
            yield as_texts(["" if is_missing else str(value) for value, is_missing in pairs])

    return one_column(parts())


def _require_few_cells(path: Path, size) -> None:
    if size.num_rows * max(size.num_columns, 1) > MAX_CELLS:
        raise EventTableError(
            f"{path} must have at most {MAX_CELLS} cells. It has {size.num_rows} rows of {size.num_columns}. "
            "Split the table."
        )


def _is_text(kind) -> bool:
    return str(kind.value_type if types.is_dictionary(kind) else kind) in TEXTS


def _sound_column(path: Path, schema) -> str | None:
    """Return the column whose cells are sound, if there is one; EventTableError if another has bytes in it."""
    sound = [field.name for field in schema if field.name in COLUMNS and is_sound(field.type)]
    for field in schema:
        if not is_sound(field.type) and _has_bytes(field.type):  # of another name it is an image, or not meant
            raise EventTableError(
                f"{path} must have bytes in a column `audio` alone, as Hugging Face's audio feature, struct<bytes: "
                f"binary, path: string>. Its column {shortened(field.name)} is {str(field.type)[:MAX_TYPE]}. Leave it "
                "out, or write it as text."
            )
    others = [name for name in COLUMNS if name in schema.names and name not in sound]
    return sound[0] if sound and not others else None


def _has_bytes(kind) -> bool:
    """Return whether cells of a type are bytes, or have some in them."""
    if types.is_dictionary(kind):
        return _has_bytes(kind.value_type)
    if types.is_nested(kind):
        return any(_has_bytes(kind.field(number).type) for number in range(kind.num_fields))
    return str(kind) in BINARY or types.is_fixed_size_binary(kind)


def _unread_columns(schema) -> dict[str, str]:
    """Return the columns that are no plain text, numbers or times, name -> type; such cells may be of any size."""
    if len(set(schema.names)) < len(schema.names):
        raise ValueError("Two of its columns have one name")
    unread = {}
    for field in schema:
        has_width = types.is_primitive(field.type) or types.is_decimal(field.type)
        is_narrow = types.is_null(field.type) or (has_width and field.type.bit_width <= 8 * MAX_WIDTH)
        if not (_is_text(field.type) or is_narrow):
            unread[field.name] = str(field.type)[:MAX_TYPE]
    for name in unread:
        if any(other.startswith(f"{name}.") for other in schema.names):  # the reader would take it for a part of name
            raise ValueError(f"A column is called as a part of its column {name[:MAX_TYPE]!r} is")
    return unread


def _n_leaves(kind) -> int:
    """Return how many columns of plain values the file has for a column of a type."""
    return sum(_n_leaves(kind.field(n).type) for n in range(kind.num_fields)) if types.is_nested(kind) else 1


def _require_small_pages(path: Path, schema, unread: Container[str]) -> list[str]:
    """Refuse pages that are read and unpack to too much; return the columns of text that can be read as codes.

    pyarrow is not asked: it ends the process if the histograms of a column are damaged, and its footer may lie.
    """
    leaves = [field.name for field in schema for _ in range(_n_leaves(field.type))]
    unpacked = unpacked_columns(path) or [Unpacked() for _ in leaves]  # a table without rows may have no groups of any
    columns = {name: column for name, column in zip(leaves, unpacked, strict=True) if name not in unread}
    texts = [field.name for field in schema if _is_text(field.type) and field.name not in unread]
    coded = [name for name in texts if not columns[name].is_delta]
    n_bytes = sum(
        column.n_cell_bytes if name in texts and name not in coded else column.n_page_bytes
        for name, column in columns.items()
    )
    if n_bytes > MAX_BYTES:
        raise EventTableError(
            f"{path} must have at most {MAX_BYTES // 2**20} MB unpacked. It may have {n_bytes} bytes. Split the table."
        )
    return coded


def _require_little_text(path: Path, table) -> None:
    """Refuse texts that are short as codes and long in every row, before they are."""
    n_bytes = 0
    coded = [column for column in table.columns if types.is_dictionary(column.type)]
    for chunk in (chunk for column in coded for chunk in column.chunks):
        lengths = compute.binary_length(chunk.dictionary)
        n_bytes += compute.sum(compute.take(lengths, chunk.indices)).as_py() or 0
    if n_bytes > MAX_BYTES:
        raise EventTableError(
            f"{path} must have at most {MAX_BYTES // 2**20} MB of text. It has {n_bytes} bytes. Split the table."
        )
