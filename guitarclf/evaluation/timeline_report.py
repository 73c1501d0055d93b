"""What is told of a timeline that was scored: per class, by event, as text and as JSON."""

from collections import Counter
from dataclasses import asdict, dataclass

import numpy as np

from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL

CALLED = (*LABELS, UNKNOWN_LABEL)  # the columns of the confusion
COLUMNS = ["audio_path", "onset_sec", "label_category"]
N_LISTED = 10  # onsets of a kind in the text; JSON has them all


@dataclass(frozen=True)
class NoteScore:
    """Scores of one kind of events: NaN where undefined, F1 where there is no such event on either side.

    ``n_true`` events are there, ``n_found`` were found, ``n_hits`` of these have a partner on the other side.
    """

    precision: float
    recall: float
    f1: float
    n_true: int
    n_found: int
    n_hits: int

    @classmethod
    def of(cls, n_true: int, n_found: int, n_hits: int) -> "NoteScore":
        """Return the NoteScore of three counts."""
        return cls(
            _share(n_hits, n_found),
            _share(n_hits, n_true),
            _share(2 * n_hits, n_true + n_found),
            n_true,
            n_found,
            n_hits,
        )


@dataclass(frozen=True)
class TimelineReport:
    """Scores of the events found in some recordings, pooled, classes in the order of LABELS.

    Parameters
    ----------
    n_recordings : int
    tolerance : float
        Most seconds between the onsets of two partners.
    onsets : NoteScore
        Of all events, whatever they are called.
    per_class : dict of str to NoteScore
        Partners have the class as their label on both sides.
    macro_f1 : float
        The mean F1 of the classes that are there; NaN if none is.
    confusion : list of lists of int
        ``confusion[i][j]`` counts events of class ``i`` whose partner by onset was called ``CALLED[j]``.
    missed, spurious : list of dict
        True events without a partner, and found ones: COLUMNS.
    left_out : list of str
        Recordings that are in one table and not in the other, and count for nothing.
    n_chord_rows : int
        Rows of the true table that start with the row before and are one event with it.
    """

    n_recordings: int
    tolerance: float
    onsets: NoteScore
    per_class: dict[str, NoteScore]
    macro_f1: float
    confusion: list[list[int]]
    missed: list[dict]
    spurious: list[dict]
    left_out: list[str]
    n_chord_rows: int

    def to_dict(self) -> dict[str, object]:
        """Return the report as plain dicts, lists and numbers, for JSON: what is undefined is None."""
        return {**_without_nan(asdict(self)), "called": list(CALLED)}

    def to_text(self) -> str:
        """Return the report as tables for a terminal."""
        lines = [
            f"{_plural(self.n_recordings, 'recording')}   {_plural(self.onsets.n_true, 'true event')}, "
            f"{self.onsets.n_found} found   within {1000 * self.tolerance:g} ms   "
            f"macro note-F1 {_number(self.macro_f1)}",
            "",
            f"{'':14}{'precision':>10}{'recall':>10}{'F1':>10}{'true':>10}{'found':>10}",
        ]
        for name, score in {"onsets": self.onsets, **self.per_class}.items():
            shares = "".join(f"{_number(share):>10}" for share in (score.precision, score.recall, score.f1))
            lines.append(f"{name:14}{shares}{score.n_true:10d}{score.n_found:10d}")
        lines += ["", f"{'true / called':14}" + "".join(f"{name:>13}" for name in (*CALLED, "missed"))]
        missed, spurious = (Counter(row["label_category"] for row in rows) for rows in (self.missed, self.spurious))
        for label, counts in zip(LABELS, self.confusion, strict=True):
            lines.append(f"{label:14}" + "".join(f"{count:13d}" for count in (*counts, missed[label])))
        lines.append(f"{'spurious':14}" + "".join(f"{spurious[label]:13d}" for label in CALLED))
        lines += _listed("Missed", self.missed) + _listed("Spurious", self.spurious)
        absent = [label for label, score in self.per_class.items() if not score.n_true]
        if absent:
            lines += ["", f"No event is {' or '.join(absent)}: macro note-F1 is the mean of the others."]
        if self.n_chord_rows:
            lines += ["", f"{_plural(self.n_chord_rows, 'row')} of the true table counted with the one before: chords."]
        if self.left_out:
            names = ", ".join(map(shown, self.left_out[:N_LISTED])) + (", ..." if len(self.left_out) > N_LISTED else "")
            lines += ["", f"{_plural(len(self.left_out), 'recording')} not in both tables, left out: {names}"]
        return "\n".join(lines)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.4f}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def _listed(title: str, rows: list[dict]) -> list[str]:
    """Return lines that name the first onsets of a kind."""
    if not rows:
        return []
    lines = [
        f"  {row['onset_sec']:10.3f} s  {row['label_category']:13} {shown(row['audio_path'])}"
        for row in rows[:N_LISTED]
    ]
    more = [f"  ... and {len(rows) - N_LISTED} more"] if len(rows) > N_LISTED else []
    return ["", f"{title}:", *lines, *more]


def _without_nan(value):
    """Return a value of plain containers with None for NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and np.isnan(value) else value
