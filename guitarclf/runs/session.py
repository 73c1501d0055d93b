"""open_run: what is checked and written around the work of a command that writes into a folder."""

import json
import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import load_config, write_config
from guitarclf.errors import RunError, TrainingError
from guitarclf.features.store import FeatureStore
from guitarclf.files.digest import file_digest, joint_digest, text_digest
from guitarclf.files.lock import locked, require_unlocked
from guitarclf.files.names import ESCAPE
from guitarclf.files.whole import sweep
from guitarclf.runs.environment import describe_environment
from guitarclf.runs.folder import OutputFolder, RunFolder, write_json
from guitarclf.runs.journal import Journal

logger = logging.getLogger(__name__)

# Keys that change where a run and its data are and how fast, not what comes out of it: of data, the digest is compared,
# and of training.threads the number that it stands for.
FREE_KEYS = (
    "output_dir",
    "data.metadata_path",
    "data.audio_root",
    "data.num_workers",
    "data.cache",
    "data.cache_gb",
    "training.threads",
    "training.background_path",
)


@dataclass(frozen=True)
class OpenRun:
    """A folder that this process has locked, and the table of events to work on."""

    folder: OutputFolder
    events: pd.DataFrame
    resume: bool

    def journal(self, path: Path, key: str, **settings: Any) -> Journal:
        """Return the Journal of the work; a run that is resumed takes what is in the file."""
        return Journal(path, key, resume=self.resume, **settings)


@contextmanager
def open_run(
    folder: OutputFolder,
    config: Config,
    read_events: Callable[[], pd.DataFrame],
    *,
    threads: int,
    options: dict[str, Any] | None = None,
    beside: Collection[str] = (),
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[OpenRun]:
    """Hold an output folder for the work in a ``with`` block.

    1. A folder is refused if it is locked, or holds something that is neither gone on with nor replaced; so are a
       config, options or data other than those that a run to go on with began with.
    2. The folder is locked and swept, what is replaced is removed, config and environment are written.
    3. What is logged in the block goes to the folder's log too. If the block ends with an error before there is
       anything to go on with, what was written is removed.

    A finished run that is resumed is left as it is, and the block is for its results.

    Parameters
    ----------
    folder : OutputFolder
    config : Config
    read_events : callable
        Returns the table of events; called after the cheap checks and before the folder is touched.
    threads : int
        Threads of torch in which each fit computes.
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
        require_same_settings(folder, config, options)
        require_same_threads(folder, threads)
    events = read_events()
    digest = data_digest(config, events)
    with locked(folder.root):
        folder.require_free(beside=beside, resume=resume, overwrite=overwrite)  # nobody came in between
        sweep(folder.root, *folder.subfolders)
        if overwrite:
            folder.remove_artefacts()
        if folder.is_begun:
            require_same_data(folder, digest)
        run = OpenRun(folder, events, resume)
        if folder.is_finished:
            yield run
            return
        with log_to(folder.log), discarding_unstarted(folder):
            write_config(config, folder.config)
            recorded = {"options": options} if options is not None else {}
            write_json({**describe_environment(config.seed, digest, threads), **recorded}, folder.environment)
            yield run


def data_digest(config: Config, events: pd.DataFrame) -> dict[str, str | None]:
    """Return the digests of the contents of a run's data: of its table, its audio, and its background or None."""
    path, cache = config.training.background_path, config.data.cache
    kept_in = None if cache is None else FeatureStore(cache).digests
    digest_of = partial(joint_digest, num_workers=config.data.num_workers, kept_in=kept_in)
    background = events.attrs.get("background_audio")
    if background:
        table = "" if path is None else file_digest(path)
        background = text_digest(table, digest_of(background))
    return {
        "table": file_digest(config.data.metadata_path),
        "audio": digest_of(events["audio_path"].unique()),
        "background": background or None,
    }


def require_same_settings(run: OutputFolder, config: Config, options: dict[str, Any] | None) -> None:
    """Raise RunError naming the first key, or option of the command line, that differs from what a run began with."""
    began = load_config(run.config)
    for key, _ in leaves():
        if key not in FREE_KEYS:
            _require_same(f"`{key}`", get_value(began, key), get_value(config, key), run.config)
    if options is not None:
        recorded = _recorded(run, "options", options)
        for name, now in options.items():
            _require_same(f"`--{name.replace('_', '-')}`", recorded.get(name), now, run.environment)


def _require_same(name: str, before: Any, now: Any, path: Path) -> None:
    if before != now:
        raise RunError(
            f"{name} must be as in the run to go on with --resume, {before} in {path}. Got {now}. "
            "Leave it as it was, begin again with --overwrite, or choose another --output-dir."
        )


def require_same_threads(run: OutputFolder, threads: int) -> None:
    """Raise RunError unless fits compute in as many threads as those before: each number gives other roundings."""
    before = _recorded(run, "machine", {"torch_threads": threads}).get("torch_threads")
    if before != threads:
        raise RunError(
            f"`training.threads` must be as in the run to go on with --resume, {before} in {run.environment}. Got "
            f"{threads}. Say --set training.threads={before}, or begin again with --overwrite."
        )


def require_same_data(run: OutputFolder, digest: dict[str, str | None]) -> None:
    """Raise RunError if the table or its audio is not what the run began with."""
    began = _recorded(run, "data", digest)
    for part, now in digest.items():
        if began.get(part) != now:
            raise RunError(
                f"The {part} must be as in the run to go on with --resume. Its digest was {began.get(part)}, and is "
                f"{now}. Put it back, begin again with --overwrite, or choose another --output-dir."
            )


def _recorded(run: OutputFolder, part: str, now: dict) -> dict:
    """Return a part of what a run wrote at its beginning, or ``now`` if it was killed before it wrote anything."""
    try:
        recorded = json.loads(run.environment.read_text(encoding="utf-8"))[part]
        if not isinstance(recorded, dict):
            raise TypeError(f"`{part}` is {type(recorded).__name__}")
        return recorded
    except FileNotFoundError:
        return now
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{run.environment} must hold the `{part}` that the run began with. {type(error).__name__}: {error}. "
            "Begin again with --overwrite."
        ) from error


@contextmanager
def discarding_unstarted(run: OutputFolder) -> Iterator[None]:
    """Remove what a run wrote if it fails with nothing to go on with; log how to go on if it was interrupted."""
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
    """A log that drops a line on a full disk, without a traceback: another file will stop the run."""

    def handleError(self, record: logging.LogRecord) -> None:  # logging's name
        return

    def close(self) -> None:
        with suppress(OSError):
            super().close()


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Also write what the package logs to a file."""
    package_logger = logging.getLogger("guitarclf")
    handler = RunLog(path, encoding="utf-8", errors=ESCAPE)
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
