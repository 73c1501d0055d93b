"""Sessions of ONNX Runtime, which is loaded when the first is opened."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from guitarclf.errors import RunError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: bytes, name: str | Path = "The model") -> "InferenceSession":
    """Return a session of a model's bytes on one thread, as callers bring their own; ``name`` is for the message."""
    # From 1.29 on ONNX Runtime reports its use to its makers unless this is set before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # where another part of the program has loaded it already
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an exception of its own for each way to be damaged
        reason = " ".join(str(error).split())
        raise RunError(f"{name} must be an ONNX file that ONNX Runtime reads. {reason}") from error
