"""Trained models that predict: a bundle on ONNX Runtime, which loads no torch, or a pipeline on torch.

Both have ``run(requests)`` for recordings and ``predict_proba(waveforms)`` for sound in memory.
"""

import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from guitarclf.audio.mel import log_mel_channels
from guitarclf.audio.offsets import needs_ends
from guitarclf.audio.windows import Request, WindowReader
from guitarclf.bundle.folder import ONNX_FILE, Bundle, find_bundle, is_pickle
from guitarclf.config import Config, DataConfig, OnsetConfig, to_dict
from guitarclf.errors import AudioReadError
from guitarclf.labels import LABELS
from guitarclf.onnx.session import open_session
from guitarclf.priors import complete_priors, highest_at_equal_shares, with_priors

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline
    from soundfile import SoundFile

    from guitarclf.audio.tape import Tape

logger = logging.getLogger(__name__)


class Answers(NamedTuple):
    """Probabilities under the training priors `[n_events, 3]`, confidence `[n_events]`, and row -> error.

    They are NaN where reading failed.
    """

    as_learnt: np.ndarray
    confidence: np.ndarray
    errors: dict[int, AudioReadError]


class Heard(NamedTuple):
    """Windows `[n_events, n_samples]`, the offsets in them in samples (None if not needed), and row -> error."""

    windows: np.ndarray
    ends: np.ndarray | None
    errors: dict[int, AudioReadError]


class Model:
    """The window that both engines hear, its features, and the shares of the classes.

    This class by itself has no net: it gives the windows and features of a Config.
    """

    reader: WindowReader
    settings: dict  # keywords of guitarclf.audio.mel.log_mel_channels
    data: DataConfig  # how the table that the model was trained on is read
    onsets: OnsetConfig  # what counts as an onset in a recording
    priors: dict[str, float] | None  # label -> share to expect; None: the shares of the loss
    train_priors_: np.ndarray  # the shares of the classes in the loss, in the order of LABELS
    unknown_below: float  # the confidence below which `predict` says unknown; 0: it always names a class
    n_threads = 1  # how many `run` may be called at once
    rows_at_once = 256  # requests that one `run` does best with

    def __init__(self, config: Config):
        self.reader = WindowReader(**to_dict(config.window))
        self.settings = to_dict(config.logmel) | {"sample_rate": config.window.sample_rate}
        self.data, self.onsets = config.data, config.onsets
        self.priors = config.net.priors

    @property
    def priors_(self) -> np.ndarray:
        """The shares that probabilities are under, in the order of LABELS."""
        return self.train_priors_ if self.priors is None else complete_priors(self.priors)

    def run(self, requests: Sequence[Request], recording: "SoundFile | Tape | None" = None) -> Answers:
        """Return the answers of the net to the recordings of requests; ``recording`` is as in :meth:`hear`."""
        return self.answers(self.hear(requests, recording))

    def answers(self, heard: Heard) -> Answers:
        """Return the answers of the net to what :meth:`hear` returned."""
        windows, ends, errors = heard
        as_learnt, confidence = np.full((len(windows), len(LABELS)), np.nan), np.full(len(windows), np.nan)
        readable = [row for row in range(len(windows)) if row not in errors]
        if readable:
            ends = None if ends is None else ends[readable]
            as_learnt[readable], confidence[readable] = self.answer(self.features(windows[readable], ends))
        return Answers(as_learnt, confidence, errors)

    def hear(self, requests: Sequence[Request], recording: "SoundFile | Tape | None" = None) -> Heard:
        """Return what requests are answered by.

        ``recording`` is the open one that all requests are of; by default each is opened by its path.
        """
        reader = self.reader
        windows, errors = reader.read(requests) if recording is None else reader.read_in(recording, requests)
        return Heard(windows, reader.ends(requests, errors, recording) if needs_ends(self.settings) else None, errors)

    def features(self, windows: np.ndarray, ends: np.ndarray | None = None) -> np.ndarray:
        """`[n_events, n_samples]` -> `[n_events, C, F, T]`; ``ends`` as :meth:`hear` returns them."""
        return log_mel_channels(windows, ends=ends, **self.settings)

    def under_priors(self, as_learnt: np.ndarray) -> np.ndarray:
        """Return probabilities under ``priors_`` instead of the training priors."""
        return as_learnt if self.priors is None else with_priors(as_learnt, self.train_priors_, self.priors_)

    def predict_proba(self, waveforms: Sequence[np.ndarray]) -> np.ndarray:
        """Return probabilities of shape (n_events, 3), in the order of LABELS.

        Parameters
        ----------
        waveforms : sequence of float arrays
            One note each, at the model's rate (``reader.sample_rate``) and of 10 ms or more: of shape (n_samples,), or
            of several channels, which are the shorter axis.

        Raises
        ------
        ParameterError
            If one is no such array, silent, or not finite.
        """
        windows = self.reader.hear(waveforms)
        return self.under_priors(self.answer(self.features(windows))[0])

    def answer(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`[n_events, C, F, T]` -> `[n_events, 3]` under the training priors, and the confidence `[n_events]`.

        Confidence is :func:`guitarclf.priors.confidence_of` under the shares that the model was made with.
        """
        raise NotImplementedError


class OnnxModel(Model):
    """A bundle's ``model.onnx`` fed with the numpy log-mel.

    Parameters
    ----------
    path : str, Path or Bundle
        A run folder, a bundle, or "pretrained".

    Raises
    ------
    RunError
        If there is no bundle, or no ``model.onnx`` in it.
    """

    rows_at_once = 16

    def __init__(self, path: str | Path | Bundle = "pretrained"):
        bundle = path if isinstance(path, Bundle) else Bundle.open(path)
        model = bundle.onnx()
        super().__init__(bundle.config)
        # Threads each take some recordings from disk to probabilities; none waits for another.
        self.n_threads = min(bundle.config.data.num_workers, os.cpu_count() or 1)
        self.model, self.name = model, str(bundle.path / ONNX_FILE)
        self.session = open_session(model, self.name)
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.train_priors_ = np.array(json.loads(metadata["train_priors"]))
        self.unknown_below = float(metadata.get("unknown_below", 0))  # bundles before format 3 have none

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "session"}  # which cannot be copied

    def __setstate__(self, state: dict) -> None:
        self.__dict__ |= state | {"session": open_session(state["model"], state["name"])}

    def answer(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if not len(features):
            return np.zeros((0, len(LABELS))), np.zeros(0)  # on no rows ONNX Runtime ends the process
        as_learnt, *confidence = (value.astype(np.float64) for value in self.session.run(None, {"log_mel": features}))
        # Bundles before format 3 have one output.
        return as_learnt, confidence[0] if confidence else highest_at_equal_shares(as_learnt, self.train_priors_)


class TorchModel(Model):
    """A fitted pipeline, with its own window and features.

    Parameters
    ----------
    pipeline : Pipeline
    config : Config, optional
        How tables are read, and what counts as an onset. Default: with our names of columns and labels.
    """

    threads = 0  # of torch; 0: as many as it has

    def __init__(self, pipeline: "Pipeline", config: Config | None = None):
        from guitarclf.features.logmel import require_equal_rates

        self.pipeline = pipeline
        self.reader = pipeline["window"].reader
        self.settings = pipeline["logmel"].settings
        require_equal_rates(self.reader.sample_rate, self.settings["sample_rate"])
        config = Config() if config is None else config
        self.data, self.onsets = config.data, config.onsets
        self.priors = pipeline["net"].priors
        self.train_priors_ = pipeline["net"].train_priors_
        self.unknown_below = pipeline["net"].unknown_below

    def __getstate__(self) -> dict:
        from torch import get_num_threads

        # The last digits of the answers to few notes depend on it: a copy in another process computes in as many.
        return vars(self) | {"threads": self.threads or get_num_threads()}

    def answer(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from guitarclf.training.device import torch_threads

        with torch_threads(self.threads):
            return self.pipeline["net"].answer(features)


def load_model(
    path: str | Path = "pretrained", engine: str | None = None, *, allow_pickle: bool = False
) -> OnnxModel | TorchModel:
    """Return the model of a run folder or bundle.

    Parameters
    ----------
    path : str or Path
    engine : {"onnx", "torch"} or None
        None is onnx where the bundle has a ``model.onnx``, else torch, with a warning that says so.
    allow_pickle : bool
        Whether ``path`` may be a ``pipeline.joblib``, which runs whatever code is in it, on torch. The bundle beside
        it, if there is one, tells how tables are read.
    """
    if allow_pickle and is_pickle(path):
        from guitarclf.bundle.pipelines import unpickle

        pipeline, beside = unpickle(path), find_bundle(path)
        return TorchModel(pipeline, None if beside is None else Bundle.open(beside).config)
    bundle = Bundle.open(path)
    if engine is None and not bundle.has_onnx:
        logger.warning(
            "%s has no %s: using torch, which is slower to start. %s", bundle.path, ONNX_FILE, bundle.how_to_add_onnx
        )
        engine = "torch"
    if engine == "torch":
        from guitarclf.bundle.pipelines import pipeline_of

        return TorchModel(pipeline_of(bundle), bundle.config)
    return OnnxModel(bundle)
