"""The features of a table put into the store before they are needed, by several processes or by a cluster."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pandas as pd

from guitarclf.audio.windows import Request, WindowReader
from guitarclf.cluster import Cluster, open_cluster, run_unordered
from guitarclf.config import Config
from guitarclf.errors import RunError
from guitarclf.experiment.spread import unlike_here
from guitarclf.features.arrays import Windows
from guitarclf.features.filling import Filled, FillStore, in_parts
from guitarclf.features.store import FeatureStore
from guitarclf.files.progress import Progress
from guitarclf.pipeline import build_pipeline

logger = logging.getLogger(__name__)


class OpeningCluster:
    """Reads the events of a command, and then opens the ``cluster`` that works on them, before anything is written.

    Parameters
    ----------
    where : str or None
        As `open_cluster` takes it.
    config : Config
        With absolute paths. Its tables, and the recordings that are read, are looked for on the workers.
    read : callable
        Returns the table of events.
    stack : ExitStack
        Closes the cluster, unless :meth:`close` does before.
    must_share : bool
        Whether every worker must see the feature cache.
    """

    def __init__(
        self,
        where: str | None,
        config: Config,
        read: Callable[[], pd.DataFrame],
        stack: ExitStack,
        *,
        must_share: bool = False,
    ):
        self.where = where
        self.config = config
        self.read = read
        self.open = stack.enter_context(ExitStack())
        self.must_share = must_share
        self.cluster: Cluster | None = None

    def __call__(self) -> pd.DataFrame:
        events = self.read()
        if self.where is not None:
            tables = [self.config.data.metadata_path, self.config.training.background_path]
            audio = chain(events["audio_path"].unique(), events.attrs.get("background_audio", []))
            files = [*(path for path in tables if path is not None), *audio]
            opened = open_cluster(self.where, files=files, cache=cache_folder(self.config), must_share=self.must_share)
            self.cluster = self.open.enter_context(opened)
        return events

    def close(self) -> None:
        """Close the cluster, for work that is done here."""
        self.open.close()
        self.cluster = None


def cache_folder(config: Config) -> Path | None:
    """Return the absolute path of the feature cache, None without one."""
    return None if config.data.cache is None else FeatureStore(config.data.cache).folder.absolute()


def for_other_processes(config: Config) -> Config:
    """Return a config with which jobs in other processes find the same cache, and read audio in one thread each."""
    cache = cache_folder(config)
    data = replace(config.data, num_workers=1, cache=None if cache is None else str(cache))
    return replace(config, data=data)


def compute_ahead(
    config: Config, windows: Callable[[], Iterable[Windows]], *, cluster: Cluster | None, n_jobs: int = 1
) -> None:
    """Put the features of windows into the store, so that no two jobs compute them.

    Without a store, or where workers do not see it, each process computes those that it needs. So does this one if it
    does all the work. What cannot be read is told where it is needed.
    """
    if cluster is None and n_jobs == 1:
        return
    if config.data.cache is None or (cluster is not None and cluster.apart):
        logger.info("There is no feature cache for all: each process computes the features that it needs.")
        return
    try:
        filled = fill(config, windows(), cluster=cluster, n_jobs=n_jobs)
    except RunError as error:
        logger.warning("%s Going on without it.", error)
        return
    logger.info("features: %d computed, %d were there", filled.n_computed, filled.n_there)


def fill(config: Config, windows: Iterable[Windows], *, cluster: Cluster | None = None, n_jobs: int = 1) -> Filled:
    """Put the features of windows, of the config's setting, into the store, and return what became of them."""
    if cluster is not None or n_jobs != 1:
        config = for_other_processes(config)
    pipeline = build_pipeline(config)
    store = FeatureStore(config.data.cache or "auto", config.data.cache_gb)
    parts = in_parts(chain.from_iterable(part.requests for part in windows))
    job = FillStore(pipeline["window"].reader, pipeline["logmel"].settings, store)
    total = Filled()
    with Progress(sum(map(len, parts)), desc="features", unit="event") as bar:
        for place, filled in run_unordered(job, parts, cluster=cluster, n_jobs=n_jobs):
            if cluster is not None:
                _require_readable_there(parts[place], filled, job.reader)
            total.add(filled)
            bar.update(len(parts[place]))
    return total


def _require_readable_there(requests: Sequence[Request], filled: Filled, reader: WindowReader) -> None:
    """Raise ClusterError if something can be read here that a worker says cannot be.

    As with its credentials, or a folder that only some machines see.
    """
    for request in requests:
        error = filled.unreadable.get(request.path)
        if error and not reader.read([request])[1]:
            raise unlike_here(request.path, error)
