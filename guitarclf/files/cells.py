"""Rows as they are written: numbers to six decimals, nothing for NaN, and CSV line by line."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

DECIMALS = 6  # of a number that is shown


def as_cell(value: str | float) -> str | float | None:
    """Return a value as it is written: a number to six decimals, None for NaN."""
    if isinstance(value, str):
        return value
    return None if math.isnan(value) else round(value, DECIMALS)


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, str | float]]) -> Iterator[str]:
    """Yield a table as CSV: the names of its columns before anything else, then each row as soon as it is there.

    Each ends in a line feed; a cell with a line break in it, such as the name of a file, is quoted.
    """
    writer = csv.writer(_Line(), lineterminator="\r\n")  # with "\n" a carriage return would not be quoted
    yield writer.writerow(columns)
    for row in rows:
        yield writer.writerow([as_cell(row[name]) for name in columns])


class _Line:
    """A file whose ``write`` gives back the line, which is then what ``writerow`` returns."""

    def write(self, line: str) -> str:
        return line.removesuffix("\r\n") + "\n"
