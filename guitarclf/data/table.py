"""Read a CSV or Parquet file as columns of text, each row with its line number."""

import csv
from dataclasses import dataclass
from pathlib import Path

from guitarclf.errors import EventTableError

DELIMITERS = (",", ";", "\t")
SPREADSHEETS = (".xls", ".xlsx", ".ods", ".numbers")


@dataclass(frozen=True)
class RawTable:
    """A table as it was written: column name -> list of text, and where each row stands."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

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
    cell is ``""``. CSV may be separated by commas, semicolons or tabs.

    Raises
    ------
    EventTableError
        If the file is missing, empty, has doubled column names or ragged rows.
    """
    path = Path(path)
    if not path.is_file():
        what = "It is a folder" if path.is_dir() else "There is no such file"
        raise EventTableError(
            f"The table {path} must be a CSV or Parquet file. {what}. Check --metadata-path or data.metadata_path."
        )
    if path.suffix.lower() in SPREADSHEETS:
        raise EventTableError(f"The table {path} must be a CSV or Parquet file. Export the spreadsheet as CSV.")
    header, rows, lines = _read_parquet(path) if is_parquet(path) else _read_csv(path)
    doubled = sorted({name for name in header if header.count(name) > 1})
    if doubled:
        raise EventTableError(f"{path}: column names must be unique. Doubled: {', '.join(doubled)}. Rename one.")
    if not rows:
        raise EventTableError(f"{path} must hold at least one event. It has no rows.")
    columns = {name: list(cells) for name, cells in zip(header, zip(*rows, strict=True), strict=True)}
    return RawTable(path, columns, lines)


def _read_csv(path: Path):
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(DELIMITERS, key=first.count), strict=True)
            header = [name.strip() for name in next(reader, [])]
            rows, lines = [], []
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise EventTableError(
                        f"{path}, line {reader.line_num}: a row must have {len(header)} cells like the header. "
                        f"Got {len(cells)}. Quote cells that contain the separator."
                    )
                rows.append([cell.strip() for cell in cells])
                lines.append(reader.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise EventTableError(f"{path} must be a CSV file in UTF-8. {error}. Save it again as such.") from error
    if not any(header):
        raise EventTableError(f"{path} must begin with a line of column names. The file is empty.")
    return header, rows, lines


def _read_parquet(path: Path):
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's errors are both
        raise EventTableError(f"{path} must be a readable Parquet file. {str(error).splitlines()[0]}") from error
    header = [str(name) for name in frame.columns]
    cells = [["" if pd.isna(value) else str(value) for value in frame[name]] for name in frame.columns]
    rows = [list(row) for row in zip(*cells, strict=True)]
    return header, rows, list(range(1, len(rows) + 1))
