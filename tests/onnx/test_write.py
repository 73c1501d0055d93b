"""ONNX: the net and the whole way from waveform to probabilities answer as torch does."""

import copy
import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from small import small_config

from guitarclf.cli import main
from guitarclf.errors import RunError
from guitarclf.labels import LABELS
from guitarclf.onnx import write
from guitarclf.onnx.net import add_net
from guitarclf.onnx.write import write_net, write_sound_to_probabilities
from guitarclf.pipeline import build_pipeline

ATOL = 1e-4
RATE = 22050
MASKED = {"logmel__extra_channels": ["rms", "sounding"], "net__module__mask_after_offset": True}


def fresh_pipeline(**overrides):
    """Return a pipeline with random weights, statistics and temperature."""
    config = small_config(**overrides)
    pipeline = build_pipeline(config)
    torch.manual_seed(0)
    n_frames = 1 + round(config.window.target_duration * config.window.sample_rate) // config.logmel.hop_length
    net = pipeline["net"].initialize_for((1 + len(config.logmel.extra_channels), config.logmel.n_mels, n_frames))
    generator = torch.Generator().manual_seed(0)
    net.module_.calibrate.temperature.fill_(1.7)
    shape = net.module_.standardize.mean.shape[1:3]
    level = torch.randn(shape, generator=generator) - 30
    net.module_.standardize.set_from(level, 10 + torch.rand(shape, generator=generator))
    for layer in net.module_.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(generator=generator)
            layer.running_var.uniform_(0.5, 2, generator=generator)
    return pipeline


@pytest.mark.parametrize(
    "shape",
    [
        {"net__module__pooling": "attention"},
        {"net__module__pooling": "mean", "net__module__rnn_bidirectional": False},
        {"net__module__pooling": "final", "net__module__rnn_num_layers": 2},
        {"net__module__pooling": "final", "net__module__rnn_bidirectional": False},
        {"net__module__kernel_size": 5, "net__module__pools": [[2, 3], [5, 1]]},
        {"logmel__extra_channels": ["rms", "delta"]},
        {"logmel__extra_channels": ["sounding"], "net__module__mask_after_offset": True},
        MASKED | {"net__module__pooling": "mean"},
        MASKED | {"net__module__pooling": "final"},
        MASKED | {"net__module__pooling": "final", "net__module__rnn_bidirectional": False},
        {"net__module__note_head": True},
        MASKED | {"net__module__note_head": True},
    ],
    ids=str,
)
def test_the_net_answers_as_torch_does(shape, tmp_path, rng):
    pipeline = fresh_pipeline(**shape)
    net = pipeline["net"]
    write_net(pipeline, tmp_path / "net.onnx")
    features = rng.normal(-30, 12, (5, *net.input_shape_)).astype(np.float32)
    if net.module_.mask_after_offset:
        features[:, -1] = np.arange(87) < np.array([0, 20, 40, 60, 87])[:, None, None]
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
    answers, confidence = session.run(None, {"log_mel": features})
    np.testing.assert_allclose(answers, net.predict_proba_as_learnt(features), rtol=0, atol=ATOL)
    np.testing.assert_allclose(confidence, net.predict_confidence(features), rtol=0, atol=ATOL)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    assert np.ptp(answers) > 0.01


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"window__normalize": "rms", "logmel__hop_length": 300},
        {"window__normalize": "none", "window__target_duration": 0.4, "logmel__top_db": 60},
        {"logmel__n_fft": 512, "logmel__fmin": 80, "logmel__fmax": 8000, "window__sample_rate": 16000},
        {"logmel__extra_channels": ["delta", "rms"]},
        {"logmel__extra_channels": ["sounding", "rms"]},
        MASKED,
        {"logmel__compression": "log1p", "net__module__gain_db": 0, "net__module__eq_db": 0},
        {"net__priors": {"harmonic": 0.03, "dead_note": 0.1}},
    ],
    ids=str,
)
def test_a_waveform_is_answered_as_by_the_pipeline(settings, tmp_path, rng, make_partials, click):
    pipeline = fresh_pipeline(**settings)
    write_sound_to_probabilities(pipeline, tmp_path / "whole.onnx")
    n_samples = pipeline["window"].reader.n_samples
    noise = rng.standard_normal(RATE).astype(np.float32)
    notes = np.stack([make_partials(110), 1e-3 * click, noise, 0.3 + click]).astype(np.float32)[:, :n_samples]
    session = onnxruntime.InferenceSession(tmp_path / "whole.onnx")
    expected = pipeline["net"].predict_proba_by_label(pipeline[:-1].transform(notes))
    np.testing.assert_allclose(session.run(None, {"waveform": notes})[0], expected, rtol=0, atol=ATOL)
    alone = [session.run(None, {"waveform": note[None]})[0][0] for note in notes]
    np.testing.assert_allclose(alone, expected, rtol=0, atol=ATOL)


def test_a_trained_pipeline_is_exported_on_real_input(small_pipeline, small_table, tmp_path):
    write_sound_to_probabilities(small_pipeline, tmp_path / "whole.onnx")
    notes = np.asarray(small_pipeline["window"].transform(small_table.events))
    session = onnxruntime.InferenceSession(tmp_path / "whole.onnx")
    expected = small_pipeline["net"].predict_proba_by_label(small_pipeline[:-1].transform(small_table.events))
    np.testing.assert_allclose(session.run(None, {"waveform": notes})[0], expected, rtol=0, atol=ATOL)


@pytest.mark.parametrize("note_head", [False, True])
def test_confidence_is_the_second_output_of_both_files(small_table, tmp_path, note_head):
    pipeline = fresh_pipeline(net__priors={"harmonic": 0.01}, net__module__note_head=note_head)
    net = pipeline["net"]
    net.module_.calibrate.train_priors.copy_(torch.tensor([0.2, 0.7, 0.1]))
    net.module_.unknown_below.fill_(0.375)
    write_net(pipeline, tmp_path / "net.onnx")
    write_sound_to_probabilities(pipeline, tmp_path / "whole.onnx")
    windows = np.asarray(pipeline["window"].transform(small_table.events))
    features = pipeline["logmel"].transform(windows)
    for name, given in (("net.onnx", {"log_mel": features}), ("whole.onnx", {"waveform": windows})):
        session = onnxruntime.InferenceSession(tmp_path / name)
        assert [output.name for output in session.get_outputs()] == ["probabilities", "confidence"]
        assert [output.shape for output in session.get_outputs()] == [["batch", 3], ["batch"]]
        _, confidence = session.run(None, given)
        np.testing.assert_allclose(confidence, net.predict_confidence(features), rtol=0, atol=ATOL)
        assert (confidence < net.predict_proba_by_label(features).max(axis=1) ** 0.25).all() or not note_head
        none = session.run(None, {key: value[:0] for key, value in given.items()})
        assert [value.shape for value in none] == [(0, 3), (0,)]
        assert json.loads(session.get_modelmeta().custom_metadata_map["unknown_below"]) == 0.375


def test_the_files_are_valid_onnx_with_a_free_batch(tmp_path):
    pipeline = fresh_pipeline()
    write_net(pipeline, tmp_path / "net.onnx")
    write_sound_to_probabilities(pipeline, tmp_path / "whole.onnx")
    for name, shape in (("net.onnx", ["batch", 1, 32, 87]), ("whole.onnx", ["batch", RATE])):
        model = onnx.load(tmp_path / name)
        onnx.checker.check_model(model, full_check=True)
        sizes = model.graph.input[0].type.tensor_type.shape.dim
        assert [size.dim_param or size.dim_value for size in sizes] == shape


def test_the_metadata_says_how_to_feed_it(tmp_path):
    write_sound_to_probabilities(fresh_pipeline(net__priors={"harmonic": 0.2}), tmp_path / "whole.onnx")
    metadata = onnxruntime.InferenceSession(tmp_path / "whole.onnx").get_modelmeta().custom_metadata_map
    values = {name: json.loads(text) for name, text in metadata.items() if name != "kind"}
    assert metadata["kind"] == "waveform to probabilities"
    assert values["labels"] == list(LABELS)
    assert (values["sample_rate"], values["duration"], values["n_samples"]) == (RATE, 1.0, RATE)
    assert values["priors"] == pytest.approx([0.2, 0.4, 0.4])
    assert values["logmel"]["n_mels"] == 32


@pytest.mark.parametrize("which", [0, 1])
def test_a_model_that_answers_otherwise_is_not_written(tmp_path, monkeypatch, which):
    (tmp_path / "net.onnx").write_text("the last one")

    def halved(graph, *rest):
        values = add_net(graph, *rest)
        return [
            graph.node("Mul", value, np.float32(0.5)) if place == which else value for place, value in enumerate(values)
        ]

    monkeypatch.setattr(write, "add_net", halved)
    with pytest.raises(RunError, match=r"must answer as torch does, to 0\.0001\. It differs by"):
        write_net(fresh_pipeline(net__module__note_head=True), tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_text() == "the last one"


def test_a_layer_that_the_exporter_does_not_know_is_named(tmp_path):
    pipeline = copy.deepcopy(fresh_pipeline())
    pipeline["net"].module_.head.append(torch.nn.Softplus())
    with pytest.raises(RunError, match=r"made of layers that the exporter knows\. Got Softplus"):
        write_net(pipeline, tmp_path / "net.onnx")


def test_the_command_writes_one_file(small_bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["export", str(small_bundle), "--format", "onnx", "--output", "mine.onnx"])
    assert done.exit_code == 0, done.output
    assert "float32 [batch, 22050], mono, 22050 Hz" in done.output
    assert (tmp_path / "mine.onnx").exists()
    wrong = CliRunner().invoke(main, ["export", str(small_bundle), "--output", "mine.bin"])
    assert wrong.exit_code == 1
    assert "--output must end in .onnx" in wrong.output
