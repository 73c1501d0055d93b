"""Priors and calibration: Bayes' rule by hand, shares estimated from a batch, a temperature that helps."""

import numpy as np
import pandas as pd
import pytest
import torch
from small import small_config, still_config

from guitarclf.errors import ConfigError, ParameterError
from guitarclf.experiment.predict import Predictions, predict_events
from guitarclf.labels import LABELS, UNKNOWN_LABEL
from guitarclf.models.calibrate import Calibrate
from guitarclf.pipeline import build_net, build_pipeline
from guitarclf.priors import complete_priors, estimate_priors, with_priors

EQUAL = np.full(3, 1 / 3)


def sample(rng, shares, n_events, sharpness=3.0):
    """Return (true class, calibrated probabilities under equal shares) of a made-up classifier."""
    true = rng.choice(3, n_events, p=shares)
    evidence = rng.standard_normal((n_events, 3)) * np.sqrt(sharpness)
    evidence[np.arange(n_events), true] += sharpness  # log-likelihood ratios of Gaussians: exactly calibrated
    odds = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return true, odds / odds.sum(axis=1, keepdims=True)


def test_classes_not_named_divide_the_rest():
    np.testing.assert_allclose(complete_priors({"harmonic": 0.03, "dead_note": 0.05}), [0.03, 0.05, 0.92])
    np.testing.assert_allclose(complete_priors({"general_note": 0.5}), [0.25, 0.25, 0.5])


@pytest.mark.parametrize(
    "priors",
    [
        {"slap": 0.1},
        {"harmonic": 1.2},
        {"harmonic": True},
        {"harmonic": 0.6, "dead_note": 0.6},
        dict.fromkeys(LABELS, 0.1),
        [0.1, 0.2, 0.7],
        "auto",
        0.3,
    ],
)
def test_shares_that_cannot_be_are_refused(priors):
    with pytest.raises(ParameterError, match="`priors` must"):
        complete_priors(priors)


def test_priors_change_probabilities_as_bayes_says():
    changed = with_priors(np.array([[0.5, 0.25, 0.25]]), EQUAL, np.array([0.1, 0.1, 0.8]))
    np.testing.assert_allclose(changed, np.array([[0.05, 0.025, 0.2]]) / 0.275)


def test_the_priors_learnt_under_change_nothing():
    proba = np.array([[0.7, 0.2, 0.1]])
    np.testing.assert_allclose(with_priors(proba, EQUAL, EQUAL), proba)


@pytest.mark.parametrize("shares", [(0.03, 0.05, 0.92), (0.4, 0.2, 0.4)])
def test_shares_are_estimated_from_unlabelled_events(rng, shares):
    _, proba = sample(rng, shares, 4000)
    np.testing.assert_allclose(estimate_priors(proba, EQUAL), shares, atol=0.03)


def test_a_batch_is_put_under_its_own_shares(rng):
    true, proba = sample(rng, (0.03, 0.05, 0.92), 2000)
    predictions = Predictions([None] * 2000, proba.copy(), proba.max(axis=1), ["unreadable", *[""] * 1999])
    before = (proba.argmax(axis=1) == true).mean()
    predictions.adapt_to_batch(EQUAL)
    labels = np.array(predictions.labels)
    assert (labels == np.array(LABELS)[true]).mean() > before
    assert labels[0] == ""


def test_below_the_confidence_asked_for_a_label_is_unknown():
    proba = np.array([[0.9, 0.05, 0.05], [0.9, 0.05, 0.05], [np.nan] * 3])
    predictions = Predictions([None] * 3, proba, np.array([0.5, 0.9, np.nan]), ["", "", "unreadable"])
    predictions.min_confidence = 0.6
    assert predictions.labels == [UNKNOWN_LABEL, "harmonic", ""]


@pytest.mark.parametrize("share", [0.05, 1e-9])
def test_confidence_does_not_come_from_the_shares_expected(small_table, share):
    events = small_table.events
    pipeline = build_pipeline(still_config(training__valid_size=0, net__max_epochs=1))
    pipeline.fit(events, events["label_category"])
    as_learnt = pipeline.predict_proba(events)
    pipeline[-1].set_params(priors={"harmonic": share, "dead_note": share})
    table = pd.concat(predict_events(pipeline, events))
    assert table["confidence"].tolist() == pytest.approx(as_learnt.max(axis=1).tolist())
    assert (table["p_general_note"] > as_learnt[:, pipeline.classes_ == "general_note"].ravel()).all()


@pytest.mark.parametrize("factor", [0.3, 4.0])
def test_the_temperature_undoes_overconfidence_and_doubt(rng, factor):
    true, proba = sample(rng, (0.3, 0.3, 0.4), 3000)
    logits, y = torch.tensor(np.log(proba) * factor), torch.tensor(true)
    calibrate = Calibrate(3)
    calibrate.fit(logits, y, torch.ones(3))
    assert calibrate.temperature.item() == pytest.approx(factor, rel=0.1)
    assert torch.equal(calibrate.eval()(logits), logits / calibrate.temperature)
    assert calibrate.train()(logits) is logits


def test_a_few_rows_move_the_temperature_little():
    calibrate = Calibrate(3)
    calibrate.fit(torch.eye(3)[:2] * 3, torch.tensor([0, 1]), torch.ones(3))
    assert 0.5 < calibrate.temperature.item() < 1


@pytest.fixture(scope="module")
def features(small_table):
    events = small_table.events
    X = build_pipeline(small_config())[:-1].transform(events)
    return X, events["label_category"].to_numpy(), events["track"].to_numpy()


def test_priors_of_the_net_act_in_prediction_only(features):
    X, y, groups = features
    net = build_net(still_config(net__max_epochs=2)).fit(X, y, groups=groups)
    weights = {name: tensor.clone() for name, tensor in net.module_.state_dict().items()}
    plain = net.predict_proba_by_label(X)
    np.testing.assert_allclose(net.train_priors_, EQUAL, atol=1e-5)
    net.set_params(priors={"harmonic": 0.01})
    expected = with_priors(plain, net.train_priors_, np.array([0.01, 0.495, 0.495]))
    np.testing.assert_allclose(net.predict_proba_by_label(X), expected)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in net.module_.state_dict().items())


def test_unweighted_training_keeps_its_own_shares(features):
    X, y, _ = features
    net = build_net(small_config(net__max_epochs=1, net__class_weight="none", training__valid_size=0.0)).fit(X, y)
    shares = [(y == label).mean() for label in LABELS]
    np.testing.assert_allclose(net.train_priors_, shares, atol=1e-5)


def test_the_temperature_is_fitted_on_the_validation_rows(features):
    X, y, groups = features
    net = build_net(still_config(net__max_epochs=3)).fit(X, y, groups=groups)
    assert net.module_.calibrate.temperature.item() != 1
    without = build_net(still_config(net__max_epochs=3, training__valid_size=0.0)).fit(X, y)
    assert without.module_.calibrate.temperature.item() == 1


def test_bad_priors_are_refused_by_the_config():
    with pytest.raises(ConfigError, match=r"`net\.priors` must give shares"):
        small_config(net__priors={"slap": 0.1})


def test_a_class_that_training_lacked_is_never_boosted(rng):
    before = np.array([1e-6, 0.5, 0.5]) / (1 + 1e-6)
    proba = np.array([[0.01, 0.6, 0.39]])
    changed = with_priors(proba, before, np.array([0.03, 0.05, 0.92]))
    assert changed[0, 0] == 0
    np.testing.assert_allclose(changed[0, 1:] / changed[0, 1:].sum(), changed[0, 1:])
    assert estimate_priors(np.repeat(proba, 50, axis=0), before)[0] < 1e-5


def test_a_net_that_never_heard_a_harmonic_does_not_call_one_under_priors(features):
    X, y, _ = features
    kept = y != "harmonic"
    net = build_net(still_config(net__max_epochs=2, training__valid_size=0.0)).fit(X[kept], y[kept])
    net.set_params(priors={"harmonic": 0.03, "dead_note": 0.05})
    assert (net.predict(X) != "harmonic").all()


def test_a_validation_side_that_lacks_a_class_leaves_the_temperature_alone(features):
    X, y, _ = features
    net = build_net(still_config(net__max_epochs=2)).fit(X, y, valid=(y == "harmonic") & (np.arange(len(y)) < 12))
    assert net.module_.calibrate.temperature.item() == 1
