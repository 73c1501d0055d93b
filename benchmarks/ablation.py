"""Ablation: nets trained on modelled guitars alone, scored on a table of real notes none of them has heard.

    python benchmarks/ablation.py metadata.csv audio_root \
        --variant "as is" --variant "mean pooling: net.module.pooling=mean" --seeds 1,2
    python benchmarks/ablation.py metadata.csv audio_root --variants-file benchmarks/ablation_variants.txt \
        --seeds 1,2,3,4

A variant is a name, and after a colon its changes to the config, as in `train --set`; a file holds one a line. Each
seed draws guitars, weights and order anew, so the spread between seeds is what a difference between variants must
exceed. The area under the curve does not depend on the priors; the other figures are at the config's `net.priors`.
Prints a Markdown table; --output-dir gets the scores, a line of JSON a net, and what each net says of each note.
"""

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from sklearn.metrics import roc_auc_score

from guitarclf.config.files import load_config
from guitarclf.data.events import read_events
from guitarclf.evaluation.metrics import evaluate
from guitarclf.experiment.synthetic_rows import draw_synthetic_rows
from guitarclf.experiment.train import seed_everything
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net, build_pipeline

COLUMNS = {
    "AUC harmonic": "auc_harmonic",
    "AUC dead": "auc_dead_note",
    "balanced accuracy": "balanced_accuracy",
    "macro-F1": "macro_f1",
    "called harmonic": "called_harmonic",
    "called dead": "called_dead_note",
    "log loss": "loss",
}


@click.command()
@click.argument("table")
@click.argument("audio_root")
@click.option("--config", "config_path", default="configs/pretrained.yaml", show_default=True)
@click.option("--variant", "variants", multiple=True, help="NAME or NAME: key=value key=value; default: as is.")
@click.option("--variants-file", type=click.Path(exists=True, dir_okay=False), help="A variant a line; # is a comment.")
@click.option("--notes", default=4000, show_default=True, help="Modelled notes each net is trained on.")
@click.option("--seeds", default="1,2", show_default=True)
@click.option("--n-jobs", default=2, show_default=True)
@click.option("--output-dir", default="runs/ablation", show_default=True)
def main(table, audio_root, config_path, variants, variants_file, notes, seeds, n_jobs, output_dir):
    """Train every variant with every seed and print a row each."""
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    events = read_events(table, audio_root=audio_root)
    configs = parse_variants([*variants, *read_variants(variants_file)] or ["as is"], config_path, notes)
    results = []
    for seed in map(int, seeds.split(",")):
        jobs = []
        for group in group_by_material(configs).values():
            pipeline = build_pipeline(group[0][1])[:-1]
            synthetic, _ = draw_synthetic_rows(replace(group[0][1], seed=seed), pipeline["logmel"])
            X = pipeline.transform(events)
            jobs += [
                delayed(train_and_score)(name, replace(config, seed=seed), synthetic, X, events)
                for name, config in group
            ]
        for result, predictions in Parallel(n_jobs, return_as="generator")(jobs):
            results.append(result)
            predictions.to_csv(output_dir / f"{result['variant'].replace(' ', '_')}_{seed}.csv", index=False)
            with (output_dir / "scores.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
            click.echo(f"{result['variant']}, seed {seed}: AUC harmonic {result['auc_harmonic']:.4f}", err=True)
    click.echo(to_markdown(pd.DataFrame(results), list(configs)))


def read_variants(path):
    """Return the variants of a file."""
    lines = [] if path is None else map(str.strip, Path(path).read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def parse_variants(texts, config_path, notes):
    """Return name -> Config of each variant, in their order."""
    configs = {}
    for text in texts:
        name, _, changes = text.partition(":")
        if name.strip() in configs:
            raise click.UsageError(f"Each variant must have a name of its own. Got {name.strip()!r} twice.")
        configs[name.strip()] = load_config(config_path, [f"training.add_modelled={notes}", *changes.split()])
    return configs


def group_by_material(configs):
    """Return the variants that train on the same rows and features, together."""
    groups = {}
    for name, config in configs.items():
        made_of = (config.window, config.logmel, config.training.add_modelled, config.training.add_clutter)
        groups.setdefault(repr(made_of), []).append((name, config))
    return groups


def train_and_score(name, config, synthetic, X, events):
    """Return the scores of one net as a dict, and its predictions as a table."""
    torch.set_num_threads(1)
    seed_everything(config.seed)
    proba = synthetic.fit(build_net(config)).predict_proba_by_label(X)
    predictions = events[["note_id", "track", "label_category", "expression_style", "pitch_midi"]].copy()
    predictions[[f"p_{label}" for label in LABELS]] = proba
    result = {"variant": name, "seed": config.seed, **scores(events["label_category"].to_numpy(), proba)}
    return result, predictions


def scores(y_true, proba):
    """Return areas under the curve of each rare class against general notes, and the scores at the priors."""
    report = evaluate(y_true, proba)
    result = {"loss": report.loss, "macro_f1": report.macro_f1, "balanced_accuracy": report.balanced_accuracy}
    general = LABELS.index("general_note")
    for index, label in enumerate(LABELS):
        if index == general:
            continue
        rows = np.isin(y_true, [label, "general_note"])
        odds = np.log(proba[rows, index] + 1e-12) - np.log(proba[rows, general] + 1e-12)
        result[f"auc_{label}"] = float(roc_auc_score(y_true[rows] == label, odds))
        result[f"recall_{label}"] = report.per_class[label].recall
        result[f"called_{label}"] = report.confusion[general][index] / max(1, sum(report.confusion[general]))
    return result


def to_markdown(table, names):
    """Return a row a variant: the mean over seeds and, in brackets, half the range between them."""
    lines = ["| variant | " + " | ".join(COLUMNS) + " |", "|" + "---|" * (1 + len(COLUMNS))]
    for name in names:
        part = table[table["variant"] == name]
        cells = [
            f"{part[column].mean():.3f} (±{(part[column].max() - part[column].min()) / 2:.3f})"
            for column in COLUMNS.values()
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
