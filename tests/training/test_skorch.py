"""What skorch documents of a net works here or is refused by name: methods, callbacks, saving routes, parameters."""

import copy
import inspect
import pickle
import random
import warnings

import joblib
import numpy as np
import pytest
import sklearn
import skorch.callbacks
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import Checkpoint, EpochScoring
from skorch.dataset import ValidSplit
from skorch.exceptions import SkorchTrainingImpossibleError
from small import small_config, still_config
from torch.utils.data import DataLoader

from guitarclf import NoteEventClassifier
from guitarclf.errors import LabelError, ParameterError
from guitarclf.labels import LABELS
from guitarclf.pipeline import build_net


@pytest.fixture(scope="module")
def fitted(features):
    X, y, groups = features
    return build_net(still_config(net__max_epochs=2)).fit(X, y, groups=groups)


@pytest.fixture
def net(fitted):
    return copy.deepcopy(fitted)


def weights(net) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.module_.parameters()])


# -- methods: each takes (net, fitted, X, y, groups, tmp_path), the net a copy of the fitted one ----


def of_the_batch(net, fitted, X, y, groups, tmp_path):
    training, validation = net.get_split_datasets(X, y, groups=groups)
    assert len(training) + len(validation) == len(X)
    batch = next(iter(net.get_iterator(training, training=False)))
    logits = net.evaluation_step(batch)
    torch.testing.assert_close(net.infer(batch[0]), logits)
    torch.testing.assert_close(net.forward(X), torch.cat(list(net.forward_iter(X))))
    loss = net.get_loss(logits, batch[1])
    torch.testing.assert_close(net.validation_step(batch)["loss"], loss)
    assert net.train_step_single(batch)["y_pred"].shape == logits.shape
    before = weights(net)
    assert net.train_step(batch)["loss"] > 0
    assert not torch.equal(weights(net), before)
    assert net.get_train_step_accumulator() is not None
    net.history.new_epoch()
    net.run_single_epoch([batch], training=True, prefix="train", step_fn=net.train_step)
    assert net.history[-1, "train_batch_count"] == 1
    assert len(net.get_dataset(X)) == len(X)
    assert len(list(net.get_all_learnable_params())) > 4


def of_training_on(net, fitted, X, y, groups, tmp_path):
    assert len(net.partial_fit(X, y, groups=groups).history) == 4
    assert len(net.fit_loop(X, y, groups=groups, epochs=1).history) == 5
    assert len(net.fit(X, y, groups=groups).history) == 2
    torch.testing.assert_close(weights(net), weights(fitted))  # a fit begins again, from the same numbers


def of_setting_up(net, fitted, X, y, groups, tmp_path):
    for part in ("callbacks", "criterion", "module", "optimizer", "history", "virtual_params"):
        getattr(net, f"initialize_{part}")()
    assert len(net.history) == 0
    assert not torch.equal(weights(net), weights(fitted))
    assert "print_log" in dict(net.get_default_callbacks())
    assert net.get_params_for("module")["n_mels"] == X.shape[2]
    assert net.get_params_for_optimizer("optimizer", [])[1]["weight_decay"] == 1e-4
    assert net.initialized_instance(dict, {"a": 1}) == {"a": 1}
    assert net.torch_compile(net.module_, name="module") is net.module_  # compile=False
    assert net.initialize().fit(X, y, groups=groups).check_data(X, y) is None
    assert net.check_training_readiness() is None


def of_trimming(net, fitted, X, y, groups, tmp_path):
    np.testing.assert_array_equal(net.predict(X), fitted.predict(X))
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1)
    assert net.score(X, y) == np.mean(net.predict(X) == y)
    assert net.classes_.tolist() == sorted(LABELS)
    assert [row["epoch"] for row in net.history] == [1, 2]
    net.trim_for_prediction()
    np.testing.assert_array_equal(net.predict_proba(X), fitted.predict_proba(X))
    net.check_is_fitted()
    with pytest.raises(SkorchTrainingImpossibleError, match="trimmed"):
        net.fit(X, y, groups=groups)


def of_moments(net, fitted, X, y, groups, tmp_path):
    moments = [name for name in dir(NeuralNetClassifier) if name.startswith("on_")]
    heard = []

    class Listening(NoteEventClassifier):
        def notify(self, method_name, **kwargs):
            heard.append(method_name)
            super().notify(method_name, **kwargs)

    Listening(max_epochs=1, valid_size=0, verbose=0).set_params(module=net.module).fit(X[:6], y[:6])
    assert set(heard) == set(moments)


def of_parameters(net, fitted, X, y, groups, tmp_path):
    assert net.get_params()["device"] == "auto"
    assert net.set_params(lr=0.5).optimizer_.param_groups[0]["lr"] == 0.5
    with pytest.raises(RuntimeError, match="enable_metadata_routing"):
        net.set_fit_request(groups=True)
    assert "groups" in net.get_metadata_routing()._self_request.fit.requests


def of_files(net, fitted, X, y, groups, tmp_path):
    fitted.save_params(*(str(tmp_path / name) for name in ("p.pt", "o.pt", "c.pt", "h.json")))
    fresh = build_net(still_config()).initialize_for(X.shape[1:])
    fresh.load_params(*(str(tmp_path / name) for name in ("p.pt", "o.pt", "c.pt", "h.json")))
    np.testing.assert_array_equal(fresh.predict_proba(X), fitted.predict_proba(X))
    assert (len(fresh.history), fresh.device) == (2, "auto")


METHODS = {
    of_the_batch: "evaluation_step forward forward_iter get_all_learnable_params get_dataset get_iterator get_loss "
    "get_split_datasets get_train_step_accumulator infer run_single_epoch train_step train_step_single validation_step",
    of_training_on: "fit fit_loop partial_fit",
    of_setting_up: "check_data check_training_readiness get_default_callbacks get_params_for get_params_for_optimizer "
    "initialize initialize_callbacks initialize_criterion initialize_history initialize_module initialize_optimizer "
    "initialize_virtual_params initialized_instance torch_compile",
    of_trimming: "check_is_fitted classes_ history predict predict_proba score trim_for_prediction",
    of_moments: "notify on_batch_begin on_batch_end on_epoch_begin on_epoch_end on_grad_computed on_train_begin "
    "on_train_end",
    of_parameters: "get_metadata_routing get_params set_fit_request set_params set_partial_fit_request "
    "set_score_request",
    of_files: "load_params save_params",
}
ATTRIBUTES_OF_SKORCH = {"cuda_dependent_attributes_", "init_context_", "prefixes_"}


def test_every_public_method_of_skorchs_classifier_is_in_the_table():
    public = {name for name in dir(NeuralNetClassifier) if not name.startswith("_")} - ATTRIBUTES_OF_SKORCH
    assert public == set(" ".join(METHODS.values()).split())


@pytest.mark.parametrize("check", METHODS, ids=lambda check: check.__name__)
def test_the_methods_of_skorch_work(check, net, fitted, features, tmp_path):
    check(net, fitted, *features, tmp_path)


# -- callbacks ----


def accuracy_of_codes(net, dataset, y) -> float:
    return float((net.forward(dataset).argmax(dim=1).numpy() == np.asarray(y)).mean())


CALLBACKS = {
    "BatchScoring": {"scoring": lambda net, X, y: 0.5, "name": "half"},
    "Callback": {},
    "Checkpoint": {"monitor": "valid_loss_best", "load_best": True},
    "EarlyStopping": {"patience": 1, "threshold": 10},
    "EpochScoring": {"scoring": accuracy_of_codes, "lower_is_better": False, "name": "again"},
    "EpochTimer": {},
    "Freezer": {"patterns": "blocks*"},
    "GradientNormClipping": {"gradient_clip_value": 1e-3},
    "Initializer": {"patterns": "head*weight", "fn": torch.nn.init.zeros_},
    "LRScheduler": {"policy": "StepLR", "step_size": 1},
    "LoadInitState": None,  # takes a Checkpoint: a test of its own
    "ParamMapper": {"patterns": "rnn*"},
    "PassthroughScoring": {"name": "lr"},
    "PrintLog": {},
    "ProgressBar": {},
    "TrainEndCheckpoint": {},
    "Unfreezer": {"patterns": "blocks*"},
    "WarmRestartLR": None,  # a policy for LRScheduler, no callback
    "InputShapeSetter": None,  # sets module__input_dim; this module has its shape from X
    # Loggers take a client of a service that is not installed here.
    **dict.fromkeys(["MlflowLogger", "NeptuneLogger", "SacredLogger", "TensorBoard", "WandbLogger"]),
}


def test_every_callback_of_skorch_is_in_the_table():
    assert set(CALLBACKS) == set(skorch.callbacks.__all__)


@pytest.mark.parametrize("name", [name for name, settings in CALLBACKS.items() if settings is not None])
def test_the_callbacks_of_skorch_work(name, features, tmp_path, capsys):
    X, y, groups = features
    settings = CALLBACKS[name] | ({"dirname": str(tmp_path)} if "Checkpoint" in name else {})
    net = build_net(still_config(net__max_epochs=4))
    net.callbacks = [*net.callbacks, ("asked", getattr(skorch.callbacks, name)(**settings))]
    net.fit(X, y, groups=groups)
    assert len(net.history) == (2 if name == "EarlyStopping" else 4)
    assert np.isfinite(net.predict_proba(X)).all()
    if name == "EpochScoring":
        assert net.history[:, "again"] == pytest.approx(net.history[:, "valid_acc"])
    if name == "BatchScoring":
        assert net.history[:, "half"] == [0.5] * 4


def test_a_state_that_skorch_kept_is_where_a_fit_begins(features, tmp_path):
    X, y, groups = features
    kept = Checkpoint(dirname=str(tmp_path), monitor=None)
    first = build_net(still_config(net__max_epochs=2))
    first.callbacks = [*first.callbacks, ("kept", kept)]
    first.fit(X, y, groups=groups)
    second = build_net(still_config(net__max_epochs=1))
    second.callbacks = [*second.callbacks, ("begin", skorch.callbacks.LoadInitState(kept))]
    assert len(second.fit(X, y, groups=groups).history) == 3


def test_a_callback_that_scores_names_is_refused_with_what_to_do_instead(features):
    X, y, groups = features
    net = build_net(still_config())
    net.callbacks = [*net.callbacks, ("again", EpochScoring("f1_macro"))]
    with pytest.raises(ParameterError, match=r"`scoring` of the callback 'again' must be a function.*net.forward"):
        net.fit(X, y, groups=groups)


def test_ctrl_c_is_no_early_stopping(features):
    X, y, groups = features
    net = build_net(still_config())
    net.callbacks = [*net.callbacks, ("stop", skorch.callbacks.EarlyStopping(patience=3))]

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    net.run_single_epoch = interrupt
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, y, groups=groups)


# -- parameters ----

REFUSED = {
    "classes": (["a", "b", "c"], "`classes` must be None.*sorted"),
    "train_split": (ValidSplit(5), "`train_split` must be None.*valid=mask"),
    "predict_nonlinearity": (lambda logits: logits, "`predict_nonlinearity` must be 'auto'.*priors"),
    "dataset": (skorch.dataset.Dataset, "`dataset` must be FeatureDataset"),
}
WORK = {
    "module": None,
    "criterion": None,
    "optimizer": torch.optim.SGD,
    "lr": 0.02,
    "max_epochs": 1,
    "batch_size": 4,
    "iterator_train": DataLoader,
    "iterator_valid": DataLoader,
    "callbacks": [("again", EpochScoring(accuracy_of_codes, name="again"))],
    "warm_start": True,
    "verbose": 1,
    "device": "cpu",
    "compile": False,
    "use_caching": True,
    "torch_load_kwargs": {"weights_only": True},
}


def test_every_parameter_of_skorch_is_in_the_table():
    named = [
        item.name for cls in (NeuralNet, NeuralNetClassifier) for item in inspect.signature(cls).parameters.values()
    ]
    assert set(named) - {"args", "kwargs"} == set(REFUSED) | set(WORK)


@pytest.mark.parametrize("name", REFUSED)
def test_a_parameter_that_would_do_nothing_is_refused(name, features):
    X, y, groups = features
    value, message = REFUSED[name]
    with pytest.raises(ParameterError, match=message):
        build_net(small_config()).set_params(**{name: value}).fit(X, y, groups=groups)


@pytest.mark.parametrize("name", [name for name, value in WORK.items() if value is not None])
def test_the_parameters_of_skorch_work(name, features, capsys):
    X, y, groups = features
    net = build_net(still_config(net__max_epochs=2)).set_params(**{name: WORK[name]})
    if name == "optimizer":
        net.set_params(optimizer__momentum=0.9)
    net.fit(X, y, groups=groups)
    assert len(net.history) == (1 if name == "max_epochs" else 2)
    assert ("valid_macro_f1" in capsys.readouterr().out) == (name == "verbose")


def test_a_warm_start_goes_on(features):
    X, y, groups = features
    net = build_net(still_config(net__max_epochs=2)).set_params(warm_start=True).fit(X, y, groups=groups)
    before = weights(net)
    net.fit(X, y, groups=groups)
    assert 0 < (weights(net) - before).abs().max() < 0.1


# -- saving, inputs, what is left behind ----


@pytest.mark.parametrize("route", ["pickle", "joblib", "deepcopy", "torch", "safetensors"])
def test_a_saved_net_predicts_the_same(route, fitted, features, tmp_path):
    X, _, _ = features
    path = str(tmp_path / "net")
    if route == "pickle":
        loaded = pickle.loads(pickle.dumps(fitted))
    elif route == "joblib":
        joblib.dump(fitted, path)
        loaded = joblib.load(path)
    elif route == "deepcopy":
        loaded = copy.deepcopy(fitted)
    elif route == "torch":
        torch.save(fitted, path)
        loaded = torch.load(path, weights_only=False)
    else:
        fitted.save_params(f_params=path, use_safetensors=True)
        loaded = build_net(still_config()).initialize_for(X.shape[1:])
        loaded.load_params(f_params=path, use_safetensors=True)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


INPUTS = {
    "float64": lambda X: X.astype(np.float64),
    "tensor": torch.from_numpy,
    "Fortran": np.asfortranarray,
    "view": lambda X: np.concatenate([X, X])[: len(X)],
}
REFUSED_INPUTS = {
    "list": (list, "one array of features"),
    "dict": (lambda X: {"x": X}, "features of shape"),
    "two axes": (lambda X: X[:, 0, :, 0], "features of shape"),
    "no rows": (lambda X: X[:0], "at least one event"),
    "NaN": (lambda X: np.full_like(X, np.nan), "finite features"),
    "text": (lambda X: X.astype(str), "real numbers"),
    "complex": (lambda X: X.astype(np.complex64), "real numbers"),
}


@pytest.mark.parametrize("kind", INPUTS)
def test_inputs_that_hold_features_are_taken_alike(kind, fitted, features):
    X, y, groups = features
    taken = INPUTS[kind](X)
    np.testing.assert_allclose(fitted.predict_proba(taken), fitted.predict_proba(X), atol=1e-6)
    again = build_net(still_config(net__max_epochs=2)).fit(taken, y, groups=groups)
    # Sums in another order of memory are others by rounding, which training magnifies, on some processors tenfold.
    np.testing.assert_allclose(again.predict_proba(X), fitted.predict_proba(X), atol=2e-4)


@pytest.mark.parametrize("kind", REFUSED_INPUTS)
@pytest.mark.parametrize("method", ["fit", "predict_proba"])
def test_inputs_that_hold_none_are_refused_in_fit_and_in_predict(kind, method, fitted, features):
    X, y, groups = features
    change, message = REFUSED_INPUTS[kind]
    if method == "predict_proba":
        if kind == "no rows":
            assert fitted.predict_proba(X[:0]).shape == (0, 3)
            return
        with pytest.raises(ParameterError, match=message):
            fitted.predict_proba(change(X))
        return
    bad = change(X)
    with pytest.raises(ParameterError, match=message):
        build_net(still_config()).fit(bad, y[: len(bad)], groups=groups[: len(bad)])


@pytest.mark.parametrize("y", [None, "harmonic", np.array([0.5] * 30), np.array(["chord"] * 30)])
def test_targets_that_are_no_names_are_refused(y, features):
    with pytest.raises(LabelError, match="y must be"):
        build_net(still_config(training__valid_size=0.0)).fit(features[0], y)


def test_fit_and_predict_leave_the_process_as_it_was(features):
    X, y, groups = features
    states = lambda: (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())  # noqa: E731
    before = states(), torch.get_num_threads(), torch.is_grad_enabled(), list(warnings.filters)
    build_net(still_config()).fit(X, y, groups=groups).partial_fit(X, y, groups=groups).predict(X)
    assert (states(), torch.get_num_threads(), torch.is_grad_enabled(), list(warnings.filters)) == before


@pytest.mark.parametrize("given", [{"no_note": np.zeros(3, bool)}, {"repeats": np.ones(3, int)}, {"valid": np.ones(3)}])
@pytest.mark.parametrize("routing", [False, True])
def test_what_fit_is_given_is_checked_with_and_without_metadata_routing(given, routing, features):
    X, y, _ = features
    refused = pytest.raises(ValueError, match=f"`{next(iter(given))}` must be one")
    with sklearn.config_context(enable_metadata_routing=routing), refused:
        build_net(still_config(training__valid_size=0.0)).fit(X, y, **given)


def test_metadata_routing_reaches_the_split(features):

    X, y, groups = features
    plain = build_net(still_config()).fit(X, y, groups=groups)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = build_net(still_config()).fit(X, y, groups=groups)
        asking = build_net(still_config(net__max_epochs=1)).set_fit_request(groups=True)
        grid = GridSearchCV(asking, {"lr": [1e-3]}, cv=GroupKFold(3), error_score="raise")
        assert np.isfinite(grid.fit(X, y, groups=groups).best_score_)
    np.testing.assert_array_equal(routed.predict_proba(X), plain.predict_proba(X))
