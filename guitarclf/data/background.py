"""Read a table of clips that are no note: noise, voices, other instruments."""

from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.data.columns import map_columns
from guitarclf.data.events import name_sound_inside, refuse, respell_paths, typed
from guitarclf.data.rules import check_cells
from guitarclf.data.table import read_table
from guitarclf.data.texts import as_texts, is_empty, no_texts, same_texts, where
from guitarclf.errors import EventTableError
from guitarclf.files.urls import parent
from guitarclf.labels import LABELS
from guitarclf.parameters.label_map import LabelMap

NAMED = "training.background_path"


def read_background(path: str | Path) -> pd.DataFrame:
    """Return the clips of a CSV or Parquet file, each an event that is no note.

    Parameters
    ----------
    path : str or Path
        The table. ``audio_path`` is relative to its folder, or absolute. ``family`` (optional) names what is alike,
        such as drums; a clip without one is a family of its own file. ``onset_sec`` (optional) is where in its file a
        clip begins, 0 by default. Other columns are not read.

    Returns
    -------
    clips : DataFrame
        The columns of an events table, and ``family``; ``track`` is the family, ``note_id`` the place in the table,
        and no offset is known.

    Raises
    ------
    EventTableError
        If the table cannot be read, has no ``audio_path``, or a cell breaks a rule.
    """
    raw = read_table(path, named=NAMED)
    given = map_columns(raw, {})
    if "audio_path" not in given:
        raise EventTableError(
            f"{raw.path} must have the column audio_path, the file of each clip that is no note. "
            f"Its columns are {', '.join(raw.columns)}. Rename one, or correct {NAMED}."
        )
    label_map = LabelMap()
    for row, label in enumerate(given["label_category"].to_pylist() if "label_category" in given else []):
        if label_map.label_of(label) in LABELS:
            raise EventTableError(
                f"{raw.where(row)}: {NAMED} must name sounds that are no note. This row is labelled {label}. "
                "Give notes in data.metadata_path."
            )
    n_clips = len(raw)
    cells = {
        "note_id": as_texts([raw.where(row) for row in range(n_clips)]),
        "audio_path": given["audio_path"],
        "onset_sec": given.get("onset_sec", same_texts("0", n_clips)),
        "offset_sec": no_texts(n_clips),
    }
    name_sound_inside(raw, cells, parent(raw.path))
    respell_paths(cells, parent(raw.path))
    families = given.get("family", no_texts(n_clips))
    cells["family"] = where(is_empty(families), cells["audio_path"], families)
    cells["track"] = cells["family"]
    refuse(check_cells(raw, cells, require_labels=False))
    return typed(cells, parent(raw.path)).assign(label_category=None, next_onset_sec=np.inf)
