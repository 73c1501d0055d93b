"""What the classes and the configuration say of a parameter is the same: its default, its rule."""

import dataclasses
import inspect

import numpy as np
import pytest
from sklearn.pipeline import Pipeline
from small import small_config

from guitarclf.audio.mel import log_mel
from guitarclf.audio.windows import WindowReader
from guitarclf.config import Config, leaves, to_dict
from guitarclf.errors import ParameterError
from guitarclf.features.logmel import LogMelSpectrogram
from guitarclf.features.window import EventWindow
from guitarclf.models.augment import Augment
from guitarclf.models.crnn import CRNN
from guitarclf.models.loss import NoteLoss
from guitarclf.parameters.rules import plain
from guitarclf.parameters.sections import LogMelParameters, ModuleParameters
from guitarclf.pipeline import build_pipeline
from guitarclf.training.callbacks import watching_callbacks
from guitarclf.training.net import NoteEventClassifier

# What a class alone does not do unless it is asked to: start threads, write a cache.
ASKED_FOR = {"window__num_workers": 1, "logmel__cache": None}


def defaults_of(*callables) -> dict:
    """Return the keyword arguments of some classes or functions that have a default, by name."""
    found = [item for function in callables for item in inspect.signature(function).parameters.values()]
    return {item.name: plain(item.default) for item in found if item.default is not item.empty}


@pytest.mark.parametrize(
    ("section", "classes"),
    [
        ("window", [EventWindow]),
        ("window", [WindowReader]),
        ("logmel", [LogMelSpectrogram]),
        ("net.module", [CRNN, Augment]),
        ("net.criterion", [NoteLoss]),
        ("net", [NoteEventClassifier]),
        ("training", [watching_callbacks, NoteEventClassifier]),
    ],
)
def test_every_default_is_that_of_its_class(section, classes):
    defaults = defaults_of(*classes)
    below = [(path.removeprefix(f"{section}."), path) for path, _ in leaves() if path.startswith(f"{section}.")]
    compared = {name: path for name, path in below if "." not in name and (section != "training" or name in defaults)}
    assert len(compared) > 2
    for name, path in compared.items():
        leaf = dict(leaves())[path]
        default = leaf.default if leaf.default_factory is dataclasses.MISSING else leaf.default_factory()
        assert defaults[name] == default, path


def test_the_other_defaults_are_those_of_the_config():
    config = Config()
    net = defaults_of(NoteEventClassifier)
    assert NoteEventClassifier().get_params()["optimizer__weight_decay"] == config.net.optimizer.weight_decay
    assert net["random_state"] == config.seed
    assert defaults_of(LogMelSpectrogram)["cache_gb"] == config.data.cache_gb
    assert defaults_of(LogMelSpectrogram)["sample_rate"] == config.window.sample_rate
    assert defaults_of(watching_callbacks)["max_epochs"] == config.net.max_epochs
    assert defaults_of(log_mel) == {
        "sample_rate": config.window.sample_rate,
        **{name: value for name, value in to_dict(config.logmel).items() if name != "extra_channels"},
    }


def made_by_hand() -> Pipeline:
    return Pipeline([("window", EventWindow()), ("logmel", LogMelSpectrogram()), ("net", NoteEventClassifier())])


def test_a_pipeline_made_by_hand_has_the_parameters_of_the_default_config():
    by_hand, built = made_by_hand().get_params(), build_pipeline(Config()).get_params()
    compared = {name for name in by_hand if "__" in name and not name.startswith(("net__callbacks", "net___"))}
    assert len(compared) > 40
    assert {name: by_hand[name] for name in compared if plain(by_hand[name]) != built[name]} == ASKED_FOR


def test_a_net_made_by_hand_is_the_net_of_the_default_config():
    rng = np.random.default_rng(0)
    X = (10 * rng.standard_normal((30, 1, 64, 87)) - 40).astype(np.float32)
    y, valid = np.array(["harmonic", "dead_note", "general_note"] * 10), np.arange(30) >= 18
    nets = [pipeline["net"].set_params(max_epochs=2) for pipeline in (made_by_hand(), build_pipeline(Config()))]
    weights = [net.fit(X, y, valid=valid).module_.state_dict() for net in nets]
    assert weights[0].keys() == weights[1].keys()
    for name, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][name], err_msg=name)
    assert weights[0]["calibrate.temperature"] != 1
    by_hand, built = ([(name, type(callback)) for name, callback in net.callbacks_] for net in nets)
    assert by_hand == built
    for name, callback in nets[0].callbacks_:
        if name != "epoch_timer":
            ours, theirs = callback.get_params(), dict(nets[1].callbacks_)[name].get_params()
            assert ours == theirs, name


def test_a_named_callback_takes_the_place_of_the_default_one():
    ours = dict(watching_callbacks(patience=3))["early_stopping"]
    net = NoteEventClassifier(callbacks=[("early_stopping", ours)]).initialize_for((1, 64, 87))
    names = [name for name, _ in net.callbacks_]
    assert len(set(names)) == len(names)
    assert {"best_epoch", "temperature", "lr_scheduler", "weight_average"} < set(names)
    assert dict(net.callbacks_)["early_stopping"].patience == 3


def test_a_default_callback_can_be_set_by_name():
    net = NoteEventClassifier(callbacks__early_stopping__patience=4)
    assert net.get_params()["callbacks__early_stopping__patience"] == 4
    net.initialize_for((1, 64, 87)).set_params(callbacks__early_stopping__patience=5)
    assert net.get_params()["callbacks__early_stopping__patience"] == 5
    assert dict(net.callbacks_)["early_stopping"].patience == 5
    assert NoteEventClassifier(callbacks="disable").initialize_for((1, 64, 87)).callbacks_ == []


def test_what_numpy_and_tuples_give_is_as_good_as_what_a_file_gives():
    values = {"conv_channels": (np.int64(8),), "pools": np.array([[2, 2]]), "dropout": np.float32(0)}
    section = ModuleParameters.of(values)
    assert (section.conv_channels, section.pools, section.dropout) == ([8], [[2, 2]], 0)
    window = EventWindow(sample_rate=np.int64(8000), target_duration=np.float64(0.5))
    assert window.transform(np.ones((1, 8000), dtype=np.float32) * np.arange(8000, dtype=np.float32)).shape == (1, 4000)


def test_a_parameter_that_is_not_there_is_refused_with_the_nearest_name():
    with pytest.raises(ParameterError, match=r"Got `hop_lenght`\. Did you mean `hop_length`\?"):
        LogMelParameters.of({"hop_lenght": 2})
    with pytest.raises(ParameterError, match=r"Got `xyzzy`\. They are n_fft, hop_length"):
        LogMelParameters.of({"xyzzy": 2})


def test_a_misspelt_parameter_of_the_module_is_refused_when_the_net_is_built():
    net = build_pipeline(small_config())["net"].set_params(module__rnn_hiden_size=8)
    with pytest.raises(ParameterError, match=r"Got `rnn_hiden_size`\. Did you mean `rnn_hidden_size`\?"):
        net.initialize_for((1, 32, 87))
