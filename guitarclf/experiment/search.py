"""search: find the best parameters with folds by track; each fit is a job, here or on a cluster."""

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from guitarclf.cluster import Cluster, run_unordered
from guitarclf.config import Config
from guitarclf.config.files import write_config
from guitarclf.errors import SplitError
from guitarclf.experiment.background import background_windows
from guitarclf.experiment.bad_audio import report_bad_audio
from guitarclf.experiment.candidate_fits import CandidateFits
from guitarclf.experiment.candidates import apply_candidate, by_setting, describe, list_candidates
from guitarclf.experiment.feature_pass import OpeningCluster, compute_ahead, for_other_processes
from guitarclf.experiment.initial_weights import require_fresh_weights
from guitarclf.experiment.kept_scores import score_journal
from guitarclf.experiment.tables import split_events, with_absolute_paths
from guitarclf.experiment.train import TrainedRun, train
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests
from guitarclf.files.progress import watched_places
from guitarclf.files.whole import write_text
from guitarclf.pipeline import build_window
from guitarclf.runs.environment import threads_of, with_threads
from guitarclf.runs.folder import SearchFolder
from guitarclf.runs.session import OpenRun, open_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SearchResult:
    """The table of all candidates, the best first, the values of the best, and the run trained from it."""

    folder: Path
    table: pd.DataFrame
    best: dict
    run: TrainedRun


def search(
    config: Config, *, n_jobs: int = 1, cluster: str | None = None, resume=False, overwrite=False
) -> SearchResult:
    """Search ``search.params`` with GroupKFold by track, then train the best candidate as a run.

    Only train and val rows take part. Writes ``search_results.csv``, ``best_config.yaml`` and the run ``best/``
    into ``output_dir``. Where the fits are done changes nothing of what comes out.

    Parameters
    ----------
    config : Config
    n_jobs : int
        Fits at once on this machine; 1: in this process, -1: one a core.
    cluster : str, optional
        Where the fits are done instead: what :func:`guitarclf.cluster.open_cluster` takes.
    resume : bool
        Go on with a search that was killed: fits that are scored are kept, and so are the epochs of the best.
    overwrite : bool
        Replace the search that is there.
    """
    config = with_absolute_paths(config)
    require_fresh_weights(config, "search")
    candidates = list_candidates(config)
    folder = SearchFolder(Path(config.output_dir))
    threads = threads_of(config, otherwise=1)  # whatever the number of jobs is
    with ExitStack() as stack:
        read = OpeningCluster(cluster, config, partial(_searchable_events, config), stack)
        with open_run(folder, config, read, threads=threads, resume=resume, overwrite=overwrite) as run:
            report_bad_audio(run.events, folder.bad_audio)
            settings = with_threads(config, threads)
            table = run_search(settings, candidates, run, n_jobs=n_jobs, cluster=read.cluster)
            read.close()  # the best is trained here
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


def run_search(
    config: Config, candidates: list[dict], run: OpenRun, *, n_jobs: int = 1, cluster: Cluster | None = None
) -> pd.DataFrame:
    """Return a row per candidate, the best first: its values, and mean, spread and folds of its score.

    Scores are kept in the folder of the run as they come.
    """
    rows = run.events[run.events["split"] != "test"]
    left_out = set(run.events.loc[run.events["split"] == "test", "track"])
    n_splits, n_tracks = config.search.n_splits, rows["track"].nunique()
    logger.info("%d candidates x %d folds on %d events of %d tracks", len(candidates), n_splits, len(rows), n_tracks)
    if cluster is not None or n_jobs != 1:
        config = for_other_processes(config)
    fits = CandidateFits(config, candidates, rows, left_out)
    jobs = [(number, fold) for number in range(len(candidates)) for fold in range(n_splits)]  # as in the journal

    def work(rest: Sequence[int]) -> Iterator[tuple[int, list[dict]]]:
        places: list[int] = []  # of jobs whose features are of one setting, then of the next
        for numbers in by_setting(config, candidates).values():
            sharing = [place for place in rest if jobs[place][0] in numbers]
            if sharing:
                setting = apply_candidate(config, candidates[numbers[0]])
                windows = partial(_windows, setting, rows, left_out)
                compute_ahead(setting, windows, cluster=cluster, n_jobs=n_jobs)
            places += sharing
        for at, scored in run_unordered(fits, [jobs[place] for place in places], cluster=cluster, n_jobs=n_jobs):
            yield places[at], [scored]

    journal = score_journal(run, candidates, n_splits)
    scored: dict[int, dict] = {}
    for place, part in watched_places(journal.go_on(jobs, work), len(jobs), desc="search", unit="fit"):
        scored |= enumerate(part, start=place)
    return _table(config, candidates, [scored[place] for place in range(len(jobs))])


def _windows(config: Config, rows: pd.DataFrame, left_out: Collection[str]) -> list[Windows]:
    """Return what is heard of the rows that take part in a search, and of what is no note."""
    table = Windows(build_window(config).reader, as_requests(rows))
    return [table, background_windows(config, left_out=left_out)]


def _table(config: Config, candidates: Sequence[dict], scored: Sequence[dict]) -> pd.DataFrame:
    """Return a row per candidate, the best first; ``scored`` are its folds, one candidate after the other."""
    shape = (len(candidates), config.search.n_splits)
    folds = np.reshape([fit["score"] for fit in scored], shape)
    table = pd.DataFrame(candidates, dtype=object)
    ranks = pd.Series(folds.mean(axis=1)).rank(ascending=False, method="min", na_option="bottom")
    table.insert(0, "candidate", range(1, len(candidates) + 1))
    table.insert(1, "rank", ranks.astype(int))
    table[f"mean_{config.search.scoring}"] = folds.mean(axis=1)
    table[f"std_{config.search.scoring}"] = folds.std(axis=1)
    table[[f"fold_{fold + 1}" for fold in range(config.search.n_splits)]] = folds
    table["mean_fit_sec"] = np.reshape([fit["fit_sec"] for fit in scored], shape).mean(axis=1)
    return table.sort_values(["rank", "candidate"], ignore_index=True)
