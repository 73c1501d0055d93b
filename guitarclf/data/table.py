"""Read a CSV or Parquet file as columns of text, each row with its line number."""

import csv
import io
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from guitarclf.data.parquet import MAX_BYTES, read_parquet
from guitarclf.data.texts import as_texts, is_empty, one_column, stripped_texts
from guitarclf.errors import AudioReadError, EventTableError
from guitarclf.files.places import PARQUET, local, require_parquet
from guitarclf.files.spelling import stripped
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown

DELIMITERS = (",", ";", "\t")
MAX_HEADER = 1_000_000  # characters of a first line
MAX_SAMPLE = 65_536  # characters after it that tell what parts the cells
ROWS_AT_ONCE = 512  # rows that are lists of cells at once, which the processor's cache holds
SEP_LINE = re.compile(
    r'\ufeff?"?sep=([^\s\w"]|\t)"?[\s,;]*', re.IGNORECASE
)  # Excel's first line, which names the separator
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
NAMED = "--metadata-path or data.metadata_path"  # where the name of a table comes from
SPREADSHEETS = (".xls", ".xlsx", ".ods", ".numbers")


@dataclass(frozen=True)
class RawTable:
    """A table as it was written: column name -> text of each row, and where each row stands."""

    path: Path | str  # a URL as it is given
    columns: dict[str, pa.Array]
    lines: np.ndarray  # of shape (n_rows,)
    decimal_comma: bool = False  # where semicolons or tabs part the cells, 0,5 is a number
    ragged: dict[int, int] = field(default_factory=dict)  # row -> how many cells it has, where not the header's
    unread: dict[str, str] = field(default_factory=dict)  # column of a Parquet table that is not read -> its type

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """Return a row's place for a message; Parquet has rows, not lines."""
        unit = "row" if is_parquet(self.path) else "line"
        return f"{self.path}, {unit} {self.lines[row]}"


def is_parquet(path: str | os.PathLike[str]) -> bool:
    """Return whether a file's name says Parquet."""
    return os.fspath(path).lower().endswith(PARQUET)


def read_table(path, *, named: str = NAMED) -> RawTable:
    """Return a CSV or Parquet file as text columns; ``named`` is where its name comes from, for messages.

    Every cell is text as it is written (``NO`` is a style, ``007`` an id); an empty or missing cell is ``""``. CSV is
    UTF-8, or UTF-16 with its mark; separated by commas, semicolons or tabs, or as a first line ``sep=;`` says. Columns
    without a name and without cells are left out; a row with too few or too many cells is filled up or cut, and listed
    in ``ragged``.

    Raises
    ------
    EventTableError
        If the file is missing, empty, too large, or has column names that are doubled or missing.
    """
    with _at_hand(path) as file:
        raw = _read_file(file, named)
    return replace(raw, path=os.fspath(path)) if is_url(os.fspath(path)) else raw


def _read_file(path: Path, named: str) -> RawTable:
    """Return the table of a file of this machine."""
    _require_table(path, named)
    delimiter, unread, lengths = "", dict[str, str](), dict[int, int]()
    with _explained(path):
        if is_parquet(path):
            header, columns, unread = read_parquet(path)
            lines = np.arange(1, 1 + max(map(len, columns), default=0))
        else:
            with _opened(path) as (header, numbered, delimiter):
                columns, lines, lengths = _columns_of(numbered, len(header))
    kept = _named_columns(path, header, columns)
    if not len(lines):
        raise EventTableError(f"{path} must hold at least one event. It has no rows.")
    # Of a row with too few or too many cells those in columns that are left out do not count.
    ragged = {row: sum(n < length for n in kept) + max(0, length - len(header)) for row, length in lengths.items()}
    ragged = {row: n_cells for row, n_cells in ragged.items() if n_cells != len(kept)}
    named_columns = {header[number]: columns[number] for number in kept}
    return RawTable(path, named_columns, lines, delimiter in (";", "\t"), ragged, unread)


def column_names(path) -> list[str]:
    """Return the names of the columns of a table; of a CSV file only the first line is read."""
    if is_parquet(path):
        return [*read_table(path).columns]
    with _at_hand(path) as file:
        _require_table(file, NAMED)
        with _explained(file), _opened(file) as (header, *_):
            return header


def _require_table(path: Path, named: str) -> None:
    """Raise EventTableError unless a path is a file that can be a table."""
    if not path.is_file():
        what = "It is a folder" if path.is_dir() else "It is no file" if path.exists() else "There is no such file"
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. {what}. Check {named}.")
    if path.suffix.lower() in SPREADSHEETS:
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. Export the spreadsheet as CSV.")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        # Sound may be in Parquet, of which what is read is counted.
        if not is_parquet(path) and path.stat().st_size > MAX_BYTES:
            raise EventTableError(f"{path} must have at most {MAX_BYTES // 2**20} MB. Split the table.")
        yield
    except OSError as error:
        raise EventTableError(f"{path} must be a readable file. {error.strerror}. Check its permissions.") from error


@contextmanager
def _at_hand(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give the file of a table, a copy if it is at a URL, which messages of what is done in the block then name."""
    url = os.fspath(path)
    if not is_url(url):
        yield Path(path)
        return
    try:
        how = {"check": require_parquet} if is_parquet(url) else {"most": MAX_BYTES}
        copy = local(url, fresh=True, **how)
    except AudioReadError as error:
        raise EventTableError(f"The table {error}") from error
    try:
        yield Path(copy)
    except EventTableError as error:
        raise EventTableError(str(error).replace(copy, shown(url))) from error


def _named_columns(path: Path, header: list[str], columns: list[pa.Array]) -> list[int]:
    """Return the numbers of all columns but those that have neither a name nor cells."""
    nameless = [number for number, name in enumerate(header) if not name]
    filled = [number for number in nameless if not is_empty(stripped_texts(columns[number])).all()]
    if len(filled) > 1:
        numbers = ", ".join(str(number + 1) for number in filled)
        raise EventTableError(
            f"{path}: a column with cells must have a name. The columns {numbers} have none. Name them."
        )
    kept = [number for number, name in enumerate(header) if name or number in filled]
    doubled = [name for name, count in Counter(header[number] for number in kept).items() if count > 1]
    if doubled:
        raise EventTableError(f"{path}: column names must be unique. Doubled: {', '.join(doubled)}. Rename one.")
    return kept


@contextmanager
def _opened(path: Path) -> Iterator[tuple[list[str], Iterator[tuple[list[str], int]], str]]:
    """Give the names in the first line of a CSV file, its other rows with their lines, and what parts the cells."""
    with path.open("rb") as file:
        encoding = "utf-16" if file.read(2) in UTF_16_MARKS else "utf-8-sig"
    try:
        with path.open(newline="", encoding=encoding) as file:
            first = file.readline(MAX_HEADER)
            told = SEP_LINE.fullmatch(first)
            delimiter = told[1] if told else _delimiter(first + file.read(MAX_SAMPLE))
            if not told:
                file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [stripped(name) for name in next(reader, [])]
            yield header, ((cells, reader.line_num + bool(told)) for cells in reader), delimiter
    except (UnicodeError, csv.Error) as error:
        raise EventTableError(f"{path} must be a CSV file in UTF-8. {error}. Save it again as such.") from error
    if not any(header):
        raise EventTableError(
            f"{path} must begin with a line of column names. {'Its first line' if first else 'The file'} is empty."
        )


def _columns_of(
    numbered: Iterator[tuple[list[str], int]], width: int
) -> tuple[list[pa.Array], np.ndarray, dict[int, int]]:
    """Return (columns, line of each row, row -> its cells if they are not ``width``) of the rows that hold any text."""
    parts: list[list[pa.Array]] = [[] for _ in range(width)]
    lines, lengths = array("q"), dict[int, int]()
    while batch := list(islice(numbered, ROWS_AT_ONCE)):
        rows, places = [cells for cells, _ in batch], [place for _, place in batch]
        if set(map(len, rows)) != {width} or width == 0 or not _are_filled([cells[0] for cells in rows]):
            kept = [row for row, cells in enumerate(rows) if any(map(stripped, cells))]
            rows, places = [_without_blank_end(rows[row], width) for row in kept], [places[row] for row in kept]
            lengths |= {len(lines) + row: len(cells) for row, cells in enumerate(rows) if len(cells) != width}
            rows = [(cells + [""] * width)[:width] for cells in rows]
        for column, cells in zip(parts, zip(*rows, strict=True), strict=False):
            column.append(as_texts(cells))
        lines.extend(places)
    columns = [one_column(parts.pop(0)) for _ in range(width)]  # which frees its parts
    return columns, np.array(lines, dtype=np.int64), lengths


def _are_filled(cells: list[str]) -> bool:
    """Return whether none of some cells is blank, at once if all begin with a character of ASCII that is none."""
    return (min(cells) >= "!" and max(cells) < "\x7f") or all(map(stripped, cells))


def _without_blank_end(cells: list[str], width: int) -> list[str]:
    """Return a row without blank cells at its end that the header has no column for."""
    while len(cells) > width and not stripped(cells[-1]):
        cells.pop()
    return cells


def _delimiter(sample: str) -> str:
    """Return what parts the cells at the start of a table: names of columns may have commas in them too."""

    def fit(delimiter: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(sample.rpartition("\n")[0] or sample, newline=""), delimiter=delimiter)
        try:
            header, *rows = [len(cells) for cells in reader if any(map(stripped, cells))]
        except (csv.Error, ValueError):
            return -1, 0
        return (sum(width == header for width in rows), header) if header > 1 else (-1, 0)

    return max(DELIMITERS, key=fit)
