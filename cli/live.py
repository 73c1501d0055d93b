"""The events of a stream, printed line by line while it plays."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from guitarclf.cli.terminal import say
from guitarclf.files.cells import csv_lines

if TYPE_CHECKING:
    from guitarclf.experiment.annotate import Annotator


def listen(annotator: "Annotator", raw: str | None, device: str | None) -> None:
    """Print the events of the standard input, or of an input device, until it ends or is interrupted."""
    from guitarclf.timeline.events import COLUMNS, Timeline, rows

    if raw is not None:
        from guitarclf.audio.raw import RawFormat, raw_blocks

        form = RawFormat.parse(raw)
        rate, blocks = form.rate, raw_blocks(sys.stdin.buffer, form)
    else:
        from guitarclf.audio.devices import open_device

        rate, blocks = open_device(None if device == "default" else device)
        say(f"listening at {rate} Hz; Ctrl-C ends it")
    click.echo(next(csv_lines(COLUMNS, ())), nl=False)
    number = 0
    for event in annotator.listener.events_in(until_interrupted(blocks), rate):
        number += 1
        if annotator.only and event.label not in (*annotator.only, ""):
            continue
        row = next(rows(Timeline("-", "-", 0.0, rate, [event]))) | {"note_id": f"-_{number:04d}"}
        _, *lines = csv_lines(COLUMNS, [row])
        click.echo("".join(lines), nl=False)
        sys.stdout.flush()
    say(f"{number} events")


def until_interrupted(blocks: Iterable[Any]) -> Iterator[Any]:
    """Yield blocks until Ctrl-C ends the stream, as it ends the program that records."""
    try:
        yield from blocks
    except KeyboardInterrupt:
        return
