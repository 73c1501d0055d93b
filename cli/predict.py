"""guitarclf predict."""

import json
import sys

import click

from guitarclf.cli.options import require_writable

ENOUGH_FOR_AUTO = 100  # events


@click.command("predict")
@click.argument("paths", nargs=-1, type=click.Path(), metavar="[PATH]...")
@click.option("--model", type=click.Path(), default="pretrained", show_default=True, help="A run folder or bundle.")
@click.option("--allow-pickle", is_flag=True, help="Let --model be a pipeline.joblib, and run the code in it.")
@click.option("--metadata-path", type=click.Path(), help="Classify the events of this table.")
@click.option("--audio-root", type=click.Path(), help="Folder that `audio_path` is relative to; default the table's.")
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--output", type=click.Path(dir_okay=False), help="File to write; default the terminal.")
@click.option("--resume", is_flag=True, help="With --output: go on where a command like this one was killed.")
@click.option("--priors", help="Shares expected: harmonic=0.03,dead_note=0.05 (the rest: general_note), or auto.")
@click.option("--min-confidence", type=click.FloatRange(0, 1), help="Below it the label is `unknown`.")
def command(paths, model, allow_pickle, metadata_path, audio_root, form, output, resume, priors, min_confidence):
    """Classify files, folders (the WAV and FLAC files below them), or the events of a table.

    One row each, in the order given. A file that cannot be read keeps its row, with the reason in
    `error`, and the exit code is then 1.

    A model trained on balanced classes answers as if all were equally common. --priors tells it the
    shares to expect; with `auto` they are estimated from the files given (a hundred or more).

    Rows are kept beside --output as they come: if the command is killed, --resume goes on with the rest.

    --min-confidence adds a column `confidence`: the highest probability there would be if all classes
    were equally common, whatever the shares expected.
    """
    if bool(paths) == bool(metadata_path):
        raise click.UsageError("Give either PATHs or --metadata-path.")
    if output:
        require_writable(output)
    elif resume:
        raise click.UsageError("--resume goes with --output.")
    import pandas as pd

    from guitarclf.atomic import write_text
    from guitarclf.data.events import paths_below
    from guitarclf.experiment.keep_rows import keep_rows, prediction_key, unfinished_path
    from guitarclf.experiment.predict import PREDICTION_COLUMNS, adapt_to_batch, mark_unknown, predict_events, rounded
    from guitarclf.experiment.tables import table_folder
    from guitarclf.persistence import load_pipeline, model_files

    pipeline = load_pipeline(model, allow_pickle=allow_pickle)
    if priors:
        pipeline[-1].set_params(priors=None if priors == "auto" else read_priors(priors))
    events = _events(paths, metadata_path, audio_root, model, pipeline)
    chunks = predict_events(pipeline, events)
    kept = unfinished_path(output) if output else None
    if kept:
        chunks = keep_rows(
            lambda rest: predict_events(pipeline, rest),
            events,
            kept,
            prediction_key(model_files(model), events.to_dict("records"), priors),
            resume=resume,
            to_plain=lambda chunk: chunk.to_dict("list"),
            from_plain=lambda plain, rows: pd.DataFrame(plain),
        )
    chunks = list(_with_progress(chunks, len(events)))
    table = pd.concat(chunks, ignore_index=True) if chunks else pd.DataFrame(columns=list(PREDICTION_COLUMNS))
    n_readable = int((table["error"] == "").sum())
    if priors == "auto" and n_readable:
        if n_readable < ENOUGH_FOR_AUTO:
            click.echo(f"Warning: {n_readable} events are few to estimate shares from; name them.", err=True)
        _say_shares(adapt_to_batch(table, pipeline[-1].priors_))
    if min_confidence is not None:
        mark_unknown(table, min_confidence)
    else:
        table = table.drop(columns="confidence")
    table = rounded(table)
    if metadata_path:
        table["audio_path"] = paths_below(table_folder(metadata_path, audio_root), table["audio_path"])
    text = table.to_csv(index=False) if form == "csv" else _as_json(table)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_text(output, text)
        if kept:
            kept.unlink(missing_ok=True)
    n_failed = int((table["error"] != "").sum())
    if n_failed:
        raise click.ClickException(f"{n_failed} of {len(table)} events could not be read; see the column `error`.")


def _events(paths, metadata_path, audio_root, model, pipeline):
    from guitarclf.experiment.predict import events_of_paths, warn_of_long_files
    from guitarclf.experiment.tables import other_events
    from guitarclf.persistence import load_bundle_config

    if paths:
        events = events_of_paths(paths)
        warn_of_long_files(events, pipeline[0].target_duration)
        return events
    return other_events(load_bundle_config(model), metadata_path, audio_root, require_labels=False)


def read_priors(text: str) -> dict[str, float]:
    """Return ``harmonic=0.03,dead_note=0.05`` as a mapping, checked."""
    from guitarclf.training.priors import complete_priors

    try:
        priors = {label.strip(): float(share) for label, share in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise click.UsageError(
            f"--priors must look like harmonic=0.03,dead_note=0.05, or be auto. Got {text}."
        ) from error
    complete_priors(priors)
    return priors


def _say_shares(shares) -> None:
    from guitarclf.labels import LABELS

    told = ", ".join(f"{label}={share:.3f}" for label, share in zip(LABELS, shares, strict=True))
    click.echo(f"Estimated priors: {told}", err=True)


def _with_progress(chunks, n_events: int):
    from tqdm import tqdm

    with tqdm(total=n_events, unit="event", leave=False, disable=None, file=sys.stderr) as bar:
        for chunk in chunks:
            bar.update(len(chunk))
            yield chunk


def _as_json(table) -> str:
    """Return the rows as a JSON list; probabilities of unread events are null."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
