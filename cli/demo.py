"""guitarclf demo."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guitarclf.cli.options import UserPath
from guitarclf.cli.terminal import say
from guitarclf.labels import LABELS

if TYPE_CHECKING:
    import pandas as pd


@click.command("demo")
@click.option(
    "--output-dir",
    type=UserPath(),
    default="runs/demo",
    show_default=True,
    help="Replaced if it is a demo.",
)
@click.option("--events", type=int, default=4800, show_default=True, help="Modelled notes to make.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=42, show_default=True)
def command(output_dir: str, events: int, seed: int) -> None:
    """Make modelled guitars, train on them, score guitars not heard, predict a few files, annotate a phrase.

    Needs no input; takes about two minutes on two cores.
    """
    say(f"demo in {output_dir}: loading torch and scikit-learn, which takes seconds")
    from guitarclf.experiment.demo import demo

    result = demo(output_dir, n_events=events, seed=seed)
    run, evaluation = result.run.folder, result.evaluation
    click.echo(f"\nModelled guitars the model has not heard: {evaluation.report.to_text()}")
    click.echo(f"\nBy note length alone (a decision tree): macro-F1 {evaluation.duration_macro_f1:.4f}")
    click.echo("\nA few of their notes:")
    click.echo(as_text(result.predictions))
    example = result.predictions["audio_path"].iloc[0]
    click.echo(
        f"\nLook at:\n"
        f"  {run.figures / 'learning_curves.png'}\n"
        f"  {run.figures / 'confusion_test.png'}\n"
        f"  {run.history}, {run.metrics('test')}\n"
        f"  {result.page}   a phrase, as the model that ships hears it: open it in a browser\n"
        f"Next:\n"
        f"  guitarclf report {run.root} --split test\n"
        f"  guitarclf predict --model {run.root} {example}\n"
        f"  guitarclf inspect {example} --model {run.root}\n"
        f"  guitarclf train --metadata-path YOUR_TABLE.csv --audio-root YOUR_AUDIO --output-dir runs/mine"
    )


def as_text(predictions: "pd.DataFrame") -> str:
    """Return predictions as a table of less than 80 columns."""
    by_label = predictions[[f"p_{label}" for label in LABELS]].set_axis(list(LABELS), axis="columns")
    files = [Path(path).name for path in predictions["audio_path"]]
    table = predictions[["label", "truth"]].join(by_label).assign(file=files)
    return table[["file", "label", "truth", *LABELS]].to_string(index=False, float_format="%.3f")
