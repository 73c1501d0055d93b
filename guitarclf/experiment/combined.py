"""One table of several recordings, with what is done kept beside it until all is."""

import glob
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from guitarclf.experiment.annotate import Recording
from guitarclf.files.cells import csv_lines
from guitarclf.files.digest import text_digest
from guitarclf.files.names import as_path, as_text
from guitarclf.files.places import file_of, version_at
from guitarclf.files.urls import is_url
from guitarclf.files.whole import UNFINISHED, hidden, whole_text
from guitarclf.runs.journal import Journal, in_order, unfinished_path
from guitarclf.timeline.events import COLUMNS, Event, Timeline, rows


def is_finished(combined: str | Path) -> bool:
    """Return whether a table of several recordings is there as a whole, and none is being made."""
    kept = unfinished_path(combined)
    return kept is not None and os.path.isfile(combined) and not kept.is_file()


def write_combined(
    path: str | Path,
    recordings: Sequence[Recording],
    work: Callable[[Sequence[int]], Iterator[tuple[int, list[Timeline]]]],
    settings: Mapping[str, Any],
    *,
    resume: bool,
) -> Iterator[Timeline]:
    """Write the table of several recordings, and yield their timelines in order.

    ``work`` is given places of recordings, and yields (place, their timelines) in any order. Each is kept beside the
    table until all are there, so that with ``resume`` a command that was killed goes on. The
    ``settings``, and sizes and times of the recordings, tell whether what is kept is of the same work.
    """
    kept = unfinished_path(path)
    if kept is None:
        parts = work(range(len(recordings)))
    else:
        key = text_digest(
            json.dumps(dict(settings)), *(repr((recording, _state(recording))) for recording in recordings)
        )
        from_plain = partial(_from_plain, settings=settings)
        journal = Journal(kept, key, resume=resume, to_plain=_to_plain, from_plain=from_plain, what="recordings")
        parts = journal.go_on(recordings, work)
    if resume and kept is not None:
        for left in Path(path).parent.glob(f"{glob.escape(hidden(Path(path), '').name)}.*{UNFINISHED}"):
            left.unlink(missing_ok=True)  # by the command that was killed
    stems = iter(recording.stem for recording in recordings)
    with whole_text(path) as file:
        file.write(next(csv_lines(COLUMNS, ())))
        for part in in_order(parts):
            for timeline in part:
                _, *lines = csv_lines(COLUMNS, rows(timeline, as_text(next(stems))))
                file.writelines(lines)
                yield timeline
    if kept is not None:
        kept.unlink(missing_ok=True)


def _state(recording: Recording) -> tuple[int, int] | str | None:
    """Return the size and time of a recording, or its version at a URL, None if it is not there."""
    file, _ = file_of(recording.path)
    if is_url(file):
        return version_at(file)
    try:
        status = os.stat(as_path(file))
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _to_plain(part: Sequence[Timeline]) -> list[dict]:
    return [
        {"duration": each.duration, "sample_rate": each.sample_rate, "events": each.events, "error": each.error}
        for each in part
    ]


def _from_plain(plain: list[dict], items: Sequence[Recording], settings: Mapping[str, Any]) -> list[Timeline]:
    return [
        Timeline(
            recording.path,
            recording.audio_path,
            each["duration"],
            each["sample_rate"],
            [Event._make([*values[:3], tuple(values[3]), *values[4:]]) for values in each["events"]],
            settings,
            each["error"],
        )
        for recording, each in zip(items, plain, strict=True)
    ]
