"""IDMT-SMT-GUITAR Dataset Loader

.. admonition:: Dataset Info
    :class: dropdown

    IDMT-SMT-GUITAR is a database of electric and acoustic guitar recordings for automatic transcription, with note
    annotations as XML: onset and offset, pitch, string and fret, and how each note was plucked and played.

    Three of its subsets have annotations:

    - dataset1: single notes and chords of several guitars, a folder per guitar and pickup
    - dataset2: single notes and licks that show expression styles, of guitars named by initials (AR, FS, LP)
    - dataset3: short pieces, monophonic and polyphonic

    Expression styles: NO (normal), BE (bending), SL (slide), VI (vibrato), HA (harmonic), DN (dead note).
    Plucking styles: FS (finger style), PK (picked), MU (muted).

    The same file name occurs in several folders, so a track id is folder and name: ``dataset2/AR_NH_XII``.

    For details see https://doi.org/10.5281/zenodo.7544110

Not part of mirdata: a module in its shape. ``Dataset(data_home)`` reads the index that ``make_index(data_home)`` writes
of your copy of the data.
"""

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import BinaryIO, TextIO

import librosa
import numpy as np
from mirdata import annotations, core, download_utils, io
from mirdata.validate import md5

BIBTEX = """@inproceedings{kehling2014automatic,
title={Automatic Tablature Transcription of Electric Guitar Recordings by Estimation of Score- and Instrument-Related Parameters},
author={Kehling, Christian and Abe{\\ss}er, Jakob and Dittmar, Christian and Schuller, Gerald},
booktitle={Proceedings of the 17th International Conference on Digital Audio Effects (DAFx)},
year={2014}
}"""  # noqa: E501

TOP_FOLDER = "IDMT-SMT-GUITAR_V2/"  # that archives may unpack to
INDEX_FILE = "idmt_smt_guitar_index_2.0.json"
INDEXES = {"default": "2.0", "test": "2.0", "2.0": core.Index(filename=INDEX_FILE)}

REMOTES = {
    "all": download_utils.RemoteFileMetadata(
        filename="IDMT-SMT-GUITAR_V2.zip",
        url="https://zenodo.org/records/7544110/files/IDMT-SMT-GUITAR_V2.zip?download=1",
        checksum="06796e08731bccffaed6ae59361486e4",
    )
}

DOWNLOAD_INFO = "Call make_index of the folder that the data are in once: no index of it is published."

LICENSE_INFO = "Creative Commons Attribution-NonCommercial-NoDerivatives 4.0 International (CC BY-NC-ND 4.0)"


class Track(core.Track):
    """IDMT-SMT-GUITAR Track class

    Args:
        track_id (str): track id of the track

    Attributes:
        annotation_path (str): path to the annotation, an XML file
        audio_path (str): path to the recording, a WAV file
        subset (str): dataset1, dataset2 or dataset3
        track_id (str): track id

    Cached Properties:
        notes (NoteData): the notes whose pitch is known, as MIDI numbers
        plucking_styles (EventData): the excitation style of each note: FS, PK or MU
        techniques (EventData): the expression style of each note: NO, BE, SL, VI, HA or DN

    """

    def __init__(self, track_id, data_home, dataset_name, index, metadata):
        super().__init__(track_id, data_home, dataset_name, index, metadata)
        self.audio_path = self.get_path("audio")
        self.annotation_path = self.get_path("annotation")
        self.subset = track_id.split("/")[0]

    @property
    def audio(self) -> tuple[np.ndarray, float] | None:
        """The track's audio

        Returns:
            * np.ndarray - audio signal
            * float - sample rate

        """
        return load_audio(self.audio_path)

    @core.cached_property
    def notes(self) -> annotations.NoteData | None:
        """The track's notes whose pitch is known

        Returns:
            * NoteData - onset and offset in seconds, pitch as a MIDI number

        """
        return load_notes(self.annotation_path)

    @core.cached_property
    def techniques(self) -> annotations.EventData | None:
        """How the track's notes were played

        Returns:
            * EventData - onset and offset in seconds, expression style

        """
        return load_styles(self.annotation_path, "expressionStyle")

    @core.cached_property
    def plucking_styles(self) -> annotations.EventData | None:
        """How the track's notes were plucked

        Returns:
            * EventData - onset and offset in seconds, excitation style

        """
        return load_styles(self.annotation_path, "excitationStyle")


@io.coerce_to_bytes_io
def load_audio(fhandle: BinaryIO) -> tuple[np.ndarray, float]:
    """Load an IDMT-SMT-GUITAR audio file.

    Args:
        fhandle (str or file-like): File-like object or path to audio file

    Returns:
        * np.ndarray - the mono audio signal
        * float - The sample rate of the audio file

    """
    return librosa.load(fhandle, sr=None, mono=True)


@io.coerce_to_string_io
def load_notes(fhandle: TextIO) -> annotations.NoteData | None:
    """Load the notes of an IDMT-SMT-GUITAR annotation.

    Args:
        fhandle (str or file-like): File-like object or path to the annotation

    Returns:
        NoteData: those whose pitch is known; None if there is none

    """
    notes = [(interval, float(event["pitch"])) for interval, event in _events(fhandle) if _has_pitch(event)]
    if not notes:
        return None
    intervals, pitches = zip(*notes, strict=True)
    return annotations.NoteData(np.array(intervals), "s", np.array(pitches), "midi")


@io.coerce_to_string_io
def load_styles(fhandle: TextIO, name: str) -> annotations.EventData | None:
    """Load how the notes of an IDMT-SMT-GUITAR annotation were played.

    Args:
        fhandle (str or file-like): File-like object or path to the annotation
        name (str): expressionStyle or excitationStyle

    Returns:
        EventData: an interval and a style per note that has one; None if there is none

    """
    styles = [(interval, event[name]) for interval, event in _events(fhandle) if event.get(name)]
    if not styles:
        return None
    intervals, events = zip(*styles, strict=True)
    return annotations.EventData(np.array(intervals), "s", list(events), "open")


def _events(fhandle: TextIO) -> list[tuple[tuple[float, float], dict[str, str]]]:
    """Return (interval, tag -> text) of each event of an annotation, in order of time."""
    found = []
    for element in ET.parse(fhandle).getroot().iter("event"):
        event = {child.tag: (child.text or "").strip() for child in element}
        found.append(((float(event["onsetSec"]), float(event["offsetSec"])), event))
    return sorted(found, key=lambda item: item[0])


def _has_pitch(event: dict[str, str]) -> bool:
    return bool(event.get("pitch")) and float(event["pitch"]) > 0


@core.docstring_inherit(core.Dataset)
class Dataset(core.Dataset):
    """
    The IDMT-SMT-GUITAR dataset
    """

    def __init__(self, data_home=None, version="default"):
        super().__init__(
            data_home,
            version,
            name="idmt_smt_guitar",
            track_class=Track,
            bibtex=BIBTEX,
            indexes=INDEXES,
            remotes=REMOTES,
            download_info=DOWNLOAD_INFO,
            license_info=LICENSE_INFO,
        )
        self.index_path = os.path.join(self.data_home, INDEX_FILE)


def make_index(data_home: str | os.PathLike) -> Path:
    """Write the index of a copy of the dataset into its folder.

    Args:
        data_home (str or Path): folder that dataset1, dataset2 and dataset3 are in, or were unpacked in

    Returns:
        Path: the index, with the MD5 of each annotation and of the recording beside it

    """
    home, tracks = Path(data_home), {}
    for annotation in sorted(home.glob("**/annotation/*.xml")):
        folder = annotation.parent.parent
        audio = folder / "audio" / f"{annotation.stem}.wav"
        if audio.is_file():
            paths = {"audio": audio, "annotation": annotation}
            entry = {key: [path.relative_to(home).as_posix(), md5(str(path))] for key, path in paths.items()}
            place = (folder.relative_to(home) / annotation.stem).as_posix()
            tracks[place.removeprefix(TOP_FOLDER)] = entry
    index = home / INDEX_FILE
    index.write_text(json.dumps({"version": "2.0", "tracks": tracks}, indent=2), encoding="utf-8")
    return index
