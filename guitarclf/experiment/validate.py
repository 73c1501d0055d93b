"""validate: everything that is wrong with a table and its audio, and what is in them."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from guitarclf.audio.recordings import open_recording, outside_root
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config, to_dict
from guitarclf.data.events import check_events, each_note_is_its_own_track
from guitarclf.data.splits import given_splits, has_split
from guitarclf.errors import AudioReadError, SplitError
from guitarclf.features.inputs import as_requests
from guitarclf.files.progress import Progress
from guitarclf.files.wording import shown
from guitarclf.labels import LABELS

EVENTS_AT_ONCE = 512  # events whose audio is read at once
PAST_THE_END = 0.01  # seconds by which an offset may miss the end of its file


@dataclass
class Findings:
    """What ``validate`` found: every problem, doubts that are no errors, and a summary."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)


def validate(metadata_path, audio_root, *, config: Config | None = None) -> Findings:
    """Check all of a table and its audio; every event's window is read as training with ``config`` would."""
    config = Config() if config is None else config
    columns, labels = config.data.columns, config.data.labels
    events, problems = check_events(metadata_path, audio_root=audio_root, columns=columns, labels=labels)
    found = Findings(problems=[str(problem) for problem in problems])
    rates, durations = _check_headers(events, found)
    outside = outside_root(audio_root, events["audio_path"])
    for path in events["audio_path"][outside & (not config.data.allow_outside_root)].unique():
        found.problems.append(f"{shown(path)} is outside the audio root {audio_root}.")
    readable = events[events["audio_path"].isin(durations.keys()) & np.isfinite(events["onset_sec"])]
    _check_windows(readable, found, WindowReader(**to_dict(config.window), num_workers=config.data.num_workers))
    _check_ends(readable, durations, found)
    _check_tracks(events, found)
    found.summary = _summarise(events, rates, durations)
    return found


def _check_headers(events: pd.DataFrame, found: Findings) -> tuple[Counter, dict[str, float]]:
    """Open every file; return sample rate -> files, and path -> duration in seconds."""
    rates: Counter[int] = Counter()
    durations: dict[str, float] = {}
    for path in dict.fromkeys(events["audio_path"]):
        try:
            with open_recording(path) as recording:
                rates[recording.samplerate] += 1
                durations[path] = recording.frames / recording.samplerate
        except AudioReadError as error:
            found.problems.append(str(error))
    return rates, durations


def _check_windows(events: pd.DataFrame, found: Findings, reader: WindowReader) -> None:
    """Read the window of every event. The same sound under two tracks leaks, under two labels one is wrong."""
    digests = []
    with Progress(len(events), desc="reading audio", unit="event") as bar:
        for first in range(0, len(events), EVENTS_AT_ONCE):
            chunk = events.iloc[first : first + EVENTS_AT_ONCE]
            windows, errors = reader.read(as_requests(chunk))
            for row, note_id in enumerate(chunk["note_id"]):
                if row in errors:
                    found.problems.append(f"event {note_id!r}: {errors[row]}")
                digests.append(None if row in errors else window_digest(windows[row]))
            bar.update(len(chunk))
    for _, same in events.groupby(np.array(digests, dtype=object), sort=False):
        for column, name in (("track", "tracks"), ("label_category", "labels")):
            values = sorted(set(same[column]))
            if len(values) > 1:
                notes = ", ".join(same["note_id"].iloc[:4])
                found.problems.append(f"identical audio under {len(values)} {name} ({', '.join(values)}): {notes}.")


def window_digest(window: np.ndarray) -> bytes:
    """Return what two windows share if they are the same sound, whatever the format of their files."""
    peak = np.abs(window).max()
    return hashlib.blake2b(np.round(window / peak * 2**11).astype(np.int16).tobytes(), digest_size=16).digest()


def _check_ends(events: pd.DataFrame, durations: dict[str, float], found: Findings) -> None:
    ends = np.array([durations[path] for path in events["audio_path"]], dtype=np.float64)
    late = events[events["offset_sec"].to_numpy() > ends + PAST_THE_END]
    for note_id, offset, path in zip(late["note_id"], late["offset_sec"], late["audio_path"], strict=True):
        found.warnings.append(f"event {note_id!r}: offset {offset:g} s is past the end of {path}.")


def _check_tracks(events: pd.DataFrame, found: Findings) -> None:
    tracks_of_file = events.groupby("audio_path")["track"].nunique()
    for path in tracks_of_file[tracks_of_file > 1].index:
        found.problems.append(f"{path} is under {tracks_of_file[path]} tracks: one recording must be one track.")
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
    for label in LABELS:
        holders = events.loc[events["label_category"] == label, "track"].nunique()
        if holders < 3:
            found.warnings.append(f"{label} is in {holders} track(s): not every side of a split can have it.")


def _summarise(events: pd.DataFrame, rates: Counter, durations: dict[str, float]) -> list[str]:
    length = events["offset_sec"] - events["onset_sec"]
    lines = [
        f"{len(events)} events in {events['audio_path'].nunique()} files, {events['track'].nunique()} tracks",
        "",
        f"{'':14}{'events':>8}{'share':>8}{'tracks':>8}   note length (s): min, median, max",
    ]
    for label in LABELS:
        of_label = events["label_category"] == label
        if not of_label.any():
            lines.append(f"{label:14}{0:8d}")
            continue
        own = length[of_label]
        lines.append(
            f"{label:14}{of_label.sum():8d}{of_label.mean():8.1%}{events.loc[of_label, 'track'].nunique():8d}"
            f"   {own.min():.2f}, {own.median():.2f}, {own.max():.2f}"
        )
    lines += ["", "sample rates: " + ", ".join(f"{rate} Hz ({n} files)" for rate, n in sorted(rates.items()))]
    if durations:
        lengths = pd.Series(durations)
        lines.append(f"files: {lengths.min():.2f} to {lengths.max():.2f} s, {lengths.sum() / 60:.1f} minutes in all")
    return lines
