"""Notes in memory among others of their track, as phrases have them."""

import numpy as np
from numpy.random import Generator

from guitarclf.data.phrases import Joining, fade_out

FLOOR_DB = (-90.0, -50.0)  # of the noise under a note and its neighbours, below full scale


def among_others(
    waveforms: np.ndarray,
    offsets: np.ndarray,
    tracks: np.ndarray,
    *,
    share: float,
    sample_rate: int,
    seed: int,
    joining: Joining | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (waveforms, offsets) of which a ``share`` have another note of their track after them, or before them too.

    The next note begins where ``joining`` has it, and ends the note unless that rings on; into some the note before
    rings on in its turn.

    Parameters
    ----------
    waveforms : float32 ndarray of shape (n_notes, n_samples)
        Each from its onset on.
    offsets : ndarray of shape (n_notes,)
        In seconds from the onset.
    tracks : ndarray of shape (n_notes,)
        A note whose track has no other is its own neighbour.
    share : float
    sample_rate : int
    seed : int
    joining : Joining, optional
        Its spacing, overlap, ring_sec and level_db.

    Returns
    -------
    waveforms : float32 ndarray of shape (n_notes, n_samples)
    offsets : ndarray of shape (n_notes,)
        The next note's onset where that comes first.
    """
    joining, rng = Joining() if joining is None else joining, np.random.default_rng(seed)
    waveforms, offsets = np.array(waveforms, dtype=np.float32), np.array(offsets, dtype=np.float64)
    alone = waveforms.copy()
    rows_of_track = {track: np.flatnonzero(tracks == track) for track in np.unique(tracks)}
    for row in np.flatnonzero(rng.random(len(waveforms)) < share):
        others = rows_of_track[tracks[row]]
        others = others[others != row] if len(others) > 1 else others
        before, after = alone[rng.choice(others)], alone[rng.choice(others)]
        step = rng.uniform(*joining.spacing)
        waveforms[row] = _join(alone[row], before, after, step, joining, sample_rate, rng)
        offsets[row] = min(offsets[row], step)
    return waveforms, offsets


def _join(
    note: np.ndarray, before: np.ndarray, after: np.ndarray, step: float, joining: Joining, rate: int, rng: Generator
) -> np.ndarray:
    """Return a note with the next one ``step`` seconds after its onset and perhaps the tail of the one before it."""
    joined = np.zeros(len(note), dtype=np.float32)
    ring = round(joining.ring_sec * rate)
    start, rings = round(step * rate), ring * (rng.random(2) < joining.overlap)
    _add(joined, note[: start + rings[0]], 0, joining, rate, rng)
    _add(joined, after, start, joining, rate, rng)
    since = round(rng.uniform(*joining.spacing) * rate)
    if rings[1]:
        _add(joined, before[: since + ring], -since, joining, rate, rng)
    return joined + np.float32(10 ** (rng.uniform(*FLOOR_DB) / 20)) * rng.standard_normal(len(note), dtype=np.float32)


def _add(joined: np.ndarray, sound: np.ndarray, start: int, joining: Joining, rate: int, rng: Generator) -> None:
    """Add a sound, at a level of its own and faded out, that begins at a sample which may lie before the first."""
    peak = np.abs(sound).max(initial=0)
    if peak == 0 or start >= len(joined):
        return
    sound = sound * np.float32(10 ** (rng.uniform(-joining.level_db, 0) / 20) / peak)
    fade_out(sound, rate)
    heard = sound[max(0, -start) : len(joined) - start]
    first = max(0, start)
    joined[first : first + len(heard)] += heard
