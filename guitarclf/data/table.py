"""Read a CSV or Parquet file as columns of text, each row with its line number."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from guitarclf.data.parquet import MAX_BYTES, read_parquet
from guitarclf.errors import EventTableError

DELIMITERS = (",", ";", "\t")
MAX_HEADER = 1_000_000  # characters of a first line
SPREADSHEETS = (".xls", ".xlsx", ".ods", ".numbers")


@dataclass(frozen=True)
class RawTable:
    """A table as it was written: column name -> list of text, and where each row stands."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    decimal_comma: bool = False  # where semicolons or tabs part the cells, 0,5 is a number
    ragged: dict[int, int] = field(default_factory=dict)  # row -> how many cells it has, where not the header's

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """Return a row's place for a message; Parquet has rows, not lines."""
        unit = "row" if is_parquet(self.path) else "line"
        return f"{self.path}, {unit} {self.lines[row]}"


def is_parquet(path: Path) -> bool:
    """Return whether a file's name says Parquet."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_table(path) -> RawTable:
    """Return a CSV or Parquet file as text columns.

    Every cell is text (``NO`` is a style, ``007`` an id); an empty or missing
    cell is ``""``. CSV may be separated by commas, semicolons or tabs; a row with
    too few or too many cells is filled up or cut, and listed in ``ragged``.

    Raises
    ------
    EventTableError
        If the file is missing, empty, too large, or has doubled column names.
    """
    path = Path(path)
    if not path.is_file():
        what = "It is a folder" if path.is_dir() else "It is no file" if path.exists() else "There is no such file"
        raise EventTableError(
            f"The table {path} must be a CSV or Parquet file. {what}. Check --metadata-path or data.metadata_path."
        )
    if path.suffix.lower() in SPREADSHEETS:
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. Export the spreadsheet as CSV.")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise EventTableError(f"{path} must have at most {MAX_BYTES // 2**20} MB. Split the table.")
        header, rows, lines, delimiter = read_parquet(path) if is_parquet(path) else _read_csv(path)
    except OSError as error:
        raise EventTableError(f"{path} must be a readable file. {error.strerror}. Check its permissions.") from error
    doubled = [name or "''" for name, count in Counter(header).items() if count > 1]
    if doubled:
        raise EventTableError(f"{path}: column names must be unique. Doubled: {', '.join(doubled)}. Rename one.")
    if not rows:
        raise EventTableError(f"{path} must hold at least one event. It has no rows.")
    width = len(header)
    ragged = {row: len(cells) for row, cells in enumerate(rows) if len(cells) != width}
    for row in ragged:
        rows[row] = (rows[row] + [""] * width)[:width]
    columns = {name: list(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}
    return RawTable(path, columns, lines, decimal_comma=delimiter in (";", "\t"), ragged=ragged)


def _read_csv(path: Path):
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline(MAX_HEADER)
            file.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows, lines = [], []
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                rows.append([cell.strip() for cell in cells])
                lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise EventTableError(f"{path} must be a CSV file in UTF-8. {error}. Save it again as such.") from error
    if not any(header):
        raise EventTableError(
            f"{path} must begin with a line of column names. {'Its first line' if first else 'The file'} is empty."
        )
    return header, rows, lines, delimiter
