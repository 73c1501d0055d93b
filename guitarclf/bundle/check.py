"""What the files of a bundle must be before anything in them is used: description, checksums, the weights' header.

Format 1 has no checksums; format 2 has one for every file that is read but ``model.json``, which holds them. They
tell a damaged or half-copied bundle, not a forged one: whoever forges a file can forge its checksum too.
"""

import hashlib
import json
import math
import os
import struct
from pathlib import Path
from typing import Any

from guitarclf.errors import RunError
from guitarclf.files.wording import shortened
from guitarclf.labels import LABELS

FORMAT_VERSION = 2
FORMAT_VERSIONS = (1, 2)
DESCRIPTION = "model.json"
MAX_HEADER_BYTES = 2**20  # of the weights: names and shapes; ours has some 3,000
DTYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

TensorTable = dict[str, tuple[str, tuple[int, ...]]]  # name -> (dtype, shape)


def read_limited(path: Path, limit: int) -> bytes:
    """Return the bytes of a bundle's file; RunError if it has more than ``limit``, or cannot be read."""
    try:
        if not path.is_file():
            raise RunError(f"{path} must be a file of the bundle. There is no such file. Copy the bundle again.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(limit + 1) if size <= limit else b""
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"{path} must be readable. {error.strerror}. Check its permissions.") from error
    if size > limit or len(content) > limit:
        raise RunError(
            f"{path} must have at most {limit // 2**10} KB. It has {size} bytes. It is no model of this kind."
        )
    return content


def parse_description(content: bytes, path: Path) -> dict[str, Any]:
    """Return what the bytes of a ``model.json`` say; RunError if they are not of a model that is read here."""
    try:
        description = json.loads(content.decode("utf-8"))
        version, labels, shape = (description[key] for key in ("format_version", "labels", "input_shape"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RunError(f"{path} must describe a model. {reason}. Copy the bundle again.") from error
    if isinstance(version, bool) or version not in FORMAT_VERSIONS:
        raise RunError(
            f"{path}: the bundle's format must be version {' or '.join(map(str, FORMAT_VERSIONS))}. "
            f"Got {shortened(version)}. Install the guitarclf version named in the file."
        )
    if labels != list(LABELS):
        raise RunError(
            f"{path}: the labels must be {', '.join(LABELS)}. Got {shortened(labels)}. It is another's model."
        )
    if not (isinstance(shape, list) and len(shape) == 3 and all(_is_size(n) for n in shape)):
        raise RunError(
            f"{path}: `input_shape` must be three whole numbers. Got {shortened(shape)}. Copy the bundle again."
        )
    files = description.get("files")
    if (version > 1) != isinstance(files, dict):
        what = "It has none" if version > 1 else "It has some in format 1"
        raise RunError(f"{path}: a bundle of format 2 must have checksums. {what}. Copy the bundle again.")
    return description


def require_checksum(content: bytes, path: Path, description: dict[str, Any]) -> None:
    """Raise RunError unless the bytes of a bundle's file are those that its description was sealed with."""
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


def tensor_table(content: bytes, path: Path) -> TensorTable:
    """Return name -> (dtype, shape) of a safetensors file, from its header alone."""
    (length,) = struct.unpack("<Q", content[:8]) if len(content) >= 8 else (0,)
    if not 2 <= length <= min(MAX_HEADER_BYTES, len(content) - 8):
        raise RunError(
            f"{path} must hold weights, behind a header of at most {MAX_HEADER_BYTES // 2**20} MB. It has "
            f"{len(content)} bytes and a header of {length}. Copy the bundle again."
        )
    try:
        header = json.loads(content[8 : 8 + length].decode("utf-8"))
        header.pop("__metadata__", None)
        table = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}
        n_bytes = sum(DTYPE_BYTES[dtype] * math.prod(shape) for dtype, shape in table.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise RunError(f"{path} must hold weights. Its header is none: {reason}. Copy the bundle again.") from error
    if n_bytes != len(content) - 8 - length:
        raise RunError(
            f"{path} must hold weights, as many bytes as its header promises. It has {len(content) - 8 - length} "
            f"of {shortened(n_bytes)}. Copy the bundle again."
        )
    return table


def require_tensors(table: TensorTable, expected: TensorTable, path: Path) -> None:
    """Raise RunError unless a file has the tensors that a module expects, of their types and shapes."""
    missing, extra = sorted(expected.keys() - table.keys()), sorted(table.keys() - expected.keys())
    misshapen = [name for name in expected if name in table and table[name] != expected[name]]
    reasons = [f"Missing: {_names(missing)}."] if missing else []
    reasons += [f"Not expected: {_names(extra)}."] if extra else []
    for name in misshapen[:1]:
        reasons.append(f"{name} is {_shape(table[name])}, expected {_shape(expected[name])} ({len(misshapen)} such).")
    if reasons:
        raise RunError(
            f"{path} must hold the weights that config.yaml describes. {' '.join(reasons)} Copy the bundle again."
        )


def _is_size(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**20


def _names(names: list[str]) -> str:
    return ", ".join(map(shortened, names[:3])) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shape(entry) -> str:
    return f"{entry[0]} {list(entry[1])}"
