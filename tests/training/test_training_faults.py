"""Training that goes wrong says so: a loss that is no number, a class that is missing, a disk that is full."""

import errno
import os
import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from small import SMALL_NET, small_config

from guitarclf.errors import RunError, TrainingError
from guitarclf.experiment.train import train
from guitarclf.models.loss import NoteLoss
from guitarclf.pipeline import build_net
from guitarclf.runs.folder import RunFolder
from guitarclf.training.checkpoint import read_state

SETTINGS = [part for path, value in SMALL_NET.items() for part in ("--set", f"{path}={value}")]


def config_for(table, output_dir, **settings):
    return small_config(
        data__metadata_path=str(table.path),
        data__audio_root=str(table.audio_root),
        output_dir=str(output_dir),
        **settings,
    )


def command(table, output_dir, *more):
    data = ("--metadata-path", table.path, "--audio-root", table.audio_root, "--output-dir", output_dir)
    return [sys.executable, "-m", "guitarclf", "train", *map(str, data), *SETTINGS, *more]


def heed_ctrl_c():
    """Undo what a shell does to what it runs in the background: ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def losing_its_loss(monkeypatch):
    """`losing_its_loss(value, at_call)`: the loss of a training batch is that value from some call on."""

    def lose(value, at_call):
        forward, calls = NoteLoss.forward, []

        def lost(self, *args, **kwargs):
            calls.append(1)
            loss = forward(self, *args, **kwargs)
            return loss * value if len(calls) >= at_call else loss

        monkeypatch.setattr(NoteLoss, "forward", lost)

    return lose


@pytest.mark.parametrize(("value", "shown"), [(float("nan"), "nan"), (float("inf"), "inf"), (1e9, "e+0")])
def test_a_loss_that_is_no_number_or_explodes_stops_with_the_last_good_checkpoint(
    small_table, tmp_path, losing_its_loss, value, shown
):
    losing_its_loss(value, 6)  # three training batches and one of validation an epoch
    with pytest.raises(
        TrainingError, match=r"loss must stay a number of at most 10000\. It is .* in epoch 2"
    ) as caught:
        train(config_for(small_table, tmp_path / "run"))
    assert shown in str(caught.value)
    checkpoint = tmp_path / "run" / "checkpoints" / "epoch_1.pt"
    assert "Epoch 1 was the last good one. Lower net.lr, or look" in str(caught.value)
    assert str(caught.value).endswith(f"The last good checkpoint is {checkpoint}.")
    weights = torch.load(checkpoint, weights_only=True)["weights"]
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())


def test_a_loss_that_is_lost_in_the_first_epoch_leaves_nothing(small_table, tmp_path, losing_its_loss):
    losing_its_loss(float("nan"), 2)
    with pytest.raises(TrainingError, match=r"in epoch 1, batch 2\. No epoch was finished"):
        train(config_for(small_table, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_the_loss_is_watched_in_a_fit_by_hand_too(losing_its_loss):
    losing_its_loss(float("nan"), 1)
    X = np.random.default_rng(0).normal(size=(6, 1, 32, 87)).astype(np.float32)
    with pytest.raises(TrainingError, match="It is nan in epoch 1, batch 1"):
        build_net(small_config(training__valid_size=0)).fit(X, ["harmonic", "dead_note", "general_note"] * 2)


def test_a_class_that_a_side_lacks_is_warned_of_before_the_first_epoch(note_table, tmp_path, caplog):
    sides = {"harmonic": "train", "dead_note": "val", "general_note": "train"}
    table = note_table(
        extra={
            "split": lambda index, row: sides[row["label_category"]],
            "track": lambda index, row: row["label_category"],
        }
    )
    with caplog.at_level("INFO", logger="guitarclf"):
        train(config_for(table, tmp_path / "run", net__max_epochs=1))
    messages = [record.message for record in caplog.records]
    first_epoch = next(place for place, text in enumerate(messages) if text.startswith("epoch"))
    warned = " ".join(messages[:first_epoch])
    assert "The train side has no dead_note" in warned
    assert "The val side has no harmonic and no general_note" in warned


@pytest.mark.parametrize("at_write", [15, 18, 21])
def test_a_full_disk_ends_cleanly_with_earlier_checkpoints_intact(small_table, tmp_path, monkeypatch, at_write):
    fsync, calls = os.fsync, []

    def fill(handle):
        calls.append(1)
        if len(calls) >= at_write:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    config = config_for(small_table, tmp_path / "run", net__max_epochs=4, training__patience=0)
    whole = train(config_for(small_table, tmp_path / "whole", net__max_epochs=4, training__patience=0)).folder
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fill)
        with pytest.raises(RunError, match=r"must be writable\. No space left on device\. What was there before is as"):
            train(config)
    run = RunFolder(tmp_path / "run")
    finished = read_state(run.state)["epoch"]
    for epoch in range(1, finished + 1):
        checkpoint = run.checkpoints / f"epoch_{epoch}.pt"
        assert checkpoint.read_bytes() == (whole.checkpoints / checkpoint.name).read_bytes()
    assert not list(run.root.rglob("*.unfinished"))
    train(config, resume=True)
    assert (run.bundle / "weights.safetensors").read_bytes() == (whole.bundle / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_a_file_that_may_not_grow_ends_a_real_command_in_one_line(small_table, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        command(small_table, tmp_path / "run"), capture_output=True, text=True, preexec_fn=limit, check=False
    )
    assert done.returncode == 1
    assert "Error: " in done.stderr
    assert "must be writable. File too large." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_folder_that_cannot_be_made_ends_in_one_line(small_table, tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"The output folder .* must be"):
        train(config_for(small_table, tmp_path / name))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_ends_in_one_line(small_table, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(RunError, match=r"must be writable\. Permission denied"):
        train(config_for(small_table, tmp_path / "locked" / "run"))


@pytest.mark.slow
def test_ctrl_c_ends_with_130_soon_and_the_run_goes_on(small_table, tmp_path):
    more = ("--set", "net.max_epochs=100000", "--set", "training.patience=0")
    train_command = command(small_table, tmp_path / "run", *more)
    with subprocess.Popen(train_command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process:
        for line in process.stderr:
            if re.search(r"epoch +3/", line):
                break
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        told = process.stderr.read()
        assert process.wait() == 130
        assert time.monotonic() - asked < 60  # a second or two, where nothing else runs
    assert "Interrupted. The same command with --resume goes on; the run is in" in told
    assert "Traceback" not in told
    assert read_state(RunFolder(tmp_path / "run").state)["epoch"] >= 2


def test_a_second_ctrl_c_ends_at_once():
    script = """
import time
from guitarclf.cli import ending_at_once_on_a_second_ctrl_c
with ending_at_once_on_a_second_ctrl_c():
    try:
        print("working", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("tidying", flush=True)
        time.sleep(60)
"""
    child = [sys.executable, "-c", script]
    with subprocess.Popen(child, stdout=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c) as process:
        for expected in ("working", "tidying"):
            assert process.stdout.readline() == expected + "\n"
            process.send_signal(signal.SIGINT)
        assert process.wait(50) == 130
