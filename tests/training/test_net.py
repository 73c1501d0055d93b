"""NoteEventClassifier: scikit-learn's contract outside, LABELS inside, groups respected."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer
from sklearn.model_selection import GroupKFold, cross_val_predict, cross_validate
from small import small_config, still_config

from guitarclf.errors import LabelError, ParameterError, SplitError
from guitarclf.evaluation.scorers import scorer
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net
from guitarclf.training.targets import SORTED_LABELS


@pytest.fixture(scope="module")
def fitted(features):
    X, y, groups = features
    return build_net(still_config(net__max_epochs=40, net__lr=3e-3, training__patience=0)).fit(X, y, groups=groups)


def test_net_overfits_thirty_notes(features):
    X, y, _ = features
    config = still_config(net__max_epochs=40, training__valid_size=0.0, net__lr=3e-3)
    assert build_net(config).fit(X, y).score(X, y) == 1.0


def test_classes_are_sorted_and_probabilities_follow_them(fitted, features):
    X, y, _ = features
    assert fitted.classes_.tolist() == sorted(LABELS)
    proba = fitted.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert (fitted.predict(X) == SORTED_LABELS[proba.argmax(axis=1)]).all()
    assert (fitted.predict(X) == y).mean() > 0.8


def test_module_is_in_the_order_of_labels(fitted, features):
    X, _, _ = features
    with torch.no_grad():
        logits = fitted.module_.eval()(torch.from_numpy(X))
    by_label = fitted.predict_proba_by_label(X)
    np.testing.assert_allclose(logits.softmax(dim=1).numpy(), by_label, atol=1e-5)
    for column, label in enumerate(fitted.classes_):
        np.testing.assert_array_equal(fitted.predict_proba(X)[:, column], by_label[:, LABELS.index(label)])


def test_fold_without_a_class_gives_three_columns(features):
    X, y, groups = features
    kept = y != "harmonic"
    net = build_net(small_config(net__max_epochs=1)).fit(X[kept], y[kept], groups=groups[kept])
    assert net.classes_.tolist() == sorted(LABELS)
    assert net.predict_proba(X).shape == (len(X), 3)


def test_scorers_and_cross_val_predict_work(features):
    X, y, groups = features
    net = build_net(still_config(net__max_epochs=8))
    cv, params = GroupKFold(3), {"groups": groups}
    scores = cross_validate(
        net, X, y, cv=cv, groups=groups, params=params, scoring=["f1_macro", "neg_log_loss", "roc_auc_ovr"]
    )
    assert np.isfinite([scores[f"test_{name}"] for name in ("f1_macro", "neg_log_loss", "roc_auc_ovr")]).all()
    names = cross_val_predict(net, X, y, cv=cv, groups=groups, params=params)
    net.set_params(integer_labels="alphabetical")
    proba = cross_val_predict(net, X, y, cv=cv, groups=groups, params=params, method="predict_proba")
    assert (names == SORTED_LABELS[proba.argmax(axis=1)]).all()


def test_calibration_and_voting_work(fitted, features):
    X, y, _ = features
    calibrated = CalibratedClassifierCV(FrozenEstimator(fitted)).fit(X, y)
    assert calibrated.classes_.tolist() == sorted(LABELS)
    assert calibrated.score(X, y) > 0.8
    net = build_net(still_config(net__max_epochs=25, training__valid_size=0.0))
    net.set_params(integer_labels="alphabetical")
    voting = VotingClassifier([("a", net), ("b", net)], voting="soft").fit(X, y)
    assert voting.score(X, y) > 0.8


def test_integers_are_refused(features):
    X, y, groups = features
    with pytest.raises(LabelError, match="ambiguous"):
        build_net(small_config()).fit(X, np.zeros(len(y), dtype=int), groups=groups)


def test_alphabetical_integers_are_the_sorted_labels(features):
    X, y, groups = features
    codes = np.searchsorted(SORTED_LABELS, y)
    named = build_net(small_config(net__max_epochs=1)).fit(X, y, groups=groups)
    coded = build_net(small_config(net__max_epochs=1)).set_params(integer_labels="alphabetical")
    coded = clone(coded).fit(X, codes, groups=groups)
    np.testing.assert_array_equal(coded.predict_proba(X), named.predict_proba(X))
    assert (SORTED_LABELS[coded.predict(X)] == named.predict(X)).all()
    with pytest.raises(ParameterError, match="`integer_labels` must be refuse or alphabetical"):
        coded.set_params(integer_labels="any").fit(X, codes, groups=groups)


def test_fit_without_groups_or_mask_is_refused(features):
    X, y, _ = features
    with pytest.raises(SplitError, match=r"pass `groups`.*or `valid`.*or set valid_size=0"):
        build_net(small_config()).fit(X, y)


@pytest.mark.parametrize("valid", [np.ones(30, dtype=bool), np.zeros(30), np.zeros(29, dtype=bool)])
def test_bad_mask_is_refused(features, valid):
    X, y, _ = features
    with pytest.raises(SplitError, match="`valid` must be one boolean per event"):
        build_net(small_config()).fit(X, y, valid=valid)


def test_one_group_cannot_be_split(features):
    X, y, _ = features
    with pytest.raises(SplitError, match=r"at least two in all.*1 groups"):
        build_net(small_config()).fit(X, y, groups=np.zeros(len(y)))


def test_groups_do_not_straddle_the_inner_split(features):
    X, y, groups = features
    net = build_net(small_config()).initialize_for(X.shape[1:])
    training, validation = net.get_split_datasets(X, y, groups=groups)
    assert set(groups[training.rows]).isdisjoint(groups[validation.rows])
    assert sorted([*training.rows, *validation.rows]) == list(range(len(y)))


def test_statistics_and_weights_come_from_the_training_rows(features):
    X, y, _ = features
    valid = np.zeros(len(y), dtype=bool)
    valid[:6] = True
    changed = X.copy()
    changed[valid] += 50
    net = build_net(small_config()).initialize_for(X.shape[1:])
    net.get_split_datasets(changed, y, valid=valid)
    standardize = net.module_.standardize
    mean = X[~valid].mean(axis=(0, 3), dtype=np.float64)
    np.testing.assert_allclose(standardize.mean[0, :, :, 0].numpy(), mean, atol=1e-3)
    np.testing.assert_allclose(standardize.scale[0, :, :, 0].numpy(), X[~valid].std(axis=(0, 3)), rtol=1e-3)
    counts = np.array([(y[~valid] == label).sum() for label in LABELS])
    np.testing.assert_allclose(net.criterion_.weight.numpy(), counts.sum() / (3 * counts), rtol=1e-5)


def test_fit_twice_gives_the_same_weights(features):
    X, y, groups = features
    net = build_net(small_config())
    first = {name: tensor.clone() for name, tensor in net.fit(X, y, groups=groups).module_.state_dict().items()}
    history = [row["valid_loss"] for row in net.history]
    net.fit(X, y, groups=groups)
    assert [row["valid_loss"] for row in net.history] == history
    assert all(torch.equal(tensor, first[name]) for name, tensor in net.module_.state_dict().items())


def test_clone_and_get_params_keep_every_parameter(fitted):
    params = clone(fitted).get_params()
    assert params["device"] == "auto"
    assert params["module__conv_channels"] == [8, 16]
    assert "module__n_mels" not in params


def test_the_best_epoch_is_in_memory_after_fit(features):
    X, y, groups = features
    net = build_net(small_config(net__max_epochs=6, training__patience=0)).fit(X, y, groups=groups)
    best = max(net.history, key=lambda row: (row["valid_macro_f1"], -row["valid_loss"]))
    _, validation = net.get_split_datasets(X, y, groups=groups)
    net.module_.calibrate.temperature.fill_(1)  # fitted after the epochs
    loss = net.validation_step(validation.batch(np.arange(len(validation))))["loss"].item()
    assert loss == pytest.approx(best["valid_loss"], rel=1e-4)


def test_without_validation_rows_nothing_stops(features):
    X, y, _ = features
    net = build_net(small_config(training__valid_size=0.0, training__patience=1)).fit(X, y)
    assert len(net.history) == 3
    assert "valid_loss" not in net.history[-1]


def test_ctrl_c_passes_through_fit(features):
    X, y, groups = features

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    net = build_net(small_config())
    net.run_single_epoch = interrupt
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, groups=groups)


def test_pickled_net_predicts_the_same(fitted, features):
    X, _, _ = features
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert loaded.device == "auto"


def test_a_net_from_a_gpu_loads_on_a_machine_without(fitted, features):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    X, _, _ = features
    net = pickle.loads(pickle.dumps(fitted))
    net.device = "cuda"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = pickle.loads(pickle.dumps(net))
    assert any("Setting self.device = cpu" in str(warning.message) for warning in caught)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_gain_on_features_that_are_not_decibels_is_refused(features):
    X, y, groups = features
    with pytest.raises(ParameterError, match=r"`gain_db`, `eq_db`.* must be 0"):
        build_net(small_config()).fit(np.abs(X), y, groups=groups)


def test_features_of_another_shape_are_refused(fitted, features):
    X, _, _ = features
    with pytest.raises(ParameterError, match="shape the net was made for"):
        fitted.predict(X[:, :, :16])


def test_no_events_give_no_rows(fitted, features):
    X, _, _ = features
    assert fitted.predict_proba(X[:0]).shape == (0, 3)


def test_encoded_y_that_lacks_a_class_is_refused_with_the_reason(features):
    X, y, groups = features
    kept = y != "dead_note"
    with pytest.raises(LabelError, match="Got \\[0, 1\\]: fewer codes do not tell which class is missing"):
        cross_val_predict(
            build_net(small_config()).set_params(integer_labels="alphabetical"),
            X[kept],
            y[kept],
            cv=GroupKFold(2),
            groups=groups[kept],
            params={"groups": groups[kept]},
            method="predict_proba",
        )


def test_integers_of_a_user_are_refused_in_cross_validation_too(features):
    X, y, groups = features
    codes = np.array([LABELS.index(label) for label in y])
    settings = {"cv": GroupKFold(3), "groups": groups, "params": {"groups": groups}}
    for method in ("predict", "predict_proba"):
        with pytest.raises(LabelError, match="ambiguous"):
            cross_val_predict(build_net(small_config()), X, codes, method=method, **settings)


def test_scorers_hold_on_a_fold_that_lacks_a_class(fitted, features):
    X, y, _ = features
    kept = y != "harmonic"
    for name in ("neg_log_loss", "roc_auc_ovr", "f1_macro"):
        assert np.isfinite(scorer(name)(fitted, X[kept], y[kept])), name
    assert scorer("neg_log_loss")(fitted, X, y) == pytest.approx(get_scorer("neg_log_loss")(fitted, X, y))
    assert scorer("roc_auc_ovr")(fitted, X, y) == pytest.approx(get_scorer("roc_auc_ovr")(fitted, X, y))


def test_new_module_parameters_undo_the_fit(features):
    X, y, groups = features
    net = build_net(small_config(net__max_epochs=1)).fit(X, y, groups=groups)
    net.set_params(module__dropout=0.5)
    with pytest.raises(NotFittedError, match="fresh weights"):
        net.predict(X)
    assert net.fit(X, y, groups=groups).predict(X).shape == (len(X),)


def test_partial_fit_is_repeatable_and_keeps_its_input_shape(features):
    X, y, groups = features
    nets = [build_net(small_config(net__max_epochs=1)).partial_fit(X, y, groups=groups) for _ in range(2)]
    np.testing.assert_array_equal(nets[0].predict_proba(X), nets[1].predict_proba(X))
    with pytest.raises(ParameterError, match="shape the net was made for"):
        nets[0].partial_fit(X[:, :, :16], y, groups=groups)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"precision": "fp16"}, "`precision` must be one of auto, fp32, bf16"),
        ({"device": "gpu"}, "`device` must be one of auto, cpu, cuda, mps"),
        ({"valid_size": 2}, "`valid_size` must be a share"),
        ({"class_weight": "balance"}, "`class_weight` must be balanced, none"),
        ({"class_weight": [1, 1, 0]}, "`class_weight` must be balanced, none"),
    ],
)
def test_bad_parameters_are_refused_in_fit(features, parameters, message):
    X, y, groups = features
    with pytest.raises(ParameterError, match=message):
        build_net(small_config()).set_params(**parameters).fit(X, y, groups=groups)


def test_features_that_are_not_finite_are_refused(features):
    X, y, groups = features
    broken = X.copy()
    broken[:, 0, 3, 3] = np.nan
    with pytest.raises(ParameterError, match="X must hold finite features"):
        build_net(small_config()).fit(broken, y, groups=groups)


@pytest.mark.slow
def test_bf16_and_fp32_learn_the_same(features):
    X, y, groups = features
    settings = {"net__max_epochs": 40, "net__lr": 3e-3, "training__patience": 0}
    scores = [
        build_net(still_config(net__precision=precision, **settings)).fit(X, y, groups=groups).score(X, y)
        for precision in ("bf16", "fp32")
    ]
    assert min(scores) > 0.8


def test_mixup_trains_on_notes_mixed_in_pairs(features, monkeypatch):
    X, y, groups = features
    seen = []
    net = build_net(still_config(net__mixup=0.4, net__max_epochs=2))
    infer = type(net).infer
    monkeypatch.setattr(type(net), "infer", lambda net, x, **kwargs: seen.append(x.clone()) or infer(net, x, **kwargs))
    net.fit(X, y, groups=groups)
    rows = torch.as_tensor(X)
    own = [bool((rows == x).flatten(1).all(dim=1).any()) for batch in seen[:3] for x in batch]
    assert not all(own)
    assert np.isfinite(net.history[-1, "train_loss"])
