"""validate: everything that is wrong with a table and its audio, and what is in them."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from guitarclf.audio.mono import averaged, channels_heard, has_dc
from guitarclf.audio.recordings import open_recording, outside_root
from guitarclf.audio.windows import WindowReader, in_threads
from guitarclf.config import Config, to_dict
from guitarclf.data.background import read_background
from guitarclf.data.events import check_events, each_note_is_its_own_track, notes_of
from guitarclf.data.rules import as_lines
from guitarclf.data.splits import given_splits, has_split
from guitarclf.errors import AudioReadError, EventTableError, ParameterError, SplitError
from guitarclf.experiment.bad_audio import read_windows
from guitarclf.experiment.sound_doubts import sound_doubts
from guitarclf.experiment.tables import missing_audio
from guitarclf.features.inputs import as_requests
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
    notes = notes_of(events)
    _check_mono(notes, found, config)
    readable = events[events["audio_path"].isin(durations.keys()) & np.isfinite(events["onset_sec"])]
    _check_windows(readable, found, config)
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


def _check_mono(events: pd.DataFrame, found: Findings, config: Config) -> None:
    """Warn of each file in which a channel cancels another, or carries no note beside one that does, or that has DC."""
    reader = WindowReader(**to_dict(config.window))
    for path, own in events.groupby("audio_path", sort=False):
        odd, with_dc = set(), False
        try:
            with open_recording(str(path)) as recording:
                for request in as_requests(own):
                    samples = reader.samples_of(recording, request)
                    kept = channels_heard(samples, recording.samplerate)
                    odd |= {1 + number for number in kept if len(kept) < recording.channels}
                    with_dc = with_dc or has_dc(averaged(samples[:, kept]))
                n_channels = recording.channels
        except (AudioReadError, ParameterError):
            continue  # said where the window is read
        if odd:
            heard = "are heard" if config.window.channel == "auto" else "would be heard with window.channel=auto"
            found.warnings.append(
                f"{shown(path)}: its {n_channels} channels cancel, or one carries no note. "
                f"Channels {sorted(odd)} {heard}."
            )
        if with_dc:
            found.warnings.append(
                f"{shown(path)}: it has DC, which is removed. Look for what makes it: a sound card does."
            )


def _check_windows(events: pd.DataFrame, found: Findings, config: Config) -> None:
    """Add each window that cannot be read, and each sound that is under two tracks or two labels."""
    digests = []
    with Progress(len(events), desc="reading audio", unit="event") as bar:
        for part, windows, errors in read_windows(config, events):
            for row, note_id in enumerate(part["note_id"]):
                if row in errors:
                    found.problems.append(f"event {note_id!r}: {errors[row]}")
                digests.append(None if row in errors else window_digest(windows[row]))
            bar.update(len(part))
    for _, same in events.groupby(np.array(digests, dtype=object), sort=False):
        for column, name in (("track", "tracks"), ("label_category", "labels")):
            values = sorted(set(same[column]))
            if len(values) > 1:
                told, notes = (", ".join(map(shown, names)) for names in (values, same["note_id"].iloc[:4]))
                found.problems.append(f"identical audio under {len(values)} {name} ({told}): {notes}.")


def window_digest(window: np.ndarray) -> bytes:
    """Return a digest of a window that does not depend on its level or the format of its file."""
    peak = np.abs(window).max()
    return hashlib.blake2b(np.round(window / peak * 2**11).astype(np.int16).tobytes(), digest_size=16).digest()


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
