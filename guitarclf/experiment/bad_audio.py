"""What becomes of events whose audio cannot be used: an end, or a list and a training without them."""

import logging

import pandas as pd

from guitarclf.audio.recordings import outside_root, require_audio_files
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config, to_dict
from guitarclf.errors import AudioReadError
from guitarclf.features.inputs import as_requests
from guitarclf.files.whole import write_text
from guitarclf.files.wording import shown

logger = logging.getLogger(__name__)

EVENTS_AT_ONCE = 512  # events whose audio is read at once
BAD_AUDIO_COLUMNS = ("note_id", "audio_path", "onset_sec", "reason")
SHOWN_REASONS = 3  # reasons in a message


def without_bad_audio(config: Config, events: pd.DataFrame, *, beside=None) -> pd.DataFrame:
    """Return the events whose audio can be used, under the policy of ``data.on_bad_audio``.

    Parameters
    ----------
    config : Config
    events : DataFrame
        An events table, its paths joined to ``data.audio_root``.
    beside : Path, optional
        The table's folder, for a hint where files are missing.

    Returns
    -------
    events : DataFrame
        ``events.attrs["bad_audio"]`` lists what is left out, dicts with BAD_AUDIO_COLUMNS.

    Raises
    ------
    AudioReadError
        With ``error``, for a path outside the root or a file that is not there (what cannot be read is
        found where it is read); with ``skip``, if more than ``data.max_bad_fraction`` is bad.
    """
    data = config.data
    if data.on_bad_audio == "error":
        require_inside(events["audio_path"], data.audio_root, allow=data.allow_outside_root)
        require_audio_files(events["audio_path"], beside=beside)
        return events
    reasons = _reasons(config, events)
    if len(reasons) > data.max_bad_fraction * len(events):
        first = " ".join(dict.fromkeys(list(reasons.values())[:SHOWN_REASONS]))
        raise AudioReadError(
            f"At most {data.max_bad_fraction:.1%} of the events may have bad audio (data.max_bad_fraction). "
            f"{len(reasons)} of {len(events)} have. First: {first} Replace the files, or allow more."
        )
    kept = events.drop(index=events.index[list(reasons)]).reset_index(drop=True)
    rows = events.iloc[list(reasons)]
    kept.attrs["bad_audio"] = [
        dict(zip(BAD_AUDIO_COLUMNS, cells, strict=True))
        for cells in zip(rows["note_id"], rows["audio_path"], rows["onset_sec"], reasons.values(), strict=True)
    ]
    return kept


def _reasons(config: Config, events: pd.DataFrame) -> dict[int, str]:
    """Return row -> why its audio cannot be used, in the order of the rows."""
    reader = WindowReader(**to_dict(config.window), num_workers=config.data.num_workers)
    reasons = {}
    if not config.data.allow_outside_root:
        for row in outside_root(config.data.audio_root, events["audio_path"]).nonzero()[0]:
            reasons[int(row)] = f"{shown(events['audio_path'].iloc[row])} is outside {config.data.audio_root}."
    for first in range(0, len(events), EVENTS_AT_ONCE):
        rows = [row for row in range(first, min(first + EVENTS_AT_ONCE, len(events))) if row not in reasons]
        _, errors = reader.read(as_requests(events.iloc[rows]))
        reasons |= {rows[row]: str(error) for row, error in errors.items()}
    return dict(sorted(reasons.items()))


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
    """Write what was left out of ``events`` as CSV, and log it; nothing if nothing was."""
    bad = events.attrs.get("bad_audio", [])
    if not bad:
        return
    write_text(path, pd.DataFrame(bad, columns=list(BAD_AUDIO_COLUMNS)).to_csv(index=False))
    for row in bad:
        logger.warning("left out %s: %s", row["note_id"], row["reason"])
    logger.warning("%d events are left out for their audio; %s lists them", len(bad), path)
