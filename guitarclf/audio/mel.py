"""Log-mel spectrograms of a batch of windows, in numpy alone: equal to librosa's and many times as fast.

No scikit-learn, scipy or librosa, so that a prediction need not wait for their import.
"""

import threading
from functools import lru_cache

import numpy as np

from guitarclf.audio.offsets import SOUNDING, sounding_frames
from guitarclf.errors import ParameterError
from guitarclf.parameters.sections import Compression, LogMelParameters, WindowParameters

AMIN = 1e-10  # smallest power, as in librosa.power_to_db
DELTA_WIDTH = 9  # frames, as in librosa.feature.delta
WINDOWS_AT_ONCE = 2  # windows transformed at once: their spectra fit in the cache of a core
BANDS = 8  # mel bands summed at once: a product so small that BLAS wakes no other threads
# Slaney's mel scale (Auditory Toolbox): linear to 1 kHz, 15 mel, then a factor of 6.4 in 27 steps.
LINEAR_HZ, LINEAR_END_HZ, LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


def log_mel(
    waveforms,
    *,
    sample_rate: int = WindowParameters.sample_rate,
    n_fft: int = LogMelParameters.n_fft,
    hop_length: int = LogMelParameters.hop_length,
    n_mels: int = LogMelParameters.n_mels,
    fmin: float = LogMelParameters.fmin,
    fmax: float | None = LogMelParameters.fmax,
    compression: Compression = LogMelParameters.compression,
    log1p_alpha: float = LogMelParameters.log1p_alpha,
    top_db: float | None = LogMelParameters.top_db,
) -> np.ndarray:
    """Return the log-mel spectrogram of each waveform.

    Equal to ``librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)`` with a
    periodic Hann window and centred, zero-padded frames, to within 1e-2 dB; a row never depends
    on the others.

    Parameters
    ----------
    waveforms : ndarray of shape (n_events, n_samples), dtype=float32
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Length of and step between STFT frames in audio samples.
    n_mels : int
        Bands of the Slaney mel scale, each filter of unit area.
    fmin, fmax : float
        Lowest and highest band edge in Hz; ``fmax`` None is half the sample rate.
    compression : {"db", "log1p"}
        ``10 log10(max(power, 1e-10))``; or ``log(1 + log1p_alpha * power)``.
    top_db : float or None
        If set, cells are raised to at least the row's own maximum minus ``top_db`` (dB).

    Returns
    -------
    spectrograms : ndarray of shape (n_events, n_mels, n_frames), dtype=float32
        ``n_frames = 1 + n_samples // hop_length``.
    """
    waveforms = np.ascontiguousarray(waveforms, dtype=np.float32)
    groups = mel_groups(sample_rate, n_fft, n_mels, fmin, fmax)
    n_frames = 1 + waveforms.shape[1] // hop_length
    spectrograms = np.empty((len(waveforms), n_mels, n_frames), dtype=np.float32)
    for first in range(0, len(waveforms), WINDOWS_AT_ONCE):
        power = _stft_power(waveforms[first : first + WINDOWS_AT_ONCE], n_fft, hop_length)
        for bands, bins, filters in groups:
            # One matrix product per row: a batched one may round a row differently in other company.
            mel = np.matmul(power[:, :, bins], filters)  # [B, T, F]
            spectrograms[first : first + WINDOWS_AT_ONCE, bands] = mel.transpose(0, 2, 1)
    if compression == "log1p":
        return np.log1p(np.float32(log1p_alpha) * spectrograms)
    decibels = 10 * np.log10(np.maximum(spectrograms, np.float32(AMIN)))
    if top_db is not None:
        decibels = np.maximum(decibels, decibels.max(axis=(1, 2), keepdims=True) - np.float32(top_db))
    return decibels


def log_mel_channels(waveforms, *, extra_channels=(), ends=None, **settings) -> np.ndarray:
    """`[B, n_samples]` -> `[B, C, F, T]`: the log-mel of :func:`log_mel`, then the extra channels.

    They are the RMS of each frame in dB, the same in every band ("rms"); the slope of the log-mel over
    9 frames ("delta", librosa.feature.delta); and 1 in frames before the note's offset, 0 after it ("sounding").
    ``ends`` are the offsets in samples, `[B]`; None stands for notes without one.
    """
    spectrograms = log_mel(waveforms, **settings)
    channels = [spectrograms]
    n_fft = settings.get("n_fft", LogMelParameters.n_fft)
    hop_length = settings.get("hop_length", LogMelParameters.hop_length)
    for name in extra_channels:
        if name == "rms":
            envelope = frame_rms_db(waveforms, n_fft, hop_length)
            channels.append(np.broadcast_to(envelope[:, None, :], spectrograms.shape))
        elif name == SOUNDING:
            sounding = sounding_frames(ends, len(waveforms), spectrograms.shape[2], hop_length)
            channels.append(np.broadcast_to(sounding[:, None, :], spectrograms.shape))
        else:
            channels.append(np.matmul(spectrograms, delta_matrix(spectrograms.shape[2])))
    return np.stack(channels, axis=1)


def _stft_power(waveforms: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """`[B, n_samples]` -> `[B, T, 1 + n_fft // 2]` power of centred, zero-padded Hann frames, float32.

    The result is overwritten by the thread's next call.
    """
    n_rows, n_samples = waveforms.shape
    n_frames, half = 1 + n_samples // hop_length, n_fft // 2
    padded = _workspace.array("padded", (n_rows, n_samples + n_fft), np.float32)
    padded[:, :half], padded[:, half + n_samples :] = 0, 0
    padded[:, half : half + n_samples] = waveforms
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)[:, ::hop_length]
    # In float32 the FFT's own rounding shows 110 dB below the loudest cell, by 0.1 dB and more.
    windowed = _workspace.array("windowed", (n_rows, n_frames, n_fft), np.float64)
    spectrum = _workspace.array("spectrum", (n_rows, n_frames, half + 1), np.complex128)
    np.fft.rfft(np.multiply(frames, hann(n_fft), out=windowed), axis=2, out=spectrum)
    parts = spectrum.view(np.float64)
    np.multiply(parts, parts, out=parts)
    power = _workspace.array("power", (n_rows, n_frames, half + 1), np.float32)
    return np.add(parts[..., ::2], parts[..., 1::2], out=power, casting="same_kind")


class _Workspace(threading.local):
    """Arrays that each thread keeps: with new ones for each window, half the time goes to the system's pages."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
        """Return the thread's array of a name, with anything in it."""
        found = self.arrays.get(name)
        if found is None or found.shape != shape:
            found = self.arrays[name] = np.empty(shape, dtype)
        return found


_workspace = _Workspace()


def frame_rms_db(waveforms: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """`[B, n_samples]` -> `[B, T]` root mean square of each frame in dB, frames as in the log-mel."""
    padded = np.pad(waveforms.astype(np.float64) ** 2, ((0, 0), (n_fft // 2, n_fft // 2)))
    energy = np.pad(padded.cumsum(axis=1), ((0, 0), (1, 0)))
    mean = (energy[:, n_fft:] - energy[:, :-n_fft])[:, ::hop_length] / n_fft
    return (10 * np.log10(np.maximum(mean, AMIN))).astype(np.float32)


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the mel filterbank of shape (1 + n_fft // 2, n_mels), float32, as ``librosa.filters.mel``."""
    edges = mel_edges(sample_rate, n_mels, fmin, fmax)
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    ramps = edges[:, None] - bins  # [n_mels + 2, n_bins]
    widths = np.diff(edges)[:, None]
    rising, falling = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return np.ascontiguousarray(weights.T, dtype=np.float32)


@lru_cache(maxsize=16)
def mel_groups(*settings) -> list[tuple[slice, slice, np.ndarray]]:
    """Return the filterbank in parts: bands, the bins they hear, and the filters from these to those."""
    filters = mel_filters(*settings)
    groups = []
    for first in range(0, filters.shape[1], BANDS):
        part = filters[:, first : first + BANDS]
        heard = np.flatnonzero(part.any(axis=1))
        bins = slice(heard[0], heard[-1] + 1) if len(heard) else slice(0, 1)
        groups.append((slice(first, first + BANDS), bins, np.ascontiguousarray(part[bins])))
    return groups


def mel_edges(sample_rate: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the band edges in Hz, shape (n_mels + 2,): band ``i`` rises from edge ``i`` and falls to ``i + 2``."""
    top = sample_rate / 2 if fmax is None else fmax
    mels = np.linspace(_mel_of(fmin), _mel_of(top), n_mels + 2)
    end = LINEAR_END_HZ / LINEAR_HZ
    return np.where(mels < end, LINEAR_HZ * mels, LINEAR_END_HZ * np.exp(LOG_STEP * (mels - end)))


def mel_centers(sample_rate: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the centre frequency of each mel band in Hz, shape (n_mels,)."""
    return mel_edges(sample_rate, n_mels, fmin, fmax)[1:-1]


def _mel_of(hz: float) -> float:
    return hz / LINEAR_HZ if hz < LINEAR_END_HZ else LINEAR_END_HZ / LINEAR_HZ + np.log(hz / LINEAR_END_HZ) / LOG_STEP


@lru_cache(maxsize=16)
def hann(n_fft: int) -> np.ndarray:
    """Return the periodic Hann window, float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


@lru_cache(maxsize=16)
def delta_matrix(n_frames: int) -> np.ndarray:
    """Return the `[T, T]` float32 matrix that takes frames to their slope over DELTA_WIDTH frames.

    The slope of a least-squares line (Savitzky and Golay 1964); the first and last frames have that of the
    nearest whole stretch.
    """
    if n_frames < DELTA_WIDTH:
        raise ParameterError(
            f"The delta channel must have at least {DELTA_WIDTH} frames. Got {n_frames}. "
            "Use a longer window or a smaller hop_length."
        )
    half = DELTA_WIDTH // 2
    steps = np.arange(-half, half + 1)
    matrix = np.zeros((n_frames, n_frames), dtype=np.float32)
    for frame in range(n_frames):
        center = min(max(frame, half), n_frames - 1 - half)
        matrix[center + steps, frame] = steps / np.sum(steps**2)
    return matrix
