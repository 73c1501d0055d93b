"""guitarclf eval."""

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    figure_format_option,
    in_context_options,
    mapping_option,
    model_argument,
    read_data,
    table_of,
)
from guitarclf.cli.terminal import say
from guitarclf.files.wording import shown


@click.command("eval")
@model_argument
@click.option("--split", type=click.Choice(["val", "test", "train", "all"]), help="Rows to score.  [default: val]")
@click.option("--metadata-path", type=UserPath(), help="Score another table instead.")
@audio_root_option
@mapping_option
@in_context_options
@click.option("--against", type=UserPath(), metavar="MODEL", help="Compare with this model on the same rows.")
@click.option("--output-dir", type=UserPath(), help="Folder to write the scores into.  [default: the run's]")
@figure_format_option
def command(
    model, split, metadata_path, audio_root, config, in_context, phrases_seed, against, output_dir, figure_format
):
    """Score MODEL: per-class precision, recall and F1, and the confusion matrix.

    MODEL is a run folder; with --metadata-path also a bundle, or pretrained.

    \b
    guitarclf eval runs/mine --split test
    guitarclf eval runs/mine --metadata-path other.csv --audio-root other_audio --in-context
    guitarclf eval runs/new --against runs/old --metadata-path notes.csv --output-dir compared

    Writes metrics_<split>.json and figures/confusion_<split>.png into the run. A model by itself, such as
    pretrained, and one that can only be read are scored too, and --output-dir says where to write. With --metadata-path
    all rows of that table are scored unless --split is given; <split> is then its stem.

    With --against the scores of both are printed, with the difference MODEL minus the other, its interval and a paired
    test; --output-dir keeps them as comparison_<split>.json, and the notes that changed as changed_<split>.csv.
    """
    if against and in_context:
        raise click.UsageError("--in-context goes without --against.")
    if against and figure_format:
        raise click.UsageError("--figure-format goes without --against, which draws nothing.")
    if config and not metadata_path:  # the table in it may be the one that the run was trained on
        raise click.UsageError("--config goes with --metadata-path: a run's own table is read as it was in training.")
    data = read_data(config)
    metadata_path, audio_root = table_of(data, metadata_path, audio_root)
    say(f"scoring {model}: loading torch and scikit-learn, which takes seconds")
    rows = {"split": split, "metadata_path": metadata_path, "audio_root": audio_root, "data": data}
    if against:
        echo_comparison(model, against, **rows, output_dir=output_dir)
        return
    from guitarclf.experiment.evaluate import evaluate_run

    result = evaluate_run(
        model,
        **rows,
        output_dir=output_dir,
        in_context=in_context,
        phrases_seed=phrases_seed,
        figure_format=figure_format or "png",
    )
    click.echo(f"{result.name}: {result.report.to_text()}")
    if in_context:
        click.echo(f"\n{result.in_context.to_text()}")
    unknown = result.unknown_as_text()
    if unknown:
        click.echo(f"\n{unknown}")
    if result.duration_macro_f1 is not None:
        click.echo(f"\nBy note length alone (a decision tree): macro-F1 {result.duration_macro_f1:.4f}")
    if result.path is None:
        click.echo(
            f"\nNot written, as {model} is no run folder that can be written: --output-dir FOLDER keeps the scores."
        )
    else:
        click.echo(f"\nWritten: {result.path}")


def echo_comparison(model, against, **settings):
    """Compare two models and print what was found, and where it is."""
    from guitarclf.experiment.compare import compare_runs

    result = compare_runs(model, against, **settings)
    click.echo(f"A: {shown(model)}\nB: {shown(against)}, the reference\n\n{shown(result.name)}: ", nl=False)
    click.echo(result.comparison.to_text())
    if result.scores is None:
        click.echo("\nNot written: --output-dir FOLDER keeps the scores, and a table of the notes that changed.")
    else:
        click.echo(f"\nWritten: {result.scores}\n{len(result.comparison.changed)} notes: {result.changed}")
