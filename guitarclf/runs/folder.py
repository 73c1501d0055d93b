"""The run folder: where each artefact lies, and whether a run may write there."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from guitarclf.files.whole import UNFINISHED, sweep, write_text
from guitarclf.errors import RunError
from guitarclf.files.lock import LOCK_NAME

CROSSVAL_LOG = "crossval.log"  # in the folder of a cross-validation, which has a config.yaml too


@dataclass(frozen=True)
class RunFolder:
    """Where each artefact of a run lies."""

    root: Path

    def __post_init__(self):
        object.__setattr__(self, "root", Path(self.root))

    config = property(lambda self: self.root / "config.yaml")
    splits = property(lambda self: self.root / "splits.csv")
    history = property(lambda self: self.root / "history.csv")
    log = property(lambda self: self.root / "run.log")
    environment = property(lambda self: self.root / "environment.json")
    checkpoints = property(lambda self: self.root / "checkpoints")
    best_model = property(lambda self: self.root / "best_model.pt")
    bundle = property(lambda self: self.root / "model")
    joblib = property(lambda self: self.root / "pipeline.joblib")
    figures = property(lambda self: self.root / "figures")
    tensorboard = property(lambda self: self.root / "tensorboard")
    state = property(lambda self: self.root / "resume.pt")
    bad_audio = property(lambda self: self.root / "bad_audio.csv")

    def metrics(self, name: str) -> Path:
        """Return the path of the scores of one split."""
        return self.root / f"metrics_{name}.json"

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end; its bundle is what it writes last."""
        return (self.bundle / "model.json").is_file()

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds a run, finished or not."""
        return self.config.is_file() and not (self.root / CROSSVAL_LOG).is_file()

    @property
    def is_underway(self) -> bool:
        """Whether an epoch is finished."""
        return self.best_model.is_file()

    def require_free(self, *, beside=(), resume=False, overwrite=False) -> "RunFolder":
        """Refuse a folder that holds anything but the names in ``beside``.

        A run that is there may be gone on with (``resume``) or replaced (``overwrite``).
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunError(f"The output folder {self.root} must be no file. Choose another --output-dir.")
        if not self._holds_something(beside) or (self.is_begun and (resume or overwrite)):
            return self
        advice = "Choose another --output-dir, or remove it first."
        what = "It already holds something"
        if self.is_begun:
            what = f"It already holds a run, {'finished' if self.is_finished else 'unfinished'}"
            advice = "Go on with it with --resume, replace it with --overwrite, or choose another --output-dir."
        elif resume or overwrite:
            what = f"It holds something that is no run, which --{'resume' if resume else 'overwrite'} leaves alone"
        raise RunError(
            f"The output folder {self.root} must be new or empty, so that no run destroys another. {what}. {advice}"
        )

    def _holds_something(self, beside) -> bool:
        if not self.root.is_dir():
            return False
        names = {item.name for item in self.root.iterdir() if not item.name.endswith(UNFINISHED)}
        return bool(names - {*beside, LOCK_NAME})

    def sweep(self) -> None:
        """Remove what killed processes left unfinished in the folder and in those of its own that files go into."""
        for folder in (self.root, self.checkpoints, self.figures):
            sweep(folder)

    def remove_artefacts(self) -> None:
        """Remove what a run writes, its bundle first; what else lies in the folder stays."""
        named = (self.bundle, self.state, self.joblib, self.best_model, self.checkpoints, self.figures)
        named += (self.tensorboard, self.history, self.splits, self.environment, self.bad_audio, self.log)
        for item in (*named, *self.root.glob("metrics_*.json"), self.config):
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)

    def create(self) -> "RunFolder":
        """Make the folder and the one for figures in it."""
        make_folder(self.figures)
        return self


def make_folder(path: Path) -> None:
    """Make a folder and its parents; RunError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The output folder {path} must be writable. {error.strerror}.") from error


def discard(run: RunFolder, *, beside=()) -> None:
    """Remove what a run that failed has written, so that the corrected command finds its folder free."""
    for item in run.root.iterdir():
        if item.name not in (*beside, LOCK_NAME):
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    if not any(run.root.iterdir()):
        run.root.rmdir()


def write_json(content: dict, path: Path) -> None:
    """Write a dict as indented JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
