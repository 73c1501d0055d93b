"""guitarclf predict."""

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    cluster_option,
    mapping_option,
    min_confidence_option,
    model_option,
    n_jobs_option,
    read_data,
    refuse_both,
    require_writable,
    review_option,
    table_of,
)
from guitarclf.cli.terminal import say, warn
from guitarclf.files.whole import is_stream
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
@n_jobs_option
@cluster_option
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
    n_jobs,
    cluster,
):
    """Classify files, folders (the recordings below them), or the events of a table.

    One row each, in the order given. A file that cannot be read keeps its row, with the reason in
    `error`, and the exit code is then 1.

    A model trained on balanced classes answers as if all were equally common. --priors tells it the
    shares to expect; with `auto` they are estimated from the files given (a hundred or more).

    Rows are kept beside --output as they come: if the command is killed, --resume goes on with the rest.

    `confidence`, from 0 to 1, is high where the model is sure that it is a note, and of the class it is
    called; of a model that only knows notes, it is the highest probability at equal shares.

    One process works in threads, and on two cores as fast as --n-jobs 2 and --cluster local:2, which
    start later: these are for very many files on more cores or machines. What is written is the same.

    What is written is a table: correct its `label` by ear, and `train --metadata-path` takes it.
    """
    data = read_data(config)
    if not paths:
        metadata_path, audio_root = table_of(data, metadata_path, audio_root)
    if bool(paths) == bool(metadata_path):
        raise click.UsageError("Give either PATHs or --metadata-path.")
    refuse_both(resume=resume, overwrite=overwrite)
    refuse_both(cluster=cluster, n_jobs=n_jobs != 1)
    if (resume or overwrite) and (output is None or is_stream(output)):
        raise click.UsageError("--resume and --overwrite go with --output and a file.")
    if output:
        advice = "go on with what was killed with --resume, "
        require_writable(output, overwrite=overwrite or resume, advice=advice)
    from guitarclf.bundle.engines import load_model
    from guitarclf.bundle.folder import model_files
    from guitarclf.cluster import open_cluster
    from guitarclf.experiment.notes import place_notes
    from guitarclf.experiment.predict_output import PredictionFile, as_text, predict_all

    loaded = load_model(model, engine, allow_pickle=allow_pickle)
    loaded.data = data or loaded.data
    if priors:
        loaded.priors = None if priors == "auto" else read_priors(priors)
    notes, shown_paths = _read_notes(paths, metadata_path, audio_root, loaded)
    with open_cluster(cluster, files=[note.request.path for note in notes]) as workers:
        where = {"cluster": workers, "n_jobs": n_jobs}
        notes = place_notes(notes, loaded.reader, **where) if paths else notes
        file = PredictionFile(output, resume=resume) if output else None
        settings = (type(loaded).__name__, priors)
        journal = None if file is None else file.journal(model_files(model), notes, *settings)
        predictions = predict_all(loaded, notes, journal, **where)
    if priors == "auto":
        _adapt(predictions, loaded.priors_)
    predictions.min_confidence = loaded.unknown_below if min_confidence is None else min_confidence
    text = as_text(predictions, form, audio_paths=shown_paths, review=review)
    if file is None:
        click.echo(text, nl=False)
    else:
        file.write(text)
        if not file.is_finished:
            which = "" if review is None else f"the {review} least sure of "
            say(f"{output}: {which}{predictions.summary()}")
    _tell(predictions, loaded.unknown_below if min_confidence is None else None)


def _read_notes(paths, metadata_path, audio_root, loaded) -> tuple[list, list[str]]:
    """Return what is to be classified, and the path of each note as it was given."""
    from guitarclf.experiment.notes import notes_of_events, notes_of_paths
    from guitarclf.files.fetched import keep_below

    if paths:
        keep_below(loaded.data.cache_gb)
        notes = notes_of_paths(paths)
        return notes, [note.request.path for note in notes]
    from guitarclf.data.events import paths_below
    from guitarclf.experiment.tables import missing_audio, other_events, table_folder

    events = other_events(loaded.data, metadata_path, audio_root, require_labels=False)
    if missing := missing_audio(metadata_path, events):
        warn(missing)
    return notes_of_events(events), paths_below(table_folder(metadata_path, audio_root), events["audio_path"])


def _adapt(predictions, train_priors) -> None:
    """Put predictions under the shares of the classes among them, and tell these."""
    n_readable = int(predictions.is_readable.sum())
    if not n_readable:
        return
    if n_readable < ENOUGH_FOR_AUTO:
        click.echo(f"Warning: {n_readable} events are few to estimate shares from; name them.", err=True)
    shares = zip(LABELS, predictions.adapt_to_batch(train_priors), strict=True)
    click.echo("Estimated priors: " + ", ".join(f"{label}={share:.3f}" for label, share in shares), err=True)


def _tell(predictions, own_threshold) -> None:
    """Say how many events are unknown by the model's ``own_threshold``, if that was used, and how many are errors."""
    n_unknown = predictions.labels.count(UNKNOWN_LABEL)
    if n_unknown and own_threshold is not None:
        say(
            f"{n_unknown} of {len(predictions)} rows are `{UNKNOWN_LABEL}`: their confidence is below the model's own "
            f"threshold, {own_threshold:.3f}. --min-confidence 0 names a class for each."
        )
    n_errors = len(predictions) - int(predictions.is_readable.sum())
    if n_errors:
        told = f"{n_errors} of {len(predictions)} events could not be read"
        raise click.ClickException(f"{told}; see the column `error`.")


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
