"""Sound inside a Parquet table, as Hugging Face writes it: a column that is struct<bytes, path>.

Such a recording is called as if the table were a folder, with a folder for each of its rows, the first being 0:
``notes.parquet/17/e2.wav``. Its bytes are copied to where fetched files are, all of its group of rows at once and one
in memory at a time.
"""

import os
import re
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from guitarclf.errors import AudioReadError, GuitarclfError
from guitarclf.files import fetched
from guitarclf.files.parquet_pages import chunks_of
from guitarclf.files.wording import reason, shown

COLUMNS = ("audio", "audio_path")
MARK = "\0"  # begins a cell that names sound in the table itself, and stands for its name; no path has it
BYTES, PATH = "bytes", "path"
MAX_PAGE = 256 * 2**20  # bytes of what is unpacked at once
BUFFER = 2**20
NO_NAMES = ("", ".", "..")  # of a file; two of them would lead out of the table's URL
NAME = re.compile(r"(.+\.(?:parquet|pq))[/\\]([0-9]{1,15})[/\\][^/\\]*", re.IGNORECASE | re.DOTALL)


class Inside(NamedTuple):
    """A recording that is in a row of a table; the table is a path or a URL."""

    table: str
    row: int


def named(path: str) -> Inside | None:
    """Return which row of which table a path names, None if it is not called so."""
    match = NAME.fullmatch(path)
    return None if match is None else Inside(match[1], int(match[2]))


def name_of(row: int, given: str | None) -> str:
    """Return the cell of a recording in a row, with MARK for the name of the table; ``given`` is its own name."""
    name = re.split(r"[/\\]", given or "")[-1]
    return f"{MARK}{row}/{row if name in NO_NAMES else name}"


def local(inside: Inside, path: Path, version: str) -> Path:
    """Return the path of a copy of a recording in a table, whose file is at ``path`` and of this version.

    Raises
    ------
    AudioReadError
        If the row has no sound, or the table is damaged, or its groups of rows are too large.
    """
    name = _name(inside.table, version, inside.row)
    copy = fetched.found(name)
    if copy is not None:
        return copy
    text = f"{shown(inside.table)}, row {inside.row},"
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
            counts = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
            ends = list(accumulate(counts))
            group = next((number for number, end in enumerate(ends) if inside.row < end), None)
            column = next((column for column in COLUMNS if column in file.schema_arrow.names), None)
            if group is None or column is None:
                raise AudioReadError(f"{text} must be there and hold sound. It is not. Check `audio_path`.")
            with fetched.waiting_for(_name(inside.table, version, -1 - group)):
                copy = fetched.found(name)
                if copy is not None:
                    return copy
                _require_small(path, group, column, text)
                rows = file.iter_batches(1, row_groups=[group], columns=[column], use_threads=False)
                return _copy(inside, version, ends[group] - counts[group], rows, text)
    except (OSError, ValueError, TypeError, KeyError, ArrowException, NotImplementedError) as error:
        if isinstance(error, GuitarclfError):
            raise
        raise AudioReadError(f"{text} must be readable. {reason(error)}. Export the table again.") from error


def _name(table: str, version: str, row: int) -> str:
    return fetched.name_of("inside", os.path.abspath(table) if "://" not in table else table, version, str(row))


def _require_small(path: Path, group: int, column: str, text: str) -> None:
    """Refuse a group of rows that unpacks to more than there is room for."""
    chunks = chunks_of(path, [column.encode(), BYTES.encode()], group)
    if not chunks:
        raise AudioReadError(f"{text} must hold sound. The column {column} has none. Check `audio_path`.")
    sound = chunks[0][0]
    if sound.n_longest_page > MAX_PAGE or sound.n_page_bytes > fetched.limit_bytes():
        raise AudioReadError(
            f"{text} must be in a group of rows that fits in memory and in the cache (data.cache_gb). This one unpacks "
            f"to {sound.n_page_bytes} bytes, {sound.n_longest_page} at once. Write it again with row_group_size=100."
        )


def _copy(inside: Inside, version: str, first: int, rows, text: str) -> Path:
    """Copy the recordings of a group of rows, that of ``inside`` last, so that it is there; return its copy."""
    wanted, n_left = None, fetched.limit_bytes()
    for row, batch in enumerate(rows, first):
        content = batch.column(0).field(BYTES)[0] if batch.column(0)[0].is_valid else None
        if content is None or not content.is_valid:
            continue
        buffer = content.as_buffer()
        n_left -= buffer.size  # a cell may be one of a dictionary, and each row the same large one
        if n_left < 0:
            raise AudioReadError(
                f"{text} must be in a group of rows that fits in the cache. Allow more (data.cache_gb)."
            )
        if row == inside.row:
            wanted = buffer.to_pybytes()
        else:
            name = _name(inside.table, version, row)
            if fetched.found(name) is None:
                fetched.add(name, partial(_write, buffer))
    if wanted is None:
        raise AudioReadError(
            f"{text} must hold sound. It has no bytes. Leave it out, or give its file in `audio_path`."
        )
    return fetched.add(_name(inside.table, version, inside.row), partial(_write, wanted))


def _write(content, path: Path) -> None:
    path.write_bytes(content)
