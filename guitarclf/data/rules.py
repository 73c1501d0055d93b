"""The rules that each cell of an events table keeps."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import pyarrow as pa
from pyarrow import compute

from guitarclf.data.table import RawTable
from guitarclf.data.texts import distinct, is_empty, is_one_of, no_texts, where
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
DECIMAL_COMMA = re.compile(r"([-+]?[0-9]*),([0-9]+)")


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


def as_numbers(texts: pa.Array) -> np.ndarray:
    """Return the cells of a column as :func:`as_number` does each, float64 of shape (n_rows,)."""
    try:  # what Arrow takes for a number Python does too, and for the same
        return compute.cast(where(is_empty(texts), "nan", texts), pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return np.array([as_number(text) for text in texts.to_pylist()], dtype=np.float64)


def rows_of_same(texts: pa.Array) -> np.ndarray:
    """Return in how many rows of a column the text of each row is, shape (n_rows,)."""
    _, codes = distinct(texts)
    return np.bincount(codes, minlength=1)[codes]


def check_cells(
    raw: RawTable, cells: Mapping[str, pa.Array], require_labels: bool, left_out: Iterable[int] = ()
) -> list[Problem]:
    """Return every broken rule, in the order of the rows; those that are left out keep none."""
    is_checked = np.ones(len(raw), dtype=bool)
    is_checked[list(left_out)] = False
    rule = f"must have {len(raw.columns)} cells like the header (quote cells that contain the separator)"
    problems = [
        (row, Problem(raw.where(row), "row", f"{n_cells} cells", rule))
        for row, n_cells in raw.ragged.items()
        if is_checked[row]
    ]
    is_checked[list(raw.ragged)] = False  # their cells are not where they belong
    for column, is_broken, rule_of in (*_rules(cells, require_labels), _uniqueness(raw, cells["note_id"], is_checked)):
        for row in np.flatnonzero(is_broken & is_checked).tolist():
            problems.append((row, Problem(raw.where(row), column, _cell(cells, column, row), rule_of(row))))
    return [problem for _, problem in sorted(problems, key=itemgetter(0))]


def _cell(cells: Mapping[str, pa.Array], column: str, row: int) -> str:
    return cells[column][row].as_py() if column in cells else ""


def _uniqueness(raw: RawTable, ids: pa.Array, is_checked: np.ndarray) -> tuple[str, np.ndarray, Callable[[int], str]]:
    """Return the rule that no id is that of an earlier row, of those that are checked."""
    _, codes = distinct(ids)
    rows = np.flatnonzero(is_checked)
    _, firsts, which = np.unique(codes[rows], return_index=True, return_inverse=True)
    first = np.arange(len(raw))
    first[rows] = rows[firsts[which]]

    def rule(row: int) -> str:
        return f"must be unique, and {raw.where(first[row]).rsplit(', ', 1)[1]} has it too"

    return "note_id", (first != np.arange(len(raw))) & ~is_empty(ids), rule


def _rules(
    cells: Mapping[str, pa.Array], require_labels: bool
) -> Iterator[tuple[str, np.ndarray, Callable[[int], str]]]:
    """Yield (column, is_broken, rule): which rows break a rule, bool of shape (n_rows,), and what it says of a row."""
    none, onsets = no_texts(len(cells["onset_sec"])), cells["onset_sec"]
    for column in ("note_id", "audio_path", "track"):
        if column in cells:
            yield column, is_empty(cells[column]), lambda row: "must not be empty"
    paths = cells["audio_path"]
    wrong = _wrong_urls(paths)
    yield "audio_path", is_one_of(paths, wrong), lambda row: wrong[paths[row].as_py()]
    onset, offset = as_numbers(onsets), as_numbers(cells["offset_sec"])
    rule = "must be a number of seconds from 0 up"
    yield "onset_sec", ~(np.isfinite(onset) & (onset >= 0)), lambda row: rule + _how_to_write(onsets[row].as_py())
    is_no_number = ~is_empty(cells["offset_sec"]) & ~np.isfinite(offset)
    rule_of_offset = "must be a number of seconds, or empty"
    yield "offset_sec", is_no_number, lambda row: rule_of_offset + _how_to_write(cells["offset_sec"][row].as_py())
    yield (
        "offset_sec",
        ~is_no_number & np.isfinite(onset) & (offset <= onset),
        lambda row: f"must be after `onset_sec` ({onsets[row].as_py()})",
    )
    pitches = cells.get("pitch_midi", none)
    pitch = as_numbers(pitches)
    is_pitch = is_empty(pitches) | (pitch == NO_PITCH) | ((pitch >= 0) & (pitch <= MAX_MIDI_PITCH))
    rule_of_pitch = f"must be empty, {NO_PITCH} (unknown), or a MIDI pitch from 0 to {MAX_MIDI_PITCH}"
    yield "pitch_midi", ~is_pitch, lambda row: rule_of_pitch
    labels, splits = cells.get("label_category", none), cells.get("split", none)
    if require_labels:
        rule_of_label = f"must be one of {', '.join(TABLE_LABELS)} (map others with `data.labels`)"
        yield "label_category", ~is_one_of(labels, TABLE_LABELS), lambda row: rule_of_label
    yield "split", ~is_one_of(splits, ("", *SPLITS)), lambda row: f"must be one of {', '.join(SPLITS)}"
    if require_labels:
        is_scored = is_one_of(labels, [NO_NOTE_LABEL]) & is_one_of(splits, set(SPLITS) - {"train"})
        rule_of_split = f"must be train or empty where the label is {NO_NOTE_LABEL}, which is to train on alone"
        yield "split", is_scored, lambda row: rule_of_split
    following = cells.get("next_onset_sec", none)
    is_before = ~is_empty(following) & np.isfinite(onset) & ~(as_numbers(following) > onset)
    yield "next_onset_sec", is_before, lambda row: f"must be empty, or after `onset_sec` ({onsets[row]})"
    n_rows, told = rows_of_same(cells["audio_path"]), cells.get("events_in_file", none)
    is_wrong = ~is_empty(told) & (events_in_files(told, n_rows) < 0)
    yield (
        "events_in_file",
        is_wrong,
        lambda row: f"must be empty or a whole number from {n_rows[row]}, the rows of this file, up",
    )


def _wrong_urls(paths: pa.Array) -> dict[str, str]:
    """Return URL -> rule of those that are not read here."""
    urls = compute.unique(paths.filter(compute.match_substring(paths, "://"))).to_pylist()
    problems = {url: problem_of(url) for url in urls if is_url(url)}
    return {url: problem.rstrip(".") for url, problem in problems.items() if problem}


def _how_to_write(text: str) -> str:
    """Return what to add to the rule of a number that is none."""
    return WITH_POINT if DECIMAL_COMMA.fullmatch(text) else ""


def events_in_files(texts: pa.Array, n_rows_of_file: np.ndarray) -> np.ndarray:
    """Return each cell as its recording's number of events, an empty one as the rows in the table; -1 if it is wrong.

    ``n_rows_of_file``, the rows of each row's file, is of shape (n_rows,); so is what comes back.
    """
    number = as_numbers(texts)
    with np.errstate(invalid="ignore"):
        is_right = (n_rows_of_file <= number) & (number <= MAX_EVENTS) & (number % 1 == 0)
    return np.where(is_empty(texts), n_rows_of_file, np.where(is_right, number, -1)).astype(np.int64)
