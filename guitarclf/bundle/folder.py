"""Bundle: a trained model on disk, found once, each of its files read once; without torch until weights are wanted.

A bundle is a folder with ``config.yaml``, ``model.json`` (format, labels, input shape, versions, checksums),
``weights.safetensors``, and ``model.onnx`` for predictions without torch. Nothing in it is unpickled, so
loading one runs no code, and the bytes that were checked are the bytes that are used.
"""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import guitarclf
from guitarclf.bundle.check import (
    DESCRIPTION,
    FORMAT_VERSION,
    TensorTable,
    parse_description,
    read_limited,
    require_checksum,
    require_tensors,
    tensor_table,
)
from guitarclf.config import Config, feature_shape
from guitarclf.config.files import parse_config
from guitarclf.errors import RunError
from guitarclf.files.whole import write_text
from guitarclf.onnx.check import check_onnx_bytes

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "config.yaml", "weights.safetensors"
BUNDLE_FILES = (CONFIG, DESCRIPTION, WEIGHTS)
ONNX_FILE = "model.onnx"  # beside them: the net from log-mel to probabilities; older bundles lack it
PRETRAINED = Path(guitarclf.__file__).parent / "pretrained"  # the model that ships; its name is "pretrained"
PICKLES = (".joblib", ".pkl", ".pickle")
MAX_BYTES = {DESCRIPTION: 2**20, CONFIG: 2**17}
MAX_OTHER_BYTES = 2**30


class Bundle:
    """A trained model on disk. Each file is read when it is first asked for, checked, and not read again.

    Attributes
    ----------
    path : Path
        The folder that the files lie in.
    name : str
        What the user called it.
    description : dict
        What ``model.json`` says.
    """

    def __init__(self, path: Path, name: str):
        self.path, self.name = path, name
        self.description = parse_description(
            read_limited(path / DESCRIPTION, MAX_BYTES[DESCRIPTION]), path / DESCRIPTION
        )
        self._contents: dict[str, bytes] = {}

    @classmethod
    def open(cls, path: str | Path = "pretrained") -> "Bundle":
        """Return the Bundle of a run folder, of a bundle's own folder, or the one that ships for "pretrained".

        Raises
        ------
        RunError
            If there is none, if its ``model.json`` is not of a model that is read here, or if ``path`` is a pickle.
        """
        if is_pickle(path):
            raise RunError(
                f"A model must be a run folder or a bundle. {path} is a pickle, which runs code when it is loaded. "
                "Name its run folder, or, if you made the file yourself, add --allow-pickle."
            )
        return cls(bundle_folder(path), str(path))

    @property
    def labels(self) -> list[str]:
        """The classes, in the order of the net's outputs."""
        return self.description["labels"]

    @cached_property
    def config(self) -> Config:
        """The Config that the model was trained with."""
        return parse_config(self.read(CONFIG), self.path / CONFIG)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, bands and frames of an event's features; RunError if they are not those of ``config``."""
        expected = feature_shape(self.config)
        if self.description["input_shape"] != list(expected):
            raise RunError(
                f"{self.path / DESCRIPTION}: `input_shape` must be what {CONFIG} gives, {list(expected)}. "
                f"Got {self.description['input_shape']}. Copy the bundle again."
            )
        return expected

    def weights(self, expected: TensorTable | None = None) -> "dict[str, torch.Tensor]":
        """Return the weights on the CPU, all of them finite; this loads torch.

        ``expected`` is compared with the file's header before memory is taken.
        """
        import safetensors.torch
        from safetensors import SafetensorError

        path, content = self.path / WEIGHTS, self.read(WEIGHTS)
        table = tensor_table(content, path)
        if expected is not None:
            require_tensors(table, expected, path)
        try:
            weights = safetensors.torch.load(content)
        except (SafetensorError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise RunError(f"{path} must hold weights. {reason}. Copy the bundle again.") from error
        for name, tensor in weights.items():
            if tensor.is_floating_point() and not tensor.isfinite().all():
                raise RunError(
                    f"{path} must hold finite weights. {name} has NaN or infinity. "
                    "Copy the bundle again, or train the model again."
                )
        return weights

    @property
    def has_onnx(self) -> bool:
        """Whether there is a model for ONNX Runtime."""
        return (self.path / ONNX_FILE).is_file()

    @property
    def how_to_add_onnx(self) -> str:
        """The sentence for a user whose bundle has no model for ONNX Runtime."""
        return f"`guitarclf export {self.name} --format bundle` adds it."

    def onnx(self) -> bytes:
        """Return the model for ONNX Runtime, a plain graph of known operators; RunError if there is none."""
        if not self.has_onnx:
            raise RunError(
                f"{self.path} must hold a {ONNX_FILE} for the onnx engine. There is none. {self.how_to_add_onnx}"
            )
        content = self.read(ONNX_FILE)
        check_onnx_bytes(content, self.path / ONNX_FILE)
        return content

    def read(self, name: str) -> bytes:
        """Return the bytes of a file of the bundle; RunError if they are not those of its checksum."""
        if name not in self._contents:
            content = read_limited(self.path / name, MAX_BYTES.get(name, MAX_OTHER_BYTES))
            require_checksum(content, self.path / name, self.description)
            self._contents[name] = content
        return self._contents[name]


def is_pickle(path: str | Path) -> bool:
    """Return whether a path names a ``pipeline.joblib``, which runs what code is in it when it is loaded."""
    return Path(path).suffix.lower() in PICKLES


def bundle_folder(path: str | Path) -> Path:
    """Return the folder with the bundle of a run, the bundle itself, or the one that ships for "pretrained".

    A file stands for the run it lies in.
    """
    folder = find_bundle(path)
    if folder is None:
        raise RunError(
            f"{path} must be a run folder or a model bundle. It holds no {DESCRIPTION}. "
            "Train one with `guitarclf train`, or check --model or --run-dir."
        )
    return folder


def find_bundle(path: str | Path) -> Path | None:
    """Return what :func:`bundle_folder` does, and None where there is no bundle."""
    shipped = (PRETRAINED,) if str(path) == PRETRAINED.name else ()
    beside = (Path(path).parent / "model",) if Path(path).is_file() else ()
    folders = (Path(path) / "model", Path(path), *beside, *shipped)
    return next((folder for folder in folders if (folder / DESCRIPTION).is_file()), None)


def model_files(path: str | Path) -> list[Path]:
    """Return the files that a model is: those of its bundle, or the pickle; texts for people (.md) are not."""
    return [Path(path)] if is_pickle(path) else parts_of(bundle_folder(path))


def parts_of(folder: Path) -> list[Path]:
    """Return the files of a bundle, by name, without hidden ones and texts for people (.md)."""
    files = (item for item in folder.iterdir() if item.is_file())
    return sorted(item for item in files if item.name[0] != "." and item.suffix != ".md")


def seal(folder: Path, description: dict[str, Any]) -> None:
    """Write a bundle's ``model.json`` with the checksums of all its other files, texts for people (.md) apart."""
    files = {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest()
        for item in parts_of(folder)
        if item.name != DESCRIPTION
    }
    sealed = {**description, "format_version": FORMAT_VERSION, "files": files}
    write_text(folder / DESCRIPTION, json.dumps(sealed, indent=2, ensure_ascii=False) + "\n")
