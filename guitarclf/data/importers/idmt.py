"""IDMT-SMT-GUITAR as downloaded: XML annotations and the recordings they describe (Kehling et al. 2014, DAFx)."""

import math
import re
from pathlib import Path, PureWindowsPath
from xml.etree import ElementTree

import pandas as pd

from guitarclf.data.importers import tree
from guitarclf.data.rules import MAX_MIDI_PITCH, NO_PITCH, as_number
from guitarclf.errors import EventTableError, ParameterError
from guitarclf.files.names import as_text
from guitarclf.files.wording import shown
from guitarclf.labels import folded
from guitarclf.parameters.label_map import LabelMap

LABEL_OF_STYLE = {"HA": "harmonic", "DN": "dead_note", "*": "general_note"}
EXTRA_COLUMNS = {"string_number": "stringNumber", "fret_number": "fretNumber", "excitation_style": "excitationStyle"}
TRACK_BY = ("recording", "guitar")
# Subset 1 has a folder per guitar and pickup, such as `Ibanez Power Strat Clean Bridge+Neck SC`.
PICKUP = re.compile(r"\s+Clean\s.*$", re.IGNORECASE)
# In subset 2 the name begins with the guitar's initials: AR_, FS_, LP_.
GUITAR_PREFIX = re.compile(r"([A-Z]{2})_")


def read_idmt(root: str | Path, *, track_by: str = "recording") -> tuple[pd.DataFrame, list[str]]:
    """Return the events of every annotation below a folder, as IDMT-SMT-GUITAR lays them out.

    Each ``annotation/X.xml`` describes the recording X in the ``audio/`` folder beside it. If there is
    none, it is the one that ``audioFileName`` names, unless that has an annotation of its own.

    Parameters
    ----------
    root : str or Path
        The whole data set, a subset of it, or one folder that holds ``audio/`` and ``annotation/``.
    track_by : {"recording", "guitar"}
        What ``track`` is: the recording, or the guitar. The guitar is the folder's name without its
        pickup (subset 1), with the initials that the file's name begins with (subset 2).

    Returns
    -------
    events : DataFrame
        The columns of ``EVENT_COLUMNS``, ``track``, and as text ``string_number``, ``fret_number`` and
        ``excitation_style``. ``note_id`` is folder, name and number of the event from 1,
        ``audio_path`` relative to ``root``; a pitch that is none is unknown (-1).
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    if track_by not in TRACK_BY:
        raise ParameterError(f"`track_by` must be one of {', '.join(TRACK_BY)}. Got {track_by!r}.")
    below = tree.Tree(root)
    root, annotations = below.root, below.files(".xml")
    recordings = _Recordings(below, annotations)

    def read(path: Path) -> tree.Found:
        annotation = parse_annotation(path)
        audio = recordings.claim(path, annotation)
        names = _names(root, path, audio, track_by)
        events, broken = _events(annotation, tree.recording_length(audio))
        return [names | event | {"note_id": f"{names['note_id']}#{event['note_id']}"} for event in events], broken

    rows, problems = tree.read_each(root, annotations, read)
    described = recordings.own | recordings.by_name.claimed.keys()
    undescribed = [path for path in recordings.paths if path not in described]
    problems += tree.left_over(root, undescribed, "without an XML annotation")
    return tree.as_events(rows, LabelMap(LABEL_OF_STYLE), tuple(EXTRA_COLUMNS)), problems


class _Recordings:
    """The recordings of each ``audio/`` folder; ``own`` are those with an annotation of their name."""

    def __init__(self, below: tree.Tree, annotations: list[Path]):
        self.root, self.paths = below.root, below.recordings
        in_audio = [path for path in self.paths if path.parent.name.casefold() == "audio"]
        self.by_name = tree.ByName((path.parent.parent, path) for path in in_audio)
        placed = [path for path in annotations if self.is_in_place(path)]
        self.own = {self.by_name.find(path.parent.parent, path.stem) for path in placed}

    def is_in_place(self, path: Path) -> bool:
        return path.parent.name.casefold() == "annotation" and path.parent != self.root

    def claim(self, path: Path, annotation: ElementTree.Element) -> Path:
        """Return an annotation's recording; EventTableError if it has none to itself."""
        folder = path.parent.parent
        if not self.is_in_place(path):
            raise EventTableError("it must lie in a folder `annotation` beside a folder `audio`, both below ROOT")
        audio = self.by_name.find(folder, path.stem)
        if audio is None:
            given = (annotation.findtext(".//audioFileName") or "").strip()
            audio = self.by_name.find(folder, PureWindowsPath(given).stem)
            if audio is None:
                raise EventTableError(f"no recording {path.stem}.wav in {folder.name}/audio (it names {given!r})")
            if audio in self.own:
                raise EventTableError(f"no recording of its own; {audio.name}, which it names, has another annotation")
        self.by_name.claim(audio, path)
        return audio


class _NoDoctype(ElementTree.TreeBuilder):
    """A tree builder that stops where a DOCTYPE starts, before any entity can be declared."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise EventTableError("an annotation must have no DOCTYPE; entities are not expanded")


def parse_annotation(path: Path) -> ElementTree.Element:
    """Return the root element of an annotation; EventTableError if it is no plain, small XML file."""
    content = tree.read_small(path, "an annotation")
    try:
        return ElementTree.fromstring(content, parser=ElementTree.XMLParser(target=_NoDoctype()))
    except ElementTree.ParseError as error:
        raise EventTableError(f"it must be XML; {error}") from error
    except (LookupError, UnicodeError) as error:
        raise EventTableError(f"it must be XML in an encoding that is known; {error}") from error


def _events(annotation: ElementTree.Element, length: float) -> tree.Found:
    """Return the events of an annotation, ``note_id`` their number from 1, and what is wrong with others."""
    events, broken, label_map = [], [], LabelMap(LABEL_OF_STYLE)
    for number, element in enumerate(annotation.iter("event"), start=1):
        cell = {child.tag: (child.text or "").strip() for child in element}
        onset, offset = as_number(cell.get("onsetSec", "")), as_number(cell.get("offsetSec", ""))
        style = folded(cell.get("expressionStyle", "")).upper()
        what = _what_is_wrong(onset, offset, style, length)
        if what:
            broken.append(f"event {number}: {what}")
            continue
        event = {
            "note_id": number,
            "onset_sec": onset,
            "offset_sec": offset,
            "pitch_midi": _pitch(cell.get("pitch", "")),
            "expression_style": style,
            "label_category": label_map.label_of(style),
        }
        events.append(event | {column: cell.get(tag, "") for column, tag in EXTRA_COLUMNS.items()})
    if not events and not broken:
        broken.append("it has no events")
    return events, broken


def _what_is_wrong(onset: float, offset: float, style: str, length: float) -> str | None:
    if not (math.isfinite(onset) and math.isfinite(offset)):
        return "onsetSec and offsetSec must be numbers of seconds"
    if onset < 0:
        return f"the onset ({onset:g} s) must not be before the recording"
    if offset <= onset:
        return f"the offset ({offset:g} s) must be after the onset ({onset:g} s)"
    if onset >= length:
        return f"the onset ({onset:g} s) must be before the recording's end ({length:g} s)"
    return None if style else "it has no expressionStyle"


def _names(root: Path, annotation: Path, audio: Path, track_by: str) -> dict[str, str]:
    folder = annotation.parent.parent
    place = shown(root.resolve().name) if folder == root else tree.table_path(root, folder)
    recording = f"{place}/{as_text(annotation.stem)}"
    return {
        "note_id": recording,
        "audio_path": tree.table_path(root, audio),
        "track": recording if track_by == "recording" else _guitar(place, as_text(annotation.stem)),
    }


def _guitar(place: str, stem: str) -> str:
    """Return the guitar's name, without its pickup."""
    prefix = GUITAR_PREFIX.match(stem)
    return f"{place}/{prefix[1]}" if prefix else PICKUP.sub("", place)


def _pitch(text: str) -> int | float:
    pitch = as_number(text)
    if not 0 <= pitch <= MAX_MIDI_PITCH:
        return NO_PITCH
    return int(pitch) if pitch.is_integer() else pitch
