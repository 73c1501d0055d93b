"""The rules that each cell of an events table keeps."""

import math
import re
from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass

from guitarclf.data.table import RawTable
from guitarclf.files.urls import is_url, masked, problem_of
from guitarclf.labels import NO_NOTE_LABEL, TABLE_LABELS

SPLITS = ("train", "val", "test")
NO_PITCH = -1
MAX_MIDI_PITCH = 127
MAX_EVENTS = 10**9  # of one recording
MAX_SHOWN = 80  # characters of a cell in a message
MAX_PLACES = 3  # lines named of rows that break one rule alike
UNKNOWN = ("na", "n/a", "#n/a", "nan", "null", "none", "-")  # what other programs write for an empty cell
MAY_BE_UNKNOWN = ("pitch_midi", "split", "offset_sec")
WITH_POINT = ", with a decimal point where commas part the cells"
DECIMAL_COMMA = re.compile(r"[-+]?[0-9]*,[0-9]+")


@dataclass(frozen=True)
class Problem:
    """One cell that breaks a rule."""

    where: str
    column: str
    value: str
    rule: str

    @property
    def line(self) -> str:
        """The number of the row's line, or of the row in Parquet."""
        return self.where.rpartition(" ")[2]

    def __str__(self) -> str:
        value = masked(self.value)
        value = value if len(value) <= MAX_SHOWN else f"{value[:MAX_SHOWN]}..."
        return f"{self.where}: `{self.column}` {self.rule}. Got {value!r}."


def as_lines(problems: Iterable[Problem]) -> list[str]:
    """Return a line for each rule that is broken by one value: with the first row's place, and how many there are.

    Decimal commas are one line a column, though no two are alike: a spreadsheet wrote them all.
    """
    alike: dict[tuple, list[Problem]] = {}
    for problem in problems:
        value = "" if problem.rule.endswith(WITH_POINT) else problem.value
        alike.setdefault((problem.column, problem.rule, value), []).append(problem)
    lines = []
    for first, *others in alike.values():
        line = str(first)
        if others:
            places = [problem.line for problem in (first, *others)[:MAX_PLACES]]
            more = ", ..." if len(others) >= MAX_PLACES else ""
            line = f"{line.removesuffix('.')} in {len(others) + 1} rows ({', '.join(places)}{more})."
        lines.append(line)
    return lines


def as_number(text: str) -> float:
    """Return a cell as a number, NaN if it is none."""
    try:
        return math.nan if "_" in text else float(text)  # for Python 1_0 is ten
    except ValueError:
        return math.nan


def check_cells(
    raw: RawTable, cells: dict, require_labels: bool, left_out: Container[int] = frozenset()
) -> list[Problem]:
    """Return every broken rule, in the order of the rows; those that are left out keep none."""
    seen: dict[str, int] = {}
    counts = Counter(cells["audio_path"])
    problems = []
    for row in range(len(raw)):
        if row in left_out:
            continue
        if row in raw.ragged:  # its cells are not where they belong
            rule = f"must have {len(raw.columns)} cells like the header (quote cells that contain the separator)"
            problems.append(Problem(raw.where(row), "row", f"{raw.ragged[row]} cells", rule))
            continue
        cell = {name: column[row] for name, column in cells.items()}
        for column, rule in _broken_rules(cell, require_labels, counts[cell["audio_path"]]):
            problems.append(Problem(raw.where(row), column, cell.get(column, ""), rule))
        first = seen.setdefault(cell["note_id"], row)
        if first != row and cell["note_id"]:
            rule = f"must be unique, and {raw.where(first).rsplit(', ', 1)[1]} has it too"
            problems.append(Problem(raw.where(row), "note_id", cell["note_id"], rule))
    return problems


def _broken_rules(cell: dict[str, str], require_labels: bool, n_rows_of_file: int):
    """Yield (column, rule) for each rule that one row breaks."""
    for column in ("note_id", "audio_path", "track"):
        if column in cell and not cell[column]:
            yield column, "must not be empty"
    if is_url(cell["audio_path"]) and (problem := problem_of(cell["audio_path"])):
        yield "audio_path", problem.rstrip(".")
    label = cell.get("label_category", "")
    onset, offset = as_number(cell["onset_sec"]), as_number(cell.get("offset_sec", ""))
    if not (math.isfinite(onset) and onset >= 0):
        yield "onset_sec", "must be a number of seconds from 0 up" + _how_to_write(cell["onset_sec"])
    if cell["offset_sec"] and not math.isfinite(offset):
        yield "offset_sec", "must be a number of seconds, or empty" + _how_to_write(cell["offset_sec"])
    elif offset <= onset:
        yield "offset_sec", f"must be after `onset_sec` ({cell['onset_sec']})"
    pitch = cell.get("pitch_midi", "")
    if pitch and as_number(pitch) != NO_PITCH and not 0 <= as_number(pitch) <= MAX_MIDI_PITCH:
        yield "pitch_midi", f"must be empty, {NO_PITCH} (unknown), or a MIDI pitch from 0 to {MAX_MIDI_PITCH}"
    if require_labels and label not in TABLE_LABELS:
        yield "label_category", f"must be one of {', '.join(TABLE_LABELS)} (map others with `data.labels`)"
    if cell.get("split") and cell["split"] not in SPLITS:
        yield "split", f"must be one of {', '.join(SPLITS)}"
    elif require_labels and label == NO_NOTE_LABEL and cell.get("split", "") not in ("", "train"):
        yield "split", f"must be train or empty where the label is {NO_NOTE_LABEL}, which is to train on alone"
    if cell.get("next_onset_sec") and not as_number(cell["next_onset_sec"]) > onset:
        yield "next_onset_sec", f"must be empty, or after `onset_sec` ({cell['onset_sec']})"
    n_events = cell.get("events_in_file", "")
    if n_events and as_events_in_file(n_events, n_rows_of_file) is None:
        yield "events_in_file", f"must be empty or a whole number from {n_rows_of_file}, the rows of this file, up"


def _how_to_write(text: str) -> str:
    """Return what to add to the rule of a number that is none."""
    return WITH_POINT if DECIMAL_COMMA.fullmatch(text) else ""


def as_events_in_file(text: str, n_rows_of_file: int) -> int | None:
    """Return a cell as a recording's number of events, an empty one as its rows in the table; None if it is wrong."""
    if not text:
        return n_rows_of_file
    number = as_number(text)
    return int(number) if n_rows_of_file <= number <= MAX_EVENTS and number.is_integer() else None
