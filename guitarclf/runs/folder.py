"""The folders that commands write into: where each artefact lies, and whether a command may write there."""

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from guitarclf.errors import RunError
from guitarclf.files.lock import LOCK_NAME
from guitarclf.files.whole import UNFINISHED, sweep, write_text
from guitarclf.runs.journal import n_kept

CROSSVAL_LOG = "crossval.log"  # tells a cross-validation from a run, which has a config.yaml too


@dataclass(frozen=True)
class OutputFolder:
    """What the folders of a training, a search and a cross-validation share. ``config`` is what each writes first."""

    root: Path

    environment = property(lambda self: self.root / "environment.json")
    bad_audio = property(lambda self: self.root / "bad_audio.csv")
    subfolders = ()

    @property
    def config(self) -> Path:
        """What the command was run with."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """What was printed, with times."""
        raise NotImplementedError

    @property
    def artefacts(self) -> list[Path]:
        """All that the command writes; what says that it is finished is first to be removed."""
        raise NotImplementedError

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds what the command wrote, finished or not."""
        return self.config.is_file()

    @property
    def is_underway(self) -> bool:
        """Whether there is something to go on with."""
        raise NotImplementedError

    @property
    def is_finished(self) -> bool:
        """Whether the command came to its end."""
        raise NotImplementedError

    def require_free(self, *, beside: Collection[str] = (), resume: bool = False, overwrite: bool = False) -> None:
        """Refuse a folder that holds anything but the names in ``beside``.

        A run that is there may be gone on with (``resume``) or replaced (``overwrite``).
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunError(f"The output folder {self.root} must be no file. Choose another --output-dir.")
        if not self._holds_something(beside) or (self.is_begun and (resume or overwrite)):
            return
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

    def _holds_something(self, beside: Collection[str]) -> bool:
        if not self.root.is_dir():
            return False
        names = {item.name for item in self.root.iterdir() if not item.name.endswith(UNFINISHED)}
        return bool(names - {*beside, LOCK_NAME})

    def sweep(self) -> None:
        """Remove what killed processes left unfinished in the folder and in those of its own that files go into."""
        for folder in (self.root, *self.subfolders):
            sweep(folder)

    def remove_artefacts(self) -> None:
        """Remove what the command writes; what else lies in the folder stays."""
        for item in self.artefacts:
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)


@dataclass(frozen=True)
class RunFolder(OutputFolder):
    """Where each artefact of a training run lies. Its bundle is what it writes last."""

    config = property(lambda self: self.root / "config.yaml")
    splits = property(lambda self: self.root / "splits.csv")
    history = property(lambda self: self.root / "history.csv")
    log = property(lambda self: self.root / "run.log")
    checkpoints = property(lambda self: self.root / "checkpoints")
    best_model = property(lambda self: self.root / "best_model.pt")
    bundle = property(lambda self: self.root / "model")
    joblib = property(lambda self: self.root / "pipeline.joblib")
    figures = property(lambda self: self.root / "figures")
    tensorboard = property(lambda self: self.root / "tensorboard")
    state = property(lambda self: self.root / "resume.pt")
    subfolders = property(lambda self: (self.checkpoints, self.figures))
    is_begun = property(lambda self: self.config.is_file() and not (self.root / CROSSVAL_LOG).is_file())
    is_underway = property(lambda self: self.best_model.is_file())
    is_finished = property(lambda self: (self.bundle / "model.json").is_file())

    @property
    def artefacts(self) -> list[Path]:
        """All that a run writes, its bundle first."""
        named = [self.bundle, self.state, self.joblib, self.best_model, self.checkpoints, self.figures]
        named += [self.tensorboard, self.history, self.splits, self.environment, self.bad_audio, self.log]
        return [*named, *self.root.glob("metrics_*.json"), self.config]

    def metrics(self, name: str) -> Path:
        """Return the path of the scores of one split."""
        return self.root / f"metrics_{name}.json"


@dataclass(frozen=True)
class SearchFolder(OutputFolder):
    """Where each artefact of a search lies. The run of the best candidate is what it writes last."""

    config = property(lambda self: self.root / "search_config.yaml")
    log = property(lambda self: self.root / "search.log")
    kept = property(lambda self: self.root / "scored.jsonl")
    kept_0_1_0 = property(lambda self: self.root / "scored.json")  # where 0.1.0 kept its scores
    results = property(lambda self: self.root / "search_results.csv")
    best_config = property(lambda self: self.root / "best_config.yaml")
    best = property(lambda self: self.root / "best")
    is_underway = property(lambda self: n_kept(self.kept) > 0 or self.kept_0_1_0.is_file())
    is_finished = property(lambda self: RunFolder(self.best).is_finished)

    @property
    def artefacts(self) -> list[Path]:
        """All that a search writes but the best run."""
        named = [self.results, self.best_config, self.kept, self.kept_0_1_0]
        return [*named, self.environment, self.bad_audio, self.log, self.config]

    def remove_artefacts(self) -> None:
        """Remove the run of the best candidate and what the search writes; what else lies in the folder stays."""
        if self.best.is_dir():
            RunFolder(self.best).remove_artefacts()
            with suppress(OSError):  # somebody's own files are in it
                self.best.rmdir()
        super().remove_artefacts()


@dataclass(frozen=True)
class CrossvalFolder(OutputFolder):
    """Where each artefact of a cross-validation lies. Its text is what it writes last."""

    config = property(lambda self: self.root / "config.yaml")
    log = property(lambda self: self.root / CROSSVAL_LOG)
    kept = property(lambda self: self.root / "finished_folds.jsonl")
    predictions = property(lambda self: self.root / "predictions.csv")
    scores = property(lambda self: self.root / "crossval.json")
    text = property(lambda self: self.root / "crossval.txt")
    is_begun = property(lambda self: (self.root / CROSSVAL_LOG).is_file())  # a run has a config.yaml too
    is_underway = property(lambda self: n_kept(self.kept) > 0)
    is_finished = property(lambda self: self.text.is_file())

    @property
    def artefacts(self) -> list[Path]:
        """All that a cross-validation writes."""
        named = [self.text, self.scores, self.predictions, self.kept]
        return [*named, self.environment, self.bad_audio, self.config, self.log]


def make_folder(path: Path) -> None:
    """Make a folder and its parents; RunError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The output folder {path} must be writable. {error.strerror}.") from error


def discard(run: OutputFolder, *, beside: Collection[str] = ()) -> None:
    """Remove what a run that failed has written, so that the corrected command finds its folder free."""
    for item in run.root.iterdir():
        if item.name not in (*beside, LOCK_NAME):
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    if not any(run.root.iterdir()):
        run.root.rmdir()


def write_json(content: dict, path: Path) -> None:
    """Write a dict as indented JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
