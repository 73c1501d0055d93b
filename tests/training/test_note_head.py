"""Nets with a head for note or not: what they learn, how sure they say they are, and the threshold they carry."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from small import small_config, still_config

from guitarclf.errors import ConfigError, ParameterError
from guitarclf.labels import LABELS
from guitarclf.models.loss import MODELLED, NO_NOTE
from guitarclf.pipeline import build_net
from guitarclf.priors import highest_at_equal_shares
from guitarclf.training.answers import answers_of
from guitarclf.training.callbacks import StartFrom
from guitarclf.training.net import NoteEventClassifier

HEADED = {"net__module__note_head": True, "training__patience": 0}


@pytest.fixture(scope="module")
def rows(features):
    """(X, y, what fit is told of them): the 30 notes, of which 6 are for validation, and 15 of hiss."""
    X, y, _ = features
    hiss = np.random.default_rng(0).normal(-50, 6, (15, *X.shape[1:])).astype(np.float32)
    place = np.arange(45)
    told = {"valid": place % 5 == 0, "no_note": place >= 30, "modelled": place < 10}
    return np.concatenate([X, hiss]), np.concatenate([y, y[:15]]), told


@pytest.fixture(scope="module")
def fitted(rows):
    X, y, told = rows
    config = still_config(**HEADED, net__max_epochs=15, net__lr=3e-3, net__broken_notes=0.25, net__unknown_share=0.2)
    return build_net(config).fit(X, y, **told)


def test_confidence_ranks_notes_above_what_is_none(fitted, rows):
    X, _, told = rows
    confidence = fitted.predict_confidence(X)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    assert roc_auc_score(~told["no_note"], confidence) > 0.95
    plain = fitted.predict_proba_by_label(X).max(axis=1)
    assert (confidence < plain**0.25).all()


def test_the_estimator_keeps_its_labels_and_probabilities(fitted, rows):
    X, _, _ = rows
    assert fitted.predict_proba(X).sum(axis=1) == pytest.approx(1)
    assert set(fitted.predict(X)) <= set(fitted.classes_)
    logits = torch.from_numpy(fitted.forward(X).numpy())
    np.testing.assert_allclose(logits.softmax(dim=1), fitted.predict_proba_by_label(X), atol=1e-6)
    assert [len(part) for part in fitted.answer(X[:0])] == [0, 0]


def test_the_threshold_loses_at_most_its_share_of_the_validation_notes(fitted, rows):
    X, _, told = rows
    confidence = fitted.predict_confidence(X[told["valid"] & ~told["no_note"]])
    assert 0 < fitted.unknown_below < 1
    assert (confidence < fitted.unknown_below - 1e-6).mean() <= 0.2


@pytest.mark.parametrize("settings", [{"net__unknown_share": 0.0}, {"training__valid_size": 0.0}])
def test_there_is_no_threshold_without_a_share_or_validation_notes(features, settings):
    X, y, groups = features
    config = small_config(**HEADED, net__max_epochs=1, **{"net__unknown_share": 0.3} | settings)
    assert build_net(config).fit(X, y, groups=groups).unknown_below == 0


def test_a_net_without_the_head_has_a_threshold_too(features):
    X, y, groups = features
    net = build_net(small_config(net__max_epochs=1, net__unknown_share=0.3)).fit(X, y, groups=groups)
    assert net.unknown_below > 1 / 3
    np.testing.assert_array_equal(
        net.predict_confidence(X), highest_at_equal_shares(net.predict_proba_as_learnt(X), net.train_priors_)
    )


def test_the_threshold_is_that_of_notes_in_phrases_too(fitted, rows, monkeypatch):
    X, y, told = rows
    louder = lambda x, share: x + 15.0  # noqa: E731
    monkeypatch.setattr("guitarclf.training.callbacks.begin_another", louder)
    valid = X[told["valid"] & ~told["no_note"]]
    again = build_net(still_config(**HEADED, net__max_epochs=3, net__unknown_share=0.2)).fit(X, y, **told)
    lowest = min(np.quantile(answers_of(again, x)[1], 0.2, method="lower") for x in (valid, valid + 15.0))
    assert again.unknown_below == pytest.approx(lowest, abs=1e-6)


@pytest.mark.parametrize("more", [{}, {"net__mixup": 0.3}, {"net__criterion__aux_harmonic": 0.5}], ids=str)
def test_a_fit_repeats_with_all_that_is_added_to_a_step(rows, more):
    X, y, told = rows
    settings = HEADED | {"net__max_epochs": 2, "net__broken_notes": 0.25, "training__weight_average": 0.9} | more
    first, second = (build_net(small_config(**settings)).fit(X, y, **told) for _ in range(2))
    np.testing.assert_array_equal(first.predict_confidence(X), second.predict_confidence(X))
    assert np.isfinite([row["train_loss"] for row in first.history]).all()
    assert 0 <= first.history[-1]["train_acc"] <= 1


def test_the_loss_hears_where_notes_come_from_and_validation_does_not(rows):
    X, y, told = rows
    net = build_net(small_config(**HEADED))
    net._take_input_shape(X)
    training, valid = net.initialize().get_split_datasets(X, y, **told)
    targets = training.y[training.rows]
    assert (targets == NO_NOTE).sum() == 12
    assert (targets >= MODELLED).sum() == 8
    assert set(valid.y[valid.rows]) <= {0, 1, 2}
    plain = build_net(small_config())
    plain._take_input_shape(X)
    training, _ = plain.initialize().get_split_datasets(X, y, **told)
    assert training.y[training.rows].max() == 2


@pytest.mark.parametrize("modelled", [np.zeros(44, bool), np.zeros(45, int)])
def test_a_mask_of_modelled_notes_that_is_none_is_refused(rows, modelled):
    X, y, told = rows
    with pytest.raises(ParameterError, match="`modelled` must be one boolean per event"):
        build_net(small_config(**HEADED)).fit(X, y, **told | {"modelled": modelled})


def test_broken_notes_without_the_head_are_refused(features):
    with pytest.raises(ConfigError, match=r"`net\.broken_notes` must be 0 without `net\.module\.note_head`.*Got 0\.1"):
        small_config(net__broken_notes=0.1)
    net = build_net(small_config(training__valid_size=0)).set_params(broken_notes=0.1)
    with pytest.raises(ParameterError, match=r"`broken_notes` must be 0 without `module\.note_head`"):
        net.fit(*features[:2])


@pytest.mark.parametrize(("no_note", "learns"), [(False, False), (True, True)])
def test_a_head_that_was_learnt_elsewhere_stays_where_nothing_tells_what_is_no_note(fitted, rows, no_note, learns):
    X, y, told = rows
    kept = np.full(45, True) if no_note else ~told["no_note"]
    before = {name: value.clone() for name, value in fitted.module_.state_dict().items()}
    net = build_net(still_config(**HEADED, net__max_epochs=1, net__optimizer__weight_decay=0))
    net.set_params(callbacks=[*net.callbacks, ("start_from", StartFrom(before))])
    net.fit(X[kept], y[kept], **{name: mask[kept] for name, mask in told.items()})
    after = net.module_.state_dict()
    is_same = all(torch.equal(after[name], before[name]) for name in before if name.startswith("note_head.layers"))
    assert is_same is not learns
    assert not torch.equal(after["head.1.weight"], before["head.1.weight"])
    assert net.unknown_below == 0


class Linear(torch.nn.Module):
    """A module of another's, with neither calibration nor note head."""

    def __init__(self, n_channels, n_mels, n_frames):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(n_channels * n_mels * n_frames, 3))

    def forward(self, x):
        return self.layers(x)


def test_a_module_without_calibration_answers():
    X = np.random.default_rng(0).normal(size=(6, 1, 4, 5)).astype(np.float32)
    net = NoteEventClassifier(Linear, max_epochs=1, valid_size=0).fit(X, [*LABELS, *LABELS])
    np.testing.assert_allclose(net.predict_confidence(X), net.predict_proba(X).max(axis=1))
