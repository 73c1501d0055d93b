"""The notes that a report shows: which of them, and the picture and the sound of each."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from guitarclf.evaluation.metrics import PROBA_COLUMNS
from guitarclf.experiment.report_subject import Subject
from guitarclf.pages.pictures import picture
from guitarclf.pages.sound import gain_for, sound

MAX_NOTES = 400
MAX_WRONG = 300  # of them called wrongly, if there are as many
MAX_BYTES = 15_000_000  # of pictures and sound
READ_AT_ONCE = 32  # windows in memory


@dataclass(frozen=True)
class Clip:
    """A note as it is seen and heard: data URIs, "" where it cannot be, and then why."""

    picture: str = ""
    sound: str = ""
    error: str = ""


def notes_of(subject: Subject) -> pd.DataFrame:
    """Return a row per note and class that it was called: means of the numbers, and how many nets called it so."""
    by = ["note_id", "track", "label_category", "called"]
    numbers = {name: (name, "mean") for name in ("confidence", "unknown_below", *PROBA_COLUMNS)}
    return subject.rows.groupby(by, sort=False).agg(n_nets=("repeat", "size"), **numbers).reset_index()


def chosen(notes: pd.DataFrame) -> pd.DataFrame:
    """Return the notes that are shown: from each cell of the confusion matrix in turn, first those called wrongly.

    Of notes called wrongly the surest come first, of the others the least sure. The rows come in that order too: all
    wrong ones by falling confidence, then the others by rising confidence.
    """
    is_right = notes["label_category"] == notes["called"]
    wrong = notes[~is_right].sort_values("confidence", ascending=False, kind="stable")
    right = notes[is_right].sort_values("confidence", kind="stable")
    some_wrong = _in_turn(wrong, max(MAX_WRONG, MAX_NOTES - len(right)))
    return pd.concat([some_wrong, _in_turn(right, MAX_NOTES - len(some_wrong))])


def _in_turn(notes: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many notes, in their order: the first of each cell, then the second of each, and so on."""
    place = notes.groupby(["label_category", "called"]).cumcount().to_numpy()
    return notes.iloc[np.sort(place.argsort(kind="stable")[:most])]


def clips_of(subject: Subject, note_ids: list[str]) -> dict[str, Clip]:
    """Return note -> Clip of notes, one of which may be there more than once; what goes beyond MAX_BYTES has none."""
    clips: dict[str, Clip] = {}
    left, times = MAX_BYTES, Counter(note_ids)
    for note_id, window, error in _windows(subject, list(times)):
        clip = Clip(error=error) if window is None else _clip(window, subject.reader.sample_rate)
        left -= times[note_id] * (len(clip.picture) + len(clip.sound))
        if left < 0:
            break
        clips[note_id] = clip
    return clips


def _windows(subject: Subject, note_ids: list[str]) -> Iterator[tuple[str, np.ndarray | None, str]]:
    """Yield (note, its window or None, why there is none), in turn."""
    known = [note_id for note_id in note_ids if note_id in subject.requests]
    for first in range(0, len(known), READ_AT_ONCE):
        part = known[first : first + READ_AT_ONCE]
        windows, errors = subject.reader.read([subject.requests[note_id] for note_id in part])
        for row, note_id in enumerate(part):
            yield note_id, None if row in errors else windows[row], str(errors.get(row, ""))


def _clip(window: np.ndarray, rate: int) -> Clip:
    """Return a window, `[n_samples]`, as it is seen, and as it is heard, without the zeros that it ends with."""
    gain = gain_for(float(np.abs(window).max()))
    return Clip(picture(window, rate), sound([np.trim_zeros(window, "b")], rate, gain))
