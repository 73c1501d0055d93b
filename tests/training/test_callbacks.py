"""Callbacks on a made-up history: when a fit stops, what is best, what is written."""

import csv
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skorch.history import History
from small import small_config

from guitarclf.pipeline import build_net
from guitarclf.training.averaging import WeightAverage
from guitarclf.training.callbacks import MONITOR, BestEpoch, EarlyStop, StopTraining, accuracy, macro_f1
from guitarclf.training.run_callbacks import EpochCheckpoint, EpochLog, HistoryCsv


def net_with(scores, losses=None):
    """Return a net-like object and play its epochs: yields it after each epoch's history row."""
    net = SimpleNamespace(history=History(), module_=torch.nn.Linear(1, 1), max_epochs=len(scores))
    for epoch, score in enumerate(scores, start=1):
        net.module_.weight.data.fill_(float(epoch))
        net.history.new_epoch()
        row = {"epoch": epoch, MONITOR: score, "valid_loss": (losses or scores)[epoch - 1], "valid_acc": 0.5}
        row |= {"train_loss": 1.0, "train_acc": 0.5, "lr": 1e-3, "dur": 0.1}
        for name, value in row.items():
            net.history.record(name, value)
        yield net


def epochs_until_stop(patience, scores):
    callback, played = EarlyStop(patience=patience), 0
    callback.on_train_begin(None)
    try:
        for net in net_with(scores):
            played += 1
            callback.on_epoch_end(net)
    except StopTraining:
        return played
    return None


@pytest.mark.parametrize(
    ("patience", "scores", "stops_after"),
    [(2, [0.5, 0.4, 0.5, 0.6], 3), (2, [0.5, 0.4, 0.6, 0.5, 0.5], 5), (3, [0.1, 0.2, 0.3], None), (0, [0.5] * 9, None)],
)
def test_early_stop_counts_epochs_without_a_better_score(patience, scores, stops_after):
    assert epochs_until_stop(patience, scores) == stops_after


@pytest.mark.parametrize(
    ("scores", "losses", "best"),
    [([0.2, 0.9, 0.5], [1, 1, 1], 2), ([0.9, 0.9, 0.9], [0.3, 0.1, 0.2], 2), ([0.1, 0.2, 0.3], [1, 2, 3], 3)],
)
def test_best_epoch_restores_the_highest_score_then_the_lowest_loss(scores, losses, best):
    callback = BestEpoch()
    callback.on_train_begin(None)
    for net in net_with(scores, losses):
        callback.on_epoch_end(net)
    callback.on_train_end(net)
    assert callback.epoch_ == best
    assert net.module_.weight.item() == best


def test_macro_f1_counts_an_absent_class_as_zero():
    confusion = np.array([[2, 0, 0], [0, 3, 1], [0, 0, 0]])
    assert accuracy(confusion) == pytest.approx(5 / 6)
    assert macro_f1(confusion) == pytest.approx((1 + 6 / 7 + 0) / 3)


def test_checkpoints_count_from_one_and_load_without_pickle(tmp_path):
    best, recorder = BestEpoch(), EpochCheckpoint(tmp_path / "checkpoints", tmp_path / "best_model.pt")
    best.on_train_begin(None)
    recorder.on_train_begin(None)
    for net in net_with([0.2, 0.9, 0.5]):
        best.on_epoch_end(net)
        recorder.on_epoch_end(net)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [f"epoch_{n}.pt" for n in (1, 2, 3)]
    saved = torch.load(tmp_path / "best_model.pt", weights_only=True)
    assert saved["epoch"] == 2
    assert saved["weights"]["weight"].item() == 2
    assert saved["metrics"][MONITOR] == 0.9


def test_history_csv_has_a_row_per_epoch(tmp_path):
    recorder = HistoryCsv(tmp_path / "history.csv")
    for net in net_with([0.2, 0.9]):
        net.history.record("is_best", True)
        recorder.on_epoch_end(net)
    rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1][MONITOR]) == 0.9


@pytest.mark.parametrize("n_epochs", [1, 50, 1000])
def test_epoch_lines_have_every_figure_under_its_name_in_80_columns(caplog, n_epochs):
    caplog.set_level("INFO", logger="guitarclf")
    for net in net_with([0.25] * n_epochs):
        net.history.record("is_best", True)
        if len(net.history) == 1:
            EpochLog().on_train_begin(net)
        EpochLog().on_epoch_end(net)
    header, *lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == n_epochs
    assert max(map(len, (header, *lines))) < 80
    assert re.match(rf"epoch +1/{n_epochs} ", lines[0])
    figures = {"train loss": 1.0, "acc": 0.5, "valid loss": 0.25, "macro-F1": 0.25, "lr": 1e-3, "s": 0.1}
    for name, value in figures.items():
        end = re.search(rf" {name}( |$)", header).start() + 1 + len(name)
        assert float(lines[-1][:end].split()[-1]) == value
    assert lines[-1].endswith(" best")


def test_the_running_mean_is_shown_between_the_training_of_epochs():
    net = SimpleNamespace(module_=torch.nn.Linear(1, 1, bias=False))
    net.module_.weight.data.fill_(0.0)
    callback = WeightAverage(decay=0.5)
    callback.on_train_begin(net)
    callback.on_epoch_begin(net)
    mean = 0.0
    for step in range(1, 31):
        net.module_.weight.data.fill_(float(step))
        callback.on_batch_end(net, training=True)
        decay = min(0.5, step / (10 + step))
        mean = decay * mean + (1 - decay) * step
    callback.on_batch_begin(net, training=False)
    assert net.module_.weight.item() == pytest.approx(mean)
    callback.on_epoch_end(net)
    assert net.module_.weight.item() == pytest.approx(mean)
    callback.on_epoch_begin(net)
    assert net.module_.weight.item() == 30
    callback.on_epoch_end(net)
    callback.on_train_end(net)
    assert net.module_.weight.item() == pytest.approx(mean)
    assert callback.mean_ is None
    assert callback.trained_ is None


def test_without_decay_the_weights_are_left_alone():
    net = SimpleNamespace(module_=torch.nn.Linear(1, 1))
    before = net.module_.weight.item()
    callback = WeightAverage()
    callback.on_train_begin(net)
    callback.on_batch_end(net, training=True)
    callback.on_epoch_end(net)
    assert net.module_.weight.item() == before


def test_the_learning_rate_falls_along_a_cosine():
    X = np.random.default_rng(0).normal(size=(6, 1, 32, 87)).astype(np.float32)
    config = small_config(net__max_epochs=4, training__lr_schedule="cosine", net__lr=1e-2, training__valid_size=0)
    net = build_net(config).fit(X, ["harmonic", "dead_note", "general_note"] * 2)
    expected = [1e-2 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert net.history[:, "lr"] == pytest.approx(expected)
