"""guitarclf eval."""

import click

from guitarclf.cli.options import UserPath


@click.command("eval")
@click.option("--run-dir", required=True, type=UserPath(), help="Folder written by train.")
@click.option("--split", type=click.Choice(["val", "test", "train", "all"]), help="Rows to score.  [default: val]")
@click.option("--metadata-path", type=UserPath(), help="Score another table instead.")
@click.option("--audio-root", type=UserPath(), help="Folder that `audio_path` is relative to.")
@click.option("--output-dir", type=UserPath(), help="Folder to write the scores into.  [default: the run's]")
def command(run_dir, split, metadata_path, audio_root, output_dir):
    """Score a trained run: per-class precision, recall and F1, and the confusion matrix.

    Writes metrics_<split>.json and figures/confusion_<split>.png into the run. A model by itself, such as
    pretrained, and one that can only be read are scored too, and --output-dir says where to write. With --metadata-path
    all rows of that table are scored unless --split is given; <split> is then its stem.
    """
    from guitarclf.experiment.evaluate import evaluate_run

    result = evaluate_run(
        run_dir, split=split, metadata_path=metadata_path, audio_root=audio_root, output_dir=output_dir
    )
    click.echo(f"{result.name}: {result.report.to_text()}")
    if result.duration_macro_f1 is not None:
        click.echo(f"\nBy note length alone (a decision tree): macro-F1 {result.duration_macro_f1:.4f}")
    if result.path is None:
        click.echo(
            f"\nNot written, as {run_dir} is no run folder that can be written: --output-dir FOLDER keeps the scores."
        )
    else:
        click.echo(f"\nWritten: {result.path}")
