"""The events that a config, a run or the command line point at."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from guitarclf.config import Config
from guitarclf.data.audio import require_audio_files
from guitarclf.data.events import read_events
from guitarclf.errors import RunError
from guitarclf.persistence import RunFolder


def with_data(config: Config, metadata_path=None, audio_root=None) -> Config:
    """Return a config whose paths are absolute, those given here in place of its own."""
    data = replace(
        config.data,
        metadata_path=str(Path(metadata_path or config.data.metadata_path).absolute()),
        audio_root=str(Path(audio_root or config.data.audio_root).absolute()),
    )
    return replace(config, data=data)


def config_events(config: Config, *, require_labels: bool = True) -> pd.DataFrame:
    """Return the events of ``data.metadata_path``, every audio file of which exists."""
    data = config.data
    events = read_events(
        data.metadata_path,
        audio_root=data.audio_root,
        columns=data.columns,
        labels=data.labels,
        require_labels=require_labels,
    )
    require_audio_files(events["audio_path"], beside=Path(data.metadata_path).parent)
    return events


def run_events(run: RunFolder, config: Config) -> pd.DataFrame:
    """Return the events of a run with the split they had, from its ``splits.csv``."""
    if not run.splits.is_file():
        raise RunError(
            f"{run.root} must be a run folder with a splits.csv. There is none. "
            "Give --metadata-path to score a table, or check --run-dir."
        )
    events = read_events(run.splits, audio_root=config.data.audio_root)
    require_audio_files(events["audio_path"])
    return events


def table_folder(metadata_path, audio_root=None) -> str:
    """Return ``audio_root``, or where it is not given the folder of the table."""
    return str(audio_root) if audio_root is not None else str(Path(metadata_path).parent)
