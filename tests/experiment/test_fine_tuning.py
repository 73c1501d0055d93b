"""What a training that starts from a model takes for granted, and what its table may lack."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from small import options_for, small_config

from guitarclf.bundle.folder import Bundle
from guitarclf.cli import main
from guitarclf.config import Config, get_value
from guitarclf.config.files import load_config, with_values, write_config
from guitarclf.experiment.fine_tuning import CLUTTER, OF_EACH_TRAINING, RECIPE, fine_tuning_defaults, own_keys
from guitarclf.experiment.train import train
from guitarclf.runs.folder import RunFolder

CAREFUL = {"net.priors": {"harmonic": 0.1, "dead_note": 0.2}, "net.unknown_share": 0.2, "net.module.note_head": True}
FEW_MODELLED = {"training.add_modelled": 10, "training.add_clutter": 4, "net.max_epochs": 2, "training.threads": 1}


@pytest.fixture(scope="module")
def careful(small_table, tmp_path_factory):
    """A run with priors, a head for note or not and a threshold of confidence."""
    config = small_config(
        data__metadata_path=str(small_table.path),
        data__audio_root=str(small_table.audio_root),
        output_dir=str(tmp_path_factory.mktemp("careful") / "run"),
    )
    return train(with_values(config, CAREFUL | {"net.broken_notes": 0.3}, source="test")).folder.root


def tune(model, table, audio_root, output_dir, *more, code=0, **said):
    """Run `train --init-from` on a table, and return what it printed and the config it wrote."""
    named = ["--metadata-path", table, "--audio-root", audio_root, "--output-dir", output_dir, "--init-from", model]
    options = [part for key, value in (FEW_MODELLED | said).items() for part in ("--set", f"{key}={json.dumps(value)}")]
    done = CliRunner().invoke(main, list(map(str, ["train", *named, *options, *more])))
    assert done.exit_code == code, done.output
    return done.output, load_config(output_dir / "config.yaml") if code == 0 else None


@pytest.fixture
def one_track(small_table, tmp_path):
    """Return `rows(change)`: the path of a table of one track, its rows changed by a function."""

    def rows(change=lambda rows: rows):
        frame = change(pd.read_csv(small_table.path, dtype=str).assign(track="take"))
        frame.to_csv(tmp_path / "corrected.csv", index=False)
        return tmp_path / "corrected.csv"

    return rows


def test_what_is_not_said_is_as_in_the_model_and_in_the_recipe():
    model, defaults = Bundle.open("pretrained").config, fine_tuning_defaults("pretrained")
    assert defaults["net.priors"] == model.net.priors == {"harmonic": 0.05, "dead_note": 0.23}
    config = load_config(overrides={"net.module.dropout": 0.3, "net.lr": 5e-4}, defaults=lambda raw: defaults)
    assert config.net.unknown_share == model.net.unknown_share
    assert config.window == model.window
    assert config.net.module == replace(model.net.module, dropout=0.3)  # said, though it is the default
    assert config.net.lr == 5e-4
    assert config.training.add_modelled == RECIPE["training.add_modelled"]
    assert config.net.batch_size == Config().net.batch_size != model.net.batch_size
    assert fine_tuning_defaults(None) == {}


def test_a_model_that_never_learnt_what_is_no_note_is_not_taught_clutter(small_bundle):
    assert not set(CLUTTER) & set(fine_tuning_defaults(str(small_bundle)))


def test_keys_of_each_training_and_of_the_recipe_are_not_the_models():
    assert not {*OF_EACH_TRAINING, *RECIPE, *CLUTTER} & set(own_keys())


def test_a_configuration_that_says_the_default_is_heard(tmp_path):
    (tmp_path / "c.yaml").write_text("net: {priors: null}\ntraining:\n")
    config = load_config(tmp_path / "c.yaml", defaults=lambda raw: fine_tuning_defaults("pretrained"))
    assert config.net.priors is None
    assert config.net.unknown_share == 0.05


def test_a_run_that_began_otherwise_goes_on_as_it_began(tmp_path):
    began = small_config(net__lr=3e-3, net__priors={"harmonic": 0.3}, training__init_from="pretrained")
    write_config(began, tmp_path / "config.yaml")
    defaults = fine_tuning_defaults("pretrained", RunFolder(tmp_path))
    assert defaults == {path: get_value(began, path) for path in defaults}
    assert {*RECIPE, *own_keys()} <= defaults.keys()
    assert fine_tuning_defaults("pretrained", RunFolder(tmp_path / "none")) == fine_tuning_defaults("pretrained")


def test_an_old_run_is_resumed_from_the_command_line_as_it_began(careful, small_table, tmp_path):
    began = {"training__init_from": str(careful), "net__max_epochs": 1}
    options = options_for(small_table, tmp_path / "run", **began)
    train(load_config(overrides=options[1::2]))  # as before there were other defaults
    for config_option in ([], ["--config", str(tmp_path / "run" / "config.yaml")]):
        done = CliRunner().invoke(main, ["train", "--output-dir", str(tmp_path / "run"), "--resume", *config_option])
        assert "is finished" in done.output, done.output
    done = CliRunner().invoke(main, ["train", "--init-from", str(careful), *options, "--resume"])
    assert "is finished" in done.output, done.output


def test_a_table_of_one_track_is_all_trained_on_and_keeps_the_models_care(careful, one_track, small_table, tmp_path):
    told, config = tune(careful, one_track(), small_table.audio_root, tmp_path / "tuned")
    assert "There is one track: all of it is for training" in told
    assert "as in that model, too: net.priors, net.broken_notes, net.unknown_share" in told
    shares = "harmonic 0.10, dead_note 0.20, general_note 0.70 (net.priors), not those of the table, 0.33, 0.33, 0.33"
    assert f"shares of the classes expected in use: {shares}" in told
    assert f"Next: guitarclf predict --model {tmp_path / 'tuned'} RECORDINGS" in told
    assert "not taken over" not in told
    assert set(pd.read_csv(tmp_path / "tuned" / "splits.csv")["split"]) == {"train"}
    assert config.net.priors == CAREFUL["net.priors"]
    weights, before = Bundle.open(tmp_path / "tuned").weights(), Bundle.open(careful).weights()
    assert before["unknown_below"] > 0
    torch.testing.assert_close(weights["unknown_below"], before["unknown_below"])  # nothing is there to fit another on


def test_few_tracks_are_all_trained_on_unless_it_is_said_otherwise(careful, one_track, small_table, tmp_path):
    path = one_track(lambda rows: rows.assign(track=["a", "b", "c"] * 10))
    told, _ = tune(careful, path, small_table.audio_root, tmp_path / "tuned")
    assert "There are 3 tracks: all of them are for training, as 5 must be there for any to be held out" in told
    told, _ = tune(careful, path, small_table.audio_root, tmp_path / "split", **{"training.fewest_tracks": 2})
    assert set(pd.read_csv(tmp_path / "split" / "splits.csv")["split"]) == {"train", "val", "test"}
    assert f"Next: guitarclf eval {tmp_path / 'split'} --split test" in told


@pytest.mark.parametrize("kept", [{"general_note": 9}, {"general_note": 9, "harmonic": 2}, {"dead_note": 1}], ids=str)
def test_a_table_may_lack_a_class_or_have_few_rows_of_it(careful, one_track, small_table, tmp_path, kept):
    path = one_track(lambda rows: pd.concat([rows[rows["label_category"] == name][:n] for name, n in kept.items()]))
    _, config = tune(careful, path, small_table.audio_root, tmp_path / "tuned")
    assert config.training.add_modelled == 10
    shares = Bundle.open(tmp_path / "tuned").weights()["calibrate.train_priors"]
    np.testing.assert_allclose(shares, [1 / 3] * 3, atol=1e-6)


def test_a_class_without_rows_is_still_called_where_no_modelled_note_has_it(careful, one_track, small_table, tmp_path):
    path = one_track(lambda rows: rows[rows["label_category"] != "harmonic"])
    tune(careful, path, small_table.audio_root, tmp_path / "tuned", **{"training.add_modelled": 0})
    shares = Bundle.open(tmp_path / "tuned").weights()["calibrate.train_priors"]
    torch.testing.assert_close(shares, Bundle.open(careful).weights()["calibrate.train_priors"])


def test_what_the_configuration_says_of_the_priors_is_taken(careful, small_table, tmp_path):
    (tmp_path / "c.yaml").write_text("net: {priors: null, unknown_share: 0}\n")
    told, config = tune(
        careful, small_table.path, small_table.audio_root, tmp_path / "t", "--config", str(tmp_path / "c.yaml")
    )
    assert config.net.priors is None
    assert "not taken over, but as this configuration says: net.priors, net.unknown_share. To keep: " in told
    assert "shares of the classes expected" not in told
    assert Bundle.open(tmp_path / "t").weights()["unknown_below"] == 0


def test_a_model_that_is_none_is_one_error(small_table, tmp_path):
    for value in ("nowhere", "5"):
        told, _ = tune(tmp_path / value, small_table.path, small_table.audio_root, tmp_path / "t", code=1)
        assert "Error: " in told
    named = ["--metadata-path", str(small_table.path), "--output-dir", str(tmp_path / "t")]
    done = CliRunner().invoke(main, ["train", *named, "--set", "training.init_from=5"])
    assert done.exit_code == 1
    assert "`training.init_from` must be" in done.output
