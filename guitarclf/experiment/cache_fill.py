"""cache fill: the features of a table, computed into the cache before a training, search or cross-validation."""

from contextlib import ExitStack
from functools import partial

import numpy as np
import pandas as pd

from guitarclf.config import Config
from guitarclf.data.background import read_background
from guitarclf.errors import ConfigError
from guitarclf.experiment.bad_audio import require_inside
from guitarclf.experiment.feature_pass import OpeningCluster, fill
from guitarclf.experiment.in_context import uses_offsets
from guitarclf.experiment.tables import table_rows, tell, with_absolute_paths
from guitarclf.features.arrays import Windows
from guitarclf.features.filling import Filled
from guitarclf.features.inputs import as_requests
from guitarclf.pipeline import build_pipeline


def cache_fill(config: Config, *, n_jobs: int = 1, cluster: str | None = None) -> Filled:
    """Compute the features of all rows of a table that the cache has not, and return what became of them.

    Parameters
    ----------
    config : Config
        Its sections ``data``, ``window`` and ``logmel`` count.
    n_jobs : int
        Processes on this machine; 1: this one, -1: one a core.
    cluster : str, optional
        Where features are computed instead: what :func:`guitarclf.cluster.open_cluster` takes. Its workers must see
        the folder of the cache.
    """
    config = with_absolute_paths(config)
    if config.data.cache is None:
        raise ConfigError("`data.cache` must be a folder, or auto, to be filled. It is null. Name one.")
    with ExitStack() as stack:
        read = OpeningCluster(cluster, config, partial(_rows, config), stack, must_share=True)
        return fill(config, _windows(config, read()), cluster=read.cluster, n_jobs=n_jobs)


def _rows(config: Config) -> pd.DataFrame:
    rows = table_rows(config)
    tell(rows)
    require_inside(rows["audio_path"], config.data.audio_folder, allow=config.data.allow_outside_root)
    return rows


def _windows(config: Config, rows: pd.DataFrame) -> list[Windows]:
    """Return what commands may hear of a table, whatever split they make, and of the clips that are no note."""
    pipeline = build_pipeline(config)
    reader = pipeline["window"].reader
    heard = [Windows(reader, as_requests(rows))]
    if uses_offsets(pipeline) and config.training.without_offsets:
        heard.append(heard[0].without_ends(np.ones(len(rows), dtype=bool)))
    if config.training.background_path is not None:
        heard.append(Windows(reader, as_requests(read_background(config.training.background_path))))
    return heard
