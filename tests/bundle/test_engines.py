"""The two engines: the same answers, and torch only where ONNX Runtime cannot."""

import copy
import hashlib
import io
import json
import logging
import pickle
import shutil
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from click.testing import CliRunner
from make import tone
from payload import Payload
from small import small_config

from guitarclf.audio.windows import Request
from guitarclf.bundle.engines import OnnxModel, TorchModel, load_model
from guitarclf.bundle.folder import Bundle, seal
from guitarclf.bundle.pipelines import load_pipeline, save_bundle, save_joblib
from guitarclf.cli import main
from guitarclf.config.files import with_values
from guitarclf.errors import ParameterError, RunError
from guitarclf.experiment.ship import ship
from guitarclf.pipeline import build_pipeline
from guitarclf.priors import highest_at_equal_shares
from guitarclf.training.device import torch_threads

ATOL = 1e-4
PRIORS = {"harmonic": 0.02, "dead_note": 0.3}


@pytest.fixture
def old_bundle(small_bundle, tmp_path):
    """A bundle from before there was a model.onnx."""
    folder = shutil.copytree(small_bundle, tmp_path / "old")
    (folder / "model.onnx").unlink()
    return folder


def require_sealed(folder):
    """Assert that the checksums are those of what a program reads, and of nothing else."""
    description = Bundle.open(folder).description
    digests = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("config.yaml", "model.onnx", "weights.safetensors")
    }
    assert description["format_version"] == 3
    assert description["files"] == digests


def call(*arguments, code=0):
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("priors", [None, PRIORS])
def test_both_engines_answer_alike(small_bundle, small_table, priors):
    requests = [Request(path, 0.0, True) for path in small_table.events["audio_path"]]
    onnx, on_torch = OnnxModel(small_bundle), load_model(small_bundle, "torch")
    onnx.priors = on_torch.priors = priors
    ours, theirs = onnx.run(requests), on_torch.run(requests)
    np.testing.assert_allclose(ours.as_learnt, theirs.as_learnt, rtol=0, atol=ATOL)
    under_priors = [model.under_priors(answers.as_learnt) for model, answers in ((onnx, ours), (on_torch, theirs))]
    np.testing.assert_allclose(*under_priors, rtol=0, atol=ATOL)
    np.testing.assert_allclose(ours.confidence, theirs.confidence, rtol=0, atol=ATOL)
    at_equal_shares = highest_at_equal_shares(ours.as_learnt, onnx.train_priors_)
    np.testing.assert_allclose(ours.confidence, at_equal_shares, rtol=0, atol=ATOL)


@pytest.fixture
def doubting_bundle(small_pipeline, small_table, tmp_path):
    """A bundle with a fresh head for note or not, that is not believed below the median confidence of a table."""
    config = small_config(net__module__note_head=True)
    torch.manual_seed(0)
    pipeline = build_pipeline(config)
    net = pipeline["net"].initialize_for(small_pipeline["net"].input_shape_)
    net.module_.load_state_dict(net.module_.state_dict() | small_pipeline["net"].module_.state_dict())
    requests = [Request(path, 0.0, True) for path in small_table.events["audio_path"]]
    net.module_.unknown_below.fill_(float(np.median(TorchModel(pipeline).run(requests).confidence)))
    save_bundle(pipeline, config, tmp_path / "doubting")
    return tmp_path / "doubting"


def test_a_head_for_note_or_not_and_a_threshold_are_in_every_form_of_a_model(
    doubting_bundle, small_bundle, small_table
):
    requests = [Request(path, 0.0, True) for path in small_table.events["audio_path"]]
    onnx, on_torch = OnnxModel(doubting_bundle), load_model(doubting_bundle, "torch")
    plain = OnnxModel(small_bundle).run(requests)
    threshold = float(np.median(on_torch.run(requests).confidence))
    for model in (onnx, on_torch, pickle.loads(pickle.dumps(onnx))):
        answers = model.run(requests)
        np.testing.assert_allclose(answers.as_learnt, plain.as_learnt, rtol=0, atol=ATOL)
        np.testing.assert_allclose(answers.confidence, on_torch.run(requests).confidence, rtol=0, atol=ATOL)
        assert (answers.confidence < plain.as_learnt.max(axis=1) ** 0.25).all()
        assert model.unknown_below == pytest.approx(threshold)


def test_below_the_models_own_threshold_the_label_is_unknown_until_it_is_turned_off(doubting_bundle, small_table):
    paths = small_table.events["audio_path"].tolist()
    threshold = load_model(doubting_bundle).unknown_below
    own = call("predict", "--model", doubting_bundle, *paths)
    table = pd.read_csv(io.StringIO(own.stdout))
    is_unknown = table["label"] == "unknown"
    assert is_unknown.equals(table["confidence"] < threshold)
    assert is_unknown.sum() == 15
    told = f"{is_unknown.sum()} of 30 rows are `unknown`: their confidence is below the model's own threshold, "
    assert f"{told}{threshold:.3f}. --min-confidence 0 names a class for each." in own.stderr
    off = call("predict", "--model", doubting_bundle, *paths, "--min-confidence", "0")
    assert "unknown" not in off.stdout + off.stderr
    higher = call("predict", "--model", doubting_bundle, *paths, "--min-confidence", "0.99")
    assert set(pd.read_csv(io.StringIO(higher.stdout))["label"]) == {"unknown"}
    assert "--min-confidence 0" not in higher.stderr


def test_inspect_tells_the_confidence_and_the_threshold(doubting_bundle, small_bundle, small_table, tmp_path):
    asked = ("inspect", small_table.events["audio_path"].iloc[0], "--output", tmp_path / "note.png", "--model")
    told = call(*asked, doubting_bundle).stdout
    assert "\nconfidence    0." in told
    assert f"\nunknown below {load_model(doubting_bundle).unknown_below:.4f}\n" in told
    assert "unknown below" not in call(*asked, small_bundle).stdout


def test_a_model_with_one_output_answers_as_it_did(small_table):
    requests = [Request(path, 0.0, True) for path in small_table.events["audio_path"]]
    of_before = Path(__file__).parents[1] / "fixtures" / "v0_1_0" / "run"
    model = OnnxModel(of_before)
    assert [output.name for output in model.session.get_outputs()] == ["probabilities"]
    answers = model.run(requests)
    expected = highest_at_equal_shares(answers.as_learnt, model.train_priors_)
    np.testing.assert_array_equal(answers.confidence, expected)
    torch = load_model(of_before, "torch")
    np.testing.assert_allclose(torch.run(requests).confidence, expected, rtol=0, atol=ATOL)
    assert model.unknown_below == torch.unknown_below == 0


def test_the_onnx_engine_is_the_pipeline(small_bundle, small_table):
    pipeline = load_pipeline(small_bundle)
    pipeline["net"].set_params(priors=PRIORS)
    expected = pipeline["net"].predict_proba_by_label(pipeline[:-1].transform(small_table.events))
    model = OnnxModel(small_bundle)
    model.priors = PRIORS
    windows = np.asarray(pipeline["window"].transform(small_table.events))
    np.testing.assert_allclose(model.predict_proba(windows), expected, rtol=0, atol=ATOL)


def test_a_copy_of_a_torch_model_computes_in_the_threads_of_the_process_that_it_comes_from(small_pipeline):
    """The last digits of the answers to a few notes depend on their number."""
    with torch_threads(3):
        copied = pickle.loads(pickle.dumps(TorchModel(small_pipeline)))
    before = torch.get_num_threads()
    for model in (copied, pickle.loads(pickle.dumps(copied))):
        model.pipeline = {"net": SimpleNamespace(answer=lambda features: torch.get_num_threads())}
        assert model.answer(None) == 3
    assert torch.get_num_threads() == before


def test_priors_in_the_bundles_config_count(small_bundle, tmp_path):
    folder = shutil.copytree(small_bundle, tmp_path / "model")
    text = (folder / "config.yaml").read_text().replace("priors: null", "priors: {harmonic: 0.02}")
    (folder / "config.yaml").write_text(text)
    seal(folder, Bundle.open(folder).description)
    assert OnnxModel(folder).priors_ == pytest.approx([0.02, 0.49, 0.49])


def test_unreadable_files_keep_their_row(small_bundle, small_table, tmp_path):
    good = small_table.events["audio_path"].iloc[0]
    for engine in ("onnx", "torch"):
        answers = load_model(small_bundle, engine).run(
            [Request(str(tmp_path / "gone.wav"), 0.0, True), Request(good, 0.0, True)]
        )
        assert np.isnan(answers.as_learnt[0]).all()
        assert list(answers.errors) == [0]
        assert answers.as_learnt[1].sum() == pytest.approx(1)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_predict_prints_the_same_by_either_engine(small_bundle, small_table, tmp_path, form):
    paths = [*small_table.events["audio_path"][:20], tmp_path / "gone.wav"]
    options = ("--model", small_bundle, "--format", form, "--min-confidence", "0.5", "--priors", "harmonic=0.2")
    texts = [call("predict", *options, "--engine", engine, *paths, code=1).stdout for engine in ("onnx", "torch")]
    if form == "csv":
        ours, theirs = (pd.read_csv(io.StringIO(text)) for text in texts)
    else:
        ours, theirs = (pd.DataFrame(json.loads(text)) for text in texts)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=0, atol=ATOL)
    assert list(ours)[-2:] == ["confidence", "error"]
    assert np.isnan(ours["p_harmonic"].iloc[-1])
    assert "confidence" in call("predict", "--model", small_bundle, "--format", form, *paths, code=1).stdout


def test_predict_of_a_table_is_the_same_by_either_engine(small_bundle, small_table):
    data = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root)
    texts = [call("predict", "--model", small_bundle, *data, "--engine", name).stdout for name in ("onnx", "torch")]
    ours, theirs = (pd.read_csv(io.StringIO(text)) for text in texts)
    pd.testing.assert_frame_equal(ours, theirs, check_exact=False, rtol=0, atol=ATOL)
    assert ours["audio_path"].iloc[0] == "note000.wav"


def test_an_old_bundle_falls_back_to_torch_and_says_so(old_bundle, small_table, caplog):
    with caplog.at_level(logging.WARNING, logger="guitarclf"):
        logging.getLogger("guitarclf").propagate = True
        assert isinstance(load_model(old_bundle), TorchModel)
    assert "has no model.onnx: using torch, which is slower to start" in caplog.text
    result = call("predict", "--model", old_bundle, small_table.events["audio_path"].iloc[0])
    assert f"`guitarclf export {old_bundle} --format bundle` adds it" in result.stderr


def test_an_old_bundle_on_onnx_is_an_error_that_says_what_to_do(old_bundle, small_table):
    path = small_table.events["audio_path"].iloc[0]
    result = call("predict", "--model", old_bundle, "--engine", "onnx", path, code=1)
    assert "must hold a model.onnx for the onnx engine" in result.stderr
    call("export", old_bundle, "--format", "bundle")
    require_sealed(old_bundle)
    call("predict", "--model", old_bundle, "--engine", "onnx", path)


def test_a_damaged_model_is_named(old_bundle):
    (old_bundle / "model.onnx").write_bytes(b"\x08\x07garbage")
    with pytest.raises(RunError, match=r"model\.onnx must be as it was written: its SHA-256 must be"):
        OnnxModel(old_bundle)
    seal(old_bundle, Bundle.open(old_bundle).description)
    with pytest.raises(RunError, match=r"model\.onnx must be an ONNX file\. It is no protocol buffer"):
        OnnxModel(old_bundle)


def test_a_waveform_that_is_none_is_refused(small_bundle):
    with pytest.raises(ParameterError, match="Waveform 1 must hold finite samples"):
        OnnxModel(small_bundle).predict_proba([np.ones(300), np.full(300, np.nan)])


def test_a_shipped_model_has_its_onnx(old_bundle, tmp_path):
    target = ship(old_bundle, tmp_path / "shipped")
    names = {"config.yaml", "model.json", "model.onnx", "weights.safetensors"}
    assert {path.name for path in target.iterdir()} == names
    require_sealed(target)


def test_a_model_is_shipped_over_one_without_checksums_and_its_card_stays_free(old_bundle, tmp_path):
    target = shutil.copytree(
        Path(__file__).parent.parent / "fixtures" / "bundles" / "v1" / "model", tmp_path / "shipped"
    )
    (target / "README.md").write_text("the card")
    ship(old_bundle, target)
    (target / "README.md").write_text("the card, as it is written by hand after that")
    require_sealed(target)
    assert isinstance(load_model(target), OnnxModel)


def test_a_pickle_is_loaded_only_when_asked_for(tmp_path, bundle, marker, write_wav):
    note = write_wav(tone(), sample_rate=8000)
    path = tmp_path / "pipeline.joblib"
    joblib.dump(Payload(marker), path)
    refused = call("predict", "--model", path, note, code=1)
    assert f"{path} is a pickle, which runs code when it is loaded" in refused.stderr
    call("inspect", note, "--model", path, "--output", tmp_path / "note.png", code=1)
    call("eval", "--run-dir", path, code=1)
    assert not marker.exists()
    joblib.dump(load_pipeline(bundle), path)
    answer = call("predict", "--model", path, "--allow-pickle", note, code=0)
    assert answer.stdout == call("predict", "--model", bundle, note, code=0).stdout
    joblib.dump({"no": "pipeline"}, path)
    assert "It holds dict" in call("predict", "--model", path, "--allow-pickle", note, code=1).stderr


@pytest.fixture
def lonely_pickle(small_bundle, tmp_path):
    """A pipeline.joblib with no bundle beside it."""
    path = tmp_path / "lonely" / "p.joblib"
    path.parent.mkdir()
    save_joblib(load_pipeline(small_bundle), path)
    return path


def test_a_pickle_that_lies_alone_predicts_a_table(lonely_pickle, small_bundle, small_table):
    data = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root)
    answer = call("predict", "--model", lonely_pickle, "--allow-pickle", *data).stdout
    assert answer == call("predict", "--model", small_bundle, "--engine", "torch", *data).stdout


def test_a_pickle_that_lies_alone_is_inspected(lonely_pickle, small_bundle, small_table, tmp_path):
    output = ("--output", tmp_path / "note.png")
    data = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root, "--note-id", "n004")
    for event in ([small_table.events["audio_path"].iloc[0]], data):
        answer = call("inspect", *event, *output, "--model", lonely_pickle, "--allow-pickle").stdout
        assert answer == call("inspect", *event, *output, "--model", small_bundle).stdout


def test_what_is_inspected_is_what_the_pickle_hears_and_not_the_bundle_beside_it(bundle, small_bundle, small_table):
    path = bundle.parent / "pipeline.joblib"
    save_joblib(load_pipeline(small_bundle), path)
    model = load_model(path, allow_pickle=True)
    assert (model.reader.sample_rate, model.settings["n_mels"]) == (22050, 32)
    assert Bundle.open(bundle).config.window.sample_rate == 8000


def test_the_bundle_beside_a_pickle_tells_how_tables_are_read(small_pipeline, small_bundle, tmp_path):
    config = Bundle.open(small_bundle).config
    mapped = with_values(config, {"data.columns": {"note_id": "name"}}, source="test")
    save_bundle(small_pipeline, mapped, tmp_path / "model")
    save_joblib(small_pipeline, tmp_path / "pipeline.joblib")
    assert load_model(tmp_path / "pipeline.joblib", allow_pickle=True).data.columns == {"note_id": "name"}


@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copied_model_answers_the_same(copy_of):
    model, waveforms = OnnxModel(), [np.random.default_rng(0).standard_normal(22050).astype(np.float32)]
    np.testing.assert_array_equal(copy_of(model).predict_proba(waveforms), model.predict_proba(waveforms))
