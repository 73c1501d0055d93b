"""What is to be classified: the notes of files and of tables, and where the first one is in each long file."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guitarclf.audio.folders import given_files
from guitarclf.audio.recordings import open_recording
from guitarclf.audio.windows import Request, WindowReader, in_threads
from guitarclf.cluster import Cluster, run_unordered
from guitarclf.errors import AudioReadError
from guitarclf.experiment.spread import OfFiles, items_a_job
from guitarclf.files.names import as_text, unique_names
from guitarclf.files.wording import shown

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class Note(NamedTuple):
    """What is to be classified: a name, and a place in a recording."""

    note_id: str
    request: Request


def notes_of_paths(paths: Iterable[str | Path]) -> list[Note]:
    """Return a note at onset 0 for each file of :func:`guitarclf.audio.folders.given_files`.

    A note is named by its file's stem, or by the path where files share one; all names are different.
    """
    files = given_files(paths)
    requests = [Request(path, 0.0, True, by_itself=True) for path in files]
    return [Note(name, request) for name, request in zip(unique_names(files), requests, strict=True)]


def notes_of_events(events: "pd.DataFrame") -> list[Note]:
    """Return the notes of an events table."""
    from guitarclf.features.inputs import as_requests

    return [Note(name, request) for name, request in zip(events["note_id"], as_requests(events), strict=True)]


def events_of_paths(paths: Iterable[str | Path], reader: WindowReader | None = None) -> "pd.DataFrame":
    """Return the notes of :func:`notes_of_paths` as an events table, with the onsets that ``reader`` finds."""
    import pandas as pd

    notes = notes_of_paths(paths)
    if reader is not None:
        notes = place_notes(notes, reader)
    rows = [(note.note_id, as_text(note.request.path), note.request.onset) for note in notes]
    return pd.DataFrame(rows, columns=["note_id", "audio_path", "onset_sec"])


class Long(NamedTuple):
    """A file that is too long to be a snippet: its length in seconds, and its first onset, None if nothing rises."""

    duration: float
    onset: float | None


class Measuring(OfFiles):
    """Paths -> a Long for each, None for a snippet and for what cannot be read, whose row will say so."""

    def __init__(self, reader: WindowReader):
        self.reader = reader

    def __call__(self, paths: Sequence[str]) -> list[Long | None]:
        with self.found(paths):
            return [self._measured(path) for path in paths]

    def _measured(self, path: str) -> Long | None:
        try:
            with open_recording(path) as recording:
                if self.reader.is_long(recording):
                    return Long(recording.frames / recording.samplerate, self.reader.find_onset(recording))
        except AudioReadError:
            pass
        return None

    def is_long(self, path: str) -> bool:
        """Return whether a file can be opened, and is too long to be a snippet."""
        try:
            with open_recording(path) as recording:
                return self.reader.is_long(recording)
        except AudioReadError:
            return False


def place_notes(
    notes: Sequence[Note], reader: WindowReader, *, cluster: Cluster | None = None, n_jobs: int = 1
) -> list[Note]:
    """Return notes with the onset of the first one in each file that is too long to be a snippet, with one warning.

    Long files are decoded up to that onset where ``cluster`` and ``n_jobs`` of :func:`guitarclf.cluster.run_unordered`
    say. Without a cluster headers are read here, which takes a tenth of a millisecond a file.
    """
    measuring, paths = Measuring(reader), [note.request.path for note in notes]
    rows = list(range(len(paths)))
    if cluster is None:
        rows = [row for row, is_long in enumerate(in_threads(measuring.is_long, paths, reader.n_threads)) if is_long]
    size = items_a_job(len(rows), cluster=cluster, n_jobs=n_jobs)
    parts = [rows[first : first + size] for first in range(0, len(rows), size)]
    jobs = [[paths[row] for row in part] for part in parts]
    found: dict[int, Long] = {}
    for at, measured in run_unordered(measuring, jobs, cluster=cluster, n_jobs=n_jobs):
        found |= {row: long for row, long in zip(parts[at], measured, strict=True) if long is not None}
    _tell([(paths[row], found[row]) for row in sorted(found)], reader)
    return [_placed(note, found.get(row)) for row, note in enumerate(notes)]


def _placed(note: Note, long: Long | None) -> Note:
    """Return a note at its onset.

    A file in which nothing rises stays by itself, and is refused or taken for a steady tone where it is read.
    """
    if long is None or long.onset is None:
        return note
    return note._replace(request=note.request._replace(onset=long.onset, by_itself=False))


def _tell(long: Sequence[tuple[str, Long]], reader: WindowReader) -> None:
    """Log in one line what is classified of files that are long."""
    heard = reader.target_duration
    if len(long) == 1:
        path, (duration, onset) = long[0]
        which = f"the {heard:.2f} s from its first note on, {onset:.2f} s," if onset else f"its first {heard:.2f} s"
        logger.warning(
            "%s is %.2f s long: %s are classified. For more, give a table of its events.", shown(path), duration, which
        )
    elif long:
        path, longest = max(long, key=lambda each: each[1].duration)
        logger.warning(
            "%d files are up to %.2f s long, such as %s: the first %.2f s of each, from its first note on, are "
            "classified. For more, give a table of their events.",
            len(long),
            longest.duration,
            shown(path),
            heard,
        )
