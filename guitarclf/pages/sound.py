"""Sound as part of a page: OGG Vorbis, mono."""

import io
from collections.abc import Iterable, Iterator

import numpy as np
import soundfile
import soxr

from guitarclf.pages.render import data_uri

RATE = 22050  # Hz, enough to tell how a note was played, and a quarter of a CD's data
AT_ONCE = 65_536  # samples that libsndfile encodes in one call: 1.2.2 crashes on half an hour
PEAK = 0.9  # of the loudest sample: Vorbis overshoots
MOST_GAIN = 10.0


def sound(blocks: Iterable[np.ndarray], rate: int, gain: float = 1.0) -> str:
    """Return mono sound as the data URI of an OGG of 22.05 kHz.

    Parameters
    ----------
    blocks : iterable of float32 ndarrays of shape (n_samples,)
        In turn, of any length; of sound in memory ``[samples]``.
    rate : int
        Samples per second.
    gain : float
        What samples are multiplied by; beyond full scale they are clipped.
    """
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", samplerate=RATE, channels=1, format="OGG", subtype="VORBIS") as ogg:
        for block in resampled(blocks, rate):
            for first in range(0, len(block), AT_ONCE):
                ogg.write(np.clip(gain * block[first : first + AT_ONCE], -1, 1))
    return data_uri(file.getvalue(), "audio/ogg")


def gain_for(peak: float) -> float:
    """Return the gain that brings a peak to PEAK: a quiet sound becomes at most MOST_GAIN times as loud."""
    return min(MOST_GAIN, PEAK / peak) if peak > 0 else 1.0


def resampled(blocks: Iterable[np.ndarray], rate: int) -> Iterator[np.ndarray]:
    """Yield mono float32 samples at RATE, the same as if they were resampled in one piece."""
    if rate == RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, RATE, 1, "float32")
    for block in blocks:
        yield stream.resample_chunk(np.asarray(block, dtype=np.float32))
    yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
