"""written: the timelines of recordings, and on the way all that `annotate` writes of them."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path

from guitarclf.cluster import Cluster
from guitarclf.errors import AudioReadError
from guitarclf.experiment.annotate import Annotator, Recording, failed
from guitarclf.experiment.combined import is_finished, write_combined
from guitarclf.experiment.hearing import heard, opening_error
from guitarclf.experiment.outputs import Outputs
from guitarclf.files.lock import locked
from guitarclf.files.names import as_text
from guitarclf.files.wording import shown
from guitarclf.runs.journal import in_order
from guitarclf.timeline.clips import clips_in, require_no_clips, write_clips
from guitarclf.timeline.events import Timeline

logger = logging.getLogger(__name__)


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
    cluster: Cluster | None = None,
    n_jobs: int = 1,
) -> Iterator[Timeline]:
    """Yield the timelines of recordings in order, each when what is asked for is written of it, under a bar.

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
    cluster, n_jobs
        As in :func:`guitarclf.cluster.run_unordered`. Other processes hear; this one writes what they heard as it
        comes, in any order.
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
        if not (is_asked or hear_all):
            recordings = (
                [] if outputs is None else [each for each in recordings if outputs.missing(each, overwrite=overwrite)]
            )

        def work(rest: Sequence[int]) -> Iterator[tuple[int, list[Timeline]]]:
            of_rest = [recordings[place] for place in rest]
            for at, timeline in heard(annotator, of_rest, cluster=cluster, n_jobs=n_jobs):
                if clips is not None and timeline.sample_rate:
                    place = places[of_rest[at]]
                    how = {"overwrite": overwrite, "resume": resume}
                    try:
                        write_clips(timeline, place.parent, stem=place.name, there=there[place.parent], **how)
                    except AudioReadError as error:  # it was there a moment ago
                        timeline = failed(timeline, error)
                if outputs is not None:
                    wanted = outputs.missing(of_rest[at], overwrite=overwrite)
                    timeline = _still_there(timeline) if "html" in wanted else timeline
                    outputs.write(of_rest[at], timeline, wanted)
                yield rest[at], [timeline]

        if combined is None:
            yield from chain.from_iterable(in_order(work(range(len(recordings)))))
        else:
            yield from write_combined(combined, recordings, work, annotator.settings, resume=resume)


def _still_there(timeline: Timeline) -> Timeline:
    """Return a timeline that tells if its recording, which a page reads again, can no longer be opened."""
    error = opening_error(timeline.path)
    return timeline if error is None else failed(timeline, error)
