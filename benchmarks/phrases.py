"""Notes of a table alone and joined into phrases, and what a model finds of them in each.

    python benchmarks/phrases.py metadata.csv audio_root OUT [--model RUN] [--seed 0]

Writes OUT/audio/*.wav and OUT/metadata.csv: all notes of each track, one every 0.12 to 0.9 s, a quarter of them ringing
on into the next. With a model that has not heard these notes it prints, for each class, the share found alone, in
windows of phrases (nothing tells where a note ends), and in phrases silenced after the offset of the table.
"""

import click
import pandas as pd

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.data.events import read_events
from guitarclf.data.phrases import Joining, write_phrases
from guitarclf.labels import LABELS
from guitarclf.pipeline import without_cache


@click.command()
@click.argument("table", type=click.Path(exists=True))
@click.argument("audio_root", type=click.Path(exists=True))
@click.argument("out", type=click.Path())
@click.option("--model", help="Run, bundle or pretrained; without it the phrases are only written.")
@click.option("--spacing", nargs=2, type=float, default=Joining.spacing, show_default=True, help="Seconds.")
@click.option("--overlap", type=float, default=Joining.overlap, show_default=True, help="Share that rings on.")
@click.option("--level-db", type=float, default=Joining.level_db, show_default=True, help="Spread of the peaks.")
@click.option("--seed", type=int, default=0, show_default=True)
def main(table, audio_root, out, model, spacing, overlap, level_db, seed) -> None:
    """Join the notes of TABLE into phrases in OUT, and score a model on them."""
    alone = read_events(table, audio_root=audio_root)
    write_phrases(out, alone, Joining(spacing=spacing, overlap=overlap, level_db=level_db), seed=seed)
    joined = read_events(f"{out}/metadata.csv", audio_root=out)
    click.echo(f"{len(joined)} notes in {joined['audio_path'].nunique()} phrases in {out}")
    if model is None:
        return
    pipeline = without_cache(load_pipeline(model))
    columns = {"alone": found(pipeline, alone), "in phrases": found(pipeline, joined)}
    pipeline.set_params(window__zero_after_offset=True)
    columns["silenced at the offset"] = found(pipeline, joined)
    click.echo(pd.DataFrame(columns).to_string(float_format="{:.3f}".format))


def found(pipeline, events: pd.DataFrame) -> pd.Series:
    """Return how many notes of each class are there, what share is found, and what share of the others is called so."""
    labels, called = events["label_category"].to_numpy(), pipeline.predict(events)
    rows = {}
    for label in LABELS:
        is_label = labels == label
        rows[f"{label}, of {is_label.sum()}"] = (called[is_label] == label).mean()
        rows[f"called {label}, of {(~is_label).sum()}"] = (called[~is_label] == label).mean()
    return pd.Series(rows)


if __name__ == "__main__":
    main()
