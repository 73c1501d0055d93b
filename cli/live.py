"""The events of a stream, printed line by line while it plays."""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self

import click

from guitarclf.cli import INTERRUPTED
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
    with Interruption() as interruption:
        for event in annotator.listener.events_in(interruption.ending(blocks), rate):
            number += 1
            if annotator.only and event.label not in (*annotator.only, ""):
                continue
            row = next(rows(Timeline("-", "-", 0.0, rate, [event]))) | {"note_id": f"-_{number:04d}"}
            _, *lines = csv_lines(COLUMNS, [row])
            click.echo("".join(lines), nl=False)
            sys.stdout.flush()
    say(f"{number} event{'' if number == 1 else 's'}")


class Interruption:
    """A first Ctrl-C that ends a stream, and nothing else: what was heard is still answered. A second one ends at once.

    It is for a ``with`` block around the work.
    """

    def __init__(self) -> None:
        self.has_come = self.is_waited_in = False

    def __enter__(self) -> Self:
        self.before = signal.getsignal(signal.SIGINT)
        if callable(self.before):  # else it is ignored, as in the background of a shell
            signal.signal(signal.SIGINT, self._come)
        return self

    def __exit__(self, *exception: object) -> None:
        if callable(self.before):
            signal.signal(signal.SIGINT, self.before)

    def _come(self, number: int, frame: object) -> None:
        if self.has_come:
            os._exit(INTERRUPTED)
        self.has_come = True
        if self.is_waited_in:
            raise KeyboardInterrupt

    def ending(self, blocks: Iterable[Any]) -> Iterator[Any]:
        """Yield blocks until they end or it has come, also while one is waited for."""
        iterator = iter(blocks)
        try:
            while True:
                self.is_waited_in = True
                if self.has_come:
                    return
                block = next(iterator)
                self.is_waited_in = False
                yield block
        except (KeyboardInterrupt, StopIteration):
            return
        finally:
            self.is_waited_in = False
