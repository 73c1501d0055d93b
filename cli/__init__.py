"""The command line: one thin click command a file, each loaded only when it is called."""

import errno
import importlib
import io
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from guitarclf import __version__
from guitarclf.cli.terminal import LOUDNESS, HelpfulGroup, forget, with_loudness
from guitarclf.errors import GuitarclfError
from guitarclf.files.names import ESCAPE

# Command -> its help, so that --help imports no command. Its module has the same name unless MODULES has another.
COMMANDS = {
    "demo": "Make modelled guitars, train on them, and show how good it is.",
    "train": "Train a classifier on a table of note events.",
    "eval": "Score a trained run on a split or on another table.",
    "report": "Write a page to see and hear what a run or a crossval does.",
    "predict": "Classify files, folders, or the events of a table.",
    "annotate": "Find and classify the events of recordings of any length.",
    "crossval": "Score tracks left out in turn, beside simple baselines.",
    "search": "Search the pipeline's parameters with folds by track.",
    "inspect": "Draw one event as the model sees it.",
    "validate": "Check all of a table and its audio.",
    "export": "Write a trained model as ONNX for other programs.",
    "config": "Show and explain the configuration.",
    "cache": "Fill, show or clear the features kept from one run to the next.",
    "import": "Make a table from IDMT-SMT-GUITAR, folders, or Audacity label tracks.",
}
# What the system answers when something printed cannot be written; a closed pipe is click's.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
VERSION = "guitarclf.version"  # in click's meta: whether --version was given
INTERRUPTED = 130  # 128 + SIGINT, as shells have it
MODULES = {"eval": "evaluate", "import": "importing"}  # a builtin and a keyword


class LazyGroup(HelpfulGroup):
    """A click group that imports a command when it is called, and prints our errors in one line."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command line, with output in UTF-8 whatever the locale; on a full disk it ends in one line."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8", errors=ESCAPE)
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in UNWRITABLE or error.filename is not None:
                raise
            with suppress(OSError):  # where stderr is full too, nobody can be told
                told = f"The output must be writable. {error.strerror}. Make room, or write elsewhere."
                click.ClickException(told).show()
            forget(sys.stdout)
            forget(sys.stderr)
            sys.exit(1)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"guitarclf.cli.{MODULES.get(name, name)}")
        return module.command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.meta.get(VERSION):
            show_version(ctx)
        try:
            with ending_at_once_on_a_second_ctrl_c():
                return super().invoke(ctx)
        except KeyboardInterrupt:  # click would make it exit code 1, as if something were wrong
            click.echo("Interrupted.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from None
        except GuitarclfError as error:
            if ctx.meta[LOUDNESS] == "verbose":
                traceback.print_exception(error)
            raise click.ClickException(str(error)) from error
        except ModuleNotFoundError as error:
            if error.name is None or error.name.split(".")[0] in (*sys.stdlib_module_names, "guitarclf"):
                raise
            if ctx.meta[LOUDNESS] == "verbose":
                traceback.print_exception(error)
            raise click.ClickException(
                f"This must have `{error.name.split('.')[0]}`. It is not installed here. `pip install guitarclf` "
                "brings all that the package needs."
            ) from error


@contextmanager
def ending_at_once_on_a_second_ctrl_c() -> Iterator[None]:
    """Let a first Ctrl-C raise KeyboardInterrupt, and a second one end the process at once."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield  # someone else handles it: a notebook, a test
        return

    def interrupt(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(INTERRUPTED))
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def show_version(ctx: click.Context) -> None:
    """Print the version, with --verbose also what an issue should tell, and exit."""
    click.echo(f"guitarclf, version {__version__}")
    if ctx.meta[LOUDNESS] == "verbose":
        from guitarclf.runs.versions import told_for_issues

        for line in told_for_issues():
            click.echo(line)
    ctx.exit()


def _ask_for_version(ctx: click.Context, parameter: click.Parameter, is_given: bool) -> None:
    """Note that the version is asked for: --verbose, which says how much of it, may stand behind."""
    ctx.meta[VERSION] = is_given


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=_ask_for_version,
    help="Show the version and exit; with --verbose also those of packages, and the machine.",
)
def main() -> None:
    """Tell how a single guitar note was played: harmonic, dead_note or general_note."""


with_loudness(main)
