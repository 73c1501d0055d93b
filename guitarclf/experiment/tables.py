"""The events of a config, of a run, or of a table that the command line names."""

import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd

from guitarclf.audio.recordings import require_audio_files
from guitarclf.config import Config, DataConfig
from guitarclf.data.events import is_in_our_terms, read_events
from guitarclf.data.splits import assign_splits
from guitarclf.errors import AudioReadError, RunError
from guitarclf.experiment.bad_audio import require_inside, without_bad_audio
from guitarclf.runs.folder import RunFolder

logger = logging.getLogger(__name__)

FEW_EVENTS = 300  # a table with fewer is better trained on from a model than afresh (docs/accuracy.md)


def with_absolute_paths(config: Config) -> Config:
    """Return a config with absolute paths of its table and its audio."""
    data = replace(
        config.data,
        metadata_path=str(Path(config.data.metadata_path).absolute()),
        audio_root=str(Path(config.data.audio_folder).absolute()),
    )
    return replace(config, data=data)


def config_events(config: Config) -> pd.DataFrame:
    """Return the events of ``data.metadata_path`` whose audio can be used; see `without_bad_audio`."""
    data = config.data
    events = read_events(data.metadata_path, audio_root=data.audio_folder, columns=data.columns, labels=data.labels)
    tell(events)
    return without_bad_audio(config, events, beside=Path(data.metadata_path).parent)


def split_events(config: Config) -> pd.DataFrame:
    """Return the events of a config with a column ``split``: train, val or test."""
    events, training = config_events(config), config.training
    events["split"] = assign_splits(
        events, valid_size=training.valid_size, test_size=training.test_size, seed=config.seed
    )
    return events


def other_events(data: DataConfig, metadata_path, audio_root=None, *, require_labels: bool) -> pd.DataFrame:
    """Return the events of a table other than the one a config names.

    The mapping of columns and labels in ``data`` is applied unless the table is in our terms already.
    ``audio_root`` is the table's folder unless given.
    """
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
    require_inside(events["audio_path"], root, allow=data.allow_outside_root)
    return events


def missing_audio(metadata_path, events: pd.DataFrame) -> str | None:
    """Return in a line how many recordings of a table are not there and what may be wrong, None if all are."""
    try:
        require_audio_files(events["audio_path"], beside=Path(metadata_path).parent)
    except AudioReadError as error:
        return str(error)
    return None


def run_events(run: RunFolder, data: DataConfig) -> pd.DataFrame:
    """Return the events of a run with the split they had, from its ``splits.csv``."""
    if not run.splits.is_file():
        raise RunError(
            f"{run.root} must be a run folder with a splits.csv. There is none. "
            "Give --metadata-path to score a table, or check the name."
        )
    events = read_events(run.splits, audio_root=data.audio_folder)
    require_inside(events["audio_path"], data.audio_folder, allow=data.allow_outside_root)
    require_audio_files(events["audio_path"])
    return events


def tell(events: pd.DataFrame) -> None:
    """Log what was taken for granted when a table was read."""
    for line in events.attrs["told"]:
        logger.info("%s", line)


def table_folder(metadata_path, audio_root=None) -> str:
    """Return ``audio_root`` if it is given, else the folder of the table."""
    return str(audio_root) if audio_root is not None else str(Path(metadata_path).parent)
