"""Where the events of recordings are, from a table."""

import os
from pathlib import Path

from guitarclf.config import DataConfig
from guitarclf.experiment.tables import other_events
from guitarclf.timeline.stream import Place, places_at


def places_of(
    table: str | Path, audio_root: str | Path | None, data: DataConfig
) -> tuple[dict[str, list[Place]], list[str]]:
    """Return where the events of a table are, by the real path of their recording, and the recordings in its order.

    Labels are not needed, nor are offsets.
    """
    events = other_events(data, table, audio_root, require_labels=False)
    places = {
        os.path.realpath(str(path)): places_at(rows["onset_sec"].tolist(), rows["offset_sec"].tolist())
        for path, rows in events.groupby("audio_path", sort=False)
    }
    return places, events["audio_path"].drop_duplicates().tolist()
