"""The safe bundle and the run folder."""

import json

import numpy as np
import pytest
from small import small_config

from guitarclf.bundle.pipelines import load_pipeline, save_bundle
from guitarclf.config.files import with_values
from guitarclf.errors import RunError
from guitarclf.pipeline import build_pipeline
from guitarclf.runs.folder import RunFolder
from guitarclf.training.device import is_available


@pytest.fixture(scope="module")
def fitted(small_table):
    events = small_table.events
    config = small_config(net__max_epochs=1)
    return config, build_pipeline(config).fit(events, events["label_category"], net__groups=events["track"])


@pytest.fixture
def bundle(fitted, tmp_path):
    config, pipeline = fitted
    save_bundle(pipeline, config, tmp_path / "run" / "model")
    return tmp_path / "run" / "model"


def test_bundle_round_trip_gives_the_same_probabilities(bundle, fitted, small_table):
    X = small_table.events
    for path in (bundle, bundle.parent):
        np.testing.assert_array_equal(load_pipeline(path).predict_proba(X), fitted[1].predict_proba(X))


def test_bundle_holds_no_pickle(bundle):
    assert sorted(path.name for path in bundle.iterdir()) == [
        "config.yaml",
        "model.json",
        "model.onnx",
        "weights.safetensors",
    ]
    description = json.loads((bundle / "model.json").read_text())
    assert description["labels"] == ["harmonic", "dead_note", "general_note"]
    assert description["versions"]["torch"]


def test_folder_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(RunError, match=r"must be a run folder or a model bundle\. It holds no model\.json"):
        load_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format_version", 99, "format must be version 1 to 3. Got 99"),
        ("labels", ["a", "b", "c"], "the labels must be harmonic, dead_note, general_note"),
        ("input_shape", [1, 0, 87], "`input_shape` must be three whole numbers"),
    ],
)
def test_foreign_description_is_refused(bundle, key, value, message):
    path = bundle / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(RunError, match=message):
        load_pipeline(bundle)


def test_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "data").mkdir()
    RunFolder(tmp_path).require_free(beside=("data",))
    with pytest.raises(RunError, match="must be new or empty"):
        RunFolder(tmp_path).require_free()


def test_model_made_for_a_gpu_loads_without_one(fitted, tmp_path, small_table, caplog):
    config, pipeline = fitted
    absent = next(device for device in ("mps", "cuda") if not is_available(device))
    save_bundle(pipeline, with_values(config, {"net.device": absent}, source="test"), tmp_path / "model")
    loaded = load_pipeline(tmp_path / "model")
    assert f"made for {absent}, which this machine lacks" in caplog.text
    np.testing.assert_array_equal(loaded.predict_proba(small_table.events), pipeline.predict_proba(small_table.events))
