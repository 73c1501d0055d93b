"""guitarclf train."""

import click

from guitarclf.cli.options import config_options, read_config
from guitarclf.config_io import with_values


@click.command("train")
@config_options
@click.option("--init-from", type=click.Path(), help="A run or bundle to start from instead of fresh weights.")
def command(config, metadata_path, audio_root, output_dir, overrides, no_cache, init_from):
    """Train a classifier on a table of note events and write a run folder.

    \b
    guitarclf train --metadata-path notes.csv --audio-root audio --output-dir runs/mine
    guitarclf train --metadata-path notes.csv --audio-root audio --init-from runs/mine --output-dir runs/tuned
    guitarclf train --config configs/default.yaml --set net.max_epochs=30 --set net.module.pooling=attention
    """
    settings = read_config(config, metadata_path, audio_root, output_dir, overrides, no_cache)
    if init_from:
        settings = with_values(settings, {"training.init_from": init_from}, source="the command line")
    from guitarclf.experiment.train import train

    run = train(settings).folder.root
    click.echo(f"Next: guitarclf eval --run-dir {run} --split test")
