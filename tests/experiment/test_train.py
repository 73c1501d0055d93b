"""Training runs on small tables: the run folder, the split, what is refused, and what a failure leaves."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from small import config_for

from guitarclf.bundle.pipelines import load_pipeline
from guitarclf.config.files import load_config, with_values
from guitarclf.data.events import read_events
from guitarclf.errors import AudioReadError, ParameterError, RunError
from guitarclf.experiment.train import train
from guitarclf.training.device import is_available

RUN_FILES = {
    "config.yaml",
    "splits.csv",
    "history.csv",
    "run.log",
    "environment.json",
    "checkpoints",
    "best_model.pt",
    "model",
    "pipeline.joblib",
    "metrics_val.json",
    "figures",
}


def test_run_folder_is_complete(run):
    root = run.folder.root
    assert {path.name for path in root.iterdir()} == RUN_FILES
    assert sorted(path.name for path in root.joinpath("checkpoints").iterdir()) == [f"epoch_{n}.pt" for n in (1, 2, 3)]
    assert sorted(path.name for path in root.joinpath("figures").iterdir()) == [
        "confusion_val.png",
        "learning_curves.png",
    ]
    environment = json.loads((root / "environment.json").read_text())
    assert environment["seed"] == 42
    assert len(environment["data"]["audio"]) == 32


def test_splits_csv_is_the_table_with_track_and_split(run, small_table):
    splits = read_events(run.folder.splits, audio_root=small_table.audio_root)
    assert splits["note_id"].tolist() == small_table.events["note_id"].tolist()
    assert set(splits["split"]) == {"train", "val", "test"}
    assert (splits.groupby("track")["split"].nunique() == 1).all()


def test_every_artefact_holds_the_best_epoch(run, small_table):
    X = small_table.events
    expected = run.pipeline.predict_proba(X)
    np.testing.assert_array_equal(load_pipeline(run.folder.root).predict_proba(X), expected)
    np.testing.assert_array_equal(joblib.load(run.folder.joblib).predict_proba(X), expected)
    best = torch.load(run.folder.best_model, weights_only=True)
    weights = run.pipeline[-1].module_.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in best["weights"].items())
    scores = pd.read_csv(run.folder.history).set_index("epoch")["valid_macro_f1"]
    assert scores[best["epoch"]] == scores.max()


def test_joblib_has_no_callback_that_writes(run):
    names = [name for name, _ in joblib.load(run.folder.joblib)[-1].callbacks]
    assert names == ["weight_average", "best_epoch", "temperature", "unknown_below", "lr_scheduler", "early_stopping"]


def test_config_of_a_run_runs_again_to_the_same_weights(run, tmp_path):
    config = with_values(load_config(run.folder.config), {"output_dir": str(tmp_path / "again")}, source="test")
    again = train(config)
    columns = ["epoch", "train_loss", "valid_loss", "valid_macro_f1"]
    pd.testing.assert_frame_equal(
        pd.read_csv(again.folder.history)[columns], pd.read_csv(run.folder.history)[columns], check_exact=True
    )
    weights = run.pipeline[-1].module_.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in again.pipeline[-1].module_.state_dict().items())


def test_given_split_is_honoured(note_table, tmp_path):
    sides = {0: "val", 1: "test"}
    table = note_table(extra={"split": lambda index, row: sides.get(index % 6, "train")})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=1))
    splits = pd.read_csv(run.folder.splits)
    assert (splits["split"] == [sides.get(index % 6, "train") for index in range(30)]).all()
    assert run.report.n_events == 5


def test_run_without_validation_rows_keeps_the_last_epoch(note_table, tmp_path):
    table = note_table(extra={"split": lambda index, row: "train"})
    run = train(config_for(table, tmp_path / "run", net__max_epochs=2))
    assert run.report is None
    assert torch.load(run.folder.best_model, weights_only=True)["epoch"] == 2


def test_nothing_is_written_when_the_input_is_wrong(small_table, tmp_path):
    output = tmp_path / "run"
    wrong_root = with_values(config_for(small_table, output), {"data.audio_root": str(tmp_path)}, source="test")
    with pytest.raises(AudioReadError, match=r"There is no such file \(30 missing\)"):
        train(wrong_root)
    assert not output.exists()


def test_missing_files_beside_the_table_are_hinted_at(small_table, tmp_path):
    config = with_values(
        config_for(small_table, tmp_path / "run"), {"data.audio_root": str(tmp_path / "audio")}, source="test"
    )
    with pytest.raises(AudioReadError, match=f"pass --audio-root {small_table.path.parent}"):
        train(config)


def test_folder_of_another_run_is_refused(run, small_table):
    with pytest.raises(RunError, match="must be new or empty"):
        train(config_for(small_table, run.folder.root))


def test_tensorboard_events_are_written_when_asked_for(small_table, tmp_path):
    pytest.importorskip("tensorboard")
    run = train(config_for(small_table, tmp_path / "run", net__max_epochs=1, training__tensorboard=True))
    assert list(run.folder.tensorboard.glob("events.out.tfevents.*"))


def test_a_run_that_fails_before_its_first_epoch_leaves_its_folder_free(note_table, tmp_path):
    table = note_table()
    path = table.audio_root / "note007.wav"
    good = path.read_bytes()
    path.write_bytes(good[:200])
    config = config_for(table, tmp_path / "run", net__max_epochs=1)
    with pytest.raises(AudioReadError, match=r"note007\.wav must be a whole recording"):
        train(config)
    assert not (tmp_path / "run").exists()
    path.write_bytes(good)
    assert train(config).folder.bundle.is_dir()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net.module.pools": [[4, 4], [16, 2]]}, "`pools` must leave at least one band"),
        ({"net.device": "mps"}, "There is no mps"),
    ],
)
def test_a_net_that_cannot_be_built_is_refused_before_anything_is_written(small_table, tmp_path, settings, message):
    if is_available("mps"):
        pytest.skip("this machine has every device")
    config = with_values(config_for(small_table, tmp_path / "run"), settings, source="test")
    with pytest.raises(ParameterError, match=message):
        train(config)
    assert not (tmp_path / "run").exists()


def test_modelled_notes_join_training_and_not_the_split(small_table, tmp_path):
    run = train(config_for(small_table, tmp_path / "run", net__max_epochs=1, training__add_modelled=60))
    assert len(read_events(run.folder.splits)) == 30
    batches = run.pipeline[-1].history[0]["batches"]
    n_train = sum(batch.get("train_batch_size", 0) for batch in batches)
    n_valid = sum(batch.get("valid_batch_size", 0) for batch in batches)
    n_test = (pd.read_csv(run.folder.splits)["split"] == "test").sum()
    assert n_train + n_valid == 90 - n_test
    assert run.report.n_events < n_valid
