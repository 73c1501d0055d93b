"""Label tracks that Audacity exported, each beside its recording."""

import math
import re
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from guitarclf.data.importers.folders import (
    as_events,
    check_folder,
    check_labels,
    how_to_label,
    label_of,
    left_over,
    printable,
    recording_length,
    recordings_below,
    shown,
    table_path,
)
from guitarclf.data.rules import NO_PITCH
from guitarclf.errors import EventTableError, GuitarclfError

MAX_TEXT_BYTES = 4 * 2**20
POINT_SEC = 1.0  # length of a point label that no other follows
LINE_END = re.compile(r"\r\n|\r|\n")


class Label(NamedTuple):
    """One label of a track: its line, start and end in seconds, and what it says."""

    line: int
    start: float
    end: float
    text: str


def read_audacity(root, *, labels=None) -> tuple[pd.DataFrame, list[str]]:
    """Return the events of every label track ``X.txt`` beside ``X.wav`` or ``X.flac`` below a folder.

    Parameters
    ----------
    root : str or Path
        Folder of recordings and label tracks (Audacity: File, Export Other, Export Labels).
    labels : mapping, optional
        Their text -> one of LABELS; ``"*"`` stands for every other. See `label_of`.

    Returns
    -------
    events : DataFrame
        The columns of ``COLUMNS`` and ``track``, which is the recording. A label without length
        ends where the next one starts, the last after 1 s, none after the recording.
        ``expression_style`` is the text.
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    root, labels = check_folder(root), check_labels(labels)
    recordings = recordings_below(root)
    beside = {(path.parent, path.stem.casefold()): path for path in recordings}
    beside |= {(path.parent, path.stem): path for path in recordings}
    rows, problems, claimed = [], [], {}
    for path in sorted(path for path in root.rglob("*") if path.suffix.lower() == ".txt" and path.is_file()):
        audio = beside.get((path.parent, path.stem)) or beside.get((path.parent, path.stem.casefold()))
        if audio is None:
            problems += _without_recording(root, path)
            continue
        try:
            if claimed.setdefault(audio, path) != path:
                raise EventTableError(f"{audio.name} has the label track {claimed[audio].name} already")
            events, broken = _events(root, path, audio, labels)
        except GuitarclfError as error:
            problems.append(f"{shown(root, path)}: {error}")
            continue
        rows += events
        problems += [f"{shown(root, path)}: {what}" for what in broken]
    problems += left_over(root, [path for path in recordings if path not in claimed], "without a label track")
    return as_events(rows), problems


def _without_recording(root: Path, path: Path) -> list[str]:
    """Return the problem of a label track without a recording; none of a text like any other."""
    try:
        labels, _ = parse_labels(_read_text(path))
    except EventTableError:
        return []
    name = printable(path.stem)
    return [f"{shown(root, path)}: no {name}.wav or {name}.flac beside it; give both one name"] if labels else []


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise EventTableError(f"it must be a readable file; {error.strerror}") from error
    if len(data) > MAX_TEXT_BYTES:
        raise EventTableError(f"a label track must have at most {MAX_TEXT_BYTES // 2**20} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EventTableError(f"a label track must be text in UTF-8; {error}") from error


def parse_labels(text: str) -> tuple[list[Label], list[str]]:
    """Return the labels of an exported track, and what is wrong with other lines.

    A line is ``start<TAB>end<TAB>text`` with a decimal point or comma; one that starts with a
    backslash is the frequency range of the label before it, which no event has use for.
    """
    labels, broken = [], []
    for number, line in enumerate(LINE_END.split(text), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        start, end, what = [*line.split("\t", 2), "", ""][:3]
        label = Label(number, _seconds(start), _seconds(end), what.strip())
        if math.isfinite(label.start) and math.isfinite(label.end):
            labels.append(label)
        else:
            broken.append(f"line {number}: it must be start<TAB>end<TAB>text in seconds")
    return labels, broken


def _seconds(text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan


def _events(root, path: Path, audio: Path, labels) -> tuple[list[dict], list[str]]:
    """Return the events of a label track, and what is wrong with its other lines."""
    tracked, broken = parse_labels(_read_text(path))
    name, length = table_path(root, audio), recording_length(audio)
    recording, starts = name[: -len(audio.suffix)], sorted(label.start for label in tracked)
    events = []
    if not tracked and not broken:
        broken.append("it has no labels")
    for number, found in enumerate(tracked, start=1):
        label = label_of(found.text, labels)
        what = _what_is_wrong(found, label, length)
        if what:
            broken.append(f"line {found.line}: {what}")
            continue
        event = {
            "note_id": f"{recording}#{number}",
            "audio_path": name,
            "onset_sec": found.start,
            "offset_sec": _end(found, starts, length),
            "pitch_midi": NO_PITCH,
            "expression_style": found.text,
            "label_category": label,
            "track": recording,
        }
        events.append(event)
    return events, broken


def _what_is_wrong(found: Label, label: str | None, length: float) -> str | None:
    if found.start < 0 or found.end < found.start:
        return f"the start ({found.start:g} s) must be from 0 up and not after the end ({found.end:g} s)"
    if found.start >= length:
        return f"the start ({found.start:g} s) must be before the recording's end ({length:g} s)"
    if not found.text:
        return "it has no text"
    return None if label else f"{found.text!r} is no label{how_to_label(found.text)}"


def _end(found: Label, starts: list[float], length: float) -> float:
    """Return where an event ends; ``starts`` are those of all labels, in order."""
    if found.end > found.start:
        return found.end
    later = bisect_right(starts, found.start)
    end = starts[later] if later < len(starts) else round(found.start + POINT_SEC, 6)
    return min(end, length)
