"""search: GridSearchCV over the pipeline's parameters with folds by track."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from joblib import effective_n_jobs
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid, ParameterSampler

from guitarclf.config import Config, get_value, leaves
from guitarclf.config.files import with_values, write_config
from guitarclf.data.splits import assign_splits
from guitarclf.errors import ConfigError, SplitError
from guitarclf.evaluation.scorers import scorer
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import TrainedRun, check_buildable, seed_everything, train
from guitarclf.files.lock import locked, require_unlocked
from guitarclf.files.progress import Progress
from guitarclf.files.whole import write_text
from guitarclf.pipeline import SECTIONS, build_pipeline, parameter_name
from guitarclf.runs.environment import describe_environment
from guitarclf.runs.folder import write_json
from guitarclf.runs.log import discarding_unstarted, log_to
from guitarclf.runs.search_folder import SearchFolder, read_scored
from guitarclf.runs.session import data_digest, require_same_config, require_same_data

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """All candidates, best first, and the run trained from the best of them."""

    folder: Path
    table: pd.DataFrame
    best: dict
    run: TrainedRun


def search(config: Config, *, n_jobs: int = 1, resume=False, overwrite=False) -> SearchResult:
    """Search ``search.params`` with GroupKFold by track, then train the best candidate as a run.

    Only train and val rows take part; the test rows stay unseen. Writes ``search_results.csv``,
    ``best_config.yaml`` and the run ``best/`` into ``output_dir``.

    With ``resume`` a search that was killed goes on: candidates that are scored are kept, and so are the epochs
    of the best. With ``overwrite`` the search that is there is replaced.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "search")
    candidates = list_candidates(config)
    folder = SearchFolder(config.output_dir)
    require_unlocked(folder.root)
    folder.require_free(resume=resume, overwrite=overwrite)
    if resume and folder.is_begun:
        require_same_config(folder.config, config)
    events = config_events(config)
    events["split"] = assign_splits(
        events, valid_size=config.training.valid_size, test_size=config.training.test_size, seed=config.seed
    )
    rows = events[events["split"] != "test"]
    n_tracks = rows["track"].nunique()
    if n_tracks <= config.search.n_splits:
        raise SplitError(
            f"`search.n_splits` must be below the number of tracks outside the test side, {n_tracks}. "
            f"Got {config.search.n_splits}. Use fewer folds or add tracks."
        )
    digest = data_digest(config, events)
    with locked(folder.root):
        folder.require_free(resume=resume, overwrite=overwrite)
        folder.sweep()
        if overwrite:
            folder.remove_artefacts()
        if folder.is_begun:
            require_same_data(folder, digest)
        write_config(config, folder.config)
        write_json(describe_environment(config.seed, digest), folder.environment)
        with log_to(folder.log), discarding_unstarted(folder):
            report_bad_audio(events, folder.bad_audio)
            table = run_search(config, candidates, rows, n_jobs=n_jobs, kept=folder.kept)
            write_text(folder.results, table.to_csv(index=False))
            best = candidates[int(table["candidate"].iloc[0]) - 1]
            best_config = replace(apply_candidate(config, best), output_dir=str(folder.best))
            write_config(best_config, folder.best_config)
            logger.info("best of %d candidates: %s", len(candidates), describe(best))
        return SearchResult(folder.root, table, best, train(best_config, resume=resume))


def list_candidates(config: Config) -> list[dict]:
    """Return the candidates of ``search.params`` as config path -> value, each of which can be built."""
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


def run_search(config: Config, candidates: list[dict], rows: pd.DataFrame, *, n_jobs: int, kept: Path) -> pd.DataFrame:
    """Return one row per candidate, best first: its values, mean, spread and scores by fold.

    Scores are written to ``kept`` as they come, and those that are there are not computed again.
    """
    logger.info(
        "%d candidates x %d folds on %d events of %d tracks",
        len(candidates),
        config.search.n_splits,
        len(rows),
        rows["track"].nunique(),
    )
    scored = read_scored(kept, len(candidates), config.search.n_splits)
    if scored:
        logger.info("%d candidates were scored before", len(scored))
    todo = [number for number in range(len(candidates)) if number not in scored]
    n_at_once = max(1, -(-effective_n_jobs(n_jobs) // config.search.n_splits))  # enough to keep every job busy
    with Progress(len(todo), desc="search", unit="candidate") as bar:
        for first in range(0, len(todo), n_at_once):
            numbers = todo[first : first + n_at_once]
            scored |= _score(config, {number: candidates[number] for number in numbers}, rows, n_jobs)
            write_json({str(number): score for number, score in sorted(scored.items())}, kept)
            bar.update(len(numbers))
    means = [np.mean(scored[number]["folds"]) for number in range(len(candidates))]
    table = pd.DataFrame(candidates, dtype=object)
    table.insert(0, "candidate", range(1, len(candidates) + 1))
    table.insert(1, "rank", pd.Series(means).rank(ascending=False, method="min").astype(int))
    table[f"mean_{config.search.scoring}"] = means
    table[f"std_{config.search.scoring}"] = [np.std(scored[number]["folds"]) for number in range(len(candidates))]
    for fold in range(config.search.n_splits):
        table[f"fold_{fold + 1}"] = [scored[number]["folds"][fold] for number in range(len(candidates))]
    table["mean_fit_sec"] = [scored[number]["fit_sec"] for number in range(len(candidates))]
    return table.sort_values(["rank", "candidate"], ignore_index=True)


def _score(config: Config, candidates: dict[int, dict], rows: pd.DataFrame, n_jobs: int) -> dict[int, dict]:
    """Return number -> scores by fold and mean seconds of a fit."""
    seed_everything(config.seed)
    grid = GridSearchCV(
        build_pipeline(config),
        [_as_parameters(config, candidate) for candidate in candidates.values()],
        scoring=scorer(config.search.scoring),
        cv=GroupKFold(config.search.n_splits),
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )
    _fill_cache(config, list(candidates.values()), rows)
    track = rows["track"].to_numpy()
    pitch = rows["pitch_midi"].to_numpy()
    grid.fit(rows, rows["label_category"].to_numpy(), groups=track, net__groups=track, net__pitch=pitch)
    by_fold = np.stack([grid.cv_results_[f"split{fold}_test_score"] for fold in range(config.search.n_splits)], axis=1)
    seconds = grid.cv_results_["mean_fit_time"]
    return {
        number: {"folds": by_fold[place].tolist(), "fit_sec": float(seconds[place])}
        for place, number in enumerate(candidates)
    }


def _fill_cache(config: Config, candidates: list[dict], rows: pd.DataFrame) -> None:
    """Compute the features of each candidate once, in this process, so that folds and jobs find them."""
    if config.data.cache is None:
        return
    settings = [apply_candidate(config, candidate) for candidate in candidates]
    for distinct in {repr((setting.window, setting.logmel)): setting for setting in settings}.values():
        build_pipeline(distinct)[:-1].transform(rows)


def _as_parameters(config: Config, candidate: dict) -> dict[str, list]:
    """Return a candidate as a one-point grid of pipeline parameters, values as the config types them."""
    typed = apply_candidate(config, candidate)
    grid = {}
    for path in candidate:
        value = get_value(typed, path)
        grid[parameter_name(path)] = [value]
        if path == "window.sample_rate":  # the mel bands depend on it too
            grid["logmel__sample_rate"] = [value]
    return grid
