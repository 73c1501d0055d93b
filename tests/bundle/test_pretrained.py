"""The model that ships: small, safe, without paths of the machine it was made on, and right on guitars not heard."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import guitarclf
from guitarclf.bundle.folder import BUNDLE_FILES, ONNX_FILE, PRETRAINED, Bundle
from guitarclf.bundle.pipelines import load_pipeline, save_bundle
from guitarclf.cli import main
from guitarclf.config import Config
from guitarclf.config.files import load_config
from guitarclf.data.synth import render_notes, write_snippets
from guitarclf.evaluation.metrics import evaluate
from guitarclf.experiment.ship import ship
from guitarclf.pipeline import predict_by_label

ROOT = Path(guitarclf.__file__).parent.parent


@pytest.fixture(scope="module")
def shipped():
    return load_pipeline("pretrained")


def test_the_bundle_is_small_and_has_a_card():
    assert {path.name for path in PRETRAINED.iterdir()} == {*BUNDLE_FILES, ONNX_FILE, "MODEL_CARD.md"}
    assert sum(path.stat().st_size for path in PRETRAINED.iterdir()) < 12e6
    card = (PRETRAINED / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in ("Licence", "Philharmonia", "CC BY-SA", "bad at", "crossval"):
        assert part in card


def test_its_config_is_the_recipe_and_names_no_machine():
    config, recipe = Bundle.open("pretrained").config, load_config(ROOT / "configs" / "pretrained.yaml")
    assert config.data == Config().data
    assert (config.net, config.window, config.logmel, config.training) == (
        recipe.net,
        recipe.window,
        recipe.logmel,
        recipe.training,
    )


def test_it_is_right_on_modelled_guitars_it_has_not_heard(shipped):
    waveforms, events = render_notes(240, n_guitars=40, seed=31337)
    shipped[-1].set_params(priors=None)
    assert evaluate(events["label_category"], predict_by_label(shipped, waveforms)).macro_f1 > 0.85


def test_predict_needs_no_model(tmp_path):
    events = write_snippets(tmp_path, 6, n_guitars=1, seed=5)
    result = CliRunner().invoke(main, ["predict", str(tmp_path / events["audio_path"].iloc[0])])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("note_id,audio_path,onset_sec,label,p_harmonic")


def test_shipping_leaves_the_paths_of_the_machine_behind(shipped, tmp_path):
    config = load_config(
        ROOT / "configs" / "pretrained.yaml", {"data.audio_root": "/home/someone", "training.init_from": "/else"}
    )
    save_bundle(shipped, config, tmp_path / "run" / "model")
    target = ship(tmp_path / "run", tmp_path / "shipped")
    text = (target / "config.yaml").read_text()
    assert "/home/someone" not in text
    assert "/else" not in text
    assert load_pipeline(target)[-1].input_shape_ == shipped[-1].input_shape_
