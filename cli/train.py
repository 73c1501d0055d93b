"""guitarclf train."""

import shlex
from pathlib import Path

import click

from guitarclf.cli.options import (
    UserPath,
    cluster_option,
    config_options,
    figure_format_option,
    read_config,
    refuse_both,
)
from guitarclf.cli.terminal import say
from guitarclf.config import Config
from guitarclf.config.files import said
from guitarclf.runs.folder import RunFolder


@click.command("train")
@config_options
@click.option("--init-from", type=UserPath(), help="A run or bundle to start from instead of fresh weights.")
@figure_format_option
@cluster_option
@click.option("--resume", is_flag=True, help="Go on with the run in --output-dir, from its last finished epoch.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --output-dir.")
def command(init_from, figure_format, cluster, resume, overwrite, **flags):
    """Train a classifier on a table of note events and write a run folder.

    \b
    guitarclf train --metadata-path notes.csv --audio-root audio --output-dir runs/mine
    guitarclf train --metadata-path notes.csv --audio-root audio --init-from runs/mine --output-dir runs/tuned
    guitarclf train --config configs/default.yaml --set net.max_epochs=30 --set net.module.pooling=attention
    guitarclf train --output-dir runs/mine --resume

    With --init-from, what neither --config nor --set says is as in that model, and the training is short, with modelled
    notes among yours, so that it learns them and forgets nothing.

    With --cluster features are computed there, unless they are in the feature cache; the training is here.

    Ctrl-C ends a run that --resume goes on with; without --config it takes the run's own config.
    """
    refuse_both(resume=resume, overwrite=overwrite)
    if resume and flags["config"] is None:
        flags["config"] = own_config(flags["output_dir"])

    def defaults(raw):
        from guitarclf.experiment.fine_tuning import fine_tuning_defaults

        folder = flags["output_dir"] or said(raw, "output_dir", Config().output_dir)
        run = RunFolder(Path(folder)) if resume else None
        return fine_tuning_defaults(init_from or said(raw, "training.init_from"), run)

    settings = read_config(init_from=init_from or None, defaults=defaults, **flags)
    say(f"training on {settings.data.metadata_path}: loading torch and scikit-learn, which takes seconds")
    from guitarclf.experiment.train import train

    how = {"resume": resume, "overwrite": overwrite, "figure_format": figure_format or "png"}
    run = train(settings, cluster=cluster, **how)
    used = ["eval", run.folder.root, "--split", "test"] if run.has_test else ["predict", "--model", run.folder.root]
    click.echo(f"Next: {shlex.join(['guitarclf', *map(str, used)])}{'' if run.has_test else ' RECORDINGS'}")


def own_config(output_dir) -> str | None:
    """Return the config file of the run that is there, None where there is none."""
    path = Path(output_dir or Config().output_dir) / "config.yaml"
    return str(path) if path.is_file() else None
