"""The journal of a search: the score of each fit, and what older versions kept, which is taken up."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from guitarclf.errors import RunError
from guitarclf.experiment.candidates import describe
from guitarclf.files.digest import text_digest
from guitarclf.runs.folder import SearchFolder
from guitarclf.runs.journal import Journal, kept_parts
from guitarclf.runs.session import OpenRun


def score_journal(run: OpenRun, candidates: Sequence[dict], n_splits: int) -> Journal:
    """Return the Journal of the fits of a search: all folds of a candidate, candidate after candidate.

    A part is of one fit, ``[{"score": ..., "fit_sec": ...}]``. Those of older versions are of whole candidates; they
    are taken up when the search goes on.
    """
    folder = SearchFolder(run.folder.root)
    key = text_digest(*map(describe, candidates), str(n_splits))
    return run.journal(
        folder.kept,
        key,
        from_plain=lambda plain, items: checked_scores(plain, len(items), folder.kept),
        what="fits",
        before=_scores_before(folder, key, len(candidates), n_splits) if run.resume else (),
    )


def checked_scores(scores: list[dict], n_fits: int, path: Path) -> list[dict]:
    """Return the scores of fits that were kept; RunError if they are damaged, or of another number of fits."""
    try:
        if len(scores) != n_fits or not all(float(fit["fit_sec"]) >= 0 for fit in scores):
            raise ValueError("They are of other fits")
        return [{name: float(fit[name]) for name in ("score", "fit_sec")} for fit in scores]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _scores_before(folder: SearchFolder, key: str, n_candidates: int, n_splits: int) -> list[list[dict]]:
    """Return the scores of fits that an older version kept, as parts that follow each other from the first on."""
    kept, after = [], 0
    for first, n_items, scores in kept_parts(folder.kept_by_candidate, key):
        if first != after:  # never written so; what follows is fitted again
            break
        kept += _by_fit(scores, n_splits, folder.kept_by_candidate)
        after += n_items
    kept = kept or scores_of_0_1_0(folder.kept_0_1_0, n_splits)
    if len(kept) > n_candidates * n_splits:
        raise _damaged(folder.kept_by_candidate if after else folder.kept_0_1_0, ValueError("They are of other fits"))
    return [[fit] for fit in kept]


def scores_of_0_1_0(path: Path, n_splits: int) -> list[dict]:
    """Return the scores of fits in what guitarclf 0.1.0 kept, ``{"0": {"folds": [...], "fit_sec": ...}, ...}``."""
    if not path.is_file():
        return []
    try:
        by_number = json.loads(path.read_text(encoding="utf-8"))
        scores = [by_number[str(number)] for number in range(len(by_number))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    return _by_fit(scores, n_splits, path)


def _by_fit(candidates: Iterable[dict], n_splits: int, path: Path) -> list[dict]:
    """Return the scores of each fold of candidates, whose seconds are a mean of their folds."""
    try:
        fits = [[{"score": score, "fit_sec": scored["fit_sec"]} for score in scored["folds"]] for scored in candidates]
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    return [fit for folds in fits for fit in checked_scores(folds, n_splits, path)]


def _damaged(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} must hold the scores of fits. {type(error).__name__}: {error}. Begin again with --overwrite."
    )
