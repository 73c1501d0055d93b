"""The events of a config, of a run, or of a table that the command line names."""

import logging
import os
from dataclasses import replace

import pandas as pd

from guitarclf.audio.recordings import require_audio_files
from guitarclf.config import Config, DataConfig
from guitarclf.data.background import read_background
from guitarclf.data.events import is_in_our_terms, notes_of, read_events
from guitarclf.data.splits import assign_splits
from guitarclf.errors import AudioReadError, EventTableError, RunError
from guitarclf.experiment.bad_audio import require_inside, without_bad_audio
from guitarclf.files.fetched import keep_below
from guitarclf.files.names import as_path
from guitarclf.files.urls import absolute, is_url, parent, problem_of
from guitarclf.files.wording import shown
from guitarclf.labels import NO_NOTE_LABEL
from guitarclf.runs.folder import RunFolder

logger = logging.getLogger(__name__)

FEW_EVENTS = 300  # a table with fewer is better trained on from a model than afresh (docs/accuracy_0_1_0.md)


def with_absolute_paths(config: Config) -> Config:
    """Return a config with absolute paths of its tables and its audio."""
    data = replace(
        config.data,
        metadata_path=absolute(config.data.metadata_path),
        audio_root=absolute(config.data.audio_folder),
    )
    training = config.training
    if training.background_path is not None:
        training = replace(training, background_path=absolute(training.background_path))
    return replace(config, data=data, training=training)


def config_events(config: Config) -> pd.DataFrame:
    """Return the notes of ``data.metadata_path`` whose audio can be used; see `without_bad_audio`.

    What is no note is checked too, though it is not among them: ``events.attrs["background_audio"]`` lists its files,
    and ``events.attrs["bad_audio"]`` those of its rows that are left out.
    """
    rows = table_rows(config)
    tell(rows)
    notes = notes_of(rows)
    if notes.empty:
        raise EventTableError(
            f"{shown(config.data.metadata_path)} must hold notes. Its {len(rows)} rows are all {NO_NOTE_LABEL}. "
            "Add notes, or name the table in training.background_path."
        )
    if len(notes) < len(rows):
        logger.info("%d rows are %s: to train on alone", len(rows) - len(notes), NO_NOTE_LABEL)
    notes = without_bad_audio(config, notes, beside=parent(config.data.metadata_path))
    background = _background_of(config, rows)
    notes.attrs["bad_audio"] = notes.attrs.get("bad_audio", []) + background.attrs.get("bad_audio", [])
    notes.attrs["background_audio"] = background["audio_path"].unique().tolist()
    return notes


def background_events(config: Config) -> pd.DataFrame:
    """Return what is no note and whose audio can be used, possibly nothing, with its ``family``.

    They are the rows of ``data.metadata_path`` that are labelled no_note, each track a family, and then the clips of
    ``training.background_path``. ``from_table`` says which are of the first kind.
    """
    return _background_of(config, table_rows(config))


def table_rows(config: Config) -> pd.DataFrame:
    """Return all rows of ``data.metadata_path`` that have a label, those that are no note too."""
    data = config.data
    keep_below(data.cache_gb)
    return read_events(data.metadata_path, audio_root=data.audio_folder, columns=data.columns, labels=data.labels)


def _background_of(config: Config, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `background_events` does; ``rows`` are those of the table."""
    own = rows[rows["label_category"] == NO_NOTE_LABEL].reset_index(drop=True)
    parts = [own.assign(family=own["track"], from_table=True)]
    if len(own):
        parts = [without_bad_audio(config, parts[0], beside=parent(config.data.metadata_path))]
    path = config.training.background_path
    if path is not None:
        clips = read_background(path)
        _require_apart(clips, rows, path)
        data = replace(config.data, audio_root=parent(path), allow_outside_root=True)
        parts.append(without_bad_audio(replace(config, data=data), clips.assign(from_table=False)))
    bad = [row for part in parts for row in part.attrs.get("bad_audio", [])]
    events = pd.concat([part.assign(label_category=None) for part in parts if len(part)] or parts, ignore_index=True)
    events.attrs = {"bad_audio": bad}
    return events


def _require_apart(clips: pd.DataFrame, rows: pd.DataFrame, path: str) -> None:
    """Raise EventTableError if a clip that is said to be no note is a recording of the table of notes."""
    of_notes = {os.path.realpath(as_path(name)) for name in rows["audio_path"].unique()}
    both = [name for name in clips["audio_path"].unique() if os.path.realpath(as_path(name)) in of_notes]
    if both:
        raise EventTableError(
            f"{shown(path)} must hold no recording of the table of notes. {shown(both[0])} is in both ({len(both)} "
            f"are). Remove it from one; label what is no note in the table of notes {NO_NOTE_LABEL}."
        )


def split_events(config: Config) -> pd.DataFrame:
    """Return the events of a config with a column ``split``: train, val or test."""
    events, training = config_events(config), config.training
    events["split"] = assign_splits(
        events,
        valid_size=training.valid_size,
        test_size=training.test_size,
        fewest_tracks=training.fewest_tracks,
        seed=config.seed,
    )
    return events


def other_events(data: DataConfig, metadata_path, audio_root=None, *, require_labels: bool) -> pd.DataFrame:
    """Return the events of a table other than the one a config names.

    The mapping of columns and labels in ``data`` is applied unless the table is in our terms already.
    ``audio_root`` is the table's folder unless given. With ``require_labels`` rows that are labelled no_note are left
    out: they are to train on.
    """
    keep_below(data.cache_gb)
    ours = is_in_our_terms(metadata_path, require_labels=require_labels, columns=data.columns)
    mapping = {} if ours else data.columns
    root = table_folder(metadata_path, audio_root)
    events = read_events(
        metadata_path,
        audio_root=root,
        columns=mapping,
        labels=data.labels if mapping else {},
        require_labels=require_labels,
    )
    tell(events)
    n_rows, events = len(events), notes_of(events) if require_labels else events
    if len(events) < n_rows:
        logger.info("left out %d rows that are %s: they are not scored", n_rows - len(events), NO_NOTE_LABEL)
    require_inside(events["audio_path"], root, allow=data.allow_outside_root)
    return events


def missing_audio(metadata_path, events: pd.DataFrame) -> str | None:
    """Return in a line how many recordings of a table are not there and what may be wrong, None if all are."""
    try:
        require_audio_files(events["audio_path"], beside=parent(metadata_path))
    except AudioReadError as error:
        return str(error)
    return None


def run_events(run: RunFolder, data: DataConfig, *, require_audio: bool = True) -> pd.DataFrame:
    """Return the events of a run with the split they had, from its ``splits.csv``."""
    if not run.splits.is_file():
        raise RunError(
            f"{run.root} must be a run folder with a splits.csv. There is none. "
            "Give --metadata-path to score a table, or check the name."
        )
    keep_below(data.cache_gb)
    events = read_events(run.splits, audio_root=data.audio_folder)
    require_inside(events["audio_path"], data.audio_folder, allow=data.allow_outside_root)
    if require_audio:
        require_audio_files(events["audio_path"])
    return events


def tell(events: pd.DataFrame) -> None:
    """Log what was taken for granted when a table was read."""
    for line in events.attrs["told"]:
        logger.info("%s", line)


def table_folder(metadata_path, audio_root=None) -> str:
    """Return ``audio_root`` if it is given, else the folder of the table; AudioReadError for a URL that is not read."""
    root = str(audio_root) if audio_root is not None else parent(metadata_path)
    if is_url(root) and (problem := problem_of(root)):
        raise AudioReadError(f"The audio root {shown(root)} {problem}")
    return root
