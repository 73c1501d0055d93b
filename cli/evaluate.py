"""guitarclf eval."""

import click


@click.command("eval")
@click.option("--run-dir", required=True, type=click.Path(), help="Folder written by train.")
@click.option("--split", type=click.Choice(["val", "test", "train", "all"]), help="Rows to score.  [default: val]")
@click.option("--metadata-path", type=click.Path(), help="Score another table instead.")
@click.option("--audio-root", type=click.Path(), help="Folder that `audio_path` is relative to.")
def command(run_dir, split, metadata_path, audio_root):
    """Score a trained run: per-class precision, recall and F1, and the confusion matrix.

    Writes metrics_<split>.json and figures/confusion_<split>.png into the run. With --metadata-path
    all rows of that table are scored unless --split is given; <split> is then its stem.
    """
    from guitarclf.experiment.evaluate import evaluate_run

    result = evaluate_run(run_dir, split=split, metadata_path=metadata_path, audio_root=audio_root)
    click.echo(f"{result.name}: {result.report.to_text()}")
    if result.duration_macro_f1 is not None:
        click.echo(f"\nBy note length alone (a decision tree): macro-F1 {result.duration_macro_f1:.4f}")
