"""The folders that commands write into: where each artefact lies, and whether a command may write there."""

import json
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from guitarclf.errors import RunError
from guitarclf.files.lock import LOCK_NAME
from guitarclf.files.whole import UNFINISHED, write_text
from guitarclf.files.wording import explained
from guitarclf.runs.journal import n_kept

CROSSVAL_LOG = "crossval.log"  # tells a cross-validation from a run, which has a config.yaml too


class OutputFolder:
    """What the folders of a training, a search and a cross-validation share."""

    subfolders: tuple[Path, ...] = ()  # those that single files are written into

    def __init__(self, root: Path, *, config: str, log: str, last: str):
        self.root = root
        self.config = root / config  # what the command was run with
        self.log = root / log  # what was printed, with times
        self.last = root / last  # what the command writes last
        self.environment = root / "environment.json"
        self.bad_audio = root / "bad_audio.csv"

    @property
    def artefacts(self) -> list[Path]:
        """All that the command writes: first what says that it is finished, last what says that it is begun."""
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
        return self.last.is_file()

    def require_free(self, *, beside: Collection[str] = (), resume: bool = False, overwrite: bool = False) -> None:
        """Raise RunError if the folder holds anything but the names in ``beside``.

        A run of this command is allowed if it is gone on with (``resume``) or replaced (``overwrite``).
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunError(f"The output folder {self.root} must be no file. Choose another --output-dir.")
        names = {item.name for item in self.root.iterdir()} if self.root.exists() else set()
        held = {name for name in names - {*beside, LOCK_NAME} if not name.endswith(UNFINISHED)}
        if not held or (self.is_begun and (resume or overwrite)):
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

    def remove_artefacts(self) -> None:
        """Remove what the command writes; what else lies in the folder stays."""
        for item in self.artefacts:
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)


class RunFolder(OutputFolder):
    """Where each artefact of a training run lies."""

    def __init__(self, root: Path):
        super().__init__(root, config="config.yaml", log="run.log", last="model/model.json")
        self.bundle = root / "model"
        self.splits = root / "splits.csv"
        self.history = root / "history.csv"
        self.checkpoints = root / "checkpoints"
        self.best_model = root / "best_model.pt"
        self.joblib = root / "pipeline.joblib"
        self.figures = root / "figures"
        self.tensorboard = root / "tensorboard"
        self.state = root / "resume.pt"
        self.subfolders = (self.checkpoints, self.figures)

    is_begun = property(lambda self: self.config.is_file() and not (self.root / CROSSVAL_LOG).is_file())
    is_underway = property(lambda self: self.best_model.is_file())

    @property
    def artefacts(self) -> list[Path]:
        named = [self.bundle, self.state, self.joblib, self.best_model, self.checkpoints, self.figures]
        named += [self.tensorboard, self.history, self.splits, self.environment, self.bad_audio, self.log]
        return [*named, *self.root.glob("metrics_*.json"), *self.root.glob("report_*.html"), self.config]

    def metrics(self, name: str) -> Path:
        """Return the path of the scores of one split."""
        return self.root / f"metrics_{name}.json"


class SearchFolder(OutputFolder):
    """Where each artefact of a search lies; the run of the best candidate is a folder in it."""

    def __init__(self, root: Path):
        super().__init__(root, config="search_config.yaml", log="search.log", last="best/model/model.json")
        self.best = root / "best"
        self.best_config = root / "best_config.yaml"
        self.results = root / "search_results.csv"
        self.kept = root / "finished_fits.jsonl"
        # Where versions before this one kept their scores, and 0.1.0.
        self.kept_by_candidate = root / "scored.jsonl"
        self.kept_0_1_0 = root / "scored.json"

    is_underway = property(
        lambda self: max(n_kept(self.kept), n_kept(self.kept_by_candidate)) > 0 or self.kept_0_1_0.is_file()
    )

    @property
    def artefacts(self) -> list[Path]:
        named = [self.results, self.best_config, self.kept, self.kept_by_candidate, self.kept_0_1_0]
        return [*named, self.environment, self.bad_audio, self.log, self.config]

    def remove_artefacts(self) -> None:
        """Remove the run of the best candidate and what the search writes; what else lies in the folder stays."""
        if self.best.is_dir():
            RunFolder(self.best).remove_artefacts()
            with suppress(OSError):  # somebody's own files are in it
                self.best.rmdir()
        super().remove_artefacts()


class CrossvalFolder(OutputFolder):
    """Where each artefact of a cross-validation lies."""

    def __init__(self, root: Path):
        super().__init__(root, config="config.yaml", log=CROSSVAL_LOG, last="crossval.txt")
        self.text = root / "crossval.txt"
        self.scores = root / "crossval.json"
        self.predictions = root / "predictions.csv"
        self.background = root / "background.csv"  # what is said of clips that are no note
        self.phrases = root / "phrases"  # the notes of the table in context
        self.report = root / "report.html"
        self.score_table = root / "scores.csv"  # every score, for papers
        self.latex = root / "scores.tex"
        self.figures = root / "figures"
        self.kept = root / "finished_folds.jsonl"

    is_begun = property(lambda self: self.log.is_file())  # a run has a config.yaml too
    is_underway = property(lambda self: n_kept(self.kept) > 0)

    @property
    def artefacts(self) -> list[Path]:
        named = [self.text, self.scores, self.predictions, self.background, self.report, self.kept, self.phrases]
        named += [self.score_table, self.latex, self.figures]
        return [*named, self.environment, self.bad_audio, self.config, self.log]


def make_folder(path: Path) -> None:
    """Make a folder and its parents; RunError if that is not possible."""
    with explained(f"The output folder {path} must be writable"):
        path.mkdir(parents=True, exist_ok=True)


def discard(run: OutputFolder, *, beside: Collection[str] = ()) -> None:
    """Empty a locked folder of all but its lock and the names in ``beside``."""
    for item in run.root.iterdir():
        if item.name not in (*beside, LOCK_NAME):
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)


def write_json(content: dict, path: Path) -> None:
    """Write a dict as indented JSON; a name that is no UTF-8 becomes an escape of JSON's."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
