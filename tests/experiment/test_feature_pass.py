"""Features are put into the store before they are needed, where that helps."""

import logging
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from small import config_for

from guitarclf.errors import ClusterError
from guitarclf.experiment import feature_pass as module
from guitarclf.experiment.feature_pass import OpeningCluster, compute_ahead, fill, for_other_processes
from guitarclf.experiment.tables import config_events, split_events
from guitarclf.experiment.train import train, windows_to_train_on
from guitarclf.features import extraction
from guitarclf.features.arrays import Windows
from guitarclf.features.inputs import as_requests
from guitarclf.features.store import FeatureStore
from guitarclf.pipeline import build_pipeline


@pytest.fixture(autouse=True)
def old(monkeypatch):
    monkeypatch.setattr("guitarclf.files.state.GRAIN_SEC", -1.0)


class NoWorkers:
    """A cluster of which only is asked which machines do not share the cache."""

    apart = ("node7",)


@pytest.mark.parametrize(
    ("cache", "where"),
    [("store", {"cluster": None}), (None, {"cluster": None, "n_jobs": 2}), ("store", {"cluster": NoWorkers})],
)
def test_nothing_is_computed_ahead_where_it_would_not_be_found(small_table, tmp_path, cache, where):
    config = config_for(small_table, tmp_path / "run", data__cache=cache and str(tmp_path / cache))
    compute_ahead(config, lambda: pytest.fail("windows are asked for"), **where)


def test_a_store_that_cannot_be_used_is_a_warning(small_table, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    config = config_for(small_table, tmp_path / "run", data__cache=str(tmp_path / "file"))
    events = split_events(config)
    with caplog.at_level(logging.WARNING):
        compute_ahead(config, lambda: windows_to_train_on(config, events), cluster=None, n_jobs=2)
    assert "must be a folder that can be written" in caplog.text
    assert "Going on without it." in caplog.text


@pytest.mark.parametrize("zero_after_offset", [False, True])
def test_a_training_finds_what_was_computed_ahead(small_table, tmp_path, monkeypatch, zero_after_offset):
    how = {"window__zero_after_offset": zero_after_offset, "training__without_offsets": 0.5, "net__max_epochs": 1}
    config = config_for(small_table, tmp_path / "run", data__cache=str(tmp_path / "store"), **how)
    events = split_events(config)
    filled = module.fill(config, windows_to_train_on(config, events))
    assert filled.n_computed == (events["split"] != "test").sum()
    windows = windows_to_train_on(config, events)[0]
    settings = build_pipeline(config)["logmel"].settings
    assert extraction.count_stored(windows, settings, FeatureStore(tmp_path / "store")) == filled.n_computed
    monkeypatch.setattr(extraction, "extract", lambda *args: pytest.fail("features are computed"))
    build_pipeline(config)["logmel"].transform(windows)


def test_other_processes_are_told_the_whole_path_of_the_cache(small_table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = for_other_processes(config_for(small_table, "run", data__cache="store", data__num_workers=4))
    assert (config.data.cache, config.data.num_workers) == (str(tmp_path / "store"), 1)
    monkeypatch.setenv("GUITARCLF_CACHE", "elsewhere")
    assert for_other_processes(config_for(small_table, "run")).data.cache == str(tmp_path / "elsewhere")
    assert for_other_processes(config_for(small_table, "run", data__cache=None)).data.cache is None


def test_a_cluster_is_opened_after_the_table_is_read_with_its_files(small_table, tmp_path, monkeypatch):
    opened = []

    def note(where, **how):
        opened.append((where, how))
        return ExitStack()

    monkeypatch.setattr(module, "open_cluster", note)
    config = config_for(small_table, tmp_path / "run", data__cache=str(tmp_path / "store"))
    with ExitStack() as stack:
        read = OpeningCluster("local:2", config, lambda: split_events(config), stack)
        assert opened == []
        events = read()
        assert read.cluster is not None
        read.close()
        assert read.cluster is None
    [(where, how)] = opened
    assert where == "local:2"
    assert how["files"][0] == str(small_table.path)
    assert set(how["files"][1:]) == set(events["audio_path"])
    assert how["cache"] == Path(tmp_path / "store")


def test_what_a_worker_alone_cannot_read_is_not_passed_over(note_table, tmp_path, monkeypatch):
    def blind(function, jobs, **_):
        for place, job in enumerate(jobs):
            yield place, replace(function([]), unreadable={request.path: "No credentials." for request in job})

    monkeypatch.setattr(module, "run_unordered", blind)
    table = note_table(n_notes=3)
    config = config_for(table, tmp_path / "run", data__cache=str(tmp_path / "store"))
    windows = [Windows(build_pipeline(config)["window"].reader, as_requests(config_events(config)))]
    with pytest.raises(ClusterError, match=r"\.wav can, and a worker says: No credentials\. .* its credentials"):
        fill(config, windows, cluster=NoWorkers)
    for path in table.audio_root.iterdir():
        path.unlink()
    assert len(fill(config, windows, cluster=NoWorkers).unreadable) == 3  # nor here


@pytest.mark.slow
def test_a_training_with_a_cluster_is_the_same(small_table, tmp_path):
    weights = []
    for number, cluster in enumerate([None, "local:2"]):
        how = {"data__cache": str(tmp_path / f"store{number}"), "net__max_epochs": 1}
        run = train(config_for(small_table, tmp_path / str(number), **how), cluster=cluster)
        weights.append((run.folder.bundle / "weights.safetensors").read_bytes())
    assert weights[0] == weights[1]
