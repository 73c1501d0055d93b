"""Recordings sorted into a folder per class."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from guitarclf.data.importers import tree
from guitarclf.data.rules import NO_PITCH
from guitarclf.files.names import as_text
from guitarclf.parameters.label_map import LabelMap

LONG_SEC = 10.0  # a note may ring this long; a longer file is more than one


def read_folders(root: str | Path, *, labels: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Return the events of recordings sorted by class, one event a file.

    Parameters
    ----------
    root : str or Path
        Folder with ``<class>/<track>/**`` below it. A file directly in a class folder
        is a track of its own, and ``events.attrs["warnings"]`` says so.
    labels : mapping, optional
        Their folder name -> one of LABELS or no_note; ``"*"`` stands for every other. See `LabelMap`.

    Returns
    -------
    events : DataFrame
        The columns of ``EVENT_COLUMNS`` and ``track``; ``audio_path`` relative to ``root``, the onset 0,
        the offset the file's length in seconds, ``expression_style`` the folder's name.
    problems : list of str
        What was not imported, each ``path: what is wrong``.
    """
    label_map, below = LabelMap(labels), tree.Tree(root)
    rows: list[dict] = []
    loose = [path for path in below.recordings if path.parent == below.root]
    problems = tree.left_over(below.root, loose, "in no folder named after a class")
    for folder in below.folders():
        found, broken = _class_folder(below, folder, label_map.label_of(as_text(folder.name)))
        rows += found
        problems += broken
    events = tree.as_events(rows, label_map)
    events.attrs["warnings"] = _doubts(events)
    return events, problems


def _class_folder(below: tree.Tree, folder: Path, label: str | None) -> tree.Found:
    root, recordings = below.root, [path for path in below.recordings if folder in path.parents]
    if label is None:
        what = f"no class folder ({len(recordings)} recordings){tree.how_to_label(as_text(folder.name))}"
        return [], [f"{tree.below(root, folder)}: {what}"]
    if not recordings:
        return [], [f"{tree.below(root, folder)}: it holds no recording that is read"]

    def read(path: Path) -> tree.Found:
        name, parts = tree.table_path(root, path), path.relative_to(folder).parts
        event = {
            "note_id": name,
            "audio_path": name,
            "onset_sec": 0.0,
            "offset_sec": tree.recording_length(path),
            "pitch_midi": NO_PITCH,
            "expression_style": as_text(folder.name),
            "label_category": label,
            "track": as_text(parts[0] if len(parts) > 1 else path.stem),
        }
        return [event], []

    return tree.read_each(root, recordings, read)


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
