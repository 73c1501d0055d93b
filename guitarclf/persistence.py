"""The run folder, the safe model bundle inside it, and loading a Pipeline back.

A bundle is ``config.yaml``, ``model.json`` (format, labels, input shape, versions, checksums),
``weights.safetensors``, and ``model.onnx`` for predictions without torch. Nothing in it is unpickled, so
loading one runs no code, and ``bundle_check`` checks it before memory is taken. ``pipeline.joblib`` is a
pickle, written for Python users beside it.
"""

import io
import json
import logging
import os
import platform
import shutil
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

import joblib
import safetensors.torch
import torch
from safetensors import SafetensorError
from sklearn.pipeline import Pipeline

import guitarclf
from guitarclf.atomic import UNFINISHED, whole_folder, write_bytes, write_text
from guitarclf.bundle import ONNX_FILE, PICKLES, bundle_folder
from guitarclf.bundle_check import read_description, read_file, require_tensors, seal, tensor_table
from guitarclf.config import Config
from guitarclf.config_io import load_config, write_config
from guitarclf.errors import RunError
from guitarclf.export.write import write_net
from guitarclf.labels import LABELS
from guitarclf.lock import LOCK_NAME
from guitarclf.pipeline import build_pipeline, without_cache
from guitarclf.training.device import is_available

logger = logging.getLogger(__name__)

CROSSVAL_LOG = "crossval.log"  # in the folder of a cross-validation, which has a config.yaml too
SAFETENSORS_NAMES = {torch.float32: "F32", torch.int64: "I64", torch.bool: "BOOL", torch.float64: "F64"}
PACKAGES = ("guitarclf", "torch", "skorch", "scikit-learn", "librosa", "numpy", "pandas", "soundfile", "soxr")


@dataclass(frozen=True)
class RunFolder:
    """Where each artefact of a run lies."""

    root: Path

    def __post_init__(self):
        object.__setattr__(self, "root", Path(self.root))

    config = property(lambda self: self.root / "config.yaml")
    splits = property(lambda self: self.root / "splits.csv")
    history = property(lambda self: self.root / "history.csv")
    log = property(lambda self: self.root / "run.log")
    environment = property(lambda self: self.root / "environment.json")
    checkpoints = property(lambda self: self.root / "checkpoints")
    best_model = property(lambda self: self.root / "best_model.pt")
    bundle = property(lambda self: self.root / "model")
    joblib = property(lambda self: self.root / "pipeline.joblib")
    figures = property(lambda self: self.root / "figures")
    tensorboard = property(lambda self: self.root / "tensorboard")
    state = property(lambda self: self.root / "resume.pt")
    bad_audio = property(lambda self: self.root / "bad_audio.csv")

    def metrics(self, name: str) -> Path:
        """Return the path of the scores of one split."""
        return self.root / f"metrics_{name}.json"

    @property
    def is_finished(self) -> bool:
        """Whether the run came to its end; its bundle is what it writes last."""
        return (self.bundle / "model.json").is_file()

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds a run, finished or not."""
        return self.config.is_file() and not (self.root / CROSSVAL_LOG).is_file()

    @property
    def is_underway(self) -> bool:
        """Whether an epoch is finished."""
        return self.best_model.is_file()

    def require_free(self, *, beside=(), resume=False, overwrite=False) -> "RunFolder":
        """Refuse a folder that holds anything but the names in ``beside``.

        A run that is there may be gone on with (``resume``) or replaced (``overwrite``).
        """
        if self.root.exists() and not self.root.is_dir():
            raise RunError(f"The output folder {self.root} must be no file. Choose another --output-dir.")
        if not self._holds_something(beside) or (self.is_begun and (resume or overwrite)):
            return self
        advice = "Choose another --output-dir, or remove it first."
        what = "It already holds something"
        if self.is_begun:
            what = f"It already holds a run, {'finished' if self.is_finished else 'unfinished'}"
            advice = "Go on with it with --resume, replace it with --overwrite, or choose another --output-dir."
        elif resume or overwrite:
            what = f"It holds something that is no run, which --{'resume' if resume else 'overwrite'} leaves alone"
        raise RunError(
            f"The output folder {self.root} must be new or empty, so that no run destroys another. {what}. {advice}"
        )

    def _holds_something(self, beside) -> bool:
        if not self.root.is_dir():
            return False
        names = {item.name for item in self.root.iterdir() if not item.name.endswith(UNFINISHED)}
        return bool(names - {*beside, LOCK_NAME})

    def remove_artefacts(self) -> None:
        """Remove what a run writes, its bundle first; what else lies in the folder stays."""
        named = (self.bundle, self.state, self.joblib, self.best_model, self.checkpoints, self.figures)
        named += (self.tensorboard, self.history, self.splits, self.environment, self.bad_audio, self.log)
        for item in (*named, *self.root.glob("metrics_*.json"), self.config):
            shutil.rmtree(item) if item.is_dir() else item.unlink(missing_ok=True)

    def create(self) -> "RunFolder":
        """Make the folder and the one for figures in it."""
        make_folder(self.figures)
        return self


def make_folder(path: Path) -> None:
    """Make a folder and its parents; RunError if that is not possible."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The output folder {path} must be writable. {error.strerror}.") from error


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages a model depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = guitarclf.__version__ if name == "guitarclf" else "not installed"
    return found


def write_json(content: dict, path: Path) -> None:
    """Write a dict as indented JSON."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def save_bundle(pipeline: Pipeline, config: Config, folder) -> None:
    """Write a fitted pipeline as a safe bundle; a bundle that is there is replaced."""
    net = pipeline.named_steps["net"]
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in net.module_.state_dict().items()}
    description = {"labels": list(LABELS), "input_shape": list(net.input_shape_), "versions": versions()}
    with whole_folder(folder) as unfinished:
        write_bytes(unfinished / "weights.safetensors", safetensors.torch.save(weights))
        write_config(config, unfinished / "config.yaml")
        if config.training.export_onnx:
            try:
                write_net(pipeline, unfinished / ONNX_FILE)
            except RunError as error:  # the model itself is fine
                logger.warning("%s `predict` will use torch.", error)
        seal(unfinished, description)


def load_pipeline(path, *, allow_pickle=False) -> Pipeline:
    """Return the fitted Pipeline of a run folder or a bundle, on whatever device this machine has.

    Parameters
    ----------
    path : str or Path
    allow_pickle : bool
        Whether ``path`` may be a ``pipeline.joblib``, which runs whatever code is in it.

    Raises
    ------
    RunError
        If the folder holds no bundle, or one that is incomplete, damaged or of a foreign format.
    """
    if Path(path).suffix.lower() in PICKLES:
        return _load_pickle(Path(path), allow_pickle)
    folder = bundle_folder(path)
    shape = tuple(read_description(folder)["input_shape"])
    config = load_bundle_config(folder)
    window, logmel = config.window, config.logmel
    n_frames = 1 + round(window.target_duration * window.sample_rate) // logmel.hop_length
    if shape != (1 + len(logmel.extra_channels), logmel.n_mels, n_frames):
        raise RunError(
            f"{folder / 'model.json'}: `input_shape` must be what config.yaml gives, "
            f"{[1 + len(logmel.extra_channels), logmel.n_mels, n_frames]}. Got {list(shape)}. Copy the bundle again."
        )
    pipeline = without_cache(build_pipeline(_for_this_machine(config)))
    net = pipeline.named_steps["net"]
    weights = load_weights(folder, expected=_expected_tensors(net, shape))
    net.initialize_for(shape).module_.load_state_dict(weights)
    return pipeline


def _load_pickle(path: Path, allowed: bool) -> Pipeline:
    if not allowed:
        raise RunError(
            f"A model must be a run folder or a bundle. {path} is a pickle, which runs code when it is loaded. "
            "Name its run folder, or, if you made the file yourself, add --allow-pickle."
        )
    try:
        pipeline = joblib.load(path)
    except Exception as error:  # whatever the code in it raises
        raise RunError(f"{path} must be a pipeline.joblib. {type(error).__name__}: {error}.") from error
    if not isinstance(pipeline, Pipeline):
        raise RunError(f"{path} must hold a Pipeline. It holds {type(pipeline).__name__}.")
    return pipeline


def _expected_tensors(net, input_shape) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Return name -> (dtype, shape) of the module that a net would build, without taking memory for it."""
    net.input_shape_ = input_shape
    try:
        with torch.device("meta"):
            module = net.module(**net.get_params_for("module"))
    finally:
        del net.input_shape_
    return {
        name: (SAFETENSORS_NAMES.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape))
        for name, tensor in module.state_dict().items()
    }


def load_weights(path, *, expected=None) -> dict:
    """Return the weights of a run's or bundle's model as name -> Tensor, on the CPU.

    ``expected``, name -> (dtype, shape), is compared with the file's header before memory is taken.
    """
    folder = bundle_folder(path)
    weights_path = folder / "weights.safetensors"
    content = read_file(folder, weights_path.name, read_description(folder))
    table = tensor_table(content, weights_path)
    if expected is not None:
        require_tensors(table, expected, weights_path)
    try:
        weights = safetensors.torch.load(content)
    except (SafetensorError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{weights_path} must hold weights. {reason}. Copy the bundle again.") from error
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise RunError(
                f"{weights_path} must hold finite weights. {name} has NaN or infinity. "
                "Copy the bundle again, or train the model again."
            )
    return weights


def _for_this_machine(config: Config) -> Config:
    """Return a config whose device exists here; a model trained on a GPU runs without one."""
    if is_available(config.net.device):
        return config
    logger.warning("The model was made for %s, which this machine lacks: using what it has.", config.net.device)
    return replace(config, net=replace(config.net, device="auto"))


def load_bundle_config(path) -> Config:
    """Return the Config stored with a run's or bundle's model."""
    folder = bundle_folder(path)
    read_file(folder, "config.yaml", read_description(folder))
    return load_config(folder / "config.yaml")


def discard(run: RunFolder, *, beside=()) -> None:
    """Remove what a run that failed has written, so that the corrected command finds its folder free."""
    for item in run.root.iterdir():
        if item.name not in (*beside, LOCK_NAME):
            shutil.rmtree(item) if item.is_dir() else item.unlink()
    if not any(run.root.iterdir()):
        run.root.rmdir()


def save_joblib(pipeline: Pipeline, path) -> None:
    """Write a fitted pipeline as a pickle for Python users; loading a pickle runs code."""
    pickled = io.BytesIO()
    joblib.dump(without_cache(pipeline), pickled)
    write_bytes(path, pickled.getvalue())


def describe_environment(seed: int, digest: dict[str, str]) -> dict:
    """Return versions, machine, seed and the digest of the data, for environment.json."""
    return {
        "versions": versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "torch_threads": torch.get_num_threads(),
            "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "seed": seed,
        "data": digest,
    }
