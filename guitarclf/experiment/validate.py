"""validate: everything that is wrong with a table and its audio, and what is in them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from guitarclf.audio.recordings import open_recording, outside_root
from guitarclf.audio.windows import WindowReader, in_threads
from guitarclf.config import Config
from guitarclf.data.background import read_background
from guitarclf.data.events import check_events, each_note_is_its_own_track, notes_of
from guitarclf.data.rules import as_lines
from guitarclf.data.splits import given_splits, has_split
from guitarclf.errors import AudioReadError, EventTableError, SplitError
from guitarclf.experiment.bad_audio import read_windows
from guitarclf.experiment.sound_doubts import sound_doubts
from guitarclf.experiment.table_sound import Channels, hear
from guitarclf.experiment.tables import missing_audio
from guitarclf.files.fetched import keep_below
from guitarclf.files.progress import Progress
from guitarclf.files.urls import is_url
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS, NO_NOTE_LABEL

PAST_THE_END = 0.01  # seconds by which an offset may miss the end of its file


@dataclass
class Findings:
    """Every problem of a table and its audio, doubts that are no errors, and lines about what it holds."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)


def validate(metadata_path, audio_root, *, config: Config | None = None) -> Findings:
    """Return everything wrong with a table and its audio, each window read as training with ``config`` would."""
    config = Config() if config is None else config
    keep_below(config.data.cache_gb)
    columns, labels = config.data.columns, config.data.labels
    events, problems = check_events(metadata_path, audio_root=audio_root, columns=columns, labels=labels)
    found = Findings(problems=as_lines(problems))
    outside = outside_root(audio_root, events["audio_path"]) & (not config.data.allow_outside_root)
    named = events["audio_path"][outside].unique()
    events = events[
        ~(outside & events["audio_path"].map(is_url).to_numpy(dtype=bool))
    ]  # no host of a stranger is asked
    found.warnings += filter(None, [missing_audio(metadata_path, events)])
    rates, durations = _check_headers(events, found, config.data.num_workers)
    found.problems += [f"{shown(path)} is outside the audio root {shown(audio_root)}." for path in named]
    readable = events[events["audio_path"].isin(durations.keys()) & np.isfinite(events["onset_sec"])]
    _check_sound(readable, notes_of(events), found, config)
    _check_ends(readable, durations, found)
    _check_tracks(events, found)
    found.warnings += sound_doubts(notes_of(readable), rates)
    found.summary = [*_summarise(events, rates, durations), *events.attrs["told"]]
    if config.training.background_path is not None:
        _check_background(config.training.background_path, found, config)
    return found


def _check_background(path: str, found: Findings, config: Config) -> None:
    """Add what is wrong with a table of sounds that are no note and with their audio, or how many there are."""
    try:
        clips = read_background(path)
    except EventTableError as error:
        found.problems.append(str(error))
        return
    for part, _, errors in read_windows(config, clips):
        found.problems += [f"{shown(part['note_id'].iloc[row])}: {error}" for row, error in errors.items()]
    found.summary.append(f"sounds that are no note: {len(clips)} of {clips['family'].nunique()} families")


def _check_headers(events: pd.DataFrame, found: Findings, num_workers: int) -> tuple[Counter, dict[str, float]]:
    """Open every file; return sample rate -> files, and path -> duration in seconds."""
    rates: Counter[int] = Counter()
    durations: dict[str, float] = {}

    def look(path: str) -> tuple[str, int, float | str]:
        """Return (path, sample rate, seconds), or what is wrong in the place of the seconds."""
        try:
            with open_recording(path) as recording:
                return path, recording.samplerate, recording.frames / recording.samplerate
        except AudioReadError as error:
            return path, 0, str(error)

    paths = list(dict.fromkeys(events["audio_path"]))
    for path, rate, seconds in in_threads(look, paths, WindowReader(num_workers=num_workers).n_threads):
        if isinstance(seconds, str):
            found.problems.append(seconds)
        else:
            rates[rate] += 1
            durations[path] = seconds
    return rates, durations


def _check_sound(events: pd.DataFrame, notes: pd.DataFrame, found: Findings, config: Config) -> None:
    """Add each window of readable events that cannot be read, each sound that is under two tracks or two labels, and
    a warning of each file of ``notes`` whose channels are odd."""
    digests: list[int | None] = []
    channels: dict[str, set[Channels | None]] = {}
    with Progress(len(events), desc="reading audio", unit="event") as bar:
        for part, heard in hear(config, events):
            is_note = part["label_category"] != NO_NOTE_LABEL
            for note_id, path, counts, one in zip(part["note_id"], part["audio_path"], is_note, heard, strict=True):
                if one.problem is not None:
                    found.problems.append(f"event {note_id!r}: {one.problem}")
                if counts:
                    channels.setdefault(path, set()).add(one.channels)
                digests.append(one.digest)
            bar.update(len(part))
    found.problems += _same_sound(events, pd.Series(digests, index=events.index, dtype=object))
    for path in notes.loc[~np.isfinite(notes["onset_sec"]), "audio_path"]:
        channels.pop(path, None)  # its onsets are put right first
    for path in notes["audio_path"].unique():
        found.warnings += _doubts_about_channels(path, channels.get(path, {None}), config)


def _same_sound(events: pd.DataFrame, digests: pd.Series) -> Iterator[str]:
    """Yield a line for each digest that events of two tracks or two labels have."""
    is_shared = digests.notna() & digests.duplicated(keep=False)
    shared, digests = events[is_shared], digests[is_shared]
    n_names = shared.groupby(digests, sort=False)[["track", "label_category"]].transform("nunique", dropna=False)
    is_odd = (n_names > 1).any(axis=1)
    for _, same in shared[is_odd].groupby(digests[is_odd], sort=False):
        for column, name in (("track", "tracks"), ("label_category", "labels")):
            values = sorted(set(same[column]))
            if len(values) > 1:
                told, notes = (", ".join(map(shown, names)) for names in (values, same["note_id"].iloc[:4]))
                yield f"identical audio under {len(values)} {name} ({told}): {notes}."


def _doubts_about_channels(path: str, of_events: set[Channels | None], config: Config) -> Iterator[str]:
    """Yield a warning of a file in which a channel cancels another, or carries no note beside one that does, or of DC.

    Where one of its events has no Channels there is none: a problem tells of that event.
    """
    known = [channels for channels in of_events if channels is not None]
    if len(known) < len(of_events):
        return
    odd = sorted(frozenset().union(*(channels.odd for channels in known)))
    if odd:
        heard = "are heard" if config.window.channel == "auto" else "would be heard with window.channel=auto"
        yield (
            f"{shown(path)}: its {known[0].n_channels} channels cancel, or one carries no note. Channels {odd} {heard}."
        )
    if any(channels.with_dc for channels in known):
        yield f"{shown(path)}: it has DC, which is removed. Look for what makes it: a sound card does."


def _check_ends(events: pd.DataFrame, durations: dict[str, float], found: Findings) -> None:
    ends = events["audio_path"].map(durations).astype(float)
    late = events[events["offset_sec"] > ends + PAST_THE_END]
    for note_id, offset, path in zip(late["note_id"], late["offset_sec"], late["audio_path"], strict=True):
        found.warnings.append(f"event {note_id!r}: offset {offset:g} s is past the end of {shown(path)}.")


def _check_tracks(events: pd.DataFrame, found: Findings) -> None:
    tracks_of_file = events.groupby("audio_path")["track"].nunique()
    for path in tracks_of_file[tracks_of_file > 1].index:
        found.problems.append(f"{shown(path)} is under {tracks_of_file[path]} tracks: one recording must be one track.")
    events = notes_of(events)
    if has_split(events):
        try:
            given_splits(events)
        except SplitError as error:
            found.problems.append(str(error))
    if each_note_is_its_own_track(events):
        found.warnings.append("there is no `track` column and one event a file: a split can leak.")
    n_tracks = events["track"].nunique()
    if n_tracks < 3:
        found.warnings.append(f"{n_tracks} track(s): train, val and test need at least three.")
    tracks_of_label = events.groupby("label_category")["track"].nunique().reindex(list(LABELS), fill_value=0)
    for label, n_holders in tracks_of_label[tracks_of_label < 3].items():
        found.warnings.append(f"{label} is in {n_holders} track(s): not every side of a split can have it.")


def _summarise(rows: pd.DataFrame, rates: Counter, durations: dict[str, float]) -> list[str]:
    events = notes_of(rows)
    lines = [
        f"{len(events)} events in {events['audio_path'].nunique()} files, {events['track'].nunique()} tracks",
        "",
        f"{'':14}{'events':>8}{'share':>8}{'tracks':>8}   note length (s): min, median, max",
    ]
    for label in LABELS:
        own = events[events["label_category"] == label]
        line = f"{label:14}{len(own):8d}"
        if len(own):
            low, middle, high = (own["offset_sec"] - own["onset_sec"]).agg(["min", "median", "max"])
            lengths = "not known" if np.isnan(low) else f"{low:.2f}, {middle:.2f}, {high:.2f}"
            line += f"{len(own) / len(events):8.1%}{own['track'].nunique():8d}   {lengths}"
        lines.append(line)
    if len(events) < len(rows):
        lines.append(f"{NO_NOTE_LABEL:14}{len(rows) - len(events):8d}   beside them: to train on, and never scored")
    lines += ["", "sample rates: " + ", ".join(f"{rate} Hz ({n} files)" for rate, n in sorted(rates.items()))]
    if durations:
        seconds = pd.Series(durations)
        lines.append(f"files: {seconds.min():.2f} to {seconds.max():.2f} s, {seconds.sum() / 60:.1f} minutes in all")
    return lines
