"""Label tracks that Audacity exported, each beside its recording."""

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from guitarclf.audio.folders import AUDIO_SUFFIXES
from guitarclf.data.importers import tree
from guitarclf.data.rules import NO_PITCH, as_number
from guitarclf.errors import EventTableError
from guitarclf.files.spelling import stripped
from guitarclf.files.wording import shown
from guitarclf.labels import UNKNOWN_LABEL, folded
from guitarclf.parameters.label_map import NOT_TAKEN, LabelMap

POINT_SEC = 1.0  # length of a point label that no other follows
LINE_END = re.compile(r"\r\n|\r|\n")


class Label(NamedTuple):
    """One label of a track: its line, start and end in seconds, and what it says."""

    line: int
    start: float
    end: float
    text: str


def read_audacity(root: str | Path, *, labels: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Return the events of every label track ``X.txt`` beside ``X.wav`` or ``X.flac`` below a folder, or beside
    any other recording that is read. One of two recordings that differ in their suffix alone may be named wholly:
    ``X.flac.txt``.

    Parameters
    ----------
    root : str or Path
        Folder of recordings and label tracks (Audacity: File, Export Other, Export Labels).
    labels : mapping, optional
        Their text -> one of LABELS or no_note; ``"*"`` stands for every other. See `LabelMap`.

    Returns
    -------
    events : DataFrame
        The columns of ``EVENT_COLUMNS`` and ``track``, which is the recording. A label without length
        ends where the next one starts, the last after 1 s, none after the recording.
        ``expression_style`` is the text. Labels without a text or with the text unknown, which ``annotate`` wrote and
        nobody corrected, are left out: ``events.attrs["told"]`` has how many.
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    label_map, below = LabelMap(labels), tree.Tree(root)
    root, recordings = below.root, below.recordings
    best_first = sorted(recordings, key=lambda path: AUDIO_SUFFIXES.index(path.suffix.lower()))  # a WAV before an MP3
    tracks = below.files(".txt")
    stems = {path.with_suffix("") for path in recordings}
    wholly_named = {track.with_suffix("") for track in tracks}.intersection(recordings) - stems  # a.flac, of a.flac.txt
    beside = tree.ByName((path.parent, path) for path in best_first if path not in wholly_named)
    left_out: Counter[str] = Counter()

    def read(path: Path) -> tree.Found:
        whole = path.with_suffix("")
        audio = whole if whole in wholly_named else beside.find(path.parent, path.stem)
        if audio is None:
            return [], _without_recording(path)
        beside.claim(audio, path)
        return _events(root, path, audio, label_map, left_out)

    rows, problems = tree.read_each(root, tracks, read)
    problems += tree.left_over(
        root, [path for path in recordings if path not in beside.claimed], "without a label track"
    )
    events = tree.as_events(rows, label_map)
    if left_out:
        told = ", ".join(f"{count} {what}" for what, count in sorted(left_out.items()))
        events.attrs["told"].append(f"left out {left_out.total()} labels: {told}")
    return events, problems


def _without_recording(path: Path) -> list[str]:
    """Return the problem of a label track without a recording, none if the file is no label track."""
    try:
        labels, _ = _read_labels(path)
    except EventTableError:
        return []
    name = shown(path.stem)
    return [f"no {name}.wav or {name}.flac beside it; give both one name"] if labels else []


def _read_labels(path: Path) -> tuple[list[Label], list[str]]:
    try:
        return parse_labels(tree.read_small(path, "a label track").decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise EventTableError(f"a label track must be text in UTF-8; {error}") from error


def parse_labels(text: str) -> tuple[list[Label], list[str]]:
    """Return the labels of an exported track, and what is wrong with other lines.

    A line is ``start<TAB>end<TAB>text`` with a decimal point or comma. One that starts with a backslash
    is the frequency range of the label before it, and is left out.
    """
    labels, broken = [], []
    for number, line in enumerate(LINE_END.split(text), start=1):
        if not line.strip() or line.startswith("\\"):
            continue
        start, end, what = [*line.split("\t", 2), "", ""][:3]
        label = Label(number, as_number(start.replace(",", ".")), as_number(end.replace(",", ".")), stripped(what))
        if math.isfinite(label.start) and math.isfinite(label.end):
            labels.append(label)
        else:
            broken.append(f"line {number}: it must be start<TAB>end<TAB>text in seconds")
    return labels, broken


def _events(root: Path, path: Path, audio: Path, label_map: LabelMap, left_out: Counter[str]) -> tree.Found:
    """Return the events of a label track and what is wrong with it; count in ``left_out`` what nobody labelled."""
    tracked, broken = _read_labels(path)
    name, length = tree.table_path(root, audio), tree.recording_length(audio)
    track = name if path.with_suffix("") == audio else name.removesuffix(audio.suffix)
    starts = sorted(label.start for label in tracked)
    events = []
    if not tracked and not broken:
        broken.append("it has no labels")
    for number, found in enumerate(tracked, start=1):
        label = label_map.label_of(found.text)
        if label is None and folded(found.text) in NOT_TAKEN:
            left_out[f"`{UNKNOWN_LABEL}`" if found.text else "without a text"] += 1
            continue
        what = _what_is_wrong(found, label, length)
        if what:
            broken.append(f"line {found.line}: {what}")
            continue
        event = {
            "note_id": f"{track}#{number}",
            "audio_path": name,
            "onset_sec": found.start,
            "offset_sec": _offset(found, starts, length),
            "pitch_midi": NO_PITCH,
            "expression_style": found.text,
            "label_category": label,
            "track": track,
        }
        events.append(event)
    return events, broken


def _what_is_wrong(found: Label, label: str | None, length: float) -> str | None:
    if found.start < 0 or found.end < found.start:
        return f"the start ({found.start:g} s) must be from 0 up and not after the end ({found.end:g} s)"
    if found.start >= length:
        return f"the start ({found.start:g} s) must be before the recording's end ({length:g} s)"
    return None if label else f"{found.text!r} is no label{tree.how_to_label(found.text)}"


def _offset(found: Label, starts: list[float], length: float) -> float:
    """Return where an event ends; ``starts`` are those of all labels, sorted."""
    if found.end > found.start:
        return found.end
    later = bisect_right(starts, found.start)
    offset = starts[later] if later < len(starts) else round(found.start + POINT_SEC, 6)
    return min(offset, length)
