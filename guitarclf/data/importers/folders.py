"""Recordings sorted into a folder per class, and what every importer needs: names, lengths, labels."""

import re
from pathlib import Path, PurePath

import pandas as pd

from guitarclf.audio.recordings import find_audio_files, open_recording
from guitarclf.data.events import COLUMNS
from guitarclf.data.rules import NO_PITCH
from guitarclf.errors import EventTableError, GuitarclfError, ParameterError
from guitarclf.labels import LABELS

LONG_SEC = 10.0  # a note may ring this long; a longer file is more than one
OTHER_AUDIO = (".mp3", ".ogg", ".m4a", ".aac", ".aif", ".aiff", ".wma")
SHOWN = 3  # names given as examples


def read_folders(root, *, labels=None) -> tuple[pd.DataFrame, list[str]]:
    """Return the events of recordings sorted by class, one event a file.

    Parameters
    ----------
    root : str or Path
        Folder with ``<class>/<track>/**`` below it, WAV or FLAC. A file directly in a class folder
        is a track of its own, and ``events.attrs["warnings"]`` says so.
    labels : mapping, optional
        Their folder name -> one of LABELS; ``"*"`` stands for every other. See `label_of`.

    Returns
    -------
    events : DataFrame
        The columns of ``COLUMNS`` and ``track``; ``audio_path`` relative to ``root``, the onset 0,
        the offset the file's length in seconds, ``expression_style`` the folder's name.
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    root, labels = check_folder(root), check_labels(labels)
    rows, problems = [], _strays(root)
    for folder in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        recordings = recordings_below(folder)
        label = label_of(folder.name, labels)
        if label is None or not recordings:
            what = "it holds no WAV or FLAC file" if label else f"no class folder ({len(recordings)} recordings)"
            problems.append(f"{shown(root, folder)}: {what}{'' if label else how_to_label(folder.name)}")
            continue
        for path in recordings:
            try:
                rows.append(_event_of_file(root, folder, path, label))
            except GuitarclfError as error:
                problems.append(f"{shown(root, path)}: {error}")
    events = as_events(rows)
    events.attrs["warnings"] = _doubts(events)
    return events, problems


def _event_of_file(root: Path, folder: Path, path: Path, label: str) -> dict:
    name, below = table_path(root, path), path.relative_to(folder).parts
    return {
        "note_id": name,
        "audio_path": name,
        "onset_sec": 0.0,
        "offset_sec": recording_length(path),
        "pitch_midi": NO_PITCH,
        "expression_style": folder.name,
        "label_category": label,
        "track": below[0] if len(below) > 1 else path.stem,
    }


def _strays(root: Path) -> list[str]:
    """Return what is wrong with audio that lies in no class folder or has a format that is not read."""
    own = [path for path in recordings_below(root) if path.parent == root]
    others = sorted(path for path in root.rglob("*") if path.suffix.lower() in OTHER_AUDIO and path.is_file())
    return left_over(root, own, "in no folder named after a class") + left_over(
        root, others, "that are neither WAV nor FLAC"
    )


def _doubts(events: pd.DataFrame) -> list[str]:
    depth = events["audio_path"].str.count("/")
    n_flat, n_long = int((depth == 1).sum()), int((events["offset_sec"] > LONG_SEC).sum())
    doubts = []
    if n_flat:
        doubts.append(
            f"{n_flat} recordings lie directly in a class folder: each is its own track, and notes of one guitar "
            "can land on both sides of a split. A sub-folder per guitar or session, of one name in all classes, "
            "prevents it."
        )
    if n_long:
        doubts.append(
            f"{n_long} recordings are longer than {LONG_SEC:g} s: only their start is heard. "
            "Where they hold several notes, label these in Audacity: `guitarclf import audacity`."
        )
    return doubts


def label_of(text: str, labels=None) -> str | None:
    """Return the label that a folder's name or a text stands for, None for none.

    First ``labels``, exactly and then without regard to case; then the three names in any case, with
    space, hyphen or nothing for the underscore, as plurals or by their first word ("Dead Notes",
    "harmonics", "general"); then ``labels["*"]``. An empty text stands for nothing.
    """
    labels, text = labels or {}, text.strip()
    if text in labels:
        return labels[text]
    folded = {key.strip().casefold(): label for key, label in labels.items()}
    own = OWN_NAMES.get(_plain(text))
    return folded.get(text.casefold(), own or (labels.get("*") if text else None))


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text.casefold()).removesuffix("s")


OWN_NAMES = {_plain(name): label for label in LABELS for name in (label, label.split("_")[0])}


def check_labels(labels) -> dict[str, str]:
    """Return a mapping of texts to labels; ParameterError if it maps to anything but LABELS."""
    for text, label in (labels or {}).items():
        if label not in LABELS:
            raise ParameterError(f"`labels` must map to one of {', '.join(LABELS)}. Got {text!r}: {label!r}.")
    return dict(labels or {})


def how_to_label(text: str) -> str:
    """Return the advice that goes with a text that stands for no label."""
    return f"; name it {', '.join(LABELS)}, or give --label {(text.strip() + '=general_note')!r}"


def check_folder(root) -> Path:
    """Return ``root`` as a path; ParameterError if it is no folder."""
    root = Path(root)
    if not root.is_dir():
        what = "It is a file" if root.exists() else "There is no such folder"
        raise ParameterError(f"{root} must be a folder of recordings. {what}. Check ROOT.")
    return root


def recordings_below(folder: Path) -> list[Path]:
    """Return every WAV and FLAC file below a folder, without the ``._`` twins that macOS leaves."""
    return [path for path in find_audio_files(folder) if not path.name.startswith("._")]


def recording_length(path: Path) -> float:
    """Return a recording's length in seconds, from its header; AudioReadError if it is none."""
    with open_recording(path) as recording:
        return round(recording.frames / recording.samplerate, 6)


def table_path(root: Path, path: Path) -> str:
    """Return a path as a table has it, relative to ``root`` with forward slashes."""
    text = path.relative_to(root).as_posix()
    if text != text.strip() or text != printable(text):
        raise EventTableError("a table's path must be UTF-8 without spaces at its ends; rename the file or folder")
    return text


def printable(text: str) -> str:
    """Return a file's name as text that can be written, whatever bytes it has."""
    return text.encode("utf-8", "backslashreplace").decode()


def shown(root: Path, path: PurePath) -> str:
    """Return a path for a message, relative to ``root``."""
    return printable(path.relative_to(root).as_posix())


def left_over(root: Path, paths: list[Path], what: str) -> list[str]:
    """Return one problem a folder of ``root`` for recordings that nothing describes."""
    folders: dict[str, list[Path]] = {}
    for path in paths:
        parts = path.relative_to(root).parts
        folders.setdefault(parts[0] if len(parts) > 1 else ".", []).append(path)
    return [
        f"{shown(root, root / folder)}: {len(found)} recordings {what}: "
        + ", ".join(shown(root, path) for path in found[:SHOWN])
        + (", ..." if len(found) > SHOWN else "")
        for folder, found in folders.items()
    ]


def as_events(rows: list[dict], extra=()) -> pd.DataFrame:
    """Return rows as an events table with our columns, ``track`` and the extra ones, even if there are none."""
    return pd.DataFrame(rows, columns=[*COLUMNS, "track", *extra])
