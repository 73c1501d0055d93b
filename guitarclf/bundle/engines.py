"""Trained models that answer: a bundle on ONNX Runtime, which loads no torch, or on torch.

Both have ``run(requests)`` for recordings and ``predict_proba(waveforms)`` for sound in memory.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import needs_ends
from guitarclf.audio.windows import Request, WindowReader, checked_waveforms
from guitarclf.bundle.check import read_description, read_file
from guitarclf.bundle.folder import ONNX_FILE, PICKLES, bundle_folder
from guitarclf.config import to_dict
from guitarclf.config.files import load_config
from guitarclf.errors import AudioReadError, RunError
from guitarclf.labels import LABELS
from guitarclf.onnx.check import check_onnx_bytes
from guitarclf.onnx.session import open_session
from guitarclf.priors import complete_priors, with_priors

logger = logging.getLogger(__name__)

ENGINES = ("onnx", "torch")
EQUAL = np.full(len(LABELS), 1 / len(LABELS))


class Answers(NamedTuple):
    """Probabilities of requests as the net learnt, `[n_events, 3]`, NaN where reading failed; and row -> error."""

    as_learnt: np.ndarray
    errors: dict[int, AudioReadError]


class Model:
    """What both engines share: the shares of the classes.

    Attributes
    ----------
    reader : WindowReader
    settings : dict
        Keywords of :func:`guitarclf.audio.mel.log_mel_channels`.
    train_priors_, priors_ : ndarray of shape (3,)
        The shares of the classes in the loss, and those that probabilities are under, in the order of LABELS.
    n_threads : int
        How many ``run`` may be called at once.
    rows_at_once : int
        Requests that one ``run`` does best with.
    """

    reader: WindowReader
    settings: dict
    train_priors_: np.ndarray
    priors: dict[str, float] | None
    n_threads = 1
    rows_at_once = 256

    @property
    def priors_(self) -> np.ndarray:
        """The shares that probabilities are under."""
        return self.train_priors_ if self.priors is None else complete_priors(self.priors)

    def run(self, requests: Sequence[Request]) -> Answers:
        """Return what the net says of the recordings of requests."""
        windows, errors = self.reader.read(requests)
        ends = self.reader.ends(requests, errors) if needs_ends(self.settings) else None
        as_learnt = np.full((len(requests), len(LABELS)), np.nan)
        readable = [row for row in range(len(requests)) if row not in errors]
        if readable:
            ends = None if ends is None else ends[readable]
            as_learnt[readable] = self.predict_proba_as_learnt(windows[readable], ends)
        return Answers(as_learnt, errors)

    def under_priors(self, as_learnt: np.ndarray) -> np.ndarray:
        """Return probabilities under the shares expected."""
        return as_learnt if self.priors is None else with_priors(as_learnt, self.train_priors_, self.priors_)

    def confidence(self, as_learnt: np.ndarray) -> np.ndarray:
        """Return the highest probability of each event if all classes were equally common, shape (n_events,)."""
        return with_priors(as_learnt, self.train_priors_, EQUAL).max(axis=1)

    def predict_proba(self, waveforms) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), in the order of LABELS.

        Parameters
        ----------
        waveforms : sequence of 1-D float arrays
            Mono, at the model's rate (``reader.sample_rate``), each of any length above 0.
        """
        windows = self.reader.cut(checked_waveforms(waveforms))
        return self.under_priors(self.predict_proba_as_learnt(windows))

    def predict_proba_as_learnt(self, windows: np.ndarray, ends: np.ndarray | None = None) -> np.ndarray:
        """`[n_events, n_samples]` -> `[n_events, 3]` under the shares of the loss.

        ``ends`` are the offsets in samples, for a net that hears them; None: the notes have none.
        """
        return self.answer(log_mel_channels(windows, ends=ends, **self.settings))

    def answer(self, features: np.ndarray) -> np.ndarray:
        """`[n_events, C, F, T]` -> `[n_events, 3]` under the shares of the loss."""
        raise NotImplementedError


class OnnxModel(Model):
    """A bundle's ``model.onnx`` fed with the numpy log-mel.

    Parameters
    ----------
    path : str or Path
        A run folder, a bundle, or "pretrained".

    Raises
    ------
    RunError
        If there is no bundle, or no ``model.onnx`` in it.
    """

    rows_at_once = 16

    def __init__(self, path="pretrained"):
        folder = bundle_folder(path)
        description = read_description(folder)
        if not has_onnx(path):
            raise RunError(f"{folder} must hold a {ONNX_FILE} for the onnx engine. There is none. {_how_to_add(path)}")
        read_file(folder, "config.yaml", description)
        config = load_config(folder / "config.yaml")
        # Threads each take some recordings from disk to probabilities; none waits for another.
        reader = WindowReader(**to_dict(config.window), num_workers=config.data.num_workers)
        self.n_threads = reader.n_threads
        self.reader = WindowReader(**to_dict(config.window))
        self.settings = to_dict(config.logmel) | {"sample_rate": config.window.sample_rate}
        self.priors = config.net.priors
        model = read_file(folder, ONNX_FILE, description)
        check_onnx_bytes(model, folder / ONNX_FILE)
        self.session = open_session(model, folder / ONNX_FILE)
        self.train_priors_ = np.array(json.loads(self.session.get_modelmeta().custom_metadata_map["train_priors"]))

    def answer(self, features: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"log_mel": features})[0].astype(np.float64)


class TorchModel(Model):
    """A fitted pipeline."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.reader = pipeline["window"].reader
        self.settings = pipeline["logmel"].settings
        self.priors = pipeline["net"].priors

    @property
    def train_priors_(self) -> np.ndarray:
        return self.pipeline["net"].train_priors_

    def answer(self, features: np.ndarray) -> np.ndarray:
        return self.pipeline["net"].predict_proba_as_learnt(features)


def load_model(path="pretrained", engine: str | None = None, *, allow_pickle=False) -> Model:
    """Return the model of a run folder or bundle.

    Parameters
    ----------
    path : str or Path
    engine : {"onnx", "torch"} or None
        None is onnx where the bundle has a ``model.onnx``, else torch, with a warning that says so.
    allow_pickle : bool
        Whether ``path`` may be a ``pipeline.joblib``, which runs whatever code is in it.
    """
    if Path(path).suffix.lower() in PICKLES:
        engine = "torch"
    if engine is None and not has_onnx(path):
        logger.warning(
            "%s has no %s: using torch, which is slower to start. %s", bundle_folder(path), ONNX_FILE, _how_to_add(path)
        )
        engine = "torch"
    if engine == "torch":
        from guitarclf.bundle.pipelines import load_pipeline

        return TorchModel(load_pipeline(path, allow_pickle=allow_pickle))
    return OnnxModel(path)


def has_onnx(path) -> bool:
    """Return whether the bundle of a run holds a model for ONNX Runtime."""
    return (bundle_folder(path) / ONNX_FILE).is_file()


def _how_to_add(path) -> str:
    return f"`guitarclf export {path} --format bundle` adds it."
