"""Bundle: a trained model on disk, each of its files read and checked once; only its weights need torch.

A bundle is a folder with ``config.yaml``, ``model.json`` (format, labels, input shape, versions, checksums),
``weights.safetensors``, and ``model.onnx`` for predictions without torch. Nothing in it is unpickled, so
loading one runs no code, and the bytes that were checked are the bytes that are used.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import guitarclf
from guitarclf.bundle.check import (
    DESCRIPTION,
    FORMAT_VERSION,
    parse_description,
    parse_weights,
    read_limited,
    require_checksum,
    require_tensors,
)
from guitarclf.config import Config, feature_shape
from guitarclf.config.files import MAX_BYTES as MAX_CONFIG_BYTES
from guitarclf.config.files import parse_config
from guitarclf.errors import RunError
from guitarclf.onnx.check import check_onnx_bytes
from guitarclf.runs.folder import write_json

if TYPE_CHECKING:
    import torch

CONFIG, WEIGHTS = "config.yaml", "weights.safetensors"
BUNDLE_FILES = (CONFIG, DESCRIPTION, WEIGHTS)
ONNX_FILE = "model.onnx"  # beside them: the net from log-mel to probabilities; older bundles lack it
PRETRAINED = Path(guitarclf.__file__).parent / "pretrained"  # the model that ships; its name is "pretrained"
PRETRAINED_LICENSE = "CC-BY-SA-3.0"  # of its weights, and of those trained on from them; MODEL_CARD.md
PICKLES = (".joblib", ".pkl", ".pickle")
MAX_BYTES = {DESCRIPTION: 2**20, CONFIG: MAX_CONFIG_BYTES, WEIGHTS: 2**30, ONNX_FILE: 2**30}


class Bundle:
    """A trained model on disk. Each file is read when it is first asked for, checked, and not read again."""

    def __init__(self, path: Path, name: str):
        self.path = path  # the folder that the files lie in
        self.name = name  # what the user called it
        file = path / DESCRIPTION
        self.description = parse_description(read_limited(file, MAX_BYTES[DESCRIPTION]), file)
        self._contents: dict[str, bytes] = {}

    @classmethod
    def open(cls, path: str | Path = "pretrained") -> "Bundle":
        """Return the Bundle of a run folder, of a bundle's own folder, or the one that ships for "pretrained".

        Raises
        ------
        RunError
            If there is none, if its ``model.json`` describes no model of ours, or if ``path`` is a pickle.
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
    def license(self) -> str | None:
        """The licence of the weights by its SPDX name, None where it is for the one who trained them to say."""
        return PRETRAINED_LICENSE if self.path == PRETRAINED else license_of(self.config)

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

    def weights(self, expected: "dict[str, torch.Tensor] | None" = None) -> "dict[str, torch.Tensor]":
        """Return the weights on the CPU, all of them finite; this loads torch.

        RunError unless they have the names, types and shapes of ``expected``, if it is given.
        """
        path = self.path / WEIGHTS
        weights = parse_weights(self.read(WEIGHTS), path)
        if expected is not None:
            require_tensors(weights, expected, path)
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
            content = read_limited(self.path / name, MAX_BYTES[name])
            require_checksum(content, self.path / name, self.description)
            self._contents[name] = content
        return self._contents[name]


def license_of(config: Config) -> str | None:
    """Return the licence that weights trained with a config inherit from the ones they started from, None if none."""
    return PRETRAINED_LICENSE if config.training.init_from == PRETRAINED.name else None


def is_pickle(path: str | Path) -> bool:
    """Return whether a path is the name of a pickle, such as ``pipeline.joblib``."""
    return Path(path).suffix.lower() in PICKLES


def bundle_folder(path: str | Path) -> Path:
    """Return the folder with the bundle of a run, the bundle itself, or the one that ships for "pretrained".

    A file stands for the run it lies in.
    """
    folder = find_bundle(path)
    if folder is None:
        raise RunError(
            f"{path} must be a run folder or a model bundle. It holds no {DESCRIPTION}. "
            "Train one with `guitarclf train`, or check the name."
        )
    return folder


def find_bundle(path: str | Path) -> Path | None:
    """Return the folder that :func:`bundle_folder` returns, or None if there is no bundle."""
    shipped = (PRETRAINED,) if str(path) == PRETRAINED.name else ()
    beside = (Path(path).parent / "model",) if Path(path).is_file() else ()
    folders = (Path(path) / "model", Path(path), *beside, *shipped)
    return next((folder for folder in folders if (folder / DESCRIPTION).is_file()), None)


def model_files(path: str | Path) -> list[Path]:
    """Return the files of a model: its pickle, or those of its bundle without texts for people (.md)."""
    return [Path(path)] if is_pickle(path) else parts_of(bundle_folder(path))


def parts_of(folder: Path) -> list[Path]:
    """Return the files of a bundle, sorted, without hidden ones and texts for people (.md)."""
    files = (item for item in folder.iterdir() if item.is_file())
    return sorted(item for item in files if item.name[0] != "." and item.suffix != ".md")


def seal(folder: Path, description: dict[str, Any]) -> None:
    """Write a bundle's ``model.json``, with the checksums of its other files but texts for people (.md)."""
    files = {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest()
        for item in parts_of(folder)
        if item.name != DESCRIPTION
    }
    write_json({**description, "format_version": FORMAT_VERSION, "files": files}, folder / DESCRIPTION)
