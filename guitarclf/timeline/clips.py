"""The events of a timeline as clips: a WAV each, to be checked by ear."""

import io
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import soundfile

from guitarclf.audio.header import PCM_SUBTYPES
from guitarclf.audio.recordings import open_recording, read_samples
from guitarclf.errors import AudioReadError, RunError
from guitarclf.files.names import portable
from guitarclf.files.whole import write_bytes
from guitarclf.files.wording import explained, shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.timeline.events import Event, Timeline

CLIP = re.compile(rf"(.+)_\d{{5,}}\.\d{{3}}_({'|'.join((*LABELS, UNKNOWN_LABEL))})(_\d+)?\.wav", re.DOTALL)


def write_clips(
    timeline: Timeline,
    folder: str | Path,
    *,
    stem: str | None = None,
    overwrite: bool = False,
    resume: bool = False,
    there: Mapping[str, Collection[str]] | None = None,
) -> list[Path]:
    """Return the files, one for each event that could be heard, of the sound from its onset to its offset.

    Parameters
    ----------
    timeline : Timeline
        ``path`` is the recording, whose rate, channels and bits the clips have; what is no PCM there is 16 bit. If it
        has an ``error``, events that cannot be read to their end have no clip.
    folder : str or Path
        Made if it is not there.
    stem : str, optional
        How their names begin; by default as the recording's. An event at 12.345 s is ``stem_00012.345_harmonic.wav``.
    overwrite : bool
        Whether all clips of the recording that are there are replaced: those of events that are no more are removed.
    resume : bool
        Whether the clips that are there stay, and the others are written.
    there : mapping, optional
        What :func:`clips_in` gave of the folder, so that it is listed once for many recordings.

    Raises
    ------
    RunError
        If there are clips of the recording, with neither of the last two; or if the folder cannot be written.
    AudioReadError
        If the recording cannot be read.
    """
    folder, stem = Path(folder), stem_of(timeline) if stem is None else stem
    there = clips_in(folder) if there is None else there
    if not (overwrite or resume):
        require_no_clips(folder, stem, there)
    with explained(f"{shown(folder)} must be a folder that can be written", "Choose another place."):
        folder.mkdir(parents=True, exist_ok=True)
    written = []
    with open_recording(timeline.path) as recording:
        for event, name in _named(timeline.events, portable(stem)):
            path = folder / name
            if overwrite or not os.path.lexists(path):
                try:
                    write_bytes(path, _wav(recording, event))
                except AudioReadError:
                    if not timeline.error:
                        raise
                    break
            written.append(path)
    with explained(f"{shown(folder)} must be a folder that can be written", "Choose another place."):
        for name in set(there.get(portable(stem), ())).difference(path.name for path in written) if overwrite else ():
            (folder / name).unlink(missing_ok=True)
    return written


def require_no_clips(folder: str | Path, stem: str, there: Mapping[str, Collection[str]]) -> None:
    """Raise RunError if a recording has clips in a folder, of which :func:`clips_in` gave ``there``."""
    names = there.get(portable(stem))
    if names:
        raise RunError(
            f"{shown(folder)} must not have clips of {shown(stem)} yet. {shown(Path(folder, min(names)))} is there "
            f"({len(names)} in all). Replace them with --overwrite, or give another folder."
        )


def clips_in(folder: str | Path) -> dict[str, list[str]]:
    """Return the names of the clips in a folder, whatever the events, by the start that those of one recording have."""
    names: dict[str, list[str]] = {}
    if os.path.isdir(folder):
        with explained(f"{shown(folder)} must be a folder that can be read", "Choose another place."):
            for clip in filter(None, map(CLIP.fullmatch, os.listdir(folder))):
                names.setdefault(clip[1], []).append(clip[0])
    return names


def stem_of(timeline: Timeline) -> str:
    """Return the name of a timeline's recording, without folders and suffix."""
    return os.path.splitext(timeline.audio_path.rpartition("/")[2])[0]


def _named(events: Iterable[Event], start: str) -> Iterator[tuple[Event, str]]:
    """Yield the events that could be heard, each with the name of its clip; those of one millisecond are counted."""
    counts: Counter[str] = Counter()
    for event in events:
        if event.label:
            name = f"{start}_{event.onset:09.3f}_{event.label}"
            counts[name] += 1
            yield event, f"{name}.wav" if counts[name] == 1 else f"{name}_{counts[name]}.wav"


def _wav(recording: soundfile.SoundFile, event: Event) -> bytes:
    """Return an event of an open recording as a WAV file."""
    start, stop = (round(time * recording.samplerate) for time in (event.onset, event.offset))
    samples = read_samples(recording, start, min(max(start + 1, stop), recording.frames))
    is_kept = recording.subtype in PCM_SUBTYPES and soundfile.check_format("WAV", recording.subtype)
    content = io.BytesIO()
    subtype = recording.subtype if is_kept else "PCM_16"
    soundfile.write(content, samples, recording.samplerate, format="WAV", subtype=subtype)
    return content.getvalue()
