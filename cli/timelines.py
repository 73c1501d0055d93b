"""What `annotate` prints of timelines, each as it goes by: tables, counts, scores, and what to do next."""

import json
import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guitarclf.cli.terminal import say
from guitarclf.files.cells import csv_lines
from guitarclf.files.wording import shown

if TYPE_CHECKING:
    from guitarclf.experiment.annotate import Annotator, Recording
    from guitarclf.timeline.events import Timeline

SCORE_FILE = "score.json"


def counted(timelines: "Iterable[Timeline]", n_recordings: int) -> "list[Timeline]":
    """Go through timelines, say how many events of each label they have, and return those that have an error."""
    failed, n_done = [], 0
    counts: Counter[str] = Counter()
    for timeline in timelines:
        n_done += 1
        failed += [timeline] if timeline.error else []
        counts.update(event.label or "unheard" for event in timeline.events)
    if not n_done and n_recordings:
        say("nothing to do: the files about all recordings are there")
        return failed
    told = ", ".join(f"{counts[name]} {name}" for name in sorted(counts)) or "no event"
    of_all = "" if n_done == n_recordings else f"of {n_recordings} "
    say(f"{n_done} {of_all}recording{'s' if n_recordings > 1 else ''}: {told}")
    return failed


def printed(timelines: "Iterable[Timeline]", recordings: "Sequence[Recording]") -> "Iterator[Timeline]":
    """Yield the timelines of recordings, each printed when it is there, below one header."""
    from guitarclf.timeline.events import COLUMNS, rows

    click.echo(next(csv_lines(COLUMNS, ())), nl=False)
    for timeline, recording in zip(timelines, recordings, strict=True):
        _, *lines = csv_lines(COLUMNS, rows(timeline, recording.stem))
        click.echo("".join(lines), nl=False)
        yield timeline


def reviewed(timelines: "Iterable[Timeline]", recordings: "Sequence[Recording]", count: int) -> "Iterator[Timeline]":
    """Yield the timelines of recordings; after the last, print so many of their events, those to correct first."""
    from guitarclf.timeline.events import COLUMNS, rows
    from guitarclf.timeline.review import least_sure

    heard: list[dict] = []
    for timeline, recording in zip(timelines, recordings, strict=True):
        heard += rows(timeline, recording.stem)
        yield timeline
    click.echo("".join(csv_lines(COLUMNS, least_sure(heard, count))), nl=False)


def require_no_scores(output_dir: str) -> None:
    """Refuse a folder that has scores, before the work and not after."""
    path = Path(output_dir) / SCORE_FILE
    if os.path.lexists(path):
        raise click.ClickException(
            f"{shown(output_dir)} must not have scores yet. {shown(path)} is there. Keep it with --resume, replace it "
            "with --overwrite, or give another folder."
        )


def scored(
    timelines: "Iterable[Timeline]",
    annotator: "Annotator",
    recordings: "Sequence[Recording]",
    table: str,
    audio_root: str | None,
    output_dir: str | None,
    *,
    overwrite: bool,
) -> "Iterator[Timeline]":
    """Yield the timelines of recordings; after the last, print their scores, and write them beside the files.

    The table of true events is read before the first is heard. Scores that are there stay, without ``overwrite``.
    """
    from guitarclf.experiment.timeline_scores import Scores
    from guitarclf.files.whole import write_text

    scores = Scores(table, audio_root, annotator.listener.model.data, recordings, annotator.start, annotator.end)
    for timeline in timelines:
        scores.add(timeline)
        yield timeline
    report = scores.report()
    click.echo(report.to_text())
    if output_dir:
        path = Path(output_dir) / SCORE_FILE
        if os.path.lexists(path) and not overwrite:
            say(f"{shown(path)} is there, and stays as it is: these scores are not in it. Remove it, or --overwrite")
            return
        write_text(path, json.dumps(report.to_dict(), indent=2) + "\n")
        say(f"{shown(path)} has the onsets that were missed, and the spurious ones")


def tell_next(
    root: str, recordings: "Sequence[Recording]", output_dir: str | None, formats: Sequence[str], combined: str | None
) -> None:
    """Say what can be done with the table that was written."""
    from guitarclf.files.whole import is_stream

    table = None if combined and is_stream(combined) else combined
    if table is None and output_dir and "csv" in formats and recordings:
        table = str(Path(output_dir) / f"{recordings[0].stem}.csv")
    if table is not None:
        told = " ".join(map(shlex.quote, ("guitarclf", "validate", shown(table), "--audio-root", root)))
        say(f"Next: correct it by ear, then {told}")
