"""Parquet as Hugging Face's datasets write it: sound inside the table, and labels as numbers with names beside them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import types

from guitarclf.data.texts import as_texts, mapped
from guitarclf.errors import EventTableError
from guitarclf.files.inside import BYTES, MAX_PAGE, PATH, name_of
from guitarclf.files.parquet_pages import chunks_of

MAX_TEXT = 512 * 2**20  # of the names of all recordings
MAX_ROWS, AT_ONCE = 1024, 64 * 2**20  # rows whose names are read at once, and their bytes
FEATURES = b"huggingface"  # the key of the schema's metadata that tells of features


def is_sound(kind) -> bool:
    """Return whether a type is that of Hugging Face's audio feature, struct<bytes, path>."""
    if not types.is_struct(kind) or {kind.field(number).name for number in range(kind.num_fields)} != {BYTES, PATH}:
        return False
    content, path = kind.field(BYTES).type, kind.field(PATH).type
    is_binary = types.is_binary(content) or types.is_large_binary(content) or str(content) == "binary_view"
    return is_binary and (types.is_string(path) or types.is_large_string(path) or str(path) == "string_view")


def names_of_sound(path: Path, column: str) -> pa.Array:
    """Return the cell of each row: what names the sound in it, its path where it has no bytes, or "".

    The bytes are not read, unless some rows have none and the file does not tell which.
    """
    from pyarrow import parquet

    leaf, cells, n_text = f"{column}.{PATH}", list[str](), 0
    longest = max(
        (chunk.n_longest_page for chunk, _, _ in chunks_of(path, [column.encode(), PATH.encode()])), default=0
    )
    _require_small(path, leaf, longest, MAX_PAGE)
    # A few bytes may stand for one long name in each row: as many rows at once as may all have the longest.
    n_rows = max(1, min(MAX_ROWS, AT_ONCE // max(1, longest)))
    with parquet.ParquetFile(path) as file:
        has_bytes = _has_bytes(path, file, column)
        for batch in file.iter_batches(n_rows, columns=[leaf], use_threads=False):
            for given in batch.column(0).field(PATH).to_pylist():
                n_text += len(given or "")
                _require_small(path, leaf, n_text, MAX_TEXT)
                row = len(cells)
                cells.append(name_of(row, given) if next(has_bytes) else given or "")
    return as_texts(cells)


def _require_small(path: Path, leaf: str, n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise EventTableError(
            f"{path} must have at most {most // 2**20} MB of {leaf} at once. It has {n_bytes} bytes. Split the table."
        )


def _has_bytes(path: Path, file, column: str) -> Iterator[bool]:
    """Yield for each row whether it has bytes; those of a group of rows are read only where some have none."""
    leaf = f"{column}.{BYTES}"
    for group, (chunk, n_cells, n_null) in enumerate(chunks_of(path, [column.encode(), BYTES.encode()])):
        if n_null in (0, n_cells):
            yield from [n_null == 0] * n_cells
            continue
        _require_small(path, leaf, chunk.n_longest_page, MAX_PAGE)
        for batch in file.iter_batches(1, row_groups=[group], columns=[leaf], use_threads=False):
            yield from batch.column(0).field(BYTES).is_valid().to_pylist()


def with_names(header: Sequence[str], columns: list[pa.Array], metadata: dict[bytes, bytes] | None) -> list[pa.Array]:
    """Return the columns of a table with names of classes for their numbers where its metadata tells them.

    A number that stands for none, such as -1, becomes "".
    """
    features = _features(metadata)
    named = []
    for name, column in zip(header, columns, strict=True):
        names = features.get(name)
        named.append(column if names is None else _named(column, names))
    return named


def _named(numbers: pa.Array, names: Sequence[str]) -> pa.Array:
    texts = {str(number): text for number, text in enumerate(names)}
    return mapped(numbers, lambda number: texts.get(number, ""))


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Return the names of the classes of each column that is a ClassLabel, by the metadata of a schema."""
    try:
        told = json.loads((metadata or {}).get(FEATURES, b"{}"))
        features = told.get("info", {}).get("features", {})
        labels = {name: value for name, value in features.items() if value.get("_type") == "ClassLabel"}
        return {name: [str(text) for text in value["names"]] for name, value in labels.items()}
    except (ValueError, AttributeError, KeyError, TypeError):  # somebody else's key: numbers stay numbers
        return {}
