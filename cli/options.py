"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guitarclf.config import Config
from guitarclf.config.files import load_config, with_values

if TYPE_CHECKING:
    from guitarclf.experiment.validate import Findings


def config_options(command: Callable) -> Callable:
    """Add --config, --metadata-path, --audio-root, --output-dir, --no-cache and --set."""
    for option in reversed(
        [
            click.option(
                "--config",
                type=click.Path(dir_okay=False),
                help="YAML or JSON file; the README lists its keys.",
            ),
            click.option("--metadata-path", type=click.Path(), help="Table of note events, CSV or Parquet."),
            click.option("--audio-root", type=click.Path(), help="Folder that `audio_path` is relative to."),
            click.option("--output-dir", type=click.Path(), help="Folder of the run; must be new or empty."),
            click.option("--no-cache", is_flag=True, help="Neither use nor fill the feature cache."),
            click.option(
                "--set",
                "overrides",
                multiple=True,
                metavar="KEY=VALUE",
                help="Override one key: net.lr=3e-4.",
            ),
        ]
    ):
        command = option(command)
    return command


def read_config(
    config: str | None,
    metadata_path: str | None,
    audio_root: str | None,
    output_dir: str | None,
    overrides: tuple[str, ...],
    no_cache: bool = False,
) -> Config:
    """Return the Config of a file with the command line's overrides on top."""
    flags = {"data.metadata_path": metadata_path, "data.audio_root": audio_root, "output_dir": output_dir}
    merged = load_config(config, overrides)
    given: dict[str, str | None] = {path: value for path, value in flags.items() if value is not None}
    if no_cache:
        given["data.cache"] = None
    return with_values(merged, given, source="the command line")


def require_writable(output: str | Path, *, suffix: str | None = None) -> None:
    """Refuse an --output that cannot be written, before the work and not after."""
    path = Path(output)
    if suffix and path.suffix.lower() != suffix:
        raise click.ClickException(f"--output must end in {suffix}. Got {output}.")
    if path.is_dir() or not path.parent.is_dir():
        what = "It is a folder" if path.is_dir() else f"There is no folder {path.parent}"
        raise click.ClickException(f"--output must be a file in a folder that exists. Got {output}. {what}.")


def echo_findings(found: "Findings") -> None:
    """Print what ``validate`` found: the summary, then a line a warning and a problem."""
    if found.summary:
        click.echo("\n".join(found.summary))
    for warning in found.warnings:
        click.echo(f"warning: {warning}")
    for problem in found.problems:
        click.echo(f"problem: {problem}")
