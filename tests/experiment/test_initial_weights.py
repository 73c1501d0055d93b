"""Training that starts from a trained model."""

import shlex
import shutil

import joblib
import pytest
import torch
from small import config_for, small_config

from guitarclf.bundle.folder import Bundle, seal
from guitarclf.bundle.pipelines import save_bundle
from guitarclf.config import get_value
from guitarclf.config.files import _parse_overrides, load_config, with_values
from guitarclf.errors import ConfigError, RunError
from guitarclf.experiment.initial_weights import suggest_initial_weights, with_model_sections
from guitarclf.experiment.train import train


def test_training_starts_from_a_model_with_its_features_and_net(run, small_table, tmp_path):
    default = load_config(overrides={"data.metadata_path": str(small_table.path), "net.max_epochs": 1})
    changes = {
        "data.audio_root": str(small_table.audio_root),
        "output_dir": str(tmp_path / "tuned"),
        "training.init_from": str(run.folder.root),
        "net.lr": 1e-9,
        "net.module": {},
    }
    tuned = train(with_values(default, changes, source="test"))
    assert load_config(tuned.folder.config).logmel.n_mels == 32
    ours, theirs = tuned.pipeline[-1].module_, run.pipeline[-1].module_
    assert torch.equal(ours.standardize.mean, theirs.standardize.mean)
    torch.testing.assert_close(ours.head[-1].weight, theirs.head[-1].weight, atol=1e-6, rtol=0)
    assert "start_from" not in dict(tuned.pipeline[-1].callbacks)


@pytest.mark.parametrize(("freeze_epochs", "same"), [(2, True), (1, False)])
def test_a_frozen_encoder_keeps_its_weights_and_the_head_learns(run, small_table, tmp_path, freeze_epochs, same):
    config = config_for(
        small_table,
        tmp_path / "tuned",
        net__max_epochs=2,
        training__patience=0,
        training__init_from=str(run.folder.root),
        training__freeze_epochs=freeze_epochs,
    )
    tuned = train(config)
    last = torch.load(tuned.folder.checkpoints / "epoch_2.pt", weights_only=True)["weights"]
    before = run.pipeline[-1].module_.state_dict()
    encoder = [name for name in last if name.startswith(("blocks.", "rnn.")) and "num_batches" not in name]
    assert all(torch.equal(last[name], before[name]) for name in encoder) is same
    assert not torch.equal(last["head.1.weight"], before["head.1.weight"])


def test_another_net_than_the_models_is_refused(run, small_table, tmp_path):
    config = config_for(
        small_table, tmp_path / "tuned", training__init_from=str(run.folder.root), net__module__rnn_hidden_size=24
    )
    with pytest.raises(ConfigError, match=r"`net\.module\.rnn_hidden_size` must be as in the model.* 16. Got 24"):
        train(config)


def test_a_frozen_encoder_is_free_again_in_the_saved_pipeline(run, small_table, tmp_path):
    config = config_for(small_table, tmp_path / "t", training__init_from=str(run.folder.root), net__max_epochs=1)
    tuned = train(with_values(config, {"training.freeze_epochs": 5}, source="test"))
    module = joblib.load(tuned.folder.joblib)[-1].module_
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert {layer.momentum for layer in module.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {0.1}


def test_a_model_whose_weights_do_not_fit_is_refused_in_one_line(run, small_table, tmp_path):
    copied = tmp_path / "model"
    shutil.copytree(run.folder.bundle, copied)
    text = (copied / "config.yaml").read_text()
    (copied / "config.yaml").write_text(text.replace("rnn_hidden_size: 16", "rnn_hidden_size: 24"))
    seal(copied, Bundle.open(copied).description)
    config = config_for(small_table, tmp_path / "t", training__init_from=str(copied))
    with pytest.raises(RunError, match=r"must hold the weights that config\.yaml describes"):
        train(config)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize(
    "had",
    [
        {},
        {"net__optimizer__weight_decay": 3e-3, "net__module__dropout": 0.1},
        {"net__priors": {"harmonic": 0.07, "dead_note": 0.07}, "net__module__swap_start": 0.4},
        {"net__class_weight": [1.0, 2.0, 0.5], "net__criterion__label_smoothing": 0.1},
    ],
    ids=str,
)
def test_what_is_not_taken_from_the_model_is_told_as_the_options_that_keep_it(
    had, small_pipeline, small_table, tmp_path, caplog
):
    caplog.set_level("INFO", logger="guitarclf")
    model = small_config(**{"net__max_epochs": 7, "net__lr": 3e-3} | had)  # these are of each training
    save_bundle(small_pipeline, model, tmp_path / "model")
    config = config_for(small_table, tmp_path / "tuned", training__init_from=str(tmp_path / "model"))
    with_model_sections(config)
    told = [record.getMessage() for record in caplog.records if "not taken over" in record.getMessage()]
    assert len(told) == bool(had)
    if had:
        options = shlex.split(told[0].partition("To keep: ")[2])[1::2]
        assert {option.partition("=")[0] for option in options} == {name.replace("__", ".") for name in had}
        caplog.clear()
        kept = with_model_sections(with_values(config, dict(_parse_overrides(options)), source="test"))
        assert "not taken over" not in caplog.text
        assert all(get_value(kept, name.replace("__", ".")) == value for name, value in had.items())


@pytest.mark.parametrize(
    ("n_events", "changes", "is_told"),
    [
        (10, {}, True),
        (299, {}, True),
        (300, {}, False),
        (10, {"training__init_from": "pretrained"}, False),
        (10, {"training__add_modelled": 100}, False),
    ],
)
def test_a_small_table_is_pointed_to_the_model_that_ships(n_events, changes, is_told, caplog):
    caplog.set_level("INFO", logger="guitarclf")
    suggest_initial_weights(small_config(**changes), n_events)
    assert ("--init-from pretrained" in caplog.text) == is_told


def test_a_model_is_given_a_head_for_note_or_not_that_is_fresh(run, small_table, tmp_path, caplog):
    caplog.set_level("INFO", logger="guitarclf")
    start = {"training__init_from": str(run.folder.root), "net__max_epochs": 1, "net__lr": 1e-9}
    config = config_for(small_table, tmp_path / "headed", **start, net__module__note_head=True)
    headed = train(config).pipeline[-1].module_
    told = [record.getMessage() for record in caplog.records if "note or not" in record.getMessage()]
    assert told == [f"its head for note or not is fresh: {run.folder.root} has none"]
    assert not any("net.module.note_head" in record.getMessage() for record in caplog.records)
    torch.testing.assert_close(headed.head[-1].weight, run.pipeline[-1].module_.head[-1].weight, atol=1e-6, rtol=0)
    start |= {"training__init_from": str(tmp_path / "headed")}
    tuned = train(config_for(small_table, tmp_path / "tuned", **start))
    assert tuned.pipeline[-1].has_note_head  # it is part of the net's shape
    ours, theirs = tuned.pipeline[-1].module_.note_head, headed.note_head
    torch.testing.assert_close(ours.layers[-1].weight, theirs.layers[-1].weight, atol=1e-6, rtol=0)
