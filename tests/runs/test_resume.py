"""A run that was interrupted goes on to the same weights and the same history, bit for bit."""

import json

import pandas as pd
import pytest
import torch
from small import small_config

from guitarclf.config.files import with_values
from guitarclf.errors import RunError
from guitarclf.experiment.train import train
from guitarclf.files.whole import UNFINISHED
from guitarclf.runs.folder import RunFolder
from guitarclf.training import checkpoint, run_callbacks

# Everything that keeps a state: a mean of the weights, a schedule, early stopping, augmentation, mixup, heads.
STATEFUL = {
    "training.weight_average": 0.9,
    "training.lr_patience": 0,
    "training.patience": 3,
    "net.mixup": 0.3,
    "net.criterion.aux_harmonic": 0.3,
    "net.max_epochs": 6,
    "net.lr": 1e-2,
}
ARTEFACTS = {"config.yaml", "splits.csv", "history.csv", "environment.json", "checkpoints", "best_model.pt", "model"}


def config_for(table, output_dir, **changes):
    config = small_config(
        data__metadata_path=str(table.path), data__audio_root=str(table.audio_root), output_dir=str(output_dir)
    )
    return with_values(config, STATEFUL | changes, source="test")


def interrupt(monkeypatch, owner, method, at_call, error=KeyboardInterrupt):
    """Let the n-th call of a method raise, once."""
    original, calls = getattr(owner, method), []

    def interrupted(*args, **kwargs):
        calls.append(1)
        if len(calls) == at_call:
            raise error
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, method, interrupted)


def what_came_out(root):
    """Return the weights of every checkpoint, of the best epoch and of the bundle, and the history without times."""
    run = RunFolder(root)
    files = {path.name: path.read_bytes() for path in run.checkpoints.iterdir()}
    files["weights"] = (run.bundle / "weights.safetensors").read_bytes()
    best = torch.load(run.best_model, weights_only=True)
    history = pd.read_csv(run.history).drop(columns="dur").to_dict("list")
    return files, {name: tensor.tolist() for name, tensor in best["weights"].items()}, best["epoch"], history


@pytest.fixture(scope="module")
def uninterrupted(small_table, tmp_path_factory):
    return train(config_for(small_table, tmp_path_factory.mktemp("whole") / "run")).folder.root


@pytest.mark.parametrize(
    ("owner", "method", "at_call"),
    [
        (run_callbacks.EpochCheckpoint, "on_epoch_end", 1),  # before anything of an epoch was written
        (run_callbacks.HistoryCsv, "on_epoch_end", 3),
        (checkpoint.KeepState, "on_epoch_end", 2),  # after the checkpoint of epoch 2, before its state
        (run_callbacks.EpochProgress, "on_batch_end", 14),  # within an epoch
        (run_callbacks.EpochCheckpoint, "on_train_end", 1),  # all is learnt
    ],
)
def test_an_interrupted_run_ends_as_if_it_had_not_been(
    small_table, uninterrupted, tmp_path, monkeypatch, owner, method, at_call
):
    config = config_for(small_table, tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, owner, method, at_call)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    assert not RunFolder(tmp_path / "run").is_finished
    train(config, resume=True)
    assert what_came_out(tmp_path / "run") == what_came_out(uninterrupted)
    assert not RunFolder(tmp_path / "run").state.exists()


def test_a_table_that_was_corrected_in_an_unfinished_run_stays(small_table, uninterrupted, tmp_path, monkeypatch):
    config = config_for(small_table, tmp_path / "run")
    with monkeypatch.context() as patch:
        interrupt(patch, run_callbacks.HistoryCsv, "on_epoch_end", 3)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    splits = RunFolder(tmp_path / "run").splits
    corrected = splits.read_text().replace("harmonic", "dead_note", 1)
    splits.write_text(corrected)
    train(config, resume=True)
    assert splits.read_text() == corrected
    assert what_came_out(tmp_path / "run") == what_came_out(uninterrupted)


def test_a_run_interrupted_twice_ends_as_if_it_had_not_been(small_table, uninterrupted, tmp_path, monkeypatch):
    config = config_for(small_table, tmp_path / "run")
    for resume, at_call in ((False, 2), (True, 2)):
        with monkeypatch.context() as patch:
            interrupt(patch, checkpoint.KeepState, "on_epoch_end", at_call)
            with pytest.raises(KeyboardInterrupt):
                train(config, resume=resume)
    train(config, resume=True)
    assert what_came_out(tmp_path / "run") == what_came_out(uninterrupted)


def test_resume_takes_an_absent_an_empty_and_a_finished_folder(small_table, uninterrupted, tmp_path, caplog):
    (tmp_path / "empty").mkdir()
    for name in ("absent", "empty"):
        train(config_for(small_table, tmp_path / name, **{"net.max_epochs": 1}), resume=True)
        assert RunFolder(tmp_path / name).is_finished
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.is_file()}
    with caplog.at_level("INFO", logger="guitarclf"):
        finished = train(config_for(small_table, uninterrupted), resume=True)
    assert f"the run in {uninterrupted} is finished" in caplog.text
    assert before == {path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.is_file()}
    assert finished.pipeline.predict(small_table.events["audio_path"].tolist()[:2]).shape == (2,)


@pytest.mark.parametrize("folder", [".", "checkpoints", "figures"])
def test_what_a_kill_left_unfinished_is_swept_away(small_table, tmp_path, monkeypatch, folder):
    config = config_for(small_table, tmp_path / "run", **{"net.max_epochs": 2})
    with monkeypatch.context() as patch:
        interrupt(patch, checkpoint.KeepState, "on_epoch_end", 2)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    leftover = tmp_path / "run" / folder / f".epoch_2.pt.123{UNFINISHED}"
    leftover.write_bytes(b"half")
    train(config, resume=True)
    assert not leftover.exists()


def test_a_changed_config_is_refused(small_table, uninterrupted):
    config = config_for(small_table, uninterrupted, **{"net.lr": 0.5})
    with pytest.raises(RunError, match=r"`net\.lr` must be as in the run to go on with --resume, 0\.01 .* Got 0\.5"):
        train(config, resume=True)
    train(config_for(small_table, uninterrupted, **{"data.num_workers": 2}), resume=True)


def test_a_changed_table_and_changed_audio_are_refused(note_table, tmp_path):
    table = note_table()
    config = config_for(table, tmp_path / "run", **{"net.max_epochs": 1})
    train(config)
    path = table.audio_root / "note003.wav"
    sound, text = path.read_bytes(), table.path.read_text()
    path.write_bytes((table.audio_root / "note004.wav").read_bytes())
    with pytest.raises(RunError, match=r"The audio must be as in the run to go on with --resume"):
        train(config, resume=True)
    path.write_bytes(sound)
    table.path.write_text(text.replace("n003", "x003"))
    with pytest.raises(RunError, match=r"The table must be as in the run to go on with --resume"):
        train(config, resume=True)


def test_a_run_is_replaced_only_when_asked_to_be(small_table, tmp_path):
    config = config_for(small_table, tmp_path / "run", **{"net.max_epochs": 2})
    train(config)
    (tmp_path / "run" / "my_notes.txt").write_text("kept")
    with pytest.raises(RunError, match=r"already holds a run, finished\. Go on with it with --resume, replace it with"):
        train(config)
    itself = with_values(config, {"training.init_from": str(tmp_path / "run")}, source="test")
    with pytest.raises(RunError, match=r"`training\.init_from` must lie outside the run that --overwrite replaces"):
        train(itself, overwrite=True)
    assert RunFolder(tmp_path / "run").is_finished
    once = with_values(config, {"net.max_epochs": 1}, source="test")
    train(once, overwrite=True)
    assert [path.name for path in RunFolder(tmp_path / "run").checkpoints.iterdir()] == ["epoch_1.pt"]
    assert (tmp_path / "run" / "my_notes.txt").read_text() == "kept"


@pytest.mark.parametrize("how", ["resume", "overwrite"])
def test_a_folder_that_is_no_run_is_left_alone(small_table, tmp_path, how):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match=f"It holds something that is no run, which --{how} leaves alone"):
        train(config_for(small_table, tmp_path), **{how: True})
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "must hold the state"), (b"PK\x03\x04 torn", "must hold the state"), (b"\x80\x04}.", "must hold the state")],
)
def test_a_damaged_state_is_refused(tmp_path, content, message):
    (tmp_path / "resume.pt").write_bytes(content)
    with pytest.raises(RunError, match=message):
        checkpoint.read_state(tmp_path / "resume.pt")


def test_a_state_of_another_version_is_refused(tmp_path):
    torch.save({"version": 99}, tmp_path / "resume.pt")
    with pytest.raises(RunError, match=r"must be of version 1 to go on from\. Got 99"):
        checkpoint.read_state(tmp_path / "resume.pt")


def test_a_state_holds_what_json_and_tensors_can(small_table, tmp_path, monkeypatch):
    config = config_for(small_table, tmp_path / "run")
    interrupt(monkeypatch, checkpoint.KeepState, "on_epoch_end", 3)
    with pytest.raises(KeyboardInterrupt):
        train(config)
    state = checkpoint.read_state(RunFolder(tmp_path / "run").state)
    assert state["epoch"] == len(json.loads(state["history"])) == 2
    kept = {name: set(values) for name, values in state["callbacks"].items()}
    assert {"mean_", "trained_", "n_steps_"} <= kept["weight_average"]
    assert {"score_", "epoch_", "weights_"} <= kept["best_epoch"]
    assert {"best_", "misses_"} <= kept["early_stopping"]
    assert "num_bad_epochs" in state["callbacks"]["lr_scheduler"]["lr_scheduler_"]
