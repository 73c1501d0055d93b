"""search: find the best parameters by GridSearchCV with folds by track; features are computed once per setting."""

import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid, ParameterSampler
from sklearn.pipeline import Pipeline

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import with_values, write_config
from guitarclf.errors import ConfigError, RunError, SplitError
from guitarclf.evaluation.scorers import scorer
from guitarclf.experiment.background import background_rows
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.tables import split_events, with_absolute_paths
from guitarclf.experiment.train import TrainedRun, check_buildable, seed_everything, train
from guitarclf.files.digest import text_digest
from guitarclf.files.progress import watched
from guitarclf.files.whole import write_text
from guitarclf.pipeline import SECTIONS, build_net, build_pipeline, parameter_name
from guitarclf.runs.environment import threads_of, with_threads
from guitarclf.runs.folder import SearchFolder
from guitarclf.runs.journal import in_order, stretches
from guitarclf.runs.session import OpenRun, open_run
from guitarclf.training.rows import TrainingSet

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """The table of all candidates, the best first, the values of the best, and the run trained from it."""

    folder: Path
    table: pd.DataFrame
    best: dict
    run: TrainedRun


def search(config: Config, *, n_jobs: int = 1, resume=False, overwrite=False) -> SearchResult:
    """Search ``search.params`` with GroupKFold by track, then train the best candidate as a run.

    Only train and val rows take part. Writes ``search_results.csv``, ``best_config.yaml`` and the run ``best/``
    into ``output_dir``. With ``resume`` a search that was killed goes on: candidates that are scored are kept, and
    so are the epochs of the best. With ``overwrite`` the search that is there is replaced.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "search")
    candidates = list_candidates(config)
    folder = SearchFolder(Path(config.output_dir))
    threads = threads_of(config, otherwise=1)  # whatever the number of jobs is
    read = partial(_searchable_events, config)
    with open_run(folder, config, read, threads=threads, resume=resume, overwrite=overwrite) as run:
        report_bad_audio(run.events, folder.bad_audio)
        table = run_search(with_threads(config, threads), candidates, run, n_jobs=n_jobs)
        write_text(folder.results, table.to_csv(index=False))
        best = candidates[int(table["candidate"].iloc[0]) - 1]
        best_config = replace(apply_candidate(config, best), output_dir=str(folder.best))
        write_config(best_config, folder.best_config)
        logger.info("best of %d candidates: %s", len(candidates), describe(best))
        return SearchResult(folder.root, table, best, train(best_config, resume=resume))


def _searchable_events(config: Config) -> pd.DataFrame:
    """Return the events of a config with their split; SplitError if there are too few tracks for the folds."""
    events = split_events(config)
    n_tracks = events.loc[events["split"] != "test", "track"].nunique()
    if n_tracks <= config.search.n_splits:
        raise SplitError(
            f"`search.n_splits` must be below the number of tracks outside the test side, {n_tracks}. "
            f"Got {config.search.n_splits}. Use fewer folds or add tracks."
        )
    return events


def list_candidates(config: Config) -> list[dict]:
    """Return the candidates of ``search.params``, each as config path -> value; ConfigError if one cannot be built."""
    if not config.search.params:
        raise ConfigError(
            "`search.params` must name at least one key and its values, such as {net.lr: [1e-3, 3e-4]}. It is empty."
        )
    searchable = [path for path, _ in leaves() if path.split(".")[0] in SECTIONS]
    for path, values in config.search.params.items():
        if path not in searchable:
            raise ConfigError(
                f"`search.params` must hold keys under {', '.join(SECTIONS)}. Got `{path}`. "
                f"They are: {', '.join(searchable)}."
            )
        if not values:
            raise ConfigError(f"`search.params` must give `{path}` at least one value. It has none.")
    candidates = list(ParameterGrid(config.search.params))
    if config.search.method == "random" and config.search.n_iter < len(candidates):
        candidates = list(ParameterSampler(config.search.params, n_iter=config.search.n_iter, random_state=config.seed))
    for candidate in candidates:
        check_buildable(apply_candidate(config, candidate))
    return candidates


def apply_candidate(config: Config, candidate: dict) -> Config:
    """Return the config with a candidate's values in it."""
    return with_values(config, candidate, source=f"search candidate {describe(candidate)}")


def describe(candidate: dict) -> str:
    """Return a candidate in one line."""
    return ", ".join(f"{path}={value}" for path, value in candidate.items())


def run_search(config: Config, candidates: list[dict], run: OpenRun, *, n_jobs: int) -> pd.DataFrame:
    """Return a row per candidate, the best first: its values, and mean, spread and folds of its score.

    Scores are kept in the folder of the run as they come.
    """
    rows = run.events[run.events["split"] != "test"]
    n_splits, n_tracks = config.search.n_splits, rows["track"].nunique()
    logger.info("%d candidates x %d folds on %d events of %d tracks", len(candidates), n_splits, len(rows), n_tracks)
    folder = SearchFolder(run.folder.root)
    n_at_once = max(1, -(-effective_n_jobs(n_jobs) // n_splits))  # enough to keep every job busy
    journal = run.journal(
        folder.kept,
        text_digest(*map(describe, candidates), str(n_splits)),
        from_plain=lambda plain, items: checked_scores(plain, n_splits, folder.kept),
        what="candidates",
        before=scores_of_0_1_0(folder.kept_0_1_0, len(candidates), n_splits) if run.resume else (),
    )
    features = KeptFeatures(rows, set(run.events.loc[run.events["split"] == "test", "track"]))

    def work(rest: Sequence[int]) -> Iterator[tuple[int, list[dict]]]:
        for part in stretches(rest, n_at_once):
            yield part.start, _score(config, candidates[part.start : part.stop], features, n_jobs)

    parts = watched(in_order(journal.go_on(candidates, work)), len(candidates), desc="search", unit="candidate")
    scored = [score for part in parts for score in part]
    folds = np.array([score["folds"] for score in scored])  # [candidates, folds]
    table = pd.DataFrame(candidates, dtype=object)
    table.insert(0, "candidate", range(1, len(candidates) + 1))
    table.insert(1, "rank", pd.Series(folds.mean(axis=1)).rank(ascending=False, method="min").astype(int))
    table[f"mean_{config.search.scoring}"] = folds.mean(axis=1)
    table[f"std_{config.search.scoring}"] = folds.std(axis=1)
    table[[f"fold_{fold + 1}" for fold in range(n_splits)]] = folds
    table["mean_fit_sec"] = [score["fit_sec"] for score in scored]
    return table.sort_values(["rank", "candidate"], ignore_index=True)


def checked_scores(scores: list[dict], n_splits: int, path: Path) -> list[dict]:
    """Return scores that were kept; RunError if they are damaged, or of another number of folds."""
    try:
        if not all(len(score["folds"]) == n_splits and float(score["fit_sec"]) >= 0 for score in scores):
            raise ValueError("its scores are of other candidates")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} must hold the scores of candidates. {error}. Begin again with --overwrite.") from error
    return scores


def scores_of_0_1_0(path: Path, n_candidates: int, n_splits: int) -> list[list[dict]]:
    """Return the scores that guitarclf 0.1.0 kept, ``{"0": {"folds": ..., "fit_sec": ...}, ...}``, as one part."""
    if not path.is_file():
        return []
    try:
        by_number = json.loads(path.read_text(encoding="utf-8"))
        scores = [by_number[str(number)] for number in range(len(by_number))]
        if len(scores) > n_candidates:
            raise ValueError("its scores are of other candidates")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} must hold the scores of candidates. {error}. Begin again with --overwrite.") from error
    return [checked_scores(scores, n_splits, path)] if scores else []


class KeptFeatures:
    """The rows of a table and the background with their features, kept for one setting of window and logmel at a time.

    The rows of the table come first. Of the background those that the table itself holds of ``left_out`` tracks are
    not among them.
    """

    def __init__(self, rows: pd.DataFrame, left_out: Collection[str] = ()):
        self.rows = rows
        self.left_out = left_out
        self._setting = ""
        self._features: Any = None

    def of(self, config: Config) -> TrainingSet:
        """Return the rows with the features of a config, computed if its setting is not that of the last call."""
        setting = features_setting(config)
        if setting != self._setting:
            self._setting, self._features = "", None  # frees the last ones before the next are in memory
            pipeline = build_pipeline(config)
            rows = TrainingSet.of(self.rows, pipeline[:-1].transform(self.rows))
            self._features = rows.add(background_rows(config, pipeline["logmel"], left_out=self.left_out))
            self._setting = setting
        return self._features


def features_setting(config: Config) -> str:
    """Return the text that tells settings of window and logmel apart."""
    return repr((config.window, config.logmel))


def _score(config: Config, candidates: Sequence[dict], features: KeptFeatures, n_jobs: int) -> list[dict]:
    """Return the scores by fold of each candidate, and the mean seconds of a fit of its net."""
    settings = [features_setting(apply_candidate(config, candidate)) for candidate in candidates]
    scores = pd.Series(list(candidates), dtype=object)
    for _, sharing in scores.groupby(settings, sort=False):
        scores[sharing.index] = _score_nets(config, list(sharing), features, n_jobs)
    return list(scores)


def _background_beside(rows: TrainingSet, scored: np.ndarray) -> np.ndarray:
    """Return the rows that are no note, but for those of the tracks that a fold scores."""
    is_of_them = rows.events["track"].isin(rows.events["track"].iloc[scored])
    return np.flatnonzero(rows.is_background & ~is_of_them.to_numpy())


def _score_nets(config: Config, candidates: Sequence[dict], features: KeptFeatures, n_jobs: int) -> list[dict]:
    """Return what `_score` does, for candidates that share their features."""
    rows, notes = features.of(apply_candidate(config, candidates[0])), features.rows
    folds = GroupKFold(config.search.n_splits).split(notes, groups=notes["track"])
    seed_everything(config.seed)
    grid = GridSearchCV(
        Pipeline([("net", build_net(config))]),
        [_net_parameters(config, candidate) for candidate in candidates],
        scoring=scorer(config.search.scoring),
        cv=[(np.concatenate([training, _background_beside(rows, scored)]), scored) for training, scored in folds],
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )
    grid.fit(
        rows.features,
        rows.names,
        net__groups=rows.events["track"].to_numpy(),
        net__repeats=rows.events["repeats"].to_numpy(),
        net__no_note=rows.is_background,
    )
    by_fold = np.stack([grid.cv_results_[f"split{fold}_test_score"] for fold in range(config.search.n_splits)], axis=1)
    seconds = grid.cv_results_["mean_fit_time"]
    return [{"folds": by_fold[place].tolist(), "fit_sec": float(seconds[place])} for place in range(len(candidates))]


def _net_parameters(config: Config, candidate: dict) -> dict[str, list]:
    """Return the net's part of a candidate as a grid of one point, its values typed as in the config."""
    typed = apply_candidate(config, candidate)
    return {parameter_name(path): [get_value(typed, path)] for path in candidate if path.startswith("net.")}
