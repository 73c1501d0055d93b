"""Log-mel spectrograms of a batch of windows: equal to librosa's and many times as fast.

In numpy alone, so that a prediction need not wait for the import of scikit-learn, scipy or librosa.
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

    Equal to ``librosa.power_to_db(librosa.feature.melspectrogram(...), top_db=None)`` with a periodic Hann window
    and centred, zero-padded frames, to within 1e-2 dB. A row never depends on the others.

    Parameters
    ----------
    waveforms : ndarray of shape (n_events, n_samples), dtype=float32
    sample_rate : int
        Rate of the waveforms in Hz.
    n_fft, hop_length : int
        Length of an STFT frame and step between frames, in audio samples.
    n_mels : int
        Bands of the Slaney mel scale; each filter has unit area.
    fmin, fmax : float
        Lowest and highest band edge in Hz; ``fmax`` None is half the sample rate.
    compression : {"db", "log1p"}
        ``10 log10(max(power, 1e-10))`` or ``log(1 + log1p_alpha * power)``.
    top_db : float or None
        If set, no cell is more than this below the row's own maximum.

    Returns
    -------
    spectrograms : ndarray of shape (n_events, n_mels, n_frames), dtype=float32
        ``n_frames = 1 + n_samples // hop_length``.
    """
    waveforms = np.ascontiguousarray(waveforms, dtype=np.float32)
    groups = _mel_groups(sample_rate, n_fft, n_mels, fmin, fmax)
    n_frames = 1 + waveforms.shape[1] // hop_length
    spectrograms = np.empty((len(waveforms), n_mels, n_frames), dtype=np.float32)
    for first in range(0, len(waveforms), WINDOWS_AT_ONCE):
        power = _stft_power(waveforms[first : first + WINDOWS_AT_ONCE], n_fft, hop_length)
        for bands, bins, filters in groups:
            # One matrix product per row: in one product for all, the rounding of a row may depend on the others.
            mel = np.matmul(power[:, :, bins], filters)  # [B, T, F]
            spectrograms[first : first + WINDOWS_AT_ONCE, bands] = mel.transpose(0, 2, 1)
    if compression == "log1p":
        return np.log1p(np.float32(log1p_alpha) * spectrograms)
    decibels = 10 * np.log10(np.maximum(spectrograms, np.float32(AMIN)))
    if top_db is not None:
        decibels = np.maximum(decibels, decibels.max(axis=(1, 2), keepdims=True) - np.float32(top_db))
    return decibels


def log_mel_channels(waveforms, *, extra_channels=(), ends=None, **settings) -> np.ndarray:
    """`[B, n_samples]` -> `[B, C, F, T]`: the log-mel, then the extra channels in the order given.

    "rms" is the RMS of each frame in dB, the same in every band; "delta" the slope of the log-mel over 9 frames
    (librosa.feature.delta); "sounding" 1 in frames before the note's offset and 0 after it. ``ends`` are the offsets
    in samples, `[B]`; None stands for notes without one. ``settings`` are all other keywords of :func:`log_mel`.
    """
    spectrograms = log_mel(waveforms, **settings)
    n_events, n_mels, n_frames = spectrograms.shape
    features = np.empty((n_events, 1 + len(extra_channels), n_mels, n_frames), dtype=np.float32)
    features[:, 0] = spectrograms
    for channel, name in enumerate(extra_channels, start=1):
        if name == "rms":
            features[:, channel] = frame_rms_db(waveforms, settings["n_fft"], settings["hop_length"])[:, None]
        elif name == SOUNDING:
            features[:, channel] = sounding_frames(ends, n_events, n_frames, settings["hop_length"])[:, None]
        else:
            features[:, channel] = np.matmul(spectrograms, delta_matrix(n_frames))
    return features


def _stft_power(waveforms: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """`[B, n_samples]` -> `[B, T, 1 + n_fft // 2]` power of centred, zero-padded Hann frames, float32.

    The thread's next call overwrites the result.
    """
    n_rows, n_samples = waveforms.shape
    n_frames, half = 1 + n_samples // hop_length, n_fft // 2
    padded = _scratch("padded", (n_rows, n_samples + n_fft), np.float32)
    padded[:, :half], padded[:, half + n_samples :] = 0, 0
    padded[:, half : half + n_samples] = waveforms
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft, axis=1)[:, ::hop_length]
    # In float32 the FFT's own rounding shows 110 dB below the loudest cell, by 0.1 dB and more.
    windowed = _scratch("windowed", (n_rows, n_frames, n_fft), np.float64)
    spectrum = _scratch("spectrum", (n_rows, n_frames, half + 1), np.complex128)
    np.fft.rfft(np.multiply(frames, hann(n_fft), out=windowed), axis=2, out=spectrum)
    parts = spectrum.view(np.float64)
    np.multiply(parts, parts, out=parts)
    power = _scratch("power", (n_rows, n_frames, half + 1), np.float32)
    return np.add(parts[..., ::2], parts[..., 1::2], out=power, casting="same_kind")


# The arrays that each thread keeps: with new ones for each window, half the time goes to the system's pages.
_workspace = threading.local()


def _scratch(name: str, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    """Return the thread's array of a name, with anything in it."""
    arrays = _workspace.__dict__
    if name not in arrays or arrays[name].shape != shape:
        arrays[name] = np.empty(shape, dtype)
    return arrays[name]


def frame_rms_db(waveforms: np.ndarray, n_fft: int, hop_length: int) -> np.ndarray:
    """`[B, n_samples]` -> `[B, T]`, the root mean square in dB of each frame of the log-mel, float32."""
    padded = np.pad(waveforms.astype(np.float64) ** 2, ((0, 0), (n_fft // 2, n_fft // 2)))
    energy = np.pad(padded.cumsum(axis=1), ((0, 0), (1, 0)))
    mean = (energy[:, n_fft:] - energy[:, :-n_fft])[:, ::hop_length] / n_fft
    return (10 * np.log10(np.maximum(mean, AMIN))).astype(np.float32)


@lru_cache(maxsize=16)
def mel_filters(sample_rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the mel filterbank, `[1 + n_fft // 2, n_mels]` float32: ``librosa.filters.mel``, transposed."""
    edges = mel_edges(sample_rate, n_mels, fmin, fmax)
    bins = np.fft.rfftfreq(n_fft, 1 / sample_rate)
    ramps = edges[:, None] - bins  # [n_mels + 2, n_bins]
    widths = np.diff(edges)[:, None]
    rising, falling = -ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]
    weights = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return np.ascontiguousarray(weights.T, dtype=np.float32)


@lru_cache(maxsize=16)
def _mel_groups(*settings) -> list[tuple[slice, slice, np.ndarray]]:
    return band_groups(mel_filters(*settings))


def band_groups(filters: np.ndarray) -> list[tuple[slice, slice, np.ndarray]]:
    """Return filters `[bins, bands]` in parts: (bands, bins that they weigh, `[bins, bands]` filters of these)."""
    groups = []
    for first in range(0, filters.shape[1], BANDS):
        part = filters[:, first : first + BANDS]
        heard = np.flatnonzero(part.any(axis=1))
        bins = slice(heard[0], heard[-1] + 1) if len(heard) else slice(0, 1)
        groups.append((slice(first, first + BANDS), bins, np.ascontiguousarray(part[bins])))
    return groups


def mel_edges(sample_rate: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the band edges in Hz, shape (n_mels + 2,): band ``i`` lies between edges ``i`` and ``i + 2``."""
    top = sample_rate / 2 if fmax is None else fmax
    mels = np.linspace(_mel_of(fmin), _mel_of(top), n_mels + 2)
    end = LINEAR_END_HZ / LINEAR_HZ
    return np.where(mels < end, LINEAR_HZ * mels, LINEAR_END_HZ * np.exp(LOG_STEP * (mels - end)))


def mel_centers(sample_rate: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Return the centre frequency of each mel band in Hz, shape (n_mels,)."""
    return mel_edges(sample_rate, n_mels, fmin, fmax)[1:-1]


def _mel_of(hz: float) -> float:
    """Return a frequency on Slaney's mel scale."""
    return hz / LINEAR_HZ if hz < LINEAR_END_HZ else LINEAR_END_HZ / LINEAR_HZ + np.log(hz / LINEAR_END_HZ) / LOG_STEP


@lru_cache(maxsize=16)
def hann(n_fft: int) -> np.ndarray:
    """Return the periodic Hann window, float64."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)


@lru_cache(maxsize=16)
def delta_matrix(n_frames: int) -> np.ndarray:
    """Return the `[T, T]` float32 matrix by which frames are multiplied to give their slopes over DELTA_WIDTH frames.

    Slopes are those of least-squares lines (Savitzky and Golay 1964). A frame too near an end for a line of its own
    takes the slope of the nearest frame that has one.
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
