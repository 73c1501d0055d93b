"""The rule of a configuration key: its type, its range, its choices, and what they are called in a message."""

import dataclasses
import reprlib
import types
import typing
from dataclasses import field
from typing import Any

from guitarclf.errors import ConfigError


def knob(default, doc, *, unit="", low=None, above=None, high=None, choices=None):
    """Return a dataclass field with its explanation, unit and rule."""
    rule = {"doc": doc, "unit": unit, "low": low, "above": above, "high": high, "choices": choices}
    if isinstance(default, dict | list):
        return field(default_factory=lambda: type(default)(default), metadata=rule)
    return field(default=default, metadata=rule)


def check_leaf(path: str, leaf: dataclasses.Field, value) -> None:
    """Raise ConfigError unless a value has its leaf's type and keeps its rule."""
    rule = leaf.metadata
    if not _has_type(value, leaf.type):
        raise ConfigError(f"`{path}` must be {describe_type(leaf.type)}. Got {reprlib.repr(value)}.")
    for number in _flatten(value):
        if isinstance(number, bool) or (number is None and _allows_none(leaf.type)):
            continue
        if rule["choices"] and number not in rule["choices"]:
            raise ConfigError(f"`{path}` must be one of {', '.join(rule['choices'])}. Got {reprlib.repr(number)}.")
        if isinstance(number, int | float):
            _check_range(path, number, rule)


def _check_range(path, number, rule):
    if number != number or number in (float("inf"), float("-inf")):
        raise ConfigError(f"`{path}` must be a finite number. Got {reprlib.repr(number)}.")
    if rule["low"] is not None and number < rule["low"]:
        raise ConfigError(f"`{path}` must be at least {rule['low']}. Got {reprlib.repr(number)}.")
    if rule["above"] is not None and number <= rule["above"]:
        raise ConfigError(f"`{path}` must be above {rule['above']}. Got {reprlib.repr(number)}.")
    if rule["high"] is not None and number > rule["high"]:
        raise ConfigError(f"`{path}` must be at most {rule['high']}. Got {reprlib.repr(number)}.")


def _flatten(value) -> list:
    if isinstance(value, dict):
        return []
    if isinstance(value, list):
        return [number for item in value for number in _flatten(item)]
    return [value]


def _allows_none(wanted) -> bool:
    return isinstance(wanted, types.UnionType) and type(None) in typing.get_args(wanted)


def _has_type(value, wanted) -> bool:
    if wanted is Any:
        return True
    if isinstance(wanted, types.UnionType):
        return any(_has_type(value, option) for option in typing.get_args(wanted))
    origin = typing.get_origin(wanted) or wanted
    if origin is list:
        (item_type,) = typing.get_args(wanted) or (Any,)
        return isinstance(value, list) and all(_has_type(item, item_type) for item in value)
    if origin is dict:
        item_type = typing.get_args(wanted)[1]
        return isinstance(value, dict) and all(
            isinstance(key, str) and _has_type(item, item_type) for key, item in value.items()
        )
    if wanted is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin)


TYPE_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text",
    bool: "true or false",
    type(None): "null",
}


def describe_type(wanted) -> str:
    """Return a type in words for a message."""
    if isinstance(wanted, types.UnionType):
        return " or ".join(describe_type(option) for option in typing.get_args(wanted))
    if typing.get_origin(wanted) is list:
        return "a list" if wanted != list[list[int]] else "a list of [bands, frames] pairs"
    if typing.get_origin(wanted) is dict:
        return "a mapping"
    return TYPE_NAMES.get(wanted, str(wanted))
