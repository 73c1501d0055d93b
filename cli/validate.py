"""guitarclf validate."""

import click

from guitarclf.cli.options import NO_TABLE, UserPath, echo_findings


@click.command("validate")
@click.option("--metadata-path", type=UserPath(), help="Table of note events, CSV or Parquet.  [required]")
@click.option("--audio-root", type=UserPath(), help="Folder that `audio_path` is relative to; default the table's.")
@click.option("--config", type=UserPath(dir_okay=False), help="For its data.columns, data.labels and window.")
def command(metadata_path: str | None, audio_root: str | None, config: str | None) -> None:
    """Check all of a table and its audio, and list every problem found; exit code 1 if there is one."""
    if not metadata_path:
        raise click.UsageError(f"A table of note events must be given with --metadata-path. {NO_TABLE}")
    from guitarclf.config.files import load_config
    from guitarclf.experiment.tables import table_folder
    from guitarclf.experiment.validate import validate

    found = validate(metadata_path, table_folder(metadata_path, audio_root), config=load_config(config))
    echo_findings(found)
    if found.problems:
        raise click.ClickException(f"{len(found.problems)} problems in {metadata_path}.")
    click.echo("No problems.")
