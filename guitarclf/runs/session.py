"""open_run: all that must hold, and be written, around the work of a command that writes a folder."""

import json
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import load_config, write_config
from guitarclf.errors import RunError, TrainingError
from guitarclf.files.digest import file_digest, joint_digest
from guitarclf.files.lock import locked, require_unlocked
from guitarclf.runs.environment import describe_environment
from guitarclf.runs.folder import OutputFolder, RunFolder, make_folder, write_json
from guitarclf.runs.journal import Journal

logger = logging.getLogger(__name__)

# Keys that change where a run is and how fast, not what comes out of it.
FREE_KEYS = ("output_dir", "data.num_workers", "data.cache", "data.cache_gb")


@dataclass(frozen=True)
class OpenRun:
    """A folder that this process has for itself, and the events that the work in it is about."""

    folder: OutputFolder
    events: pd.DataFrame
    resume: bool

    def journal(self, path: Path, key: str, **settings: Any) -> Journal:
        """Return the Journal of the work, which goes on with what is kept if the run does."""
        return Journal(path, key, resume=self.resume, **settings)


@contextmanager
def open_run(
    folder: OutputFolder,
    config: Config,
    read_events: Callable[[], pd.DataFrame],
    *,
    options: dict[str, Any] | None = None,
    beside: Collection[str] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[OpenRun]:
    """Hold an output folder for the work in a ``with`` block.

    Before the block the folder is refused if it is locked, or holds what is not to be gone on with or replaced.
    Config, options and data are compared with those that a run to go on with began with. The folder is locked and
    swept, what is replaced is removed, config and environment are written. In the block all that is logged goes to the
    folder's log too. After it, what ended before there was anything to go on with is removed.

    A finished run that is resumed is left as it is, and the block is for its results.

    Parameters
    ----------
    folder : OutputFolder
    config : Config
    read_events : callable
        Reads the table of events, after what is cheap is checked and before the folder is touched.
    options : dict, optional
        What else the command line asked for that changes the outcome.
    beside : collection of str
        Names that may already be in the folder.
    resume, overwrite : bool
        Whether a run that is there is gone on with, or replaced.
    """
    require_unlocked(folder.root)
    folder.require_free(beside=beside, resume=resume, overwrite=overwrite)
    if resume and folder.is_begun and folder.config.is_file():
        require_same_config(folder.config, config)
        if options is not None:
            require_same_options(folder, options)
    events = read_events()
    digest = data_digest(config, events)
    with locked(folder.root):
        folder.require_free(beside=beside, resume=resume, overwrite=overwrite)  # nobody came in between
        folder.sweep()
        if overwrite:
            folder.remove_artefacts()
        if folder.is_begun:
            require_same_data(folder, digest)
        run = OpenRun(folder, events, resume)
        if folder.is_finished:
            yield run
            return
        make_folder(folder.root)
        with log_to(folder.log), discarding_unstarted(folder):
            write_config(config, folder.config)
            recorded = {"options": options} if options is not None else {}
            write_json({**describe_environment(config.seed, digest), **recorded}, folder.environment)
            yield run


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


def require_same_options(run: OutputFolder, options: dict[str, Any]) -> None:
    """Raise RunError naming the first option of the command line that differs from what a run began with."""
    began = _recorded(run, "options")
    for name, now in options.items():
        if began is not None and began.get(name) != now:
            raise RunError(
                f"`--{name.replace('_', '-')}` must be as in the run to go on with --resume, {began.get(name)} in "
                f"{run.environment}. Got {now}. Leave it as it was, begin again with --overwrite, or choose another "
                "--output-dir."
            )


def require_same_data(run: OutputFolder, digest: dict[str, str]) -> None:
    """Raise RunError if the table or its audio is not what the run began with."""
    began = _recorded(run, "data")
    for part, what in (("table", "The table"), ("audio", "The audio")):
        if began is not None and began.get(part) != digest[part]:
            raise RunError(
                f"{what} must be as in the run to go on with --resume. Its digest was {began.get(part)}, and is "
                f"{digest[part]}. Put it back, begin again with --overwrite, or choose another --output-dir."
            )


def _recorded(run: OutputFolder, part: str) -> dict | None:
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


@contextmanager
def discarding_unstarted(run: OutputFolder) -> Iterator[None]:
    """Remove what a run wrote if it ends before its first epoch did; say how to go on if it was interrupted."""
    try:
        yield
    except BaseException as error:
        if not run.is_underway:
            run.remove_artefacts()
        elif isinstance(error, TrainingError) and isinstance(run, RunFolder) and run.checkpoints.is_dir():
            last = max(run.checkpoints.glob("epoch_*.pt"), key=lambda path: int(path.stem.removeprefix("epoch_")))
            raise TrainingError(f"{error} The last good checkpoint is {last}.") from error
        elif isinstance(error, KeyboardInterrupt):
            logger.warning("Interrupted. The same command with --resume goes on; the run is in %s", run.root)
        raise


class RunLog(logging.FileHandler):
    """A log that loses a line on a full disk without a traceback: what matters more will stop the run."""

    def handleError(self, record: logging.LogRecord) -> None:  # logging's name
        return

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Also write what the package logs to a file."""
    package_logger = logging.getLogger("guitarclf")
    handler = RunLog(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = package_logger.level
    package_logger.addHandler(handler)
    package_logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        package_logger.removeHandler(handler)
        package_logger.setLevel(level)
        handler.close()
