"""The pitch of events, from their recording. The only part of a timeline that needs librosa."""

import functools
import math
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np
import soundfile

from guitarclf.audio.recordings import open_recording, read_segment
from guitarclf.errors import AudioReadError
from guitarclf.files.caches import find_caches
from guitarclf.timeline.events import NO_PITCH, Event

RATE = 22050
ATTACK_SEC = 0.03  # after the onset, in which the pick is heard
LONGEST_SEC = 0.3  # of the stretch after it
FMIN, FMAX = 32.0, 2100.0  # Hz
LOWEST = 28  # E1, the lowest string of a bass; noise is measured at FMIN, four semitones below
FRAME = 1380  # samples, two periods of FMIN
AGREEING = 0.65  # share of the frames that must be within half a semitone of their median


def pitches(path: str | Path, events: Iterable[Event], *, channel: str | int = "auto") -> list[int]:
    """Return the MIDI pitch of each event of a recording, NO_PITCH where there is none.

    It is measured by YIN (de Cheveigne & Kawahara 2002) in the 0.3 s from 30 ms after the onset on, at most until the
    offset. Of a harmonic that is the pitch that sounds, not that of the string. There is none for dead notes, events
    that could not be heard, those shorter than 93 ms, and where the frames do not agree on one. ``channel`` is that of
    :func:`guitarclf.audio.mono.channels_heard`.

    Raises
    ------
    AudioReadError
        If the recording cannot be opened.
    """
    with open_recording(path) as recording:
        return [_pitch(recording, event, channel) for event in events]


@functools.cache  # once in a process
def compiled_librosa() -> ModuleType:
    """Return librosa once its functions for YIN are compiled or loaded, which one process of a user does at a time.

    Numba keeps each such function in two files. What two processes write at once may not fit together, and then ends
    every process that loads it, until the files are removed.
    """
    from filelock import FileLock

    find_caches()
    user = os.getuid() if hasattr(os, "getuid") else ""  # on Windows a user has a temporary folder of his own
    lock = FileLock(Path(tempfile.gettempdir(), f"guitarclf-compiling-{user}.lock"))
    with suppress(OSError):  # where there are no locks, it is as likely as without this
        lock.acquire()
    try:
        import librosa

        _yin(librosa, np.sin(np.arange(2 * FRAME, dtype=np.float32)))
    finally:
        lock.release()
    return librosa


def _yin(librosa: ModuleType, sound: np.ndarray) -> np.ndarray:
    """Return the pitch of each frame in Hz."""
    return librosa.yin(sound, fmin=FMIN, fmax=FMAX, sr=RATE, frame_length=FRAME, hop_length=FRAME // 4, center=False)


def _pitch(recording: soundfile.SoundFile, event: Event, channel: str | int) -> int:
    start = event.onset + ATTACK_SEC
    n_samples = 0 if math.isnan(event.offset) else round(min(event.offset - start, LONGEST_SEC) * RATE)
    if event.label in ("dead_note", "") or n_samples < FRAME:
        return NO_PITCH
    try:
        sound = read_segment(recording, round(start * RATE), n_samples, sample_rate=RATE, channel=channel)
    except AudioReadError:  # silent there, or cut short: what could be heard of the event has been
        return NO_PITCH
    librosa = compiled_librosa()
    found = librosa.hz_to_midi(_yin(librosa, sound))
    median = float(np.median(found))
    is_clear = median >= LOWEST - 0.5 and np.mean(np.abs(found - median) <= 0.5) >= AGREEING
    return round(median) if is_clear else NO_PITCH
