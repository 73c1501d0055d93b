"""Read a CSV or Parquet file as columns of text, each row with its line number."""

import csv
import io
import os
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

from guitarclf.data.parquet import MAX_BYTES, read_parquet
from guitarclf.errors import AudioReadError, EventTableError
from guitarclf.files.places import PARQUET, local, require_parquet
from guitarclf.files.spelling import stripped
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown

DELIMITERS = (",", ";", "\t")
MAX_HEADER = 1_000_000  # characters of a first line
MAX_SAMPLE = 65_536  # characters after it that tell what parts the cells
SEP_LINE = re.compile(
    r'\ufeff?"?sep=([^\s\w"]|\t)"?[\s,;]*', re.IGNORECASE
)  # Excel's first line, which names the separator
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
SPREADSHEETS = (".xls", ".xlsx", ".ods", ".numbers")


@dataclass(frozen=True)
class RawTable:
    """A table as it was written: column name -> list of text, and where each row stands."""

    path: Path | str  # a URL as it is given
    columns: dict[str, list[str]]
    lines: list[int]
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


def read_table(path, *, named: str = "--metadata-path or data.metadata_path") -> RawTable:
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
    if is_url(os.fspath(path)):
        return _read_at(os.fspath(path), named)
    path = Path(path)
    if not path.is_file():
        what = "It is a folder" if path.is_dir() else "It is no file" if path.exists() else "There is no such file"
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. {what}. Check {named}.")
    if path.suffix.lower() in SPREADSHEETS:
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. Export the spreadsheet as CSV.")
    delimiter, unread = "", dict[str, str]()
    try:
        if path.stat().st_size > MAX_BYTES and not is_parquet(
            path
        ):  # in which sound may be, and what is read is counted
            raise EventTableError(f"{path} must have at most {MAX_BYTES // 2**20} MB. Split the table.")
        if is_parquet(path):
            header, rows, lines, unread = read_parquet(path)
        else:
            header, rows, lines, delimiter = _read_csv(path)
    except OSError as error:
        raise EventTableError(f"{path} must be a readable file. {error.strerror}. Check its permissions.") from error
    header = _without_empty_columns(path, header, rows)
    if not rows:
        raise EventTableError(f"{path} must hold at least one event. It has no rows.")
    width = len(header)
    ragged = {row: len(cells) for row, cells in enumerate(rows) if len(cells) != width}
    for row in ragged:
        rows[row] = (rows[row] + [""] * width)[:width]
    columns = {name: list(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}
    return RawTable(path, columns, lines, delimiter in (";", "\t"), ragged, unread)


def _read_at(url: str, named: str) -> RawTable:
    """Return the table at a URL, which is named by it."""
    try:
        how = {"check": require_parquet} if is_parquet(url) else {"most": MAX_BYTES}
        copy = local(url, fresh=True, **how)
    except AudioReadError as error:
        raise EventTableError(f"The table {error}") from error
    try:
        return replace(read_table(copy, named=named), path=url)
    except EventTableError as error:
        raise EventTableError(str(error).replace(copy, shown(url))) from error


def _without_empty_columns(path: Path, header: list[str], rows: list[list[str]]) -> list[str]:
    """Remove columns that have neither a name nor cells from the rows, and return the names of the others."""
    nameless = [number for number, name in enumerate(header) if not name]
    filled = [n for n in nameless if any(len(row) > n and stripped(row[n]) for row in rows)]
    if len(filled) > 1:
        numbers = ", ".join(str(number + 1) for number in filled)
        raise EventTableError(
            f"{path}: a column with cells must have a name. The columns {numbers} have none. Name them."
        )
    for number in sorted(set(nameless) - set(filled), reverse=True):
        for row in rows:
            del row[number : number + 1]
    kept = [name for number, name in enumerate(header) if name or number in filled]
    doubled = [name for name, count in Counter(kept).items() if count > 1]
    if doubled:
        raise EventTableError(f"{path}: column names must be unique. Doubled: {', '.join(doubled)}. Rename one.")
    return kept


def _read_csv(path: Path) -> tuple[list[str], list[list[str]], list[int], str]:
    """Return (header, rows, their line numbers, what parts the cells) of a CSV file."""
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
            rows, lines = [], []
            for cells in reader:
                while len(cells) > len(header) and not stripped(cells[-1]):
                    cells.pop()
                if any(stripped(cell) for cell in cells):
                    rows.append(cells)
                    lines.append(reader.line_num + bool(told))
    except (UnicodeError, csv.Error) as error:
        raise EventTableError(f"{path} must be a CSV file in UTF-8. {error}. Save it again as such.") from error
    if not any(header):
        raise EventTableError(
            f"{path} must begin with a line of column names. {'Its first line' if first else 'The file'} is empty."
        )
    return header, rows, lines, delimiter


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
