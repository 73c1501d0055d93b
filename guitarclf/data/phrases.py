"""Single notes joined into phrases: the same notes as before, heard among others."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile as sf
from numpy.random import Generator

from guitarclf.audio.recordings import load_segment, open_recording
from guitarclf.data.events import EVENT_COLUMNS
from guitarclf.errors import AudioReadError, ParameterError
from guitarclf.files.wording import shown

COLUMNS = (*EVENT_COLUMNS, "track", "source_note")
LEAD_SEC, TAIL_SEC = 0.05, 2.0  # before the first onset, and after the last
FADE_SEC = 0.01  # in which a note ends
LONGEST_SEC = 5.0  # of a note that is alone in its recording
PEAK = 0.6  # of the loudest note
FLOOR_DB = -70.0  # of the noise under a phrase, below full scale
SHORTEST_SEC = 0.02  # between the onset and the offset of a row
LATEST_SEC = 1.0  # after its onset a note begins to sound: no longer one is heard alone
QUIET = 0.01  # of the peak: what is before a note's attack


@dataclass(frozen=True)
class Joining:
    """How notes are joined.

    Parameters
    ----------
    spacing : (float, float)
        Seconds from one onset to the next are uniform between these.
    overlap : float
        Share of the notes that ring on into the next; the others end where it begins.
    ring_sec : float
        Seconds for which such a note rings on.
    level_db : float
        Peaks of the notes are uniform in so many dB below the loudest.
    notes_per_phrase : int
    sample_rate : int
        Of the phrases, in Hz.
    """

    spacing: tuple[float, float] = (0.12, 0.9)
    overlap: float = 0.25
    ring_sec: float = 0.4
    level_db: float = 9.0
    notes_per_phrase: int = 24
    sample_rate: int = 44100

    def __post_init__(self) -> None:
        shortest, longest = self.spacing
        if not SHORTEST_SEC <= shortest <= longest:
            raise ParameterError(
                f"`spacing` must be two rising numbers of {SHORTEST_SEC} s or more. Got {self.spacing}."
            )
        if not 0 <= self.overlap <= 1:
            raise ParameterError(f"`overlap` must be a share from 0 to 1. Got {self.overlap}.")
        if self.ring_sec < 0 or self.level_db < 0:
            raise ParameterError(f"`ring_sec` and `level_db` must be 0 or more. Got {self.ring_sec}, {self.level_db}.")
        if self.notes_per_phrase < 1 or self.sample_rate < 8000:
            raise ParameterError(
                "`notes_per_phrase` must be 1 or more, `sample_rate` 8000 Hz or more. "
                f"Got {self.notes_per_phrase} and {self.sample_rate}."
            )


def join_phrases(
    events: pd.DataFrame, joining: Joining | None = None, *, seed: int = 0
) -> Iterator[tuple[str, np.ndarray, pd.DataFrame]]:
    """Yield (name, waveform, rows) of each phrase: all notes of the table, once each, with those of their track.

    Parameters
    ----------
    events : DataFrame
        As :func:`guitarclf.data.events.read_events` returns them.
    joining : Joining, optional
    seed : int
        Of the order, the times and the levels.

    Returns
    -------
    waveform : float32 ndarray at ``joining.sample_rate``, peaks at most 0.99
    rows : DataFrame
        The columns of ``COLUMNS``: onsets and offsets in the phrase, ``audio_path`` empty, ``source_note`` the
        ``note_id`` of the note alone.

    Raises
    ------
    AudioReadError
        If a note cannot be read.
    """
    joining = Joining() if joining is None else joining
    rng = np.random.default_rng(seed)
    for track, notes in events.groupby("track", sort=True):
        notes = notes.iloc[rng.permutation(len(notes))]
        for number, first in enumerate(range(0, len(notes), joining.notes_per_phrase)):
            name = f"{track}_{number:02d}"
            waveform, rows = _join(notes.iloc[first : first + joining.notes_per_phrase], joining, rng)
            yield name, waveform, rows.assign(note_id=[f"{name}_{place:02d}" for place in range(len(rows))])


def write_phrases(
    folder: str | Path, events: pd.DataFrame, joining: Joining | None = None, *, seed: int = 0
) -> pd.DataFrame:
    """Write ``audio/<name>.wav`` (16 bit) a phrase and ``metadata.csv``, and return the table."""
    joining = Joining() if joining is None else joining
    audio = Path(folder) / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    tables = []
    for number, (_, waveform, rows) in enumerate(join_phrases(events, joining, seed=seed)):
        path = f"audio/phrase_{number:04d}.wav"  # a track's name need be no file name
        sf.write(Path(folder) / path, waveform, joining.sample_rate, subtype="PCM_16")
        tables.append(rows.assign(audio_path=path))
    table = pd.concat(tables, ignore_index=True)[list(COLUMNS)]
    table.to_csv(Path(folder) / "metadata.csv", index=False, lineterminator="\n")
    return table


def _join(notes: pd.DataFrame, joining: Joining, rng: Generator) -> tuple[np.ndarray, pd.DataFrame]:
    """Return a phrase of some notes in their order, and their rows in it."""
    rate = joining.sample_rate
    steps = rng.uniform(*joining.spacing, len(notes))
    onsets = LEAD_SEC + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    steps[-1] = TAIL_SEC
    rings = np.where(rng.random(len(notes)) < joining.overlap, joining.ring_sec, 0.0)
    peaks = PEAK * 10 ** (rng.uniform(-joining.level_db, 0, len(notes)) / 20)
    phrase = np.zeros(round((onsets[-1] + TAIL_SEC + joining.ring_sec) * rate) + 1, dtype=np.float32)
    offsets = np.empty(len(notes))
    for place, note in enumerate(notes.to_dict("records")):
        sound = _heard_within(_sound_of(note, rate), round((steps[place] + rings[place]) * rate), rate)
        fade_out(sound, rate)
        start = round(onsets[place] * rate)
        loudest = np.abs(sound).max(initial=0)
        if not loudest:
            raise AudioReadError(
                f"{shown(note['audio_path'])} must sound from {note['onset_sec']:.3f} s on, to be in a phrase. It is "
                f"silent there. Leave {note['note_id']} out."
            )
        phrase[start : start + len(sound)] += sound * (peaks[place] / loudest)
        length = note["offset_sec"] - note["onset_sec"]
        heard = min(len(sound) / rate if np.isnan(length) else length, steps[place])
        offsets[place] = onsets[place] + max(SHORTEST_SEC, heard)
    phrase += 10 ** (FLOOR_DB / 20) * rng.standard_normal(len(phrase)).astype(np.float32)
    rows = notes.assign(onset_sec=onsets.round(5), offset_sec=offsets.round(5), source_note=notes["note_id"])
    return phrase * min(1.0, 0.99 / float(np.abs(phrase).max())), rows.assign(audio_path="")[list(COLUMNS)]


def _heard_within(sound: np.ndarray, n_samples: int, rate: int) -> np.ndarray:
    """Return so many samples of a sound: from its onset on, or from its attack if they would all be before that."""
    loud = np.abs(sound[: round(LATEST_SEC * rate)])
    attack = int(np.argmax(loud > QUIET * loud.max(initial=0)))
    return sound[attack:][:n_samples] if attack >= n_samples else sound[:n_samples]


def fade_out(sound: np.ndarray, rate: int) -> None:
    """Let a sound end in FADE_SEC, in place."""
    n_fade = min(len(sound), round(FADE_SEC * rate))
    sound[len(sound) - n_fade :] *= np.linspace(1, 0, n_fade, dtype=np.float32)


def _sound_of(note: dict, rate: int) -> np.ndarray:
    """Return a note from its onset on: to its offset, or, if it is alone in its recording, to the end of that."""
    path, onset, length = note["audio_path"], note["onset_sec"], note["offset_sec"] - note["onset_sec"]
    if note["events_in_file"] == 1:
        with open_recording(path) as recording:
            length = min(recording.frames / recording.samplerate - onset, LONGEST_SEC)
    return load_segment(path, onset, length, sample_rate=rate)
