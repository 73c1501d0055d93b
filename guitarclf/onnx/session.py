"""ONNX Runtime, loaded when a session is opened."""

from pathlib import Path
from typing import TYPE_CHECKING

from guitarclf.errors import RunError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_session(model: bytes, name: str | Path = "The model") -> "InferenceSession":
    """Return the ONNX Runtime session of a model's bytes, on one thread: callers bring their own."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has an exception of its own for each way to be damaged
        reason = " ".join(str(error).split())
        raise RunError(f"{name} must be an ONNX file that ONNX Runtime reads. {reason}") from error
