"""guitarclf annotate."""

import math
import re
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import click

from guitarclf.cli.options import (
    UserPath,
    audio_root_option,
    cluster_option,
    mapping_option,
    min_confidence_option,
    model_option,
    n_jobs_option,
    refuse_both,
    require_writable,
    review_option,
)
from guitarclf.cli.timelines import counted, printed, require_no_scores, reviewed, scored, tell_next
from guitarclf.labels import LABELS

FORMAT_NAMES = ("csv", "audacity", "raven", "jams", "mid", "jsonl", "html")


class Seconds(click.ParamType):
    """A time in seconds, or as ``[h:]mm:ss``."""

    name = "seconds"

    def convert(self, value, param, ctx):
        """Return the time in seconds."""
        if isinstance(value, float):
            return value
        if not re.fullmatch(r"(\d+:){0,2}\d+(\.\d*)?", value):
            self.fail(f"{value!r} is no time: 90.5, 1:30.5 or 0:01:30.5.", param, ctx)
        seconds = 0.0
        for part in value.split(":"):
            seconds = 60 * seconds + float(part)
        return seconds


class Names(click.ParamType):
    """Some names of a few, with commas between them."""

    name = "names"

    def __init__(self, names: tuple[str, ...]):
        self.names = names

    def convert(self, value, param, ctx):
        """Return the names as a tuple, each once."""
        if isinstance(value, tuple):
            return value
        found = tuple(dict.fromkeys(name.strip() for name in value.split(",")))
        for name in found:
            if name not in self.names:
                self.fail(f"{name!r} is not one of {', '.join(self.names)}.", param, ctx)
        return found


@click.command("annotate")
@click.argument("paths", nargs=-1, type=UserPath(), metavar="[PATH]...")
@click.option("--output-dir", type=UserPath(file_okay=False), help="Folder for files about each recording.")
@click.option(
    "--format",
    "formats",
    type=Names(FORMAT_NAMES),
    metavar="NAME,...",
    help=f"Which files: {', '.join(FORMAT_NAMES)}.  [default: csv]",
)
@click.option("--combined", type=UserPath(dir_okay=False), help="One CSV of all recordings.")
@model_option
@mapping_option
@click.option("--priors", help="Shares expected: harmonic=0.03,dead_note=0.05 (the rest: general_note).")
@min_confidence_option
@click.option(
    "--only", type=Names((*LABELS, "unknown")), default=(), metavar="LABEL,...", help="Keep events of these labels."
)
@click.option("--sensitivity", type=float, metavar="DB", help="Rise of an onset; less finds more.  [default: 1.2]")
@click.option("--min-gap", type=float, metavar="SECONDS", help="Shortest time between onsets.  [default: 0.05]")
@click.option("--start", type=Seconds(), default=0.0, metavar="TIME", help="First second that counts, or mm:ss.")
@click.option("--end", type=Seconds(), metavar="TIME", help="Where it ends.")
@click.option("--pitch", "with_pitch", is_flag=True, help="Also measure the MIDI pitch of events; `mid` always does.")
@click.option("--clips", type=UserPath(file_okay=False), metavar="DIR", help="Write each event as a WAV file.")
@click.option("--onsets", "table", type=UserPath(dir_okay=False), metavar="TABLE", help="Take onsets from a table.")
@click.option("--score", "true_table", type=UserPath(dir_okay=False), metavar="TABLE", help="Score by true events.")
@review_option
@audio_root_option
@click.option("--raw", metavar="FORMAT", help="What PATH `-`, the standard input, brings: s16le,44100,1.")
@click.option("--input-device", metavar="NAME", help="Listen to an input of this machine, or `default`.")
@click.option(
    "--resume", is_flag=True, help="Go on where a command like this one was killed; files that are there stay."
)
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
@n_jobs_option
@cluster_option
def command(output_dir, formats, combined, clips, true_table, review, **given):
    """Find the events of recordings of any length, and classify them.

    \b
    guitarclf annotate lesson.wav
    guitarclf annotate lessons --output-dir timelines --format csv,audacity,html
    guitarclf annotate lessons --combined events.csv --only harmonic,dead_note
    arecord -f S16_LE -r 44100 -c 1 | guitarclf annotate - --raw s16le,44100,1

    Without --output-dir and --combined the table goes to the terminal; that of `-` line by line, as it
    is heard. A recording that cannot be read has a row with the reason in `error`, and the exit code is
    then 1. The table is one that `validate`, `train` and `eval` take as it is.

    A stream ends with what brings it, or by Ctrl-C: what was heard is printed to the last, with exit code 0.
    A second Ctrl-C ends at once, with 130.

    --review prints the N least sure events, a class each in turn: what to correct by ear first.

    --score tells how well the events are those of a table, note by note at 50 ms; --audio-root is what
    the paths of that table, and of --onsets, are relative to.

    Files that are there are replaced with --overwrite only: somebody may have corrected them.
    """
    resume, overwrite = given.pop("resume"), given.pop("overwrite")
    n_jobs, cluster = given.pop("n_jobs"), given.pop("cluster")
    refuse_both(resume=resume, overwrite=overwrite)
    refuse_both(cluster=cluster, n_jobs=n_jobs != 1)
    if formats and not output_dir:
        raise click.UsageError("--format goes with --output-dir.")
    if (resume or overwrite) and not (output_dir or combined or clips):
        raise click.UsageError("--resume and --overwrite go with --output-dir, --combined or --clips.")
    if true_table and (given["only"] or review):
        raise click.UsageError("--score is for all events: without --only and --review.")
    raw, device = given.pop("raw"), given.pop("input_device")
    others = output_dir or combined or clips or true_table or review or cluster or n_jobs != 1
    is_live = _is_live(raw, device, others, **given)
    from guitarclf.timeline.formats import check_formats

    formats = formats or ("csv",)
    check_formats(formats)
    if combined:
        advice = "go on with what was killed with --resume, "
        require_writable(combined, overwrite=overwrite or resume, advice=advice, option="--combined")
    if true_table and output_dir and not (overwrite or resume):
        require_no_scores(output_dir)
    given["with_pitch"] = given["with_pitch"] or "mid" in formats
    annotator, root, recordings = _prepared(**given)
    if is_live:
        from guitarclf.cli.live import listen

        listen(annotator, raw, device)
        return
    from guitarclf.cluster import open_cluster
    from guitarclf.experiment.outputs import Outputs
    from guitarclf.experiment.written import written

    outputs = Outputs(Path(output_dir), formats, annotator.settings) if output_dir else None
    how = {"resume": resume, "overwrite": overwrite, "hear_all": bool(true_table or review), "n_jobs": n_jobs}
    with open_cluster(cluster, files=[recording.path for recording in recordings]) as workers:
        timelines = written(annotator, recordings, outputs, combined, clips, cluster=workers, **how)
        if true_table:
            where = (true_table, given["audio_root"], output_dir)
            timelines = scored(timelines, annotator, recordings, *where, overwrite=overwrite)
        if review:
            timelines = reviewed(timelines, recordings, review)
        elif not (outputs or combined or true_table):
            timelines = printed(timelines, recordings)
        failed = counted(timelines, len(recordings))
    tell_next(root, recordings, output_dir, formats, combined)
    if failed:
        told = f"{len(failed)} of {len(recordings)} recordings could not be read, or not to their end"
        raise click.ClickException(f"{told}. {failed[0].error}")


def _is_live(raw, device, others, paths, table, start, end, with_pitch, **given) -> bool:
    """Return whether a stream is to be heard; a usage error for what does not go with one, or if nothing is given."""
    if bool(raw) != ("-" in paths):
        raise click.UsageError("--raw and PATH `-` go together: guitarclf annotate - --raw s16le,44100,1")
    if not (paths or table or device):
        raise click.UsageError("Give PATHs, or onsets of recordings in a table with --onsets.")
    if not (raw or device):
        return False
    if len(paths) > 1 or (paths and device) or others or table or with_pitch or start or end is not None:
        raise click.UsageError(
            "A stream is alone, and its table goes to the terminal (> events.csv keeps it): without other PATHs, "
            "files, clips, pitch, --onsets, --score, --review, --start, --end, --n-jobs and --cluster."
        )
    return True


def _prepared(paths, model, config, priors, min_confidence, sensitivity, min_gap, table, audio_root, **asked):
    """Return the Annotator that the options ask for, the root of the recordings, and them."""
    from guitarclf.bundle.engines import load_model
    from guitarclf.cli.predict import read_priors
    from guitarclf.config.files import load_config
    from guitarclf.experiment.annotate import Annotator, recordings_of, settings_of
    from guitarclf.files.digest import file_digest
    from guitarclf.files.fetched import keep_below
    from guitarclf.timeline.stream import Listener

    loaded = load_model(model)
    if config is not None:
        said = load_config(config, defaults=partial(_of_model, loaded))
        loaded.data, loaded.onsets = said.data, said.onsets
    if priors:
        loaded.priors = read_priors(priors)
    changed = {"threshold_db": sensitivity, "min_gap": min_gap}
    parameters = replace(loaded.onsets, **{name: value for name, value in changed.items() if value is not None})
    parameters.check("onsets.")
    keep_below(loaded.data.cache_gb)
    places = None
    if table is not None:
        from guitarclf.experiment.given_onsets import places_of, require_named

        places, named = places_of(table, audio_root, loaded.data)
        paths = paths or named
    root, recordings = ("", []) if "-" in paths or not paths else recordings_of(paths)
    if places is not None:
        require_named(table, places, recordings)
    asked["end"] = math.inf if asked["end"] is None else asked["end"]
    annotator = Annotator(Listener(loaded, parameters, min_confidence), places=places, **asked)
    settings = settings_of(model, loaded, annotator, given=None if table is None else file_digest(table))
    return replace(annotator, settings=settings), root, recordings


def _of_model(loaded, raw) -> dict:
    """Return what a configuration file leaves to the model, by key: its onsets; without a data section all of that."""
    sections = {"onsets": loaded.onsets} | ({} if "data" in raw else {"data": loaded.data})
    return {f"{name}.{key}": value for name, section in sections.items() for key, value in asdict(section).items()}
