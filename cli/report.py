"""guitarclf report."""

import os

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    mapping_option,
    model_argument,
    read_data,
    require_writable,
    table_of,
)
from guitarclf.cli.terminal import say
from guitarclf.files.wording import shown

MEGABYTE = 1e6


@click.command("report")
@model_argument
@click.option("--split", type=click.Choice(["val", "test", "train", "all"]), help="Rows to report.  [default: val]")
@click.option("--metadata-path", type=UserPath(), help="Report another table instead.")
@audio_root_option
@mapping_option
@click.option("--output", type=UserPath(dir_okay=False), help="The page.  [default: report_<split>.html in MODEL]")
@click.option("--overwrite", is_flag=True, help="Replace --output if it is there.")
def command(model, split, metadata_path, audio_root, config, output, overwrite):
    """Write a page to see and hear what MODEL does: a run, a crossval, a bundle, or pretrained.

    \b
    guitarclf report runs/mine --split test
    guitarclf report runs/cv --output cv.html
    guitarclf report pretrained --metadata-path notes.csv --audio-root audio

    Scores with intervals, a confusion matrix whose cells open the notes behind them, errors by confidence with picture
    and sound, reliability, tracks, learning curves, settings. One file that needs no network; it holds the sound of up
    to 400 notes, so mind whose recordings they are when you pass it on.
    """
    if config and not metadata_path:  # as in eval
        raise click.UsageError("--config goes with --metadata-path: a run's own table is read as it was in training.")
    data = read_data(config)
    metadata_path, audio_root = table_of(data, metadata_path, audio_root)
    if output:
        require_writable(output, suffix=".html", overwrite=overwrite, mark=b'content="guitarclf ')
    say(f"reporting {model}: loading torch and scikit-learn, which takes seconds")
    from guitarclf.experiment.report import write_report

    path = write_report(model, output, split=split, metadata_path=metadata_path, audio_root=audio_root, data=data)
    click.echo(f"Written: {shown(path)} ({os.path.getsize(path) / MEGABYTE:.1f} MB). Open it in a browser.")
