"""search: GridSearchCV over the pipeline's parameters with folds by track."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid, ParameterSampler

from guitarclf.config import Config, get_value, leaves
from guitarclf.config_io import with_values, write_config
from guitarclf.data.splits import assign_splits
from guitarclf.errors import ConfigError, SplitError
from guitarclf.experiment.tables import config_events, with_absolute_paths
from guitarclf.experiment.train import (
    TrainedRun,
    check_buildable,
    log_to,
    require_fresh_weights,
    seed_everything,
    train,
)
from guitarclf.persistence import RunFolder, discard, make_folder
from guitarclf.pipeline import SECTIONS, build_pipeline, parameter_name
from guitarclf.scorers import scorer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """All candidates, best first, and the run trained from the best of them."""

    folder: Path
    table: pd.DataFrame
    best: dict
    run: TrainedRun


def search(config: Config, *, n_jobs: int = 1) -> SearchResult:
    """Search ``search.params`` with GroupKFold by track, then train the best candidate as a run.

    Only train and val rows take part; the test rows stay unseen. Writes ``search_results.csv``,
    ``best_config.yaml`` and the run ``best/`` into ``output_dir``.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "search")
    candidates = list_candidates(config)
    folder = RunFolder(config.output_dir).require_free().root
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
    make_folder(folder)
    with log_to(folder / "search.log"):
        try:
            table = run_search(config, candidates, rows, n_jobs=n_jobs)
        except BaseException:
            discard(RunFolder(folder))
            raise
        table.to_csv(folder / "search_results.csv", index=False)
        best = candidates[int(table["candidate"].iloc[0]) - 1]
        best_config = replace(apply_candidate(config, best), output_dir=str(folder / "best"))
        write_config(best_config, folder / "best_config.yaml")
        logger.info("best of %d candidates: %s", len(candidates), describe(best))
    return SearchResult(folder, table, best, train(best_config))


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


def run_search(config: Config, candidates: list[dict], rows: pd.DataFrame, *, n_jobs: int) -> pd.DataFrame:
    """Return one row per candidate, best first: its values, mean, spread and scores by fold."""
    seed_everything(config.seed)
    logger.info(
        "%d candidates x %d folds on %d events of %d tracks",
        len(candidates),
        config.search.n_splits,
        len(rows),
        rows["track"].nunique(),
    )
    grid = GridSearchCV(
        build_pipeline(config),
        [_as_parameters(config, candidate) for candidate in candidates],
        scoring=scorer(config.search.scoring),
        cv=GroupKFold(config.search.n_splits),
        n_jobs=n_jobs,
        refit=False,
        error_score="raise",
    )
    _fill_cache(config, candidates, rows)
    track = rows["track"].to_numpy()
    grid.fit(rows, rows["label_category"].to_numpy(), groups=track, net__groups=track)
    results = grid.cv_results_
    table = pd.DataFrame(candidates, dtype=object)
    table.insert(0, "candidate", range(1, len(candidates) + 1))
    table.insert(1, "rank", results["rank_test_score"])
    table[f"mean_{config.search.scoring}"] = results["mean_test_score"]
    table[f"std_{config.search.scoring}"] = results["std_test_score"]
    for fold in range(config.search.n_splits):
        table[f"fold_{fold + 1}"] = results[f"split{fold}_test_score"]
    table["mean_fit_sec"] = results["mean_fit_time"]
    return table.sort_values(["rank", "candidate"], ignore_index=True)


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
