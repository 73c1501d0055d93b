"""Synthetic rows beside those of a table: modelled notes, background that is no note, rows seen more than once."""

import numpy as np
import pytest
import torch
from small import small_config, still_config

from guitarclf.data.synth import render_background, render_clutter, render_notes
from guitarclf.data.synth.background import KINDS
from guitarclf.errors import ParameterError
from guitarclf.experiment.synthetic_rows import draw_synthetic_rows
from guitarclf.models.loss import NO_NOTE, NoteLoss
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.training.rows import TrainingSet


def synthetic_rows(config):
    return draw_synthetic_rows(config, build_pipeline(config)["logmel"])[0]


def test_background_is_of_every_kind_and_the_same_for_a_seed():
    waveforms, kinds = render_background(120, seed=3, duration=0.5)
    again, _ = render_background(120, seed=3, duration=0.5)
    other, _ = render_background(120, seed=4, duration=0.5)
    assert waveforms.shape == (120, 11025)
    assert waveforms.dtype == np.float32
    assert np.isfinite(waveforms).all()
    assert np.abs(waveforms).max() <= 1
    assert set(kinds) == set(KINDS)
    assert np.abs(waveforms[kinds == "near silence"]).max() < 0.001
    assert np.abs(waveforms[kinds == "voice"]).max(axis=1).min() > 0.1
    np.testing.assert_array_equal(waveforms, again)
    assert not np.array_equal(waveforms, other)


def test_background_has_its_old_name_too():
    assert render_clutter is render_background


def test_synthetic_rows_are_notes_then_background_and_some_guitars_are_for_validation():
    config = small_config(training__add_modelled=400, training__add_clutter=30)
    rows, windows = draw_synthetic_rows(config, build_pipeline(config)["logmel"])
    valid = rows.events["valid"].to_numpy()
    assert len(rows) == len(rows.features) == len(windows) == 430
    assert rows.is_background.tolist() == [False] * 400 + [True] * 30
    assert rows.events["modelled"].tolist() == [True] * 400 + [False] * 30
    assert not valid[rows.is_background].any()
    held_out = rows.notes["track"][valid[:400]]
    assert 0.05 < held_out.nunique() / rows.notes["track"].nunique() < 0.2
    assert not set(held_out) & set(rows.notes["track"][~valid[:400]])


def test_no_synthetic_rows_are_none():
    rows = synthetic_rows(small_config())
    assert len(rows) == 0
    assert rows.features.shape[0] == 0
    assert not rows.has_validation


@pytest.mark.slow
def test_a_net_is_unsure_of_background_only_if_it_was_taught_to_be():
    waveforms, events = render_notes(150, n_guitars=8, seed=1)
    unheard, _ = render_background(60, seed=99)
    unheard = unheard[unheard.any(axis=1)]  # silence is refused where a model is asked
    doubts = []
    for n_clips in (0, 120):
        config = still_config(training__add_clutter=n_clips, net__max_epochs=10, net__lr=3e-3)
        pipeline = build_pipeline(config)
        X = pipeline[:-1].transform(waveforms)
        TrainingSet.of(events, X).add(synthetic_rows(config)).fit(pipeline[-1])
        doubts.append(1 - pipeline.predict_proba(unheard).max(axis=1).mean())
        sure = pipeline.predict_proba(waveforms).max(axis=1).mean()
    assert doubts[1] > doubts[0] + 0.1
    assert sure > 1 - doubts[1] + 0.1


def test_repeated_rows_are_seen_as_often_and_weigh_as_much():
    X = np.random.default_rng(0).normal(size=(6, 1, 32, 87)).astype(np.float32)
    y = np.array(["harmonic", "dead_note", "general_note"] * 2)
    net = build_net(small_config(net__max_epochs=1))
    net.fit(X, y, valid=np.arange(6) == 5, repeats=[4, 1, 1, 1, 1, 9])
    assert sum(batch.get("train_batch_size", 0) for batch in net.history[0]["batches"]) == 8
    np.testing.assert_allclose(net.criterion_.weight, 8 / 3 / np.array([5, 2, 1]), rtol=1e-6)


@pytest.mark.parametrize("repeats", [[1, -1], [0.5, 1.0], [[1, 1]]])
def test_repeats_must_be_counts(repeats):
    X = np.zeros((2, 1, 32, 87), dtype=np.float32)
    net = build_net(small_config(training__valid_size=0))
    with pytest.raises(ParameterError, match="`repeats` must be one whole number"):
        net.fit(X, ["harmonic", "dead_note"], repeats=repeats)


def test_the_loss_is_torchs_without_its_extras():
    torch.manual_seed(0)
    logits, y, weight = torch.randn(20, 3), torch.randint(0, 3, (20,)), torch.tensor([0.5, 2.0, 1.0])
    torch.testing.assert_close(NoteLoss(weight)(logits, y), torch.nn.CrossEntropyLoss(weight)(logits, y))


def test_focal_loss_counts_what_is_right_less():
    logits, y = torch.tensor([[4.0, 0, 0], [0.0, 0, 0]]), torch.tensor([0, 0])
    plain, focal = NoteLoss()(logits, y), NoteLoss(focal_gamma=2.0)(logits, y)
    p = logits.softmax(dim=1)[:, 0]
    torch.testing.assert_close(focal, (-((1 - p) ** 2) * p.log()).mean())
    assert focal < plain


def test_the_loss_of_no_note_is_least_where_all_classes_are_as_likely():
    y = torch.tensor([NO_NOTE])
    even, sure = torch.zeros(1, 3), torch.tensor([[5.0, 0, 0]])
    assert NoteLoss()(even, y) < NoteLoss()(sure, y)
    mixed = NoteLoss()(torch.cat([even, sure]), torch.tensor([NO_NOTE, 0]))
    torch.testing.assert_close(mixed, (np.log(3) + torch.nn.functional.cross_entropy(sure, torch.tensor([0]))) / 2)
