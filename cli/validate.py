"""guitarclf validate."""

import click

from guitarclf.cli.options import NO_TABLE, UserPath, argument_or_option, audio_root_option, echo_findings, table_of


@click.command("validate")
@argument_or_option("metadata_path", "--metadata-path", required=False)
@audio_root_option
@click.option("--config", type=UserPath(dir_okay=False), help="For its data section, window and background.")
def command(metadata_path: str | None, audio_root: str | None, config: str | None) -> None:
    """Check all of a table and its audio, and list every problem found; exit code 1 if there is one.

    \b
    guitarclf validate notes.csv
    guitarclf validate notes.csv --audio-root audio
    """
    from guitarclf.config.files import load_config
    from guitarclf.experiment.tables import table_folder
    from guitarclf.experiment.validate import validate

    settings = load_config(config)
    metadata_path, audio_root = table_of(settings.data, metadata_path, audio_root)
    if metadata_path is None:
        raise click.UsageError(f"Missing argument 'TABLE'. A table of note events must be given. {NO_TABLE}")
    found = validate(metadata_path, table_folder(metadata_path, audio_root), config=settings)
    echo_findings(found)
    if found.problems:
        raise click.ClickException(f"{len(found.problems)} problems in {metadata_path}.")
    click.echo("No problems.")
