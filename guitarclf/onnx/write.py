"""Fitted pipelines as ONNX files, whose answers in ONNX Runtime are compared with torch's before they are kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

import guitarclf
from guitarclf.errors import RunError
from guitarclf.files.whole import write_bytes
from guitarclf.labels import LABELS
from guitarclf.onnx.check import check_onnx_bytes
from guitarclf.onnx.graph import Graph
from guitarclf.onnx.net import add_net
from guitarclf.onnx.session import open_session
from guitarclf.onnx.sound import add_sound
from guitarclf.parameters.rules import plain
from guitarclf.priors import CLASS_POWER, UNSEEN

TOLERANCE = 1e-4  # of a probability
N_COMPARED = 16  # random inputs
MODEL_VERSION = 2  # of the inputs, outputs and metadata of the files; without one ONNX Runtime says 2 ** 63 - 1
NO_LICENSE = "NOASSERTION"  # SPDX's word where nobody has said one


def write_net(pipeline: Pipeline, path: str | Path, *, license: str = NO_LICENSE) -> None:
    """Write the bundle's ``model.onnx``: `[batch, C, F, T]` log-mel -> probabilities and confidence.

    The probabilities `[batch, 3]` are under the shares of the net's loss, in the order of LABELS; the confidence
    `[batch]` is that of ``net.predict_confidence``. ``license`` is that of the weights, by its SPDX name; it stands in
    the metadata.

    Raises
    ------
    RunError
        If ONNX Runtime and torch differ by more than TOLERANCE; nothing is then written.
    """
    net, graph = pipeline["net"], Graph("log-mel to probabilities")
    value = graph.input("log_mel", (None, *net.input_shape_))
    value, n_rows = _with_a_row(graph, value, 4)
    proba, is_note = add_net(graph, net.module_, value, net.input_shape_[2])
    _add_outputs(graph, proba, _add_confidence(graph, net, proba, is_note), n_rows)
    standardize, rng = net.module_.standardize, np.random.default_rng(0)
    spread = rng.standard_normal((N_COMPARED, *net.input_shape_)).astype(np.float32)
    features = spread * standardize.scale.cpu().numpy() + standardize.mean.cpu().numpy()
    model = _to_bytes(graph, pipeline, "log-mel to probabilities as learnt", license)
    _keep_if_equal(model, path, features, net.answer(features))


def write_sound_to_probabilities(pipeline: Pipeline, path: str | Path, *, license: str = NO_LICENSE) -> None:
    """Write a fitted pipeline as one file, `[batch, n_samples]` waveform -> probabilities and confidence.

    The waveform is mono and of any level, at the rate and of the length in the file's metadata. The probabilities
    `[batch, 3]` are under ``net.priors`` if they are set, in the order of LABELS; the confidence `[batch]`, and
    ``license``, are as in :func:`write_net`.

    Raises
    ------
    RunError
        As :func:`write_net`.
    """
    net, reader, graph = pipeline["net"], pipeline["window"].reader, Graph("waveform to probabilities")
    value, n_rows = _with_a_row(graph, graph.input("waveform", (None, reader.n_samples)), 2)
    features = add_sound(graph, value, reader.n_samples, reader.normalize, pipeline["logmel"].settings)
    proba, is_note = add_net(graph, net.module_, features, net.input_shape_[2])
    _add_outputs(graph, _add_priors(graph, net, proba), _add_confidence(graph, net, proba, is_note), n_rows)
    waveforms = _example_notes(reader.n_samples, reader.sample_rate)
    as_learnt, confidence = net.answer(pipeline[:-1].transform(waveforms))
    model = _to_bytes(graph, pipeline, "waveform to probabilities", license)
    _keep_if_equal(model, path, waveforms, (net.under_priors(as_learnt), confidence))


def _with_a_row(graph: Graph, value: str, n_axes: int) -> tuple[str, str]:
    """Return a batch, of one row of zeros if it has none (on which ONNX Runtime aborts), and the number of its rows."""
    n_rows = graph.node("Gather", graph.node("Shape", value), [0], axis=0)
    missing = graph.node("Max", graph.node("Sub", [1], n_rows), [0])
    return graph.node("Pad", value, graph.node("Concat", [0] * n_axes, missing, [0] * (n_axes - 1), axis=0)), n_rows


def _add_outputs(graph: Graph, proba: str, confidence: str, n_rows: str) -> None:
    """Make the first rows of both the outputs of a graph."""
    proba, confidence = (graph.node("Slice", value, [0], n_rows, [0]) for value in (proba, confidence))
    graph.output(proba, "probabilities", (None, len(LABELS)))
    graph.output(confidence, "confidence", (None,))


def _add_confidence(graph: Graph, net: Any, proba: str, is_note: str | None) -> str:
    """Add guitarclf.priors.confidence_of: `[B]`."""
    after = np.full(len(LABELS), 1 / len(LABELS)) if is_note is None else net.priors_
    highest = graph.node("ReduceMax", _add_shares(graph, proba, net.train_priors_, after), axes=[1], keepdims=0)
    if is_note is None:
        return highest
    return graph.node("Mul", graph.node("Pow", highest, np.float32(CLASS_POWER)), is_note)


def _add_priors(graph: Graph, net: Any, proba: str) -> str:
    """Add the priors of a net, if it has some."""
    return proba if net.priors is None else _add_shares(graph, proba, net.train_priors_, net.priors_)


def _add_shares(graph: Graph, proba: str, before: np.ndarray, after: np.ndarray) -> str:
    """Add guitarclf.priors.with_priors."""
    changed = graph.node("Mul", proba, np.where(before > UNSEEN, after / before, 0.0))
    return graph.node("Div", changed, graph.node("ReduceSum", changed, [1], keepdims=1))


def _to_bytes(graph: Graph, pipeline: Pipeline, kind: str, license: str) -> bytes:
    """Return the bytes of a graph, with what a program must know to feed it and to read its answers as JSON texts."""
    net, reader = pipeline["net"], pipeline["window"].reader
    values = {
        "labels": list(LABELS),
        "sample_rate": reader.sample_rate,
        "duration": reader.target_duration,
        "n_samples": reader.n_samples,
        "window": reader.shaping(),
        "logmel": plain(pipeline["logmel"].settings),
        "train_priors": net.train_priors_.tolist(),
        "priors": net.priors_.tolist(),
        "unknown_below": net.unknown_below,
        "guitarclf_version": guitarclf.__version__,
        "license": license,
    }
    metadata = {"kind": kind} | {name: json.dumps(value) for name, value in values.items()}
    return graph.to_bytes(metadata, producer_version=guitarclf.__version__, model_version=MODEL_VERSION)


def _example_notes(n_samples: int, sample_rate: int) -> np.ndarray:
    """Return notes of decaying partials and noise, `[N_COMPARED, n_samples]` float32.

    Their levels are up to 80 dB apart; digital silence follows some.
    """
    rng, time = np.random.default_rng(0), np.arange(n_samples) / sample_rate
    notes = np.empty((N_COMPARED, n_samples), dtype=np.float32)
    for row in range(N_COMPARED):
        frequencies = rng.uniform(60, sample_rate / 5) * np.arange(1, 6)
        partials = np.sin(2 * np.pi * frequencies[:, None] * time) / np.arange(1, 6)[:, None]
        sound = partials.sum(axis=0) + rng.uniform(0, 0.5) * rng.standard_normal(n_samples)
        notes[row] = 10.0 ** rng.uniform(-4, 0) * np.exp(-time / rng.uniform(0.02, 1)) * sound
        if row % 4 == 0:
            notes[row, n_samples // (row // 4 + 2) :] = 0
    return notes


def _keep_if_equal(model: bytes, path: str | Path, inputs: np.ndarray, expected: tuple[np.ndarray, np.ndarray]) -> None:
    """Write a model; RunError, and nothing is written, if its answers to ``inputs`` are not the ``expected`` ones."""
    session = open_session(model)
    (name,) = (value.name for value in session.get_inputs())
    # None, alone and together: the batch must be free.
    parts = [session.run(None, {name: part}) for part in (inputs[:0], inputs[:1], inputs[1:])]
    answers = (np.concatenate(outputs) for outputs in zip(*parts, strict=True))
    difference = max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(answers, expected, strict=True))
    if not difference <= TOLERANCE:
        raise RunError(
            f"The ONNX model must answer as torch does, to {TOLERANCE:g}. It differs by {difference:.2g}, and {path} "
            "was not written. If the net has a new part, teach it to guitarclf/onnx/net.py."
        )
    check_onnx_bytes(model, path)  # what is written here must be what is read here
    write_bytes(path, model)
