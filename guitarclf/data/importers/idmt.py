"""IDMT-SMT-GUITAR as downloaded: XML annotations and the recordings they describe (Kehling et al. 2014, DAFx)."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from guitarclf.data.importers.folders import (
    as_events,
    check_folder,
    left_over,
    printable,
    recording_length,
    recordings_below,
    shown,
    table_path,
)
from guitarclf.data.rules import MAX_MIDI_PITCH, NO_PITCH
from guitarclf.errors import EventTableError, GuitarclfError, ParameterError

LABEL_OF_STYLE = {"HA": "harmonic", "DN": "dead_note"}
OTHER_LABEL = "general_note"
EXTRA = ("string_number", "fret_number", "excitation_style")
TRACK_BY = ("recording", "guitar")
MAX_XML_BYTES = 4 * 2**20  # the longest annotation of the data set has some 100 kB
# Subset 1 has a folder per guitar and pickup, such as `Ibanez Power Strat Clean Bridge+Neck SC`.
PICKUP = re.compile(r"\s+Clean\s.*$", re.IGNORECASE)
# In subset 2 the name begins with the guitar's initials: AR_, FS_, LP_.
GUITAR_PREFIX = re.compile(r"([A-Z]{2})_")


def read_idmt(root, *, track_by="recording") -> tuple[pd.DataFrame, list[str]]:
    """Return the events of every annotation below a folder, as IDMT-SMT-GUITAR lays them out.

    Each ``annotation/X.xml`` describes the recording of its own name in the ``audio/`` folder beside
    it; where there is none, the one its ``audioFileName`` names there, unless that has an annotation
    of its own.

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
        The columns of ``COLUMNS``, ``track``, and as text ``string_number``, ``fret_number`` and
        ``excitation_style``. ``note_id`` is folder, name and number of the event from 1,
        ``audio_path`` relative to ``root``; a pitch that is none is unknown (-1).
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    if track_by not in TRACK_BY:
        raise ParameterError(f"`track_by` must be one of {', '.join(TRACK_BY)}. Got {track_by!r}.")
    root = check_folder(root)
    annotations = _find_annotations(root)
    index = _Recordings(root, annotations)
    rows, problems = [], []
    for path in annotations:
        try:
            tree = parse_annotation(path)
            audio = index.claim(path, tree)
            names = _names(root, path, audio, track_by)
            events, broken = _events(tree, recording_length(audio))
        except GuitarclfError as error:
            problems.append(f"{shown(root, path)}: {error}")
            continue
        rows += [names | event | {"note_id": f"{names['note_id']}#{event['note_id']}"} for event in events]
        problems += [f"{shown(root, path)}: {what}" for what in broken]
    problems += left_over(root, index.undescribed(), "without an XML annotation")
    return as_events(rows, EXTRA), problems


def _find_annotations(root: Path) -> list[Path]:
    found = (path for path in root.rglob("*") if path.suffix.lower() == ".xml" and not path.name.startswith("._"))
    return sorted(path for path in found if path.is_file())


class _Recordings:
    """The recordings of each ``audio/`` folder, and which of them annotations have claimed."""

    def __init__(self, root: Path, annotations: list[Path]):
        self.root = root
        self.paths = recordings_below(root)
        self.by_name: dict[tuple[Path, str], Path] = {}
        in_audio = [path for path in self.paths if path.parent.name.casefold() == "audio"]
        for path in in_audio:
            self.by_name.setdefault((path.parent.parent, path.stem), path)
        for path in in_audio:  # after all exact names
            self.by_name.setdefault((path.parent.parent, path.stem.casefold()), path)
        self.own = {self.find(path.parent.parent, path.stem) for path in annotations if self.is_in_place(path)}
        self.claimed: dict[Path, Path] = {}

    def is_in_place(self, annotation: Path) -> bool:
        return annotation.parent.name.casefold() == "annotation" and annotation.parent != self.root

    def find(self, folder: Path, stem: str) -> Path | None:
        return self.by_name.get((folder, stem)) or self.by_name.get((folder, stem.casefold()))

    def claim(self, annotation: Path, tree: ElementTree.Element) -> Path:
        """Return an annotation's recording; EventTableError if it has none to itself."""
        folder = annotation.parent.parent
        if not self.is_in_place(annotation):
            raise EventTableError("it must lie in a folder `annotation` beside a folder `audio`, both below ROOT")
        audio = self.find(folder, annotation.stem)
        if audio is None:
            given = (tree.findtext(".//audioFileName") or "").strip()
            name = given.replace("\\", "/").rsplit("/", 1)[-1]
            audio = self.find(folder, Path(name).stem)
            if audio is None:
                raise EventTableError(f"no recording {annotation.stem}.wav in {folder.name}/audio (it names {given!r})")
            if audio in self.own:
                raise EventTableError(f"no recording of its own; {audio.name}, which it names, has another annotation")
        first = self.claimed.setdefault(audio, annotation)
        if first != annotation:
            raise EventTableError(f"{first.name} describes {audio.name} already")
        return audio

    def undescribed(self) -> list[Path]:
        return [path for path in self.paths if path not in self.own and path not in self.claimed]


class _NoDoctype(ElementTree.TreeBuilder):
    """A tree builder that stops where a DOCTYPE starts, before any entity can be declared."""

    def doctype(self, name, pubid, system):
        raise EventTableError("an annotation must have no DOCTYPE; entities are not expanded")


def parse_annotation(path: Path) -> ElementTree.Element:
    """Return the root element of an annotation; EventTableError if it is no plain, small XML file."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_XML_BYTES + 1)
        if len(data) > MAX_XML_BYTES:
            raise EventTableError(f"an annotation must have at most {MAX_XML_BYTES // 2**20} MB")
        return ElementTree.fromstring(data, parser=ElementTree.XMLParser(target=_NoDoctype()))
    except ElementTree.ParseError as error:
        raise EventTableError(f"it must be XML; {error}") from error
    except (LookupError, UnicodeError) as error:
        raise EventTableError(f"it must be XML in an encoding that is known; {error}") from error
    except OSError as error:
        raise EventTableError(f"it must be a readable file; {error.strerror}") from error


def _events(tree: ElementTree.Element, length: float) -> tuple[list[dict], list[str]]:
    """Return the events of an annotation, ``note_id`` their number from 1, and what is wrong with others."""
    events, broken = [], []
    for number, element in enumerate(tree.iter("event"), start=1):
        cell = {child.tag: (child.text or "").strip() for child in element}
        onset, offset = _number(cell.get("onsetSec")), _number(cell.get("offsetSec"))
        style = cell.get("expressionStyle", "").upper()
        what = _what_is_wrong(onset, offset, style, length)
        if what:
            broken.append(f"event {number}: {what}")
            continue
        event = {
            "note_id": number,
            "onset_sec": onset,
            "offset_sec": offset,
            "pitch_midi": _pitch(cell.get("pitch")),
            "expression_style": style,
            "label_category": LABEL_OF_STYLE.get(style, OTHER_LABEL),
            "string_number": cell.get("stringNumber", ""),
            "fret_number": cell.get("fretNumber", ""),
            "excitation_style": cell.get("excitationStyle", ""),
        }
        events.append(event)
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
    place = printable(root.resolve().name) if folder == root else table_path(root, folder)
    recording = f"{place}/{annotation.stem}"
    return {
        "note_id": recording,
        "audio_path": table_path(root, audio),
        "track": recording if track_by == "recording" else _guitar(place, annotation.stem),
    }


def _guitar(place: str, stem: str) -> str:
    """Return the guitar's name: one guitar with several pickups, each in its folder, is one."""
    prefix = GUITAR_PREFIX.match(stem)
    return f"{place}/{prefix[1]}" if prefix else PICKUP.sub("", place)


def _number(text: str | None) -> float:
    try:
        return float(text or "")
    except ValueError:
        return math.nan


def _pitch(text: str | None) -> int | float:
    pitch = _number(text)
    if not 0 <= pitch <= MAX_MIDI_PITCH:
        return NO_PITCH
    return int(pitch) if pitch.is_integer() else pitch
