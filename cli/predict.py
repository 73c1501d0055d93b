"""guitarclf predict."""

import json
import os
from pathlib import Path

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    mapping_option,
    min_confidence_option,
    model_option,
    read_data,
    refuse_both,
    require_writable,
    review_option,
    table_of,
)
from guitarclf.cli.terminal import say, warn
from guitarclf.files.cells import as_cell, csv_lines
from guitarclf.files.names import ESCAPE
from guitarclf.files.whole import is_stream
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, UNKNOWN_LABEL

ENOUGH_FOR_AUTO = 100  # events


@click.command("predict")
@click.argument("paths", nargs=-1, type=UserPath(), metavar="[PATH]...")
@model_option
@click.option("--allow-pickle", is_flag=True, help="Let --model be a pipeline.joblib, and run the code in it.")
@click.option("--metadata-path", type=UserPath(), help="Classify the events of this table.")
@audio_root_option
@mapping_option
@click.option("--format", "form", type=click.Choice(["csv", "json"]), default="csv", show_default=True)
@click.option("--output", type=UserPath(dir_okay=False), help="File to write; default the terminal.")
@click.option("--overwrite", is_flag=True, help="Replace --output if it is there.")
@click.option("--resume", is_flag=True, help="With --output: go on where a command like this one was killed.")
@click.option("--priors", help="Shares expected: harmonic=0.03,dead_note=0.05 (the rest: general_note), or auto.")
@min_confidence_option
@review_option
@click.option("--engine", type=click.Choice(["onnx", "torch"]), help="Default: onnx where the model has it.")
def command(
    paths,
    model,
    allow_pickle,
    metadata_path,
    audio_root,
    config,
    form,
    output,
    overwrite,
    resume,
    priors,
    min_confidence,
    review,
    engine,
):
    """Classify files, folders (the recordings below them), or the events of a table.

    One row each, in the order given. A file that cannot be read keeps its row, with the reason in
    `error`, and the exit code is then 1.

    A model trained on balanced classes answers as if all were equally common. --priors tells it the
    shares to expect; with `auto` they are estimated from the files given (a hundred or more).

    Rows are kept beside --output as they come: if the command is killed, --resume goes on with the rest.

    `confidence`, from 0 to 1, is high where the model is sure that it is a note, and of the class it is
    called; of a model that only knows notes, it is the highest probability at equal shares.

    What is written is a table: correct its `label` by ear, and `train --metadata-path` takes it.
    """
    data = read_data(config)
    if not paths:
        metadata_path, audio_root = table_of(data, metadata_path, audio_root)
    if bool(paths) == bool(metadata_path):
        raise click.UsageError("Give either PATHs or --metadata-path.")
    refuse_both(resume=resume, overwrite=overwrite)
    if (resume or overwrite) and (output is None or is_stream(output)):
        raise click.UsageError("--resume and --overwrite go with --output and a file.")
    if output:
        advice = "go on with what was killed with --resume, "
        require_writable(output, overwrite=overwrite or resume, advice=advice)
    from guitarclf.bundle.engines import load_model
    from guitarclf.experiment.predict import joined, predict_notes
    from guitarclf.files.progress import watched
    from guitarclf.files.whole import write_text
    from guitarclf.runs.journal import unfinished_path

    loaded = load_model(model, engine, allow_pickle=allow_pickle)
    loaded.data = data or loaded.data
    if priors:
        loaded.priors = None if priors == "auto" else read_priors(priors)
    notes, shown_paths = _read_notes(paths, metadata_path, audio_root, loaded)
    kept = unfinished_path(output) if output else None
    is_finished = resume and kept is not None and os.path.isfile(output) and not kept.is_file()
    if kept and not is_finished:
        parts = _keeping_rows(loaded, notes, kept, (model, type(loaded).__name__, priors), resume)
    else:
        parts = predict_notes(loaded, notes)
    predictions = joined(list(watched(parts, len(notes), unit="event")))
    n_readable = int(predictions.is_readable.sum())
    if priors == "auto" and n_readable:
        if n_readable < ENOUGH_FOR_AUTO:
            click.echo(f"Warning: {n_readable} events are few to estimate shares from; name them.", err=True)
        shares = zip(LABELS, predictions.adapt_to_batch(loaded.priors_), strict=True)
        click.echo("Estimated priors: " + ", ".join(f"{label}={share:.3f}" for label, share in shares), err=True)
    predictions.min_confidence = loaded.unknown_below if min_confidence is None else min_confidence
    text = as_text(predictions, form, audio_paths=shown_paths, review=review)
    if output is None:
        click.echo(text, nl=False)
    elif is_finished:
        require_same(output, text)
    else:
        write_text(output, text)
        if kept:
            kept.unlink(missing_ok=True)
        which = "" if review is None else f"the {review} least sure of "
        say(f"{output}: {which}{predictions.summary()}")
    n_unknown = predictions.labels.count(UNKNOWN_LABEL)
    if n_unknown and min_confidence is None:
        say(
            f"{n_unknown} of {len(predictions)} rows are `{UNKNOWN_LABEL}`: their confidence is below the model's own "
            f"threshold, {loaded.unknown_below:.3f}. --min-confidence 0 names a class for each."
        )
    n_errors = len(predictions) - n_readable
    if n_errors:
        told = f"{n_errors} of {len(predictions)} events could not be read"
        raise click.ClickException(f"{told}; see the column `error`.")


def require_same(output: str, text: str) -> None:
    """Refuse to go on with an output that is finished, unless it is what would be written."""
    if Path(output).read_bytes() != text.encode("utf-8", ESCAPE):
        raise click.ClickException(
            f"--output must be what this command writes, to go on with --resume. {shown(output)} is finished and holds "
            "something else. Replace it with --overwrite, or give another name."
        )


def _read_notes(paths, metadata_path, audio_root, loaded) -> tuple[list, list[str]]:
    """Return what is to be classified, and the path of each note as it was given."""
    from guitarclf.experiment.predict import notes_of_events, notes_of_paths, place_notes
    from guitarclf.files.fetched import keep_below

    if paths:
        keep_below(loaded.data.cache_gb)
        notes = place_notes(notes_of_paths(paths), loaded.reader)
        return notes, [note.request.path for note in notes]
    from guitarclf.data.events import paths_below
    from guitarclf.experiment.tables import missing_audio, other_events, table_folder

    events = other_events(loaded.data, metadata_path, audio_root, require_labels=False)
    if missing := missing_audio(metadata_path, events):
        warn(missing)
    return notes_of_events(events), paths_below(table_folder(metadata_path, audio_root), events["audio_path"])


def _keeping_rows(loaded, notes, kept, settings, resume):
    """Yield the predictions of notes, some at a time, each kept on disk until all are there."""
    import numpy as np

    from guitarclf.bundle.folder import model_files
    from guitarclf.experiment.predict import Predictions, predict_places
    from guitarclf.runs.journal import Journal, in_order, prediction_key

    def to_plain(part):
        return {"proba": part.proba.tolist(), "confidence": part.confidence.tolist(), "errors": part.errors}

    def from_plain(plain, rows):
        return Predictions(list(rows), np.array(plain["proba"]), np.array(plain["confidence"]), plain["errors"])

    key = prediction_key(model_files(settings[0]), notes, *settings[1:])
    journal = Journal(kept, key, resume=resume, to_plain=to_plain, from_plain=from_plain)
    return in_order(journal.go_on(notes, lambda rest: predict_places(loaded, notes, rest)))


def read_priors(text: str) -> dict[str, float]:
    """Return ``harmonic=0.03,dead_note=0.05`` as label -> share; an error if these can be no shares."""
    from guitarclf.priors import complete_priors

    try:
        priors = {label.strip(): float(share) for label, share in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise click.UsageError(
            f"--priors must look like harmonic=0.03,dead_note=0.05, or be auto. Got {text}."
        ) from error
    complete_priors(priors)
    return priors


def as_text(predictions, form: str, *, audio_paths, review: int | None = None) -> str:
    """Return predictions as CSV or JSON; with ``review`` so many, those to correct first."""
    from guitarclf.experiment.predict import PREDICTION_COLUMNS
    from guitarclf.timeline.review import least_sure

    rows = predictions.rows(audio_paths)
    if review is not None:
        rows = least_sure(rows, review, label="label")
    if form == "json":
        cells = [{name: as_cell(row[name]) for name in PREDICTION_COLUMNS} for row in rows]
        return json.dumps(cells, indent=2, ensure_ascii=False) + "\n"
    return "".join(csv_lines(PREDICTION_COLUMNS, rows))
