"""Parameters that 0.1.0 had: dropped where they are switched off, else refused."""

import reprlib
from typing import Any

from guitarclf.errors import ParameterError

OFF = {"net.criterion.aux_pitch": 0}  # a key -> its value where it is off
VALUES = {("logmel.compression", "pcen"): "db or log1p"}  # a key and a value of it -> what to take instead
WHY = "It is retired: it was no better in the ablation (docs/accuracy_0_1_0.md)."


def require_off(path: str, value: Any) -> None:
    """Raise ParameterError if a retired key is switched on."""
    if value != OFF[path]:
        raise ParameterError(f"`{path}` must be {OFF[path]}, or absent. Got {reprlib.repr(value)}. {WHY}")


def require_current(path: str, value: Any) -> None:
    """Raise ParameterError if a key has a retired value."""
    instead = VALUES.get((path, value)) if isinstance(value, str) else None
    if instead is not None:
        raise ParameterError(f"`{path}` must be {instead}. Got {value}. {WHY}")
