"""The events of a timeline as clips: a WAV each, to be checked by ear."""

import io
import os
from collections import Counter
from pathlib import Path

import soundfile

from guitarclf.audio.header import PCM_SUBTYPES
from guitarclf.audio.recordings import open_recording, read_samples
from guitarclf.errors import RunError
from guitarclf.files.names import portable
from guitarclf.files.whole import write_bytes
from guitarclf.files.wording import explained, shown
from guitarclf.timeline.events import Event, Timeline


def write_clips(
    timeline: Timeline, folder: str | Path, *, stem: str | None = None, overwrite: bool = False
) -> list[Path]:
    """Return the files, one for each event that could be heard, of the sound from its onset to its offset.

    Parameters
    ----------
    timeline : Timeline
        ``path`` is the recording, whose rate, channels and bits the clips have; what is no PCM there is 16 bit.
    folder : str or Path
        Made if it is not there.
    stem : str, optional
        How their names begin; by default as the recording's. An event at 12.345 s is ``stem_00012.345_harmonic.wav``.
    overwrite : bool
        Whether clips that are there are replaced.

    Raises
    ------
    RunError
        If a clip is there, before any is written, or if the folder cannot be written.
    AudioReadError
        If the recording cannot be read.
    """
    folder = Path(folder)
    clips = [(event, folder / name) for event, name in _named(timeline, stem)]
    there = [path for _, path in clips if os.path.lexists(path)]
    if there and not overwrite:
        raise RunError(
            f"The folder of clips must not have any of {shown(timeline.audio_path)}. {shown(there[0])} is there "
            f"({len(there)} in all). Replace them with --overwrite, or give another folder."
        )
    with explained(f"{shown(folder)} must be a folder that can be written", "Choose another place."):
        folder.mkdir(parents=True, exist_ok=True)
    with open_recording(timeline.path) as recording:
        for event, path in clips:
            write_bytes(path, _wav(recording, event))
    return [path for _, path in clips]


def _named(timeline: Timeline, stem: str | None) -> list[tuple[Event, str]]:
    """Return the events that could be heard, each with the name of its clip; those of one millisecond are counted."""
    start = portable(os.path.splitext(timeline.audio_path.rpartition("/")[2])[0] if stem is None else stem)
    counts: Counter[str] = Counter()
    named = []
    for event in timeline.events:
        if event.label:
            name = f"{start}_{event.onset:09.3f}_{event.label}"
            counts[name] += 1
            named.append((event, f"{name}.wav" if counts[name] == 1 else f"{name}_{counts[name]}.wav"))
    return named


def _wav(recording: soundfile.SoundFile, event: Event) -> bytes:
    """Return an event of an open recording as a WAV file."""
    start, stop = (round(time * recording.samplerate) for time in (event.onset, event.offset))
    samples = read_samples(recording, start, min(max(start + 1, stop), recording.frames))
    is_kept = recording.subtype in PCM_SUBTYPES and soundfile.check_format("WAV", recording.subtype)
    content = io.BytesIO()
    subtype = recording.subtype if is_kept else "PCM_16"
    soundfile.write(content, samples, recording.samplerate, format="WAV", subtype=subtype)
    return content.getvalue()
