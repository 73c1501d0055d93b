"""Outputs: the files that `annotate` writes about recordings, and which of them are there already."""

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from guitarclf.audio.recordings import open_recording
from guitarclf.errors import AudioReadError, RunError
from guitarclf.experiment.annotate import Annotator, Recording, failed
from guitarclf.experiment.combined import is_finished, write_combined
from guitarclf.files.digest import file_digest
from guitarclf.files.lock import locked
from guitarclf.files.names import as_text
from guitarclf.files.progress import Progress
from guitarclf.files.whole import sweep, write_bytes, write_text
from guitarclf.files.wording import explained, shown
from guitarclf.timeline.clips import clips_in, require_no_clips, write_clips
from guitarclf.timeline.events import Timeline
from guitarclf.timeline.formats import FORMATS

logger = logging.getLogger(__name__)

STATE_FILE = "annotate.json"  # in the folder: what its files were made with, and those of recordings that failed


@dataclass(frozen=True)
class Outputs:
    """The files about recordings in a folder, a format each.

    Parameters
    ----------
    folder : Path
    formats : sequence of str
        Keys of FORMATS.
    settings : mapping
        What the events depend on, kept in the folder: files of other settings are not gone on with.
    failed : dict
        ``audio_path`` of each recording that failed -> format -> digest of the file that was written of it, by
        which one that somebody corrected since is known.
    """

    folder: Path
    formats: Sequence[str]
    settings: Mapping[str, Any]
    failed: dict[str, dict[str, str]] = field(default_factory=dict)

    def begin(self, recordings: Sequence[Recording], *, overwrite: bool, resume: bool) -> None:
        """Check the folder, which this process has locked, and remove what a killed one left unfinished.

        RunError if a file is there that may not be replaced, or if the files are of other settings.
        """
        there = [path for recording in recordings for path in self.paths(recording) if os.path.lexists(path)]
        if there and not (overwrite or resume):
            raise RunError(
                f"{shown(self.folder)} must not have files about these recordings. {shown(there[0])} is there "
                f"({len(there)} in all). Keep them and write the others with --resume, replace them with --overwrite, "
                "or give another folder."
            )
        state = self.folder / STATE_FILE
        if not overwrite and (there or state.is_file()):
            self.failed.update(self._failed_before(state))
            self._tell_of_changed(recordings)
        sweep(self.folder, *{path.parent for recording in recordings for path in self.paths(recording)})
        self._keep()

    def _failed_before(self, state: Path) -> dict[str, dict[str, str]]:
        """Return ``failed`` as it was; RunError if the files in the folder are of other settings."""
        try:
            kept = json.loads(state.read_bytes())
            before, failed = kept["settings"], {name: dict(files) for name, files in kept["failed"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{shown(state)} must tell what the files beside it were made with, to add to them. It does not. "
                "Replace the files with --overwrite, or give another folder."
            ) from error
        settings = json.loads(json.dumps(self.settings))
        for name in settings:
            if before.get(name) != settings[name]:
                raise RunError(
                    f"{shown(self.folder)} must hold files of the same settings, to add to them. `{name}` was "
                    f"{shown(before.get(name))} and is {shown(settings[name])}. Replace them with --overwrite, or give "
                    "another folder."
                )
        return failed

    def _tell_of_changed(self, recordings: Sequence[Recording]) -> None:
        """Name the files of recordings that failed which are no longer as they were written, and so are kept."""
        changed = [
            shown(self._path(recording, name))
            for recording in recordings
            for name in self.failed.get(recording.audio_path, {})
            if name in self.formats and self._stays(recording, name)
        ]
        if changed:
            told = "files of recordings that failed were changed since, and stay as they are: %s"
            logger.warning(told, ", ".join(changed))

    def _stays(self, recording: Recording, name: str) -> bool:
        """Return whether a file is there that is not as it was written of a recording that failed."""
        path, written_then = self._path(recording, name), self.failed.get(recording.audio_path, {}).get(name)
        return os.path.lexists(path) and (written_then is None or _digest(path) != written_then)

    def _keep(self) -> None:
        state = {"settings": dict(self.settings), "failed": dict(sorted(self.failed.items()))}
        write_text(self.folder / STATE_FILE, json.dumps(state, indent=2) + "\n")

    def paths(self, recording: Recording) -> list[Path]:
        """Return the files about a recording, in the order of ``formats``."""
        return [self._path(recording, name) for name in self.formats]

    def _path(self, recording: Recording, name: str) -> Path:
        return self.folder / f"{recording.stem}{FORMATS[name].suffix}"

    def missing(self, recording: Recording, *, overwrite: bool) -> list[str]:
        """Return the formats that are to be written of a recording.

        Those that are not there, and of one that failed also those that are as they were written then.
        """
        return [name for name in self.formats if overwrite or not self._stays(recording, name)]

    def write(self, recording: Recording, timeline: Timeline, formats: Sequence[str]) -> None:
        """Write the files of a timeline; RunError if one cannot be written."""
        for name in formats:
            path, content = self._path(recording, name), FORMATS[name].content(timeline)
            with explained(f"{shown(path.parent)} must be a folder that can be written", "Choose another place."):
                path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                write_text(path, content)
            else:
                write_bytes(path, content)
        before = self.failed.pop(recording.audio_path, None)
        if timeline.error:
            digests = {name: _digest(self._path(recording, name)) for name in formats}
            self.failed[recording.audio_path] = {**(before or {}), **digests}
        if before != self.failed.get(recording.audio_path):
            self._keep()


def _digest(path: Path) -> str:
    """Return the digest of a file, "" if there is none, or something else, such as a folder."""
    return file_digest(path) if path.is_file() else ""


def written(
    annotator: Annotator,
    recordings: Sequence[Recording],
    outputs: Outputs | None = None,
    combined: str | None = None,
    clips: str | None = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    hear_all: bool = False,
) -> Iterator[Timeline]:
    """Yield the timelines of recordings, each when what is asked for is written of it, under a bar.

    Parameters
    ----------
    annotator : Annotator
    recordings : sequence of Recording
    outputs : Outputs, optional
        Files about each; a recording whose files are all there is passed over with ``resume``.
    combined : str, optional
        One table of all.
    clips : str, optional
        Folder for each event as a WAV file, in the same sub-folders as files about recordings.
    resume, overwrite : bool
        Whether files that are there stay, or are replaced; without either they are an error.
    hear_all : bool
        Whether recordings are heard, and their timelines given, whose files are all there.
    """
    is_asked = combined is not None or clips is not None or outputs is None
    if combined is not None and resume and is_finished(combined):
        logger.info("%s is there, and stays as it is", shown(combined))
        is_asked, combined = clips is not None, None
    places = {} if clips is None else {each: Path(clips, as_text(each.stem)) for each in recordings}
    there = {folder: clips_in(folder) for folder in {place.parent for place in places.values()}}
    if not (overwrite or resume):
        for place in places.values():
            require_no_clips(place.parent, place.name, there[place.parent])
    with nullcontext() if outputs is None else locked(outputs.folder):
        if outputs is not None:
            outputs.begin(recordings, overwrite=overwrite, resume=resume)

        def work(rest: Sequence[Recording]) -> Iterator[Timeline]:
            lengths = [_whole_seconds(recording.path) for recording in rest]
            with Progress(sum(lengths), desc="hearing", unit="s") as bar:
                for recording, before in zip(rest, accumulate([0, *lengths]), strict=False):
                    wanted = [] if outputs is None else outputs.missing(recording, overwrite=overwrite)
                    if wanted or is_asked or hear_all:
                        timeline = annotator.timeline(recording, partial(_show, bar, before))
                        if clips is not None and timeline.sample_rate:
                            place = places[recording]
                            how = {"overwrite": overwrite, "resume": resume}
                            try:
                                write_clips(timeline, place.parent, stem=place.name, there=there[place.parent], **how)
                            except AudioReadError as error:  # it was there a moment ago
                                timeline = failed(timeline, error)
                        if outputs is not None:
                            timeline = _still_there(timeline) if "html" in wanted else timeline
                            outputs.write(recording, timeline, wanted)
                        yield timeline
                _show(bar, sum(lengths), 0)

        if combined is None:
            yield from work(recordings)
        else:
            yield from write_combined(combined, recordings, work, annotator.settings, resume=resume)


def _still_there(timeline: Timeline) -> Timeline:
    """Return a timeline that tells if its recording, which a page reads again, can no longer be opened."""
    try:
        open_recording(timeline.path).close()
    except AudioReadError as error:
        return failed(timeline, error)
    return timeline


def _show(bar: Progress, before: int, seconds: float) -> None:
    """Bring a bar to so many seconds of a recording, ``before`` those of others."""
    bar.update(before + int(seconds) - bar.n)


def _whole_seconds(path: str) -> int:
    """Return the length of a recording, 0 if it cannot be opened, which is told where it is read."""
    try:
        with open_recording(path) as recording:
            return int(recording.frames / recording.samplerate)
    except AudioReadError:
        return 0
