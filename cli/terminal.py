"""What the terminal shows of a command's work: log lines above the bars, as much as --quiet or --verbose asks for."""

import logging
import os
import sys
from datetime import datetime
from typing import Any, TextIO

import click

from guitarclf.files.progress import above_bars, be_quiet

LOUDNESS = "guitarclf.loudness"  # in click's meta: "quiet", "verbose", or None


class TerminalHandler(logging.Handler):
    """Write each message to the current stderr, above the bars; warnings say that they are."""

    def __init__(self, level: int, *, with_time: bool):
        super().__init__(level)
        self.with_time = with_time

    def emit(self, record: logging.LogRecord) -> None:
        time = f"{datetime.fromtimestamp(record.created):%H:%M:%S} " if self.with_time else ""
        prefix = "Warning: " if record.levelno >= logging.WARNING else ""
        try:
            with above_bars():
                click.echo(f"{time}{prefix}{record.getMessage()}", file=sys.stderr)
        except OSError:  # nobody reads it, or its disk is full; the work goes on
            forget(sys.stderr)


def forget(stream: TextIO | None) -> None:
    """Let what a stream cannot bring out go nowhere, or Python would try again at its end and complain."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())


def log_to_terminal(loudness: str | None = None) -> None:
    """Show what the package logs on stderr, where it does not mix with results."""
    logger = logging.getLogger("guitarclf")
    logger.handlers = [handler for handler in logger.handlers if not isinstance(handler, TerminalHandler)]
    level = logging.WARNING if loudness == "quiet" else logging.INFO
    logger.addHandler(TerminalHandler(level, with_time=loudness == "verbose"))
    logger.setLevel(logging.INFO)  # run.log has it all, whatever the terminal shows
    logger.propagate = False


def say(message: str) -> None:
    """Say what a command is about to do, before what it loads and reads takes seconds."""
    logging.getLogger("guitarclf.cli").info(message)


def warn(message: str) -> None:
    """Say what the user should know even under --quiet."""
    logging.getLogger("guitarclf.cli").warning(message)


def with_loudness(command: click.Command) -> click.Command:
    """Give a command -q and -v, unless it has them, and return it. Of several the last one counts."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        about = {
            "quiet": "Only warnings and errors on stderr.",
            "verbose": "Times on stderr, and what lies behind an error.",
        }
        for name, text in about.items():
            flags = [f"-{name[0]}", f"--{name}"]
            option = click.Option(flags, is_flag=True, expose_value=False, callback=_choose_loudness, help=text)
            command.params.append(option)
    return command


def _choose_loudness(context: click.Context, parameter: click.Parameter, is_given: bool) -> None:
    """Take -q or -v, wherever it stands; the first command that is parsed takes back what an earlier call chose."""
    if is_given or LOUDNESS not in context.meta:
        context.meta[LOUDNESS] = parameter.name if is_given else None
        log_to_terminal(context.meta[LOUDNESS])
        be_quiet(context.meta[LOUDNESS] == "quiet")


class HelpfulGroup(click.Group):
    """A click group that suggests the nearest of its commands for a name it does not know; each takes -q and -v."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):  # click 8.2 suggests options only
            ctx.fail(f"No such command {args[0]!r}.{suggested(args[0], known)}")
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and with_loudness(command), rest


def suggested(name: str, known: list[str]) -> str:
    """Return ``" Did you mean 'train'?"`` for a name that is nearly a known one, else nothing."""
    from difflib import SequenceMatcher, get_close_matches

    typed = name.lower()
    near = get_close_matches(typed, known, n=len(known))
    if not near:
        return ""
    # Of two that are as near, such as export and report of "epxort", the one that begins alike.
    nearest = max(near, key=lambda other: (SequenceMatcher(None, other, typed).ratio(), other[0] == typed[0]))
    return f" Did you mean {nearest!r}?"
