"""What a few notes of one's own are worth: nets trained from scratch against nets that start from a model.

    python benchmarks/learning_curve.py MODEL metadata.csv audio_root

MODEL must not have heard the notes of the table (train one on modelled guitars alone: `guitarclf demo`). Takes
5, 10 and 20 notes a class of the table, trains, and scores the table's other notes, mostly of the same guitars;
then the same with 80 notes a class of four modelled guitars, scored on other notes of theirs. Prints a Markdown
table of balanced accuracies, the mean over draws.
"""

from dataclasses import replace

import click
import numpy as np

from guitarclf.bundle.folder import Bundle
from guitarclf.bundle.pipelines import pipeline_of
from guitarclf.config.files import with_values
from guitarclf.data.events import read_events
from guitarclf.data.synth import render_notes
from guitarclf.evaluation.metrics import evaluate
from guitarclf.experiment.train import seed_everything
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net
from guitarclf.training.callbacks import StartFrom

EPOCHS = 40
LR = {"from scratch": 2e-3, "fine-tuned": 5e-4, "fine-tuned, head alone for 20 epochs": 5e-4}
FREEZE = {"fine-tuned": 0, "fine-tuned, head alone for 20 epochs": 20}


@click.command()
@click.argument("model")
@click.argument("table")
@click.argument("audio_root")
@click.option("--draws", default=3, show_default=True)
def main(model, table, audio_root, draws):
    """Print the learning curve."""
    bundle = Bundle.open(model)
    pipeline = pipeline_of(bundle)
    pipeline[-1].set_params(priors=None)
    events = read_events(table, audio_root=audio_root)
    real = pipeline[:-1].transform(events), events["label_category"].to_numpy()
    waveforms, notes = render_notes(800, n_guitars=4, seed=4711)
    modelled = pipeline[:-1].transform(waveforms), notes["label_category"].to_numpy()
    click.echo(f"| notes a class | model as it is | {' | '.join(LR)} |")
    click.echo("|" + "---|" * (2 + len(LR)))
    for name, (X, y), n_each in [(f"{n} real", real, n) for n in (5, 10, 20)] + [("80 modelled", modelled, 80)]:
        scores = np.mean([score_draw(bundle, pipeline, X, y, n_each, seed) for seed in range(draws)], axis=0)
        click.echo(f"| {name} | {' | '.join(f'{score:.3f}' for score in scores)} |")


def score_draw(bundle, pipeline, X, y, n_each, seed):
    """Return the balanced accuracy on the notes not drawn of the model as it is, and of each way to train."""
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([rng.choice(np.flatnonzero(y == label), n_each, replace=False) for label in LABELS])
    rest = np.setdiff1d(np.arange(len(y)), drawn)
    nets = [pipeline[-1], *(trained(bundle, way, X[drawn], y[drawn], seed) for way in LR)]
    return [evaluate(y[rest], net.predict_proba_by_label(X[rest])).balanced_accuracy for net in nets]


def trained(bundle, way, X, y, seed):
    """Return a net of the model's shape, trained on a few notes."""
    changes = {"net.max_epochs": EPOCHS, "net.batch_size": 16, "net.lr": LR[way], "net.priors": None}
    config = replace(with_values(bundle.config, changes, source="benchmark"), seed=seed)
    seed_everything(seed)
    net = build_net(config).set_params(valid_size=0)
    if way in FREEZE:
        net.callbacks = [*net.callbacks, ("start_from", StartFrom(bundle.weights(), FREEZE[way]))]
    return net.fit(X, y)


if __name__ == "__main__":
    main()
