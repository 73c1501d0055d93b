"""The pitch of each training note, for the auxiliary head that names it."""

import numpy as np

from guitarclf.data.events import NO_PITCH
from guitarclf.errors import ParameterError
from guitarclf.models.auxiliary import N_PITCHES


def pitch_targets(pitch, n_events: int, rows: np.ndarray) -> np.ndarray:
    """Return the MIDI pitch of each event in whole semitones, int64 of shape (n_events,), NO_PITCH where it is none.

    Parameters
    ----------
    pitch : array-like of shape (n_events,), or None
        MIDI pitches; -1 or NaN where unknown.
    n_events : int
    rows : ndarray of int
        The training rows.

    Raises
    ------
    ParameterError
        If there are no pitches, or none of the training rows has one.
    """
    if pitch is None:
        raise ParameterError(
            "fit must know the notes' pitches with `aux_pitch` above 0. Got none. Pass `pitch` "
            "(net__pitch=events['pitch_midi'] through the pipeline), or set net.criterion.aux_pitch=0."
        )
    pitch = np.asarray(pitch, dtype=np.float64)
    if pitch.shape != (n_events,):
        raise ParameterError(f"`pitch` must be one MIDI pitch per event, {n_events}. Got shape {pitch.shape}.")
    semitones = np.rint(np.nan_to_num(pitch, nan=NO_PITCH))
    semitones = np.where((semitones >= 0) & (semitones < N_PITCHES), semitones, NO_PITCH).astype(np.int64)
    if (semitones[rows] == NO_PITCH).all():
        raise ParameterError(
            f"`pitch` must be a MIDI pitch from 0 to {N_PITCHES - 1} in some training rows with `aux_pitch` above 0. "
            "It is unknown in all. Fill `pitch_midi`, or set net.criterion.aux_pitch=0."
        )
    return semitones
