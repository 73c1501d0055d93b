"""guitarclf import."""

import shlex
from collections.abc import Callable
from pathlib import Path

import click

from guitarclf.cli.options import UserPath, echo_findings, with_options
from guitarclf.cli.terminal import HelpfulGroup
from guitarclf.errors import ParameterError
from guitarclf.labels import TABLE_LABELS, folded
from guitarclf.parameters.label_map import LabelMap


@click.group("import", cls=HelpfulGroup)
def command() -> None:
    """Make the table of note events from data as you have it, and check it.

    \b
    guitarclf import idmt IDMT-SMT-GUITAR_V2 --output notes.csv --track-by guitar
    guitarclf import folders my_notes --output notes.csv
    guitarclf import audacity my_takes --output notes.csv --label x=dead_note
    """


import_options = with_options(
    click.argument("root", type=UserPath()),
    click.option("--output", required=True, type=UserPath(), help="The table to write, a CSV."),
    click.option("--overwrite", is_flag=True, help="Replace the table if it is there."),
)


def read_labels(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return TEXT=LABEL options as a mapping."""
    pairs = [(text, folded(label)) for text, _, label in (value.rpartition("=") for value in values)]
    for value, (text, label) in zip(values, pairs, strict=True):
        if not folded(text) or label not in TABLE_LABELS:
            raise click.BadParameter(f"must be TEXT=LABEL with a LABEL of {', '.join(TABLE_LABELS)}. Got {value!r}.")
    try:
        LabelMap(pairs, name="--label")  # refuses a text with two labels
    except ParameterError as error:
        raise click.BadParameter(str(error)) from error
    return {text.strip(): label for text, label in pairs}


label_option = click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="TEXT=LABEL",
    callback=read_labels,
    help='What a text of yours stands for; "*=general_note" for every other. May be given again.',
)


@command.command("idmt", short_help="IDMT-SMT-GUITAR as downloaded.")
@import_options
@click.option(
    "--track-by",
    type=click.Choice(["recording", "guitar"]),
    default="recording",
    show_default=True,
    help="What must not be on two sides of a split.",
)
def idmt(root: str, output: str, overwrite: bool, track_by: str) -> None:
    """IDMT-SMT-GUITAR as downloaded: ROOT is the whole data set or a part of it.

    Every annotation/*.xml is paired with its recording in the audio/ folder beside it. HA is a harmonic,
    DN a dead_note, every other expression style a general_note.
    """
    from guitarclf.data.importers.idmt import read_idmt

    write_and_report(lambda: read_idmt(root, track_by=track_by), root, output, overwrite)


@command.command("folders", short_help="One note a file, in a folder per class.")
@import_options
@label_option
def folders(root: str, output: str, overwrite: bool, labels: dict[str, str]) -> None:
    """One note a file, in a folder per class: ROOT/harmonic/my_guitar/1.wav.

    The folder below the class is the track. Names such as "Dead Notes" or "general" are understood,
    others with --label.
    """
    from guitarclf.data.importers.folders import read_folders

    write_and_report(lambda: read_folders(root, labels=labels), root, output, overwrite)


@command.command("audacity", short_help="Label tracks beside their recordings.")
@import_options
@label_option
def audacity(root: str, output: str, overwrite: bool, labels: dict[str, str]) -> None:
    """Label tracks exported from Audacity: X.txt beside X.wav, X.flac or the like, anywhere below ROOT.

    Texts such as "Dead Note" or "harmonics" are understood, others with --label. Each recording is a track.
    """
    from guitarclf.data.importers.audacity import read_audacity

    write_and_report(lambda: read_audacity(root, labels=labels), root, output, overwrite)


def write_and_report(read: Callable, root: str, output: str, overwrite: bool) -> None:
    """Write the table of what ``read`` returns; print what is in it, what is not, and what to do next."""
    from guitarclf.experiment.importing import check_output, import_table

    check_output(output, overwrite=overwrite)
    events, problems = read()
    found = import_table(events, problems, output, root, overwrite=overwrite)
    echo_findings(found)
    for line in found.not_imported:
        click.echo(f"not imported: {line}")
    if not found.n_events:
        raise click.ClickException(f"Nothing below {root} could be imported, and {output} was not written.")
    click.echo(f"\n{output}: {found.n_events} events. Listed as not imported: {len(found.not_imported)}.")
    table = ["--metadata-path", str(output), "--audio-root", str(root)]
    if found.problems:
        again = shlex.join(["guitarclf", "validate", *table])
        raise click.ClickException(f"{len(found.problems)} problems in {output}. Correct them, then: {again}")
    train = ["guitarclf", "train", *table, "--output-dir", str(Path("runs") / Path(output).stem)]
    if found.is_small:
        click.echo(f"{found.n_events} notes are few to train fresh weights on; the model that ships is a better start.")
        train += ["--init-from", "pretrained"]
    click.echo(f"Next: {shlex.join(train)}")
