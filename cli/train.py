"""guitarclf train."""

import click

from guitarclf.cli.options import config_options, read_config


@click.command("train")
@config_options
def command(config, metadata_path, audio_root, output_dir, overrides):
    """Train a classifier on a table of note events and write a run folder.

    \b
    guitarclf train --metadata-path notes.csv --audio-root audio --output-dir runs/mine
    guitarclf train --config configs/default.yaml --set net.max_epochs=30 --set net.module.pooling=attention
    """
    settings = read_config(config, metadata_path, audio_root, output_dir, overrides)
    from guitarclf.experiment.train import train

    run = train(settings).folder.root
    click.echo(f"Next: guitarclf eval --run-dir {run} --split test")
