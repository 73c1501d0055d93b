"""The folder of a cross-validation: where its artefacts lie, and the fits it keeps on the way."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.files.whole import write_text
from guitarclf.files.digest import text_digest
from guitarclf.errors import RunError
from guitarclf.evaluation.crossval import BASELINE_COLUMNS, CrossvalReport
from guitarclf.labels import LABELS
from guitarclf.runs.folder import CROSSVAL_LOG, RunFolder, write_json


@dataclass(frozen=True)
class CrossvalFolder(RunFolder):
    """Where each artefact of a cross-validation lies."""

    log = property(lambda self: self.root / CROSSVAL_LOG)
    kept = property(lambda self: self.root / "finished_folds.jsonl")
    predictions = property(lambda self: self.root / "predictions.csv")
    scores = property(lambda self: self.root / "crossval.json")
    text = property(lambda self: self.root / "crossval.txt")

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds a cross-validation, finished or not; its log is what it writes first."""
        return self.log.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the cross-validation came to its end; its text is what it writes last."""
        return self.text.is_file()

    @property
    def is_underway(self) -> bool:
        """Whether a fit is kept: a line after the first, which says what they are of."""
        return self.kept.is_file() and self.kept.read_bytes().count(b"\n") > 1

    def remove_artefacts(self) -> None:
        """Remove what a cross-validation writes; what else lies in the folder stays."""
        for item in (
            self.text,
            self.scores,
            self.predictions,
            self.kept,
            self.environment,
            self.bad_audio,
            self.config,
            self.log,
        ):
            item.unlink(missing_ok=True)

    def write(self, tables: dict[str, pd.DataFrame], reports: dict[str, CrossvalReport]) -> None:
        """Write the predictions and scores of each kind of split, the text last."""
        predictions = pd.concat([table.assign(split=kind) for kind, table in tables.items()])
        write_text(self.predictions, predictions.to_csv(index=False))
        write_json({kind: report.to_dict() for kind, report in reports.items()}, self.scores)
        text = "\n\n".join(f"== {kind} ==\n{report.to_text()}" for kind, report in reports.items())
        write_text(self.text, text + "\n")


@dataclass(frozen=True)
class Fit:
    """One net to be trained: the kind of split, the fold that it does not hear, and which of the repeats it is."""

    split: str
    fold: str
    repeat: int


@dataclass(frozen=True)
class FitOutcome:
    """What a fit says of the rows it has not heard: probabilities in the order of LABELS, and the baselines' labels."""

    proba: np.ndarray
    called: dict[str, np.ndarray]


def list_fits(kinds: dict[str, np.ndarray], repeats: int) -> list[Fit]:
    """Return the fits of all kinds of split in their order."""
    return [
        Fit(kind, str(name), repeat + 1)
        for kind, fold in kinds.items()
        for name in sorted(set(fold))
        for repeat in range(repeats)
    ]


def fits_key(fits: list[Fit], kinds: dict[str, np.ndarray]) -> str:
    """Return a digest of which rows each fit is about."""
    return text_digest(*map(repr, fits), *(f"{kind} {name}" for kind, fold in kinds.items() for name in fold))


def to_plain(part: list[FitOutcome]) -> list[dict]:
    """Return outcomes as what JSON can hold, every digit of them."""
    return [
        {"proba": outcome.proba.tolist(), "called": {name: list(labels) for name, labels in outcome.called.items()}}
        for outcome in part
    ]


def from_plain(plain: list[dict], n_rows: list[int], path: Path) -> list[FitOutcome]:
    """Return the outcomes that `to_plain` took apart, each of so many rows; RunError if they are not."""
    try:
        outcomes = [
            FitOutcome(
                np.array(item["proba"], dtype=np.float64),
                {name: np.array(item["called"][name]) for name in BASELINE_COLUMNS},
            )
            for item in plain
        ]
        shapes = [(outcome.proba.shape, *(labels.shape for labels in outcome.called.values())) for outcome in outcomes]
        if shapes != [((n, len(LABELS)), *[(n,)] * len(BASELINE_COLUMNS)) for n in n_rows]:
            raise ValueError("Their shapes are others")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} must hold the outcomes of fits. {type(error).__name__}: {error}. Begin again with --overwrite."
        ) from error
    return outcomes
