"""Options that several commands share."""

import os
from collections.abc import Callable
from functools import reduce, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guitarclf.config import Config, DataConfig
from guitarclf.config.files import Defaults, load_config, with_values
from guitarclf.evaluation.drawing import FORMATS
from guitarclf.files.whole import is_stream
from guitarclf.files.wording import shown

if TYPE_CHECKING:
    from guitarclf.experiment.validate import Findings


class UserPath(click.Path):
    """A path as the user gives it: not empty, and with no look at its permissions, since a file that may not be read
    is told where it is read."""

    def __init__(self, *, dir_okay: bool = True, file_okay: bool = True):
        super().__init__(dir_okay=dir_okay, file_okay=file_okay, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("A path must not be empty. For the working folder give a dot.", param, ctx)
        return super().convert(value, param, ctx)


# Flag -> the key of the configuration that it sets.
CONFIG_KEYS = {
    "metadata_path": "data.metadata_path",
    "audio_root": "data.audio_root",
    "output_dir": "output_dir",
    "init_from": "training.init_from",
    "add_modelled": "training.add_modelled",
}


NO_TABLE = (
    "No table yet? `guitarclf import` makes one from IDMT-SMT-GUITAR, from folders or from Audacity labels, and "
    "`guitarclf demo` trains on modelled guitars without any."
)


class NumberOfJobs(click.IntRange):
    """1 or more, or -1."""

    def __init__(self) -> None:
        super().__init__(min=-1)

    def convert(self, value, param, ctx):
        """Return the number."""
        number = super().convert(value, param, ctx)
        if number == 0:
            self.fail("it must be 1 or more, or -1 for one a core.", param, ctx)
        return number


def with_options(*options: Callable) -> Callable[[Callable], Callable]:
    """Return a decorator that adds click options to a command, in the order of ``--help``."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


audio_root_option = click.option(
    "--audio-root",
    type=UserPath(),
    help="Folder that `audio_path` is relative to.  [default: data.audio_root, or the table's folder]",
)
config_options = with_options(
    click.option(
        "--config", type=UserPath(dir_okay=False), help="YAML or JSON file; `guitarclf config` tells its keys."
    ),
    click.option("--metadata-path", type=UserPath(), help="Table of note events, CSV or Parquet."),
    audio_root_option,
    click.option("--output-dir", type=UserPath(), help="Folder of the run; must be new or empty."),
    click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache."),
    click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key: net.lr=3e-4."),
)


def read_config(
    config: str | None, overrides: tuple[str, ...], no_cache: bool, *, defaults: Defaults = lambda raw: {}, **flags: Any
) -> Config:
    """Return the Config of a file, with --set and then the flags of CONFIG_KEYS on top; ``defaults`` are below all."""
    given = {CONFIG_KEYS[name]: value for name, value in flags.items() if value is not None}
    if no_cache:
        given["data.cache"] = None
    settings = with_values(load_config(config, overrides, defaults=defaults), given, source="the command line")
    table = settings.data.metadata_path
    if table == Config().data.metadata_path and not Path(table).exists():  # nobody asked for this one
        raise click.ClickException(
            f"A table of note events must be given with --metadata-path. There is none at the default, {table}. "
            f"{NO_TABLE}"
        )
    return settings


# For a command that reads a table with a model: its own names and places of columns, and where the table is.
mapping_option = click.option(
    "--config",
    type=UserPath(dir_okay=False),
    help="YAML or JSON file: its data section tells how the table is read.",
)


def read_data(config: str | None) -> DataConfig | None:
    """Return the data section of a configuration file, None without one."""
    return None if config is None else load_config(config).data


def table_of(
    data: DataConfig | None, metadata_path: str | None, audio_root: str | None
) -> tuple[str | None, str | None]:
    """Return the table and audio root to use: those that are given, else what a configuration file says."""
    if data is None:
        return metadata_path, audio_root
    named = None if data.metadata_path == DataConfig().metadata_path else data.metadata_path
    return metadata_path or named, audio_root or data.audio_root


def argument_or_option(name: str, *flags: str, required: bool = True) -> Callable[[Callable], Callable]:
    """Return a decorator that adds a path to a command, as an argument or by a flag; both at once are refused."""
    metavar, named = ("TABLE" if name == "metadata_path" else name.upper()), f"{name}_by_flag"

    def decorate(command: Callable) -> Callable:
        @wraps(command)
        def with_one(**given: Any) -> Any:
            by_place, by_flag = given.pop(name), given.pop(named)
            if by_place and by_flag:
                raise click.UsageError(f"Give {metavar} or {flags[0]}, not both.")
            if required and not (by_place or by_flag):
                raise click.UsageError(f"Missing argument {metavar!r}.")
            return command(**given, **{name: by_place or by_flag})

        shown = metavar if required else f"[{metavar}]"
        argument = click.argument(name, required=False, type=UserPath(), metavar=shown)
        option = click.option(*flags, named, type=UserPath(), metavar=metavar, help=f"{metavar}, as an option.")
        return argument(option(with_one))

    return decorate


# A model is MODEL where a command is about one, and --model where it also takes files. 0.1.0 said --run-dir in `eval`.
model_argument = argument_or_option("model", "--model", "--run-dir")
model_option = click.option(
    "--model",
    "--run-dir",
    "model",
    type=UserPath(),
    metavar="MODEL",
    default="pretrained",
    show_default=True,
    help="A run folder, a bundle, or pretrained.",
)


figure_format_option = click.option(
    "--figure-format",
    type=click.Choice(FORMATS),
    help="png for the screen, svg or pdf for papers, as wide as a column of a journal or its page.  [default: png]",
)

min_confidence_option = click.option(
    "--min-confidence",
    type=click.FloatRange(0, 1),
    help="Below it the label is `unknown`; 0: never.  [default: the model's]",
)
n_jobs_option = click.option(
    "--n-jobs", type=NumberOfJobs(), default=1, show_default=True, help="Jobs at once on this machine; -1: one a core."
)
cluster_option = click.option(
    "--cluster", metavar="WHERE", help="Do the work on Dask: tcp://host:8786, a scheduler's file, or local:N."
)
review_option = click.option(
    "--review",
    type=click.IntRange(min=1),
    metavar="N",
    help="List the N events to correct first: the least sure, a class each in turn.",
)


def in_context_options(command: Callable) -> Callable:
    """Add --in-context and --phrases-seed to a command; the second without the first is a usage error."""

    @wraps(command)
    def checked(*args: Any, in_context: bool, phrases_seed: int | None, **given: Any) -> Any:
        if phrases_seed is not None and not in_context:
            raise click.UsageError("--phrases-seed goes with --in-context.")
        return command(*args, in_context=in_context, phrases_seed=phrases_seed, **given)

    seed = "Of the phrases.  [default: that of the run or model]"
    checked = click.option("--phrases-seed", type=click.IntRange(0, 2**31 - 1), help=seed)(checked)
    told = "Also score each note in a phrase, without and with its offset."
    return click.option("--in-context", is_flag=True, help=told)(checked)


def refuse_both(**flags: Any) -> None:
    """Raise a usage error if both of two flags are given."""
    if all(flags.values()):
        names = " or ".join(f"--{name.replace('_', '-')}" for name in flags)
        raise click.UsageError(f"Give {names}, not both.")


def require_writable(
    output: str | Path,
    *,
    suffix: str | tuple[str, ...] = (),
    overwrite: bool,
    advice: str = "",
    mark: bytes = b"",
    option: str = "--output",
) -> None:
    """Refuse a file of ``option`` that cannot be written, before the work and not after.

    A file that is there is refused, unless it may be overwritten, or begins as this program's own with a ``mark``;
    ``advice`` is what else can be done.
    """
    path = Path(output)
    if path.is_file() and not is_stream(path) and not overwrite and not _is_marked(path, mark):
        raise click.ClickException(
            f"{option} must be a new file. {shown(output)} is there. "
            f"Replace it with --overwrite, {advice}or give another name."
        )
    suffixes = (suffix,) if isinstance(suffix, str) else suffix
    if suffixes and path.suffix.lower() not in suffixes:
        raise click.ClickException(f"{option} must end in {' or '.join(suffixes)}. Got {shown(output)}.")
    if path.is_dir() or not path.parent.is_dir():
        what = "It is a folder" if path.is_dir() else f"There is no folder {path.parent}"
        raise click.ClickException(f"{option} must be a file in a folder that exists. Got {shown(output)}. {what}.")
    if not is_stream(path) and not os.access(path.parent, os.W_OK):
        raise click.ClickException(
            f"{option} must be in a folder that may be written. Got {shown(output)}. "
            f"{shown(path.parent)} may not. Choose another place."
        )


def _is_marked(path: Path, mark: bytes) -> bool:
    """Return whether a file has a mark in its first kilobyte or in its last 64."""
    if not mark:
        return False
    with path.open("rb") as file:
        start = file.read(1024)
        file.seek(max(0, path.stat().st_size - 2**16))  # where a PDF says who made it
        return mark in start or mark in file.read(2**16)


def echo_findings(found: "Findings") -> None:
    """Print what ``validate`` found: the summary, the warnings, the problems."""
    warnings = [f"warning: {warning}" for warning in found.warnings]
    for line in (*found.summary, *warnings, *(f"problem: {problem}" for problem in found.problems)):
        click.echo(line)
