"""Where a model's bundle lies and what is in it; read without torch."""

import json
from pathlib import Path

import guitarclf
from guitarclf.errors import RunError
from guitarclf.labels import LABELS

FORMAT_VERSION = 1
BUNDLE_FILES = ("config.yaml", "model.json", "weights.safetensors")
ONNX_FILE = "model.onnx"  # beside them: the net from log-mel to probabilities; older bundles lack it
PRETRAINED = Path(guitarclf.__file__).parent / "pretrained"  # the model that ships; its name is "pretrained"


def bundle_folder(path) -> Path:
    """Return the bundle of a run folder, the bundle itself, or the one that ships for "pretrained"."""
    shipped = (PRETRAINED,) if str(path) == PRETRAINED.name else ()
    for folder in (Path(path) / "model", Path(path), *shipped):
        if (folder / "model.json").is_file():
            return folder
    raise RunError(
        f"{path} must be a run folder or a model bundle. It holds no model.json. "
        "Train one with `guitarclf train`, or check --model or --run-dir."
    )


def read_description(path: Path) -> dict:
    """Return a bundle's model.json, checked."""
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        version, labels, shape = (description[key] for key in ("format_version", "labels", "input_shape"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} must describe a model. {type(error).__name__}: {error}.") from error
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path}: the bundle's format must be version {FORMAT_VERSION}. Got {version!r}. "
            "Install the guitarclf version named in the file."
        )
    if tuple(labels) != LABELS:
        raise RunError(f"{path}: the labels must be {', '.join(LABELS)}. Got {labels!r}.")
    if not (isinstance(shape, list) and len(shape) == 3 and all(isinstance(n, int) and n > 0 for n in shape)):
        raise RunError(f"{path}: `input_shape` must be three whole numbers. Got {shape!r}.")
    return description
