"""validate: everything that is wrong with a table and its audio, and what is in them."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from guitarclf.data.audio import open_recording
from guitarclf.data.digest import file_digests
from guitarclf.data.events import check_events
from guitarclf.errors import AudioReadError
from guitarclf.features.window import EventWindow, as_requests
from guitarclf.labels import LABELS

CHUNK = 512  # events whose audio is read at once


@dataclass
class Findings:
    """What ``validate`` found: every problem, doubts that are no errors, and a summary."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    summary: list[str] = field(default_factory=list)


def validate(metadata_path, audio_root, *, columns=None, labels=None, num_workers=2) -> Findings:
    """Check all of a table and its audio; every event's window is read as training would read it."""
    events, problems = check_events(metadata_path, audio_root=audio_root, columns=columns, labels=labels)
    found = Findings(problems=[str(problem) for problem in problems])
    rates, durations = _check_audio(events, found, num_workers)
    _check_identical_audio(events, found, num_workers)
    _check_tracks(events, found, "track" in events.attrs["derived"])
    found.summary = _summarise(events, rates, durations)
    return found


def _check_audio(events: pd.DataFrame, found: Findings, num_workers: int):
    """Read every header and window; return sample rate -> files, and path -> duration in seconds."""
    rates, durations = Counter(), {}
    for path in dict.fromkeys(events["audio_path"]):
        try:
            with open_recording(path) as recording:
                rates[recording.samplerate] += 1
                durations[path] = recording.frames / recording.samplerate
        except AudioReadError as error:
            found.problems.append(str(error))
    readable = events[events["audio_path"].isin(durations.keys()) & events["onset_sec"].notna()]
    window = EventWindow(num_workers=num_workers, normalize="none")
    for first in range(0, len(readable), CHUNK):
        chunk = readable.iloc[first : first + CHUNK]
        windows, errors = window.read(as_requests(chunk))
        for row, note_id in enumerate(chunk["note_id"]):
            if row in errors:
                found.problems.append(f"event {note_id!r}: {errors[row]}")
            elif not windows[row].any():
                found.warnings.append(f"event {note_id!r}: the window is silent from end to end.")
    late = readable[readable["offset_sec"] > readable["audio_path"].map(durations) + 0.01]
    for note_id, offset, path in zip(late["note_id"], late["offset_sec"], late["audio_path"], strict=True):
        found.warnings.append(f"event {note_id!r}: offset {offset:g} s is past the end of {path}.")
    return rates, durations


def _check_identical_audio(events: pd.DataFrame, found: Findings, num_workers: int) -> None:
    """The same sound under two tracks leaks over a split; under two labels one of them is wrong."""
    readable = events[[Path(path).is_file() for path in events["audio_path"]]]
    digests = file_digests(readable["audio_path"], num_workers=num_workers)
    content = readable["audio_path"].map(digests)
    for (_, onset), same in readable.groupby([content, readable["onset_sec"]], sort=False):
        for column, name in (("track", "tracks"), ("label_category", "labels")):
            values = sorted(set(same[column]))
            if len(values) > 1:
                notes = ", ".join(same["note_id"].iloc[:4])
                found.problems.append(
                    f"identical audio at onset {onset:g} s under {len(values)} {name} ({', '.join(values)}): {notes}."
                )


def _check_tracks(events: pd.DataFrame, found: Findings, derived: bool) -> None:
    n_tracks = events["track"].nunique()
    if derived and (events["events_in_file"] == 1).all():
        found.warnings.append("there is no `track` column and one event a file: a split can leak.")
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
