"""heard: recordings -> timelines, here one after another or by other processes, under a bar over their seconds."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate

from guitarclf.audio.recordings import open_recording
from guitarclf.cluster import Cluster, run_unordered
from guitarclf.errors import AudioReadError
from guitarclf.experiment.annotate import Annotator, Recording
from guitarclf.experiment.spread import unlike_here
from guitarclf.files.names import as_path
from guitarclf.files.progress import Progress
from guitarclf.timeline.events import Timeline
from guitarclf.timeline.stream import Place


def heard(
    annotator: Annotator, recordings: Sequence[Recording], *, cluster: Cluster | None = None, n_jobs: int = 1
) -> Iterator[tuple[int, Timeline]]:
    """Yield (place of a recording, its timeline), in order unless other processes do the work.

    Those begin with the longest: one that is begun last would leave the others without work. ``cluster`` and
    ``n_jobs`` are as in :func:`guitarclf.cluster.run_unordered`.
    """
    lengths = [_whole_seconds(recording.path) for recording in recordings]
    with Progress(sum(lengths), desc="hearing", unit="s") as bar:
        if cluster is None and (n_jobs == 1 or len(recordings) < 2):
            for place, (recording, before) in enumerate(zip(recordings, accumulate([0, *lengths]), strict=False)):
                yield place, annotator.timeline(recording, partial(_show, bar, before))
            _show(bar, sum(lengths), 0)
            return
        order = sorted(range(len(recordings)), key=lambda place: -lengths[place])
        jobs = [(recordings[place], annotator.places_of(recordings[place])) for place in order]
        for at, timeline in run_unordered(Hearing(annotator), jobs, cluster=cluster, n_jobs=n_jobs):
            is_unopened = bool(timeline.error) and not timeline.sample_rate
            if cluster is not None and is_unopened and opening_error(timeline.path) is None:
                raise unlike_here(timeline.path, timeline.error)
            yield order[at], replace(timeline, settings=annotator.settings)
            bar.update(lengths[order[at]])


class Hearing:
    """A recording, and the places of its events or None -> its timeline, but for the settings."""

    def __init__(self, annotator: Annotator):
        self.annotator = replace(annotator, places=None, settings={})

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state
        self.annotator.listener.model.n_threads = 1  # a copy is one of as many processes as there are cores

    def __call__(self, job: tuple[Recording, list[Place] | None]) -> Timeline:
        recording, places = job
        if places is None:
            return self.annotator.timeline(recording)
        real_path = os.path.realpath(as_path(recording.path))
        return replace(self.annotator, places={real_path: places}).timeline(recording)


def _show(bar: Progress, before: int, seconds: float) -> None:
    """Bring a bar to so many seconds of a recording, ``before`` those of others."""
    bar.update(before + int(seconds) - bar.n)


def opening_error(path: str) -> AudioReadError | None:
    """Return why a recording cannot be opened here, None if it can."""
    try:
        open_recording(path).close()
    except AudioReadError as error:
        return error
    return None


def _whole_seconds(path: str) -> int:
    """Return the length of a recording, 0 if it cannot be opened, which is told where it is read."""
    try:
        with open_recording(path) as recording:
            return int(recording.frames / recording.samplerate)
    except AudioReadError:
        return 0
