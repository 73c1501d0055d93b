"""EventsFrame: the events of recordings as a DataFrame that a notebook also shows as pictures."""

import math
import os
from collections.abc import Iterator

import pandas as pd

from guitarclf.audio.recordings import open_recording
from guitarclf.errors import AudioReadError
from guitarclf.files.names import as_path
from guitarclf.pages.render import render
from guitarclf.timeline.events import Event, Timeline

MAX_PICTURES = 3  # recordings
NEEDED = {"audio_path", "onset_sec", "offset_sec", "label_category"}  # columns


class EventsFrame(pd.DataFrame):
    """A DataFrame of events as `guitarclf.annotate` returns it; what is taken from it is a plain DataFrame."""

    def _repr_html_(self) -> str | None:
        table = super()._repr_html_()  # type: ignore[misc]  # pandas-stubs does not know it
        is_whole = set(self.columns) >= NEEDED and "audio_root" in self.attrs
        if table is None or not is_whole:  # somebody turned off tables, or changed this one in place
            return table
        from guitarclf.timeline.picture import pictures_of

        return render("timeline_inline.html.j2", pictures=pictures_of(self._timelines())) + table

    def _timelines(self) -> Iterator[Timeline]:
        """Yield the first recordings, drawn from a second before their first events on."""
        for audio_path in self["audio_path"].drop_duplicates().head(MAX_PICTURES).astype(str):
            rows = self.loc[self["audio_path"] == audio_path, ["onset_sec", "offset_sec", "label_category"]]
            named = rows.itertuples(index=False, name=None)
            events = [Event(onset, offset, str(label)) for onset, offset, label in named if math.isfinite(onset)]
            path = os.path.join(self.attrs["audio_root"], as_path(audio_path))
            duration, rate = _size_of(path)
            first = min((event.onset for event in events), default=0.0)
            yield Timeline(path, audio_path, duration, rate, events, {"start": max(0.0, math.floor(first) - 1.0)})


def _size_of(path: str) -> tuple[float, int]:
    """Return the length of a recording in seconds and its rate, NaN and 0 if it cannot be opened."""
    try:
        with open_recording(path) as source:
            return source.frames / source.samplerate, source.samplerate
    except AudioReadError:
        return math.nan, 0
