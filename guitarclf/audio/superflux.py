"""How much each moment of a recording rises above the one before it, in dB, from a stream of samples.

SuperFlux (Boeck and Widmer 2013, DAFx) on a log-mel with a floor: 30 dB below the loud level around, spread over the
bands. What is further down, as hiss, finger noise and the count-in of a neighbour, then makes no rise. Nothing is
scaled to the whole file, so that what a minute holds does not depend on the minutes after the next ten seconds.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain, repeat
from typing import NamedTuple

import numpy as np
import soxr

from guitarclf.audio.mel import band_groups, hann, mel_edges, mel_filters
from guitarclf.audio.mono import STEADY_DB
from guitarclf.errors import AudioReadError
from guitarclf.parameters.sections import OnsetParameters

RATE, N_FFT, HOP = 22050, 512, 110  # Hz, samples: frames of 23 ms, one every 5 ms
N_MELS, FMIN, FMAX = 80, 60.0, 10000.0
LAG = 3  # frames between the two that are compared
SEGMENT = 100 * HOP  # samples that share a reference
LIVE_FIRST, LIVE_SEGMENT = 200 * HOP, 20 * HOP  # the same while a stream plays: its first ones, and the others
HALF_LIFE = 20.0  # seconds in which the loudest moment of a stream counts half as much
SINE_POWER = 1.5 * (N_FFT / 4) ** 2  # of a frame of a sine at full scale
BEFORE_LIVE = SINE_POWER * 10 ** (-40 / 10)  # what a stream is taken to have heard before it began, as it knows nothing
FORGETTING, FORGOTTEN = 0.5, 5.0  # seconds in which that counts half as much, and nothing any more
N_CUT, N_START = 3, 10  # frames that begin before the recording, and those after them whose level is that of its start
LOUD_PERCENT = 98  # of the frames around are below the reference
FRAMES_PER_SEC = RATE / HOP


class Rises(NamedTuple):
    """Of some frames in turn, the mean rise of the bands in dB, and the level in dB against the reference."""

    strength: np.ndarray
    level: np.ndarray


def rises(
    blocks: Iterable[np.ndarray], rate: int, parameters: OnsetParameters, *, live: bool = False
) -> Iterator[Rises]:
    """Yield the rises of mono samples, frame ``i`` at ``i / FRAMES_PER_SEC`` seconds.

    Parameters
    ----------
    blocks : iterable of float32 ndarrays of shape (n_samples,)
        In turn, of any length: the rises are the same to the last bit.
    rate : int
        Samples per second.
    parameters : OnsetParameters
    live : bool
        Whether they are wanted 0.1 s after they come, so that the reference is taken from what was before.

    Raises
    ------
    AudioReadError
        If a sample is not finite.
    """
    bands, before = filters(min(rate, RATE)), None
    if live:
        segments = _mel_power(_resampled(blocks, rate, rate // 10), bands, LIVE_SEGMENT, LIVE_FIRST)
        referred = _with_running_reference(segments, parameters.quietest_db)
    else:
        segments = _mel_power(_resampled(blocks, rate, rate), bands, SEGMENT)
        n_around = round(parameters.reference_sec * RATE / SEGMENT)
        referred = _with_reference(segments, n_around, parameters.quietest_db)
    for mel, around, reference in referred:
        if before is None:
            mel, before = _started(mel, np.concatenate(around))
        rows = np.concatenate([before, mel])
        before = rows[-LAG:]
        floor = reference / mel.shape[1] * 10 ** (-parameters.floor_db / 10)
        yield Rises(_rise(rows, floor), _decibels(mel.sum(axis=1), reference))


def _started(mel: np.ndarray, around: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first frames of a recording, and what is taken to be in the LAG frames before them.

    That is silence, or, if the start is hardly louder than the sound mostly is, what that mostly is: the start of a
    file with hiss or hum is then no onset.
    """
    first = mel[N_CUT : N_CUT + N_START].sum(axis=1)
    if len(first) < N_START or first.mean() >= np.median(around.sum(axis=1)) * 10 ** (STEADY_DB / 10):
        return mel, np.zeros((LAG, mel.shape[1]), dtype=np.float32)
    mel[:N_CUT] = mel[N_CUT]
    return mel, np.tile(np.median(around, axis=0), (LAG, 1))


def _rise(rows: np.ndarray, floor: float) -> np.ndarray:
    """`[LAG + T, F]` mel power -> `[T]`, how much the bands rise in LAG frames, on average, in dB."""
    if not floor:
        return np.zeros(len(rows) - LAG)
    level = 10 * np.log10(rows + np.float32(floor))
    before = level[:-LAG]
    highest = before.copy()  # of a band and its neighbours: a tone that glides is no rise
    np.maximum(highest[:, 1:], before[:, :-1], out=highest[:, 1:])
    np.maximum(highest[:, :-1], before[:, 1:], out=highest[:, :-1])
    return np.maximum(0, level[LAG:] - highest).mean(axis=1, dtype=np.float64)


def _decibels(power: np.ndarray, reference: float) -> np.ndarray:
    """Return frame powers in dB above a reference, -inf for silence."""
    with np.errstate(divide="ignore"):
        return 10 * np.log10(power / reference) if reference else np.full(len(power), -np.inf)


@lru_cache(maxsize=16)
def filters(rate: int) -> np.ndarray:
    """Return the mel filters, each 1 at its peak, `[bins, bands]`: those that sound of a rate can fill."""
    edges = mel_edges(RATE, N_MELS, FMIN, FMAX)
    n_bands = max(1, int((edges[2:] <= rate / 2).sum()))
    heights = (edges[2:] - edges[:-2])[:n_bands] / 2
    return np.ascontiguousarray(mel_filters(RATE, N_FFT, N_MELS, FMIN, FMAX)[:, :n_bands] * heights, dtype=np.float32)


def _with_reference(
    segments: Iterator[np.ndarray], n_around: int, quietest_db: float
) -> Iterator[tuple[np.ndarray, list[np.ndarray], float]]:
    """Yield (the mel power of a segment, that of the segments around, its reference power) of each segment.

    The reference is exceeded by 2 % of the frames in ``n_around`` segments before and after, and is at most
    ``quietest_db`` below the loudest frame up to there.
    """
    around: deque[np.ndarray | None] = deque(maxlen=2 * n_around + 1)
    powers: deque[np.ndarray] = deque(maxlen=2 * n_around + 1)
    loudest = 0.0
    for segment in chain(segments, repeat(None, n_around)):
        around.append(segment)
        powers.append(np.zeros(0) if segment is None else segment.sum(axis=1))
        loudest = max(loudest, float(powers[-1].max(initial=0)))
        middle = around[-1 - n_around] if len(around) > n_around else None
        if middle is not None:
            loud = float(np.percentile(np.concatenate(powers), LOUD_PERCENT))
            yield middle, [s for s in around if s is not None], max(loud, loudest * 10 ** (-quietest_db / 10))


def _with_running_reference(
    segments: Iterator[np.ndarray], quietest_db: float
) -> Iterator[tuple[np.ndarray, list[np.ndarray], float]]:
    """Yield what `_with_reference` does, with the loudest frame up to there, which fades, for a reference.

    At first there is BEFORE_LIVE besides, or the noises of a count-in would be the loudest that there is.
    """
    loud = loudest = heard_sec = 0.0
    for segment in segments:
        before = BEFORE_LIVE * 0.5 ** (heard_sec / FORGETTING) if heard_sec < FORGOTTEN else 0.0
        heard_sec += len(segment) / FRAMES_PER_SEC
        power = float(segment.sum(axis=1).max())
        loud = max(loud * 0.5 ** (len(segment) / FRAMES_PER_SEC / HALF_LIFE), power)
        loudest = max(loudest, power)
        yield segment, [segment], max(loud, loudest * 10 ** (-quietest_db / 10), before)


def _mel_power(blocks: Iterable[np.ndarray], bands: np.ndarray, length: int, first: int = 0) -> Iterator[np.ndarray]:
    """Yield the mel power of a segment in turn, `[n_frames, n_bands]`; the frames are centred at ``i * HOP``.

    A segment has ``length`` samples at RATE, the first one ``first``, if that is given.
    """
    window, edge = hann(N_FFT).astype(np.float32), np.zeros(N_FFT // 2, dtype=np.float32)
    rest, groups = edge, band_groups(bands)
    for samples in chain(_regrouped(blocks, length, first), [edge]):
        rest = np.concatenate([rest, samples])
        n_frames = 1 + (len(rest) - N_FFT) // HOP
        if n_frames > 0:
            frames = np.lib.stride_tricks.sliding_window_view(rest, N_FFT)[::HOP][:n_frames]
            spectrum = np.fft.rfft(frames * window)
            power, mel = spectrum.real**2 + spectrum.imag**2, np.empty((n_frames, bands.shape[1]), dtype=np.float32)
            for part, bins, weights in groups:
                mel[:, part] = power[:, bins] @ weights
            yield mel
            rest = rest[n_frames * HOP :]


def _resampled(blocks: Iterable[np.ndarray], rate: int, length: int) -> Iterator[np.ndarray]:
    """Yield mono samples at RATE, from ``length`` at a time, without the constant that they start with.

    The start of a file with DC is then no step.
    """
    first, stream = None, None if rate == RATE else soxr.ResampleStream(rate, RATE, 1, "float32")
    for block in _regrouped(blocks, length):
        if not np.isfinite(block).all():
            raise AudioReadError("The samples must be finite. They have NaN or infinity. Replace them.")
        first = block[0] if first is None else first
        yield block - first if stream is None else stream.resample_chunk(block - first)
    if stream is not None:
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


def _regrouped(blocks: Iterable[np.ndarray], length: int, first: int = 0) -> Iterator[np.ndarray]:
    """Yield the samples of blocks in blocks of one length, the last one shorter; nothing if there are none.

    ``first`` is the length of the first one, if it is another.
    """
    held: list[np.ndarray] = []
    n_held, wanted = 0, first or length
    for block in blocks:
        held.append(np.asarray(block, dtype=np.float32))
        n_held += len(held[-1])
        if n_held >= wanted:
            samples = np.concatenate(held)
            n_whole = wanted + (n_held - wanted) // length * length
            yield samples[:wanted]
            yield from samples[wanted:n_whole].reshape(-1, length)
            held, n_held, wanted = [samples[n_whole:]], n_held - n_whole, length
    if n_held:
        yield np.concatenate(held)
