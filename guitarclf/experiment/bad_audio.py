"""Events whose audio cannot be used: refused, or left out and listed."""

import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from guitarclf.audio.recordings import outside_root, require_audio_files
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config, to_dict
from guitarclf.errors import AudioReadError
from guitarclf.features.inputs import as_requests
from guitarclf.files.whole import write_text
from guitarclf.files.wording import shown

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 512  # events whose windows are in memory at once
SHOWN_REASONS = 3  # reasons in a message


def without_bad_audio(config: Config, events: pd.DataFrame, *, beside=None) -> pd.DataFrame:
    """Return the events whose audio can be used, by the policy of ``data.on_bad_audio``.

    With ``error`` a path outside the root or a file that is not there is an AudioReadError; a file that cannot
    be read is found where it is read. With ``skip`` all such events are left out, and ``events.attrs["bad_audio"]``
    lists them (dicts with note_id, audio_path, onset_sec, reason); AudioReadError if they are more than
    ``data.max_bad_fraction``. ``beside`` is the table's folder, for a hint where files are missing.
    """
    data = config.data
    if data.on_bad_audio == "error":
        paths = events["audio_path"].tolist()
        require_inside(paths, data.audio_folder, allow=data.allow_outside_root)
        require_audio_files(paths, beside=beside)
        return events
    bad = _bad_events(config, events)
    if len(bad) > data.max_bad_fraction * len(events):
        first = " ".join(bad["reason"].head(SHOWN_REASONS).unique())
        raise AudioReadError(
            f"At most {data.max_bad_fraction:.1%} of the events may have bad audio (data.max_bad_fraction). "
            f"{len(bad)} of {len(events)} have. First: {first} Replace the files, or allow more."
        )
    kept = events.drop(index=bad.index).reset_index(drop=True)
    kept.attrs["bad_audio"] = bad.to_dict("records")
    return kept


def _bad_events(config: Config, events: pd.DataFrame) -> pd.DataFrame:
    """Return the events whose audio cannot be used, on their index, each with the reason."""
    root = config.data.audio_folder
    outside = outside_root(root, events["audio_path"]) & (not config.data.allow_outside_root)
    reasons: dict = {row: f"{shown(path)} is outside {root}." for row, path in events["audio_path"][outside].items()}
    for part, _, errors in read_windows(config, events[~outside]):
        reasons |= {part.index[place]: str(error) for place, error in errors.items()}
    bad = events.loc[sorted(reasons), ["note_id", "audio_path", "onset_sec"]]
    return bad.assign(reason=[reasons[row] for row in bad.index])


def read_windows(
    config: Config, events: pd.DataFrame
) -> Iterator[tuple[pd.DataFrame, np.ndarray, dict[int, AudioReadError]]]:
    """Yield some events at a time, their windows, and row among them -> error where reading failed."""
    reader = WindowReader(**to_dict(config.window), num_workers=config.data.num_workers)
    for first in range(0, len(events), EVENTS_AT_ONCE):
        part = events.iloc[first : first + EVENTS_AT_ONCE]
        windows, errors = reader.read(as_requests(part))
        yield part, windows, errors


def require_inside(paths, audio_root, *, allow: bool) -> None:
    """Raise AudioReadError if a path leads out of the folder that the audio is in."""
    paths = list(paths)
    outside = outside_root(audio_root, paths).nonzero()[0]
    if len(outside) and not allow:
        raise AudioReadError(
            f"`audio_path` must be inside the audio root {audio_root}. {shown(paths[outside[0]])} is not "
            f"({len(outside)} are not). Give an --audio-root that holds all, or set data.allow_outside_root=true."
        )


def report_bad_audio(events: pd.DataFrame, path) -> None:
    """Write the events that were left out as CSV, and log them, if there are any."""
    bad = events.attrs.get("bad_audio", [])
    if not bad:
        return
    write_text(path, pd.DataFrame(bad).to_csv(index=False))
    for row in bad:
        logger.warning("left out %s: %s", row["note_id"], row["reason"])
    logger.warning("%d events are left out for their audio; %s lists them", len(bad), path)
