"""Sound in memory: checked by the rules that files are held to, and brought to its level."""

import math
from collections.abc import Iterable

import numpy as np

from guitarclf.audio.chunks import MAX_CHANNELS
from guitarclf.audio.onsets import SHORTEST_SEC
from guitarclf.audio.recordings import MAX_MAGNITUDE
from guitarclf.errors import ParameterError
from guitarclf.parameters.sections import Level


def checked_waveforms(rows: Iterable, rate: int) -> list[np.ndarray]:
    """Return sounds in memory as float32 arrays of shape (n_samples,) or (n_samples, n_channels).

    Of an array with two axes the shorter one are the channels. Raises ParameterError for one that is not of floats, is
    shorter than 10 ms at ``rate`` Hz, has too many channels, or is not finite.
    """
    shortest = math.ceil(SHORTEST_SEC * rate)
    waveforms = []
    for row, waveform in enumerate(map(np.asarray, rows)):
        if waveform.ndim not in (1, 2) or not np.issubdtype(waveform.dtype, np.floating) or not waveform.size:
            raise ParameterError(
                f"Waveform {row} must be a 1-D array of floats that is not empty, or 2-D with its channels. "
                f"Got shape {waveform.shape}, dtype {waveform.dtype}. One note goes into a list: [waveform]."
            )
        if waveform.ndim == 2 and waveform.shape[0] < waveform.shape[1]:
            waveform = waveform.T
        if len(waveform) < shortest:
            raise ParameterError(
                f"Waveform {row} must be at least {1000 * SHORTEST_SEC:g} ms long, {shortest} samples at {rate} Hz. "
                f"It has {len(waveform)}. One note of several channels goes into a list: [waveform]."
            )
        if waveform.ndim == 2 and waveform.shape[1] > MAX_CHANNELS:
            raise ParameterError(
                f"Waveform {row} must have at most {MAX_CHANNELS} channels. Got shape {waveform.shape}. Notes of one "
                "channel are 1-D arrays."
            )
        largest = np.abs(waveform).max()  # NaN if one sample is
        if not np.isfinite(largest):
            raise ParameterError(f"Waveform {row} must hold finite samples. It has NaN or infinity.")
        if largest > MAX_MAGNITUDE:
            raise ParameterError(
                f"Waveform {row} must hold samples of at most {MAX_MAGNITUDE:g}. It has {largest:.3g}."
            )
        waveforms.append(waveform.astype(np.float32, copy=False))
    return waveforms


def set_level(window: np.ndarray, normalize: Level) -> np.ndarray:
    """Return a window scaled to peak 1 ("peak") or RMS 1 ("rms"), or as it is ("none"); silence stays silence."""
    if normalize == "none":
        return window
    if normalize == "peak":
        level = max(window.max(), -window.min())
    else:
        level = np.sqrt(np.mean(np.square(window, dtype=np.float64)))
    return (window / level).astype(np.float32, copy=False) if level > 0 else window
