"""Outputs: the files that `annotate` writes about recordings, and which of them are there already."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guitarclf.errors import RunError
from guitarclf.experiment.annotate import Recording
from guitarclf.files.digest import file_digest
from guitarclf.files.whole import sweep, write_bytes, write_text
from guitarclf.files.wording import explained, shown
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
