"""Searches on small tables."""

import io
import pickle
import re
import sys

import numpy as np
import pandas as pd
import pytest
import tqdm
from joblib import Parallel, delayed
from sklearn.model_selection import ParameterGrid
from sklearn.utils import _safe_indexing
from small import config_for

from guitarclf.config.files import load_config, with_values
from guitarclf.data.events import read_events
from guitarclf.errors import ConfigError
from guitarclf.experiment.candidate_fits import CandidateFits, KeptFeatures
from guitarclf.experiment.candidates import apply_candidate
from guitarclf.experiment.search import search
from guitarclf.features.arrays import FeatureRows
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.files import progress


def kind_and_sum(features, rows):
    """Return what a job got, and the sum of a fold of it."""
    fold = _safe_indexing(features, np.array(rows))
    return type(features.sources[0]).__name__, type(fold).__name__, float(np.asarray(fold).sum())


def test_search_ranks_candidates_and_trains_the_best(small_table, tmp_path):
    config = config_for(small_table, tmp_path / "search", net__max_epochs=1)
    params = {"search.params": {"net.lr": ["1e-2", 1e-5], "window.sample_rate": [22050]}}
    result = search(with_values(config, params, source="test"))
    assert result.table["rank"].tolist() == sorted(result.table["rank"])
    written = pd.read_csv(tmp_path / "search" / "search_results.csv")
    assert written["net.lr"].tolist() == result.table["net.lr"].astype(float).tolist()
    assert load_config(tmp_path / "search" / "best_config.yaml").net.lr == float(result.best["net.lr"])
    assert result.run.folder.root == tmp_path / "search" / "best"
    assert result.run.folder.bundle.is_dir()


def test_a_watched_search_shows_its_fits(small_table, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    class EachStep(tqdm.tqdm):  # in place of ten a second, which leave out what comes faster
        def __init__(self, *args, **options):
            super().__init__(*args, mininterval=0, **options)

    config = config_for(small_table, tmp_path / "search", net__max_epochs=1)
    params = {"search.params": {"net.lr": [1e-2, 1e-5]}}
    monkeypatch.delenv(progress.QUIET, raising=False)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Terminal())
        patch.setattr(tqdm, "tqdm", EachStep)
        search(with_values(config, params, source="test"))
        drawn = sys.stderr.getvalue()
    assert "search" in drawn
    counts = [int(count) for count in re.findall(r"search: [^\r]* (\d)/6 \[[^\r]*fit", drawn)]
    assert sorted(set(counts)) == list(range(7))
    assert counts == sorted(counts)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({}, "`search.params` must name at least one key"),
        ({"net.module.typo": [8]}, "must hold keys under window, logmel, net. Got `net.module.typo`"),
        ({"net.lr": []}, "must give `net.lr` at least one value"),
        ({"logmel.n_mels": [0]}, "`logmel.n_mels` must be at least 1. Got 0"),
    ],
)
def test_bad_search_is_refused_before_any_fit(small_table, tmp_path, params, message):
    config = config_for(small_table, tmp_path / "search")
    with pytest.raises(ConfigError, match=message):
        search(with_values(config, {"search.params": params}, source="test"))


def test_search_by_log_loss_holds_on_folds_that_lack_a_class(note_table, tmp_path):
    table = note_table(extra={"track": lambda index, row: f"{row['label_category']}{index % 2}"})
    config = config_for(table, tmp_path / "search", net__max_epochs=1)
    config = with_values(
        config, {"search": {"params": {"net.lr": [1e-3]}, "scoring": "neg_log_loss", "n_splits": 2}}, source="test"
    )
    assert np.isfinite(search(config).table["mean_neg_log_loss"]).all()


def test_a_search_starts_from_fresh_weights(run, small_table, tmp_path):
    config = config_for(small_table, tmp_path / "s", training__init_from=str(run.folder.root))
    with pytest.raises(ConfigError, match=r"`training\.init_from` must be null in `search`"):
        search(with_values(config, {"search.params": {"net.lr": [1e-3]}}, source="test"))


def test_features_are_computed_once_for_each_setting(small_table, tmp_path, monkeypatch):
    transform, n_calls = LogMelSpectrogram.transform, []

    def counted(logmel, X):
        n_calls.append(logmel.n_mels)
        return transform(logmel, X)

    monkeypatch.setattr(LogMelSpectrogram, "transform", counted)
    config = config_for(small_table, tmp_path / "search", net__max_epochs=1, data__cache=None)
    params = {"logmel.n_mels": [32, 40], "net.lr": [1e-2, 1e-3, 1e-5]}
    rows = read_events(small_table.path, audio_root=small_table.audio_root)
    features = KeptFeatures(rows)
    for candidate in ParameterGrid(params):
        features.of(apply_candidate(config, candidate))
    assert n_calls == [32, 40]


@pytest.mark.slow
def test_jobs_here_and_on_a_cluster_find_the_same_scores_and_weights(small_table, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # torch's own number, which is not that of a fit of a search
    params = {"search.params": {"logmel.n_mels": [32, 40], "net.lr": [1e-2, 1e-3]}, "search.n_splits": 2}
    results = []
    for number, where in enumerate([{"n_jobs": 1}, {"n_jobs": 3}, {"cluster": "local:2"}]):
        config = config_for(small_table, tmp_path / str(number), net__max_epochs=1)
        results.append(search(with_values(config, params, source="test"), **where))
    columns = [name for name in results[0].table if name != "mean_fit_sec"]
    weights = [(result.run.folder.bundle / "weights.safetensors").read_bytes() for result in results]
    for result, found in zip(results, weights, strict=True):
        pd.testing.assert_frame_equal(result.table[columns], results[0].table[columns], check_exact=True)
        assert found == weights[0]


def test_jobs_that_share_a_setting_follow_each_other(small_table, tmp_path, monkeypatch):
    asked = []

    def note(fits, job):
        asked.append(job)
        return {"score": 0.0, "fit_sec": 1.0}

    monkeypatch.setattr(CandidateFits, "__call__", note)
    config = config_for(small_table, tmp_path / "search", net__max_epochs=1)
    params = {"search.params": {"net.lr": [1e-2, 1e-3], "window.normalize": ["peak", "rms"]}, "search.n_splits": 2}
    result = search(with_values(config, params, source="test"))
    assert asked == [(0, 0), (0, 1), (2, 0), (2, 1), (1, 0), (1, 1), (3, 0), (3, 1)]
    assert result.table["candidate"].tolist() == [1, 2, 3, 4]


def test_a_pickle_of_the_fits_holds_no_features(small_table, tmp_path):
    config = config_for(small_table, tmp_path, net__max_epochs=1)
    fits = CandidateFits(
        with_values(config, {"search.n_splits": 2}, source="test"), [{"net.lr": 1e-3}], small_table.events
    )
    before = len(pickle.dumps(fits))
    scored = fits((0, 1))
    assert len(pickle.dumps(fits)) < before + 10_000
    assert pickle.loads(pickle.dumps(fits))((0, 1))["score"] == scored["score"]


def test_a_score_that_is_no_number_ranks_last(small_table, tmp_path, monkeypatch):
    scores = {0: np.nan, 1: 0.25}
    monkeypatch.setattr(CandidateFits, "__call__", lambda fits, job: {"score": scores[job[0]], "fit_sec": 1.0})
    config = config_for(small_table, tmp_path / "search", net__max_epochs=1)
    result = search(with_values(config, {"search.params": {"net.lr": [1e-2, 1e-3]}}, source="test"))
    assert result.table["candidate"].tolist() == [2, 1]


@pytest.mark.slow
def test_a_fold_of_features_on_disk_stays_there_in_a_job_too(tmp_path):
    path = tmp_path / "features.npy"
    np.save(path, np.arange(24, dtype=np.float32).reshape(6, 1, 2, 2))
    whole = FeatureRows([np.load(path, mmap_mode="r")], np.zeros(6, dtype=int), np.arange(6), (1, 2, 2))
    fold = _safe_indexing(whole, np.array([4, 1]))
    assert isinstance(fold, FeatureRows)
    np.testing.assert_array_equal(np.asarray(fold), np.load(path)[[4, 1]])
    kinds = Parallel(n_jobs=2)(delayed(kind_and_sum)(whole, rows) for rows in ([4, 1], [0, 5]))
    assert kinds == [("memmap", "FeatureRows", 92.0), ("memmap", "FeatureRows", 92.0)]
