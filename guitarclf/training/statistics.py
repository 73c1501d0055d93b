"""Which rows of a fit are for validation, and what is learnt from the others before training."""

from typing import NamedTuple

import numpy as np
import torch

from guitarclf.data.splits import draw_sides
from guitarclf.errors import ParameterError, SplitError
from guitarclf.models.loss import MODELLED, NO_NOTE
from guitarclf.parameters.sections import DECIBEL_CHANGES
from guitarclf.priors import SMALLEST

EVENTS_AT_ONCE = 1024  # events whose statistics are summed at once


class BandStatistics(NamedTuple):
    """Mean and standard deviation of each band, shape (n_channels, n_mels), and the lowest log-mel cell."""

    mean: np.ndarray
    scale: np.ndarray
    lowest: float


def validation_mask(y: np.ndarray, *, groups=None, valid=None, valid_size: float, seed: int) -> np.ndarray:
    """Return which rows are for validation: those of ``valid``, or whole groups, or none if ``valid_size`` is 0.

    Rows that are NO_NOTE in ``y`` take no part in the draw of the groups.
    """
    if valid is not None:
        return _checked_mask(valid, len(y))
    if not 0 <= valid_size < 1:
        raise ParameterError(f"`valid_size` must be a share from 0 to below 1. Got {valid_size!r}.")
    if not valid_size:
        return np.zeros(len(y), dtype=bool)
    if groups is None:
        raise SplitError(
            "fit must know which rows are for validation: pass `groups` (net__groups=events['track'] through "
            "the pipeline), or `valid` (net__valid=mask), or set valid_size=0 to train without."
        )
    groups, is_note = np.asarray(groups), y != NO_NOTE
    n_groups = len(np.unique(groups[is_note].astype(str))) if groups.shape == y.shape else 0
    if n_groups < 2:
        raise SplitError(
            "`groups` must give each event its group, at least two in all, to hold one out for validation. "
            f"Got shape {groups.shape}, {n_groups} groups. Add tracks, or set valid_size=0."
        )
    mask = np.zeros(len(y), dtype=bool)
    mask[is_note] = draw_sides(groups[is_note], y[is_note], (valid_size,), seed=seed) == 1
    return mask


def _checked_mask(valid, n_events: int) -> np.ndarray:
    valid = np.asarray(valid)
    if valid.shape != (n_events,) or valid.dtype != bool or valid.all():
        raise SplitError(
            "`valid` must be one boolean per event, with at least one training row. "
            f"Got dtype {valid.dtype}, shape {valid.shape}, {valid.sum()} of {n_events} true."
        )
    return valid


def repeated(rows: np.ndarray, repeats, n_events: int) -> np.ndarray:
    """Return the rows, each as often as ``repeats`` has it for its event; None is once."""
    if repeats is None:
        return rows
    repeats = np.asarray(repeats)
    if not np.issubdtype(repeats.dtype, np.integer) or repeats.shape != (n_events,) or (repeats < 0).any():
        raise ParameterError(f"`repeats` must be one whole number from 0 up per event, {n_events}. Got {repeats!r}.")
    if not repeats[rows].any():
        raise ParameterError("`repeats` must be above 0 for at least one training row. All are 0.")
    return np.repeat(rows, repeats[rows])


def with_background(codes: np.ndarray, no_note) -> np.ndarray:
    """Return class indices with NO_NOTE where ``no_note`` is true; None is nowhere."""
    if no_note is None:
        return codes
    no_note = np.asarray(no_note)
    if no_note.shape != codes.shape or no_note.dtype != bool or no_note.all():
        raise ParameterError(
            "`no_note` must be one boolean per event, with at least one note. "
            f"Got dtype {no_note.dtype}, shape {no_note.shape}, {no_note.sum()} of {len(codes)} true."
        )
    return np.where(no_note, NO_NOTE, codes)


def with_origin(codes: np.ndarray, modelled) -> np.ndarray:
    """Return class indices with MODELLED added to those of notes where ``modelled`` is true; None is nowhere."""
    if modelled is None:
        return codes
    modelled = np.asarray(modelled)
    if modelled.shape != codes.shape or modelled.dtype != bool:
        raise ParameterError(
            f"`modelled` must be one boolean per event. Got dtype {modelled.dtype}, shape {modelled.shape} for "
            f"{len(codes)} events."
        )
    return np.where(modelled & (codes != NO_NOTE), codes + MODELLED, codes)


def band_statistics(X, rows: np.ndarray) -> BandStatistics:
    """Return the statistics of some rows of features `[n_events, C, F, T]`, read a chunk at a time."""
    total, squares, lowest = 0.0, 0.0, np.inf
    for first in range(0, len(rows), EVENTS_AT_ONCE):
        chunk = np.asarray(X[rows[first : first + EVENTS_AT_ONCE]], dtype=np.float32)
        # Over the frames of one row in float32, over rows in float64: a quarter of the time of all in float64.
        row_totals = np.einsum("ncft->ncf", chunk).astype(np.float64)
        row_squares = np.einsum("ncft,ncft->ncf", chunk, chunk).astype(np.float64)
        total = total + row_totals.sum(axis=0)
        squares = squares + row_squares.sum(axis=0)
        if not (np.isfinite(total).all() and np.isfinite(squares).all()):  # as they are if every cell is
            raise ParameterError("X must hold finite features. It has NaN or infinity.")
        lowest = min(lowest, chunk[:, 0].min())
    count = len(rows) * np.shape(X)[3]
    mean = total / count
    return BandStatistics(mean, np.sqrt(np.maximum(squares / count - mean**2, 0)), lowest)


def set_buffers(module, X, rows: np.ndarray, shares: np.ndarray) -> None:
    """Set what a module learns before its first step: the shares of the classes, and each band's mean and scale.

    Bands are set once per fresh module, so that a model trained further keeps its own.
    """
    calibrate, standardize = getattr(module, "calibrate", None), getattr(module, "standardize", None)
    if calibrate is not None:
        shares = np.maximum(shares / shares.sum(), SMALLEST)  # a class that is not there keeps a trace
        calibrate.train_priors.copy_(torch.from_numpy(shares / shares.sum()))
    if standardize is None or standardize.is_set:
        return
    statistics = band_statistics(X, rows)
    augment = getattr(module, "augment", None)
    # A log-mel in dB always has cells below 0 dB, log(1 + alpha x) never has.
    if augment is not None and augment.needs_decibels and statistics.lowest >= 0:
        raise ParameterError(
            f"`{'`, `'.join(DECIBEL_CHANGES)}` must be 0 for features that are not in dB (logmel compression log1p). "
            "Set net.module.gain_db=0 and so on."
        )
    mean, scale = (torch.from_numpy(values).float() for values in (statistics.mean, statistics.scale))
    standardize.set_from(mean, scale)
