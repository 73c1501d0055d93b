"""What the files of a bundle must be before anything in them is used: description, checksums, weights.

Format 1 has no checksums; from format 2 on there is one for every file that is read but ``model.json``, which holds
them. They tell a damaged or half-copied bundle, not a forged one: whoever forges a file can forge its checksum too.
Format 3 adds the threshold of confidence to the weights, and to model.onnx its second output.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guitarclf.errors import RunError
from guitarclf.files.wording import explained, reason, shortened
from guitarclf.labels import LABELS

if TYPE_CHECKING:
    import torch

FORMAT_VERSION = 3
FORMAT_VERSIONS = (1, 2, 3)
OPTIONAL_TENSORS = {"unknown_below"}  # weights of formats before 3 lack it, and it is then 0
DESCRIPTION = "model.json"
MAX_HEADER_BYTES = 2**20  # of the weights: names and shapes; ours has some 3,000
SAFETENSORS_NAMES = {"torch.float32": "F32", "torch.int64": "I64", "torch.bool": "BOOL", "torch.float64": "F64"}


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a bundle's file; RunError if it has more than ``limit``, or cannot be read."""
    with explained(f"{path} must be readable", "Check its permissions."):
        if not path.is_file():
            raise RunError(f"{path} must be a file of the bundle. There is no such file. Copy the bundle again.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise RunError(
                    f"{path} must have at most {limit // 2**10} KB. It has {size} bytes. It is no model of this kind."
                )
            return file.read(size)


def parse_description(content: bytes, path: Path) -> dict[str, Any]:
    """Return the content of a ``model.json``; RunError if it does not describe a model of ours."""
    try:
        description = json.loads(content.decode("utf-8"))
        version, labels, shape = (description[key] for key in ("format_version", "labels", "input_shape"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{path} must describe a model. {reason(error)}. Copy the bundle again.") from error
    if isinstance(version, bool) or version not in FORMAT_VERSIONS:
        raise RunError(
            f"{path}: the bundle's format must be version 1 to {FORMAT_VERSION}. "
            f"Got {shortened(version)}. Install the guitarclf version named in the file."
        )
    if labels != list(LABELS):
        raise RunError(
            f"{path}: the labels must be {', '.join(LABELS)}. Got {shortened(labels)}. It is another's model."
        )
    if not (isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and 0 < n < 2**20 for n in shape)):
        raise RunError(
            f"{path}: `input_shape` must be three whole numbers. Got {shortened(shape)}. Copy the bundle again."
        )
    files = description.get("files")
    if (version > 1) != isinstance(files, dict):
        what = "It has none" if version > 1 else "It has some in format 1"
        raise RunError(f"{path}: a bundle from format 2 on must have checksums. {what}. Copy the bundle again.")
    return description


def require_checksum(content: bytes, path: Path, description: dict[str, Any]) -> None:
    """Raise RunError unless the bytes of a bundle's file have the checksum in its description."""
    if description["format_version"] == 1:
        return
    expected = description["files"].get(path.name)
    if expected is None:
        raise RunError(f"{path} must have a checksum in {DESCRIPTION}. It has none. Save the model again.")
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise RunError(
            f"{path} must be as it was written: its SHA-256 must be {shortened(expected)}. It is {found}. "
            "Copy the bundle again; if you changed the file yourself, save the model again."
        )


def parse_weights(content: bytes, path: Path) -> "dict[str, torch.Tensor]":
    """Return name -> tensor of a safetensors file, on the CPU and finite; this loads torch."""
    import safetensors.torch
    from safetensors import SafetensorError

    length = int.from_bytes(content[:8], "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise RunError(
            f"{path} must hold weights, behind a header of at most {MAX_HEADER_BYTES // 2**20} MB. It has "
            f"{len(content)} bytes and a header of {length}. Copy the bundle again."
        )
    try:
        weights = safetensors.torch.load(content)
        infinite = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    except (SafetensorError, ValueError, KeyError, NotImplementedError) as error:  # the last: numbers of 8 bits
        raise RunError(
            f"{path} must hold weights. Its header is none: {reason(error)}. Copy the bundle again."
        ) from error
    if infinite:
        raise RunError(
            f"{path} must hold finite weights. {infinite[0]} has NaN or infinity. "
            "Copy the bundle again, or train the model again."
        )
    return weights


def require_tensors(found: "dict[str, torch.Tensor]", expected: "dict[str, torch.Tensor]", path: Path) -> None:
    """Raise RunError unless a file has the tensors that a module expects, of their types and shapes."""
    missing, extra = sorted(expected.keys() - found.keys() - OPTIONAL_TENSORS), sorted(found.keys() - expected.keys())
    pairs = {name: (_kind(found[name]), _kind(expected[name])) for name in expected if name in found}
    misshapen = [f"{name} is {has}, expected {wanted}" for name, (has, wanted) in pairs.items() if has != wanted]
    reasons = [f"Missing: {_names(missing)}."] if missing else []
    reasons += [f"Not expected: {_names(extra)}."] if extra else []
    reasons += [f"{misshapen[0]} ({len(misshapen)} such)."] if misshapen else []
    if reasons:
        raise RunError(
            f"{path} must hold the weights that config.yaml describes. {' '.join(reasons)} Copy the bundle again."
        )


def _names(names: list[str]) -> str:
    return ", ".join(map(shortened, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _kind(tensor: "torch.Tensor") -> str:
    return f"{SAFETENSORS_NAMES.get(str(tensor.dtype), tensor.dtype)} {list(tensor.shape)}"
