"""Where the events of recordings are, from a table."""

import logging
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from guitarclf.config import DataConfig
from guitarclf.errors import EventTableError
from guitarclf.experiment.annotate import Recording
from guitarclf.experiment.tables import other_events
from guitarclf.files.names import as_path
from guitarclf.files.wording import shown
from guitarclf.timeline.stream import Place, places_at

logger = logging.getLogger(__name__)


def places_of(
    table: str | Path, audio_root: str | Path | None, data: DataConfig
) -> tuple[dict[str, list[Place]], list[str]]:
    """Return where the events of a table are, by the real path of their recording, and the recordings in its order.

    Labels are not needed, nor are offsets.
    """
    events = other_events(data, table, audio_root, require_labels=False)
    places = {
        os.path.realpath(as_path(str(path))): places_at(rows["onset_sec"].tolist(), rows["offset_sec"].tolist())
        for path, rows in events.groupby("audio_path", sort=False)
    }
    return places, events["audio_path"].drop_duplicates().tolist()


def require_named(table: str | Path, places: Collection[str], recordings: Sequence[Recording]) -> None:
    """Raise EventTableError if a table, with events at ``places``, names none of the recordings; tell of those left."""
    others = [each for each in recordings if os.path.realpath(as_path(each.path)) not in places]
    if others and len(others) == len(recordings):
        raise EventTableError(
            f"{shown(table)} must name recordings that are annotated. It does not name {shown(others[0].path)}. "
            "Check `audio_path` and --audio-root."
        )
    if others:
        told = "%d of %d recordings are not in %s, and have no events: %s, ..."
        logger.warning(told, len(others), len(recordings), shown(table), shown(others[0].audio_path))
