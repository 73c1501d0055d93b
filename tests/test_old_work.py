"""What 0.1.0 left on disk still loads, answers and goes on to the same end; see fixtures/README.md."""

import json
import shutil
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file
from sklearn.base import clone

from guitarclf import LABELS, load_pipeline, predict_by_label
from guitarclf.cli import main

FIXTURE = Path(__file__).parent / "fixtures" / "v0_1_0"
COMMANDS = json.loads((FIXTURE / "commands.json").read_text())
PROBABILITIES = [f"p_{label}" for label in LABELS]


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A copy of the fixture to work in, on one thread: with more, sums are of another order."""
    folder = tmp_path / "old"
    shutil.copytree(FIXTURE, folder)
    for path in folder.glob("*/*.yaml"):
        path.write_text(path.read_text().replace("@FIXTURE@", str(folder)))
    monkeypatch.chdir(folder)
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield folder
    torch.set_num_threads(n_threads)


def run(command, *arguments) -> str:
    """Run a command with the settings that the old one had, and return what it printed."""
    settings = COMMANDS["settings"] | COMMANDS[command] if command in COMMANDS else {}
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    name = "train" if command == "training" else command
    done = CliRunner().invoke(main, [name, *arguments, *options])
    assert done.exit_code == 0, done.output
    return done.output


def assert_same_weights(path, expected) -> None:
    found, wanted = load_file(path), load_file(expected)
    assert found.pop("unknown_below") == 0  # which weights of 0.1.0 lack
    assert found.keys() == wanted.keys()
    # A constant on all scores changes no softmax: its gradient is rounding, of which Adam makes whole steps.
    del wanted["attention.bias"]
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)


def assert_same_table(path, expected, *, without=()) -> None:
    found, wanted = (pd.read_csv(file).drop(columns=list(without), errors="ignore") for file in (path, expected))
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_the_commands_answer_as_before(old, engine):
    run("predict", "--model", "run", "audio", "--min-confidence", "0.6", "--engine", engine, "--output", "now.csv")
    found, wanted = pd.read_csv("now.csv"), pd.read_csv("expected/predictions.csv")
    pd.testing.assert_frame_equal(found, wanted, rtol=0, atol=2e-6)  # both were rounded to 1e-6


@pytest.mark.filterwarnings("ignore:Trying to unpickle estimator")  # with another scikit-learn than it was made with
def test_a_bundle_and_a_pickle_answer_as_before(old):
    wanted = pd.read_csv("expected/predictions.csv")
    for pipeline in (load_pipeline("run"), joblib.load("run/pipeline.joblib")):
        assert clone(pipeline)["net"].integer_labels == "refuse"  # which the pickle lacks
        proba = predict_by_label(pipeline, wanted["audio_path"].tolist())
        np.testing.assert_allclose(proba, wanted[PROBABILITIES], atol=2e-6)
        assert (
            pipeline.predict(wanted["audio_path"].tolist()).tolist()
            == wanted[PROBABILITIES].idxmax(axis=1).str.removeprefix("p_").tolist()
        )


def test_a_finished_run_is_scored_as_before(old):
    before = json.loads((old / "run" / "metrics_val.json").read_text())
    run("eval", "--run-dir", "run", "--audio-root", "audio")
    now = json.loads((old / "run" / "metrics_val.json").read_text())
    assert now["confusion"] == before["confusion"]
    assert now["loss"] == pytest.approx(before["loss"], abs=1e-6)
    assert now["duration_only_macro_f1"] == pytest.approx(before["duration_only_macro_f1"])


def test_a_finished_run_is_left_as_it_is(old):
    model = (old / "run" / "model" / "model.json").read_bytes()
    run("train", "--output-dir", "run", "--resume")
    assert (old / "run" / "model" / "model.json").read_bytes() == model


def test_a_training_goes_on(old):
    assert "going on after epoch 2 of 4" in run("training", "--output-dir", "training", "--resume")
    assert_same_weights("training/model/weights.safetensors", "expected/training/weights.safetensors")
    assert_same_table("training/history.csv", "expected/training/history.csv", without=["dur"])


def test_a_training_goes_on_with_its_own_config(old):
    assert "going on after epoch 2 of 4" in run("train", "--output-dir", "training", "--resume")
    assert_same_weights("training/model/weights.safetensors", "expected/training/weights.safetensors")


def test_a_search_goes_on(old):
    assert "4 of 8 fits were done before" in run("search", "--output-dir", "search", "--resume")
    expected = "expected/search/search_results.csv"
    assert_same_table("search/search_results.csv", expected, without=["mean_fit_sec"])
    assert_same_weights("search/best/model/weights.safetensors", "expected/search/best_weights.safetensors")


def test_a_cross_validation_goes_on(old):
    options = ("--leave-one-out", "track", "--compare-splits", "--output-dir", "crossval", "--resume")
    assert "5 of 12 fits were done before" in run("crossval", *options)
    since = ["confidence", "setting", "unknown_below"]
    assert_same_table("crossval/predictions.csv", "expected/crossval/predictions.csv", without=since)
    found = pd.read_csv("crossval/predictions.csv")
    assert set(found["setting"]) == {"alone"}
    assert found["confidence"].isna().sum() > 0  # of the folds that were finished then; it is not made up


def test_a_prediction_goes_on(old):
    options = ("--model", "run", "audio", "--min-confidence", "0.6", "--output", "predictions.csv", "--resume")
    assert "16 of 24 events were done before" in run("predict", *options)
    assert_same_table("predictions.csv", "expected/predictions.csv")
    assert not (old / ".predictions.csv.rows").exists()
