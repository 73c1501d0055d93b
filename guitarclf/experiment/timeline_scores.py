"""Score the events that were found in recordings against a table of the true ones."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from guitarclf.config import DataConfig
from guitarclf.errors import EventTableError
from guitarclf.evaluation.timeline import score_timeline
from guitarclf.evaluation.timeline_report import TimelineReport
from guitarclf.experiment.annotate import Recording
from guitarclf.experiment.tables import other_events
from guitarclf.files.names import as_path
from guitarclf.files.wording import shown
from guitarclf.timeline.events import Timeline, rows

NAMES = ["audio_path", "onset_sec", "label_category"]


class Scores:
    """True events of recordings, and those that were found in them.

    Parameters
    ----------
    table : str or Path
        The true events.
    audio_root : str or Path or None
        What its ``audio_path`` is relative to; None is its folder.
    data : DataConfig
        How it is read.
    recordings : sequence of Recording
        Those in which events are looked for.
    start, end : float
        The stretch of each, in seconds.

    Raises
    ------
    EventTableError
        If it breaks a rule, or names none of the recordings.
    """

    def __init__(
        self,
        table: str | Path,
        audio_root: str | Path | None,
        data: DataConfig,
        recordings: Sequence[Recording],
        start: float = 0.0,
        end: float = math.inf,
    ) -> None:
        true = other_events(data, table, audio_root, require_labels=True)
        names = {os.path.realpath(as_path(recording.path)): recording.audio_path for recording in recordings}
        paths = [os.path.realpath(as_path(path)) for path in true["audio_path"]]
        if not names.keys() & set(paths):
            raise EventTableError(
                f"{shown(table)} must name recordings that are annotated. It has {shown(true['audio_path'].iloc[0])}, "
                f"and {shown(recordings[0].path)} is annotated. Check `audio_path` and --audio-root."
            )
        is_meant = true["onset_sec"].between(start, end, inclusive="left")
        self.true = true.assign(audio_path=[names.get(path, path) for path in paths])[is_meant]
        self.found: list[dict] = []
        self.heard: list[str] = []

    def add(self, timeline: Timeline) -> None:
        """Take in the events that were found in a recording; one that could not be read has found nothing."""
        self.heard.append(timeline.audio_path)
        self.found += [{name: row[name] for name in NAMES} for row in rows(timeline) if not row["error"]]

    def report(self) -> TimelineReport:
        """Return the scores of what was found so far."""
        return score_timeline(self.true, pd.DataFrame(self.found, columns=NAMES), recordings=self.heard)
