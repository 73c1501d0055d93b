"""LogMelSpectrogram: windows of audio -> log-mel spectrograms, from the feature cache where it has them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from guitarclf.audio.mel import log_mel, log_mel_channels
from guitarclf.errors import ParameterError
from guitarclf.features.arrays import FeatureRows, Windows
from guitarclf.features.extraction import features_of
from guitarclf.features.store import FeatureStore
from guitarclf.parameters.rules import plain
from guitarclf.parameters.sections import CACHE_GB, Compression, ExtraChannel, LogMelParameters, WindowParameters

__all__ = ["LogMelSpectrogram", "log_mel"]


@dataclass(kw_only=True, eq=False, repr=False)  # scikit-learn compares and prints its estimators itself
class LogMelSpectrogram(TransformerMixin, BaseEstimator):
    """Log-mel spectrograms, with extra channels if asked.

    Parameters
    ----------
    sample_rate, n_fft, hop_length, n_mels, fmin, fmax, compression, log1p_alpha, top_db
        As in :func:`guitarclf.audio.mel.log_mel`.
    extra_channels : list of {"rms", "delta", "sounding"}
        Channels after the log-mel, in the order given: the RMS of each frame in dB, the same in every band; the slope
        of the log-mel over 9 frames (librosa.feature.delta); 1 in frames before the event's offset and 0 after it.
        Events without an offset, as all windows in an ndarray, sound throughout.
    cache : str or None
        Folder in which the features of recordings are kept from one call to the next: a
        :class:`guitarclf.features.store.FeatureStore`. None keeps none.
    cache_gb : float
        Size below which the folder is kept, in gigabytes.
    """

    sample_rate: int = WindowParameters.sample_rate
    n_fft: int = LogMelParameters.n_fft
    hop_length: int = LogMelParameters.hop_length
    n_mels: int = LogMelParameters.n_mels
    fmin: float = LogMelParameters.fmin
    fmax: float | None = LogMelParameters.fmax
    compression: Compression = LogMelParameters.compression
    log1p_alpha: float = LogMelParameters.log1p_alpha
    top_db: float | None = LogMelParameters.top_db
    extra_channels: Sequence[ExtraChannel] = ()
    cache: str | None = None
    cache_gb: float = CACHE_GB

    def fit(self, X: Any, y: Any = None) -> "LogMelSpectrogram":
        """Check the parameters and that X are windows; nothing is learnt."""
        self._check()
        _require_windows(X)
        return self

    def transform(self, X: Any) -> np.ndarray | FeatureRows:
        """Return the features of windows.

        Parameters
        ----------
        X : ndarray of shape (n_events, n_samples), or the Windows that EventWindow hands on

        Returns
        -------
        features : float32 array-like of shape (n_events, n_channels, n_mels, n_frames)
            Up to 256 MB an ndarray in memory. More features of recordings lie on disk: FeatureRows, which are read
            when they are indexed, or a memory-mapped ndarray if there is no cache.

        Raises
        ------
        AudioReadError
            If a recording cannot be read.
        ParameterError
            If the windows were read at another rate.
        """
        self._check()
        _require_windows(X)
        if isinstance(X, Windows):
            require_equal_rates(X.reader.sample_rate, self.sample_rate)
            store = None if self.cache is None else FeatureStore(self.cache, self.cache_gb)
            return features_of(X, self.settings, store)
        return log_mel_channels(np.asarray(X), **self.settings)

    @property
    def settings(self) -> dict:
        """The keywords of :func:`guitarclf.audio.mel.log_mel_channels`: all parameters that shape the features."""
        return {name: value for name, value in self.get_params().items() if name not in ("cache", "cache_gb")}

    def _check(self) -> None:
        """Raise ParameterError for a parameter that breaks its rule."""
        settings = plain(self.settings)
        window = WindowParameters.of({"sample_rate": settings.pop("sample_rate")})
        LogMelParameters.of(settings).check_bands(window.sample_rate)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit, tags.no_validation = False, True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _require_windows(X: Any) -> None:
    """Raise ParameterError unless X is a dense array-like of shape (n_events, n_samples), real and finite."""
    if isinstance(X, Windows):
        return
    if issparse(X):
        raise ParameterError("X must be windows in a dense array. Got a sparse matrix. EventWindow makes them.")
    windows = np.asarray(X)
    if windows.ndim != 2 or windows.dtype.kind not in "fiu":
        raise ParameterError(
            f"X must be windows of shape (n_events, n_samples). Got shape {windows.shape}, dtype {windows.dtype}. "
            "EventWindow makes them."
        )
    if not np.isfinite(windows).all():
        raise ParameterError("X must hold finite samples. It has NaN or infinity.")


def require_equal_rates(window_rate: int, log_mel_rate: int) -> None:
    """Raise ParameterError unless windows and log-mel are at one rate: else every band has another frequency."""
    if window_rate != log_mel_rate:
        raise ParameterError(
            f"`window__sample_rate` and `logmel__sample_rate` must be equal. Got {window_rate} and {log_mel_rate} Hz. "
            "Set both."
        )
