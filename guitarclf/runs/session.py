"""What a run may go on with: the config, table and audio that it began with."""

import json
from pathlib import Path

import pandas as pd

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import load_config
from guitarclf.files.digest import file_digest, joint_digest
from guitarclf.errors import RunError
from guitarclf.runs.folder import RunFolder

# Keys that change where a run is and how fast, not what comes out of it.
FREE_KEYS = ("output_dir", "data.num_workers", "data.cache", "data.cache_gb")


def data_digest(config: Config, events: pd.DataFrame) -> dict[str, str]:
    """Return digests of a config's table and of the audio of its events."""
    return {
        "table": file_digest(config.data.metadata_path),
        "audio": joint_digest(events["audio_path"], num_workers=config.data.num_workers),
    }


def require_same_config(path: Path, config: Config) -> None:
    """Raise RunError naming the first key that differs from the config a run began with."""
    began = load_config(path)
    for key, _ in leaves():
        before, now = get_value(began, key), get_value(config, key)
        if key not in FREE_KEYS and before != now:
            raise RunError(
                f"`{key}` must be as in the run to go on with --resume, {before} in {path}. Got {now}. "
                "Leave it as it was, begin again with --overwrite, or choose another --output-dir."
            )


def require_same_options(run: RunFolder, options: dict) -> None:
    """Raise RunError naming the first option of the command line that differs from what a run began with."""
    began = _recorded(run, "options")
    for name, now in options.items():
        if began is not None and began.get(name) != now:
            raise RunError(
                f"`--{name.replace('_', '-')}` must be as in the run to go on with --resume, {began.get(name)} in "
                f"{run.environment}. Got {now}. Leave it as it was, begin again with --overwrite, or choose another "
                "--output-dir."
            )


def require_same_data(run: RunFolder, digest: dict[str, str]) -> None:
    """Raise RunError if the table or its audio is not what the run began with."""
    began = _recorded(run, "data")
    for part, what in (("table", "The table"), ("audio", "The audio")):
        if began is not None and began.get(part) != digest[part]:
            raise RunError(
                f"{what} must be as in the run to go on with --resume. Its digest was {began.get(part)}, and is "
                f"{digest[part]}. Put it back, begin again with --overwrite, or choose another --output-dir."
            )


def _recorded(run: RunFolder, part: str) -> dict | None:
    """Return a part of what a run wrote of its beginning; None if it was killed before, and nothing depends on it."""
    try:
        recorded = json.loads(run.environment.read_text(encoding="utf-8"))[part]
        if not isinstance(recorded, dict):
            raise TypeError(f"`{part}` is {type(recorded).__name__}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{run.environment} must hold the `{part}` that the run began with. {type(error).__name__}: {error}. "
            "Begin again with --overwrite."
        ) from error
    return recorded
