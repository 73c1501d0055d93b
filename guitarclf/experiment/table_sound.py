"""What validate hears of a table: the windows and channels of its events, the sound of each read once."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from guitarclf.audio.mono import averaged, channels_heard, chosen, has_dc
from guitarclf.audio.recordings import open_recording
from guitarclf.audio.windows import Request, WindowReader, by_file, in_threads
from guitarclf.config import Config, to_dict
from guitarclf.errors import AudioReadError
from guitarclf.experiment.bad_audio import EVENTS_AT_ONCE
from guitarclf.features.inputs import as_requests


class Channels(NamedTuple):
    """How many channels an event's recording has, which alone are heard of it (from 1; none if all), and if with DC."""

    n_channels: int
    odd: frozenset[int]
    with_dc: bool


class Heard(NamedTuple):
    """The digest of an event's window or why it cannot be read, and its Channels or None if these cannot."""

    digest: int | None
    problem: str | None
    channels: Channels | None


def hear(config: Config, events: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, list[Heard]]]:
    """Yield some events at a time and what is heard of each; no window outlives its digest."""
    reader = WindowReader(**to_dict(config.window), num_workers=config.data.num_workers)
    for first in range(0, len(events), EVENTS_AT_ONCE):
        part = events.iloc[first : first + EVENTS_AT_ONCE]
        requests = as_requests(part)
        reader.check()
        heard: dict[int, Heard] = {}
        for found in in_threads(partial(_hear_rows, reader, requests), by_file(requests), reader.n_threads):
            heard |= found
        yield part, [heard[row] for row in range(len(part))]


def _hear_rows(reader: WindowReader, requests: list[Request], rows: list[int]) -> dict[int, Heard]:
    """Return row -> what is heard of it, of rows of one recording."""
    try:
        with open_recording(requests[rows[0]].path) as recording:
            return {row: _hear_event(reader, recording, requests[row]) for row in rows}
    except AudioReadError as error:
        return dict.fromkeys(rows, Heard(None, str(error), None))


def _hear_event(reader: WindowReader, recording, request: Request) -> Heard:
    """Return what is heard of an event of an open recording."""
    channels = None
    try:
        stretch = reader.read_stretch(recording, request)
        channels = channels_in(stretch.meant, recording.samplerate)
        window = reader.window_of(recording, request, stretch)
    except AudioReadError as error:
        return Heard(None, str(error), channels or _channels_alone(reader, recording, request))
    return Heard(window_digest(window), None, channels)


def _channels_alone(reader: WindowReader, recording, request: Request) -> Channels | None:
    """Return the Channels of an event around which the file cannot be read, None if its own stretch cannot either."""
    try:
        return channels_in(reader.samples_of(recording, request), recording.samplerate)
    except AudioReadError:
        return None  # the window's problem tells of it


def channels_in(samples: np.ndarray, rate: int) -> Channels:
    """`[n_samples, n_channels]` -> the Channels of a stretch, by the rules of ``window.channel=auto``."""
    kept, n_channels = channels_heard(samples, rate), samples.shape[1]
    odd = frozenset(1 + number for number in kept if len(kept) < n_channels)
    return Channels(n_channels, odd, has_dc(averaged(chosen(samples, kept))))


def window_digest(window: np.ndarray) -> int:
    """Return a digest of a window that does not depend on its level or the format of its file, for this process.

    It has 64 bits: one table of a million events in 37 million has two that agree by chance.
    """
    steps = window / max(window.max(), -window.min())
    steps *= 2**11
    return hash(np.rint(steps, out=steps).astype(np.int16).tobytes())  # a fifth of the time of BLAKE2b
