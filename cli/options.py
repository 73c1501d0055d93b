"""Options that several commands share."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guitarclf.config import Config
from guitarclf.config.files import load_config, with_values

if TYPE_CHECKING:
    from guitarclf.experiment.validate import Findings

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


def with_options(*options: Callable) -> Callable[[Callable], Callable]:
    """Return a decorator that adds click options to a command, in the order of ``--help``."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


config_options = with_options(
    click.option("--config", type=click.Path(dir_okay=False), help="YAML or JSON file; the README lists its keys."),
    click.option("--metadata-path", type=click.Path(), help="Table of note events, CSV or Parquet."),
    click.option("--audio-root", type=click.Path(), help="Folder that `audio_path` is relative to."),
    click.option("--output-dir", type=click.Path(), help="Folder of the run; must be new or empty."),
    click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache."),
    click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override one key: net.lr=3e-4."),
)


def read_config(config: str | None, overrides: tuple[str, ...], no_cache: bool, **flags: Any) -> Config:
    """Return the Config of a file, with --set and then the flags of CONFIG_KEYS on top."""
    given = {CONFIG_KEYS[name]: value for name, value in flags.items() if value is not None}
    if no_cache:
        given["data.cache"] = None
    settings = with_values(load_config(config, overrides), given, source="the command line")
    table = settings.data.metadata_path
    if table == Config().data.metadata_path and not Path(table).exists():  # nobody asked for this one
        raise click.ClickException(
            f"A table of note events must be given with --metadata-path. There is none at the default, {table}. "
            f"{NO_TABLE}"
        )
    return settings


def refuse_both(**flags: Any) -> None:
    """Raise a usage error if both of two flags are given."""
    if all(flags.values()):
        names = " or ".join(f"--{name.replace('_', '-')}" for name in flags)
        raise click.UsageError(f"Give {names}, not both.")


def require_writable(output: str | Path, *, suffix: str = "") -> None:
    """Refuse an --output that cannot be written, before the work and not after."""
    path = Path(output)
    if suffix and path.suffix.lower() != suffix:
        raise click.ClickException(f"--output must end in {suffix}. Got {output}.")
    if path.is_dir() or not path.parent.is_dir():
        what = "It is a folder" if path.is_dir() else f"There is no folder {path.parent}"
        raise click.ClickException(f"--output must be a file in a folder that exists. Got {output}. {what}.")


def echo_findings(found: "Findings") -> None:
    """Print what ``validate`` found: the summary, the warnings, the problems."""
    warnings = [f"warning: {warning}" for warning in found.warnings]
    for line in (*found.summary, *warnings, *(f"problem: {problem}" for problem in found.problems)):
        click.echo(line)
