"""The rule of a parameter: its type, its range and its choices, and their names in a message.

Not with pydantic: its messages would all have to be put into our words, and every command would wait for its import.
"""

import dataclasses
import difflib
import math
import reprlib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from guitarclf.errors import ParameterError


def knob(default: Any, doc: str, *, unit: str = "", low: Any = None, above: Any = None, high: Any = None) -> Any:
    """Return a dataclass field with its explanation, unit and range; each object gets its own list of a default."""
    rule = {"doc": doc, "unit": unit, "low": low, "above": above, "high": high}
    if isinstance(default, dict | list | tuple):
        return field(default_factory=lambda: plain(default), metadata=rule)
    return field(default=default, metadata=rule)


def plain(value: Any) -> Any:
    """Return a copy of a value in Python's types: lists for tuples and arrays, numbers for numpy's."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Parameters:
    """A section of parameters: a frozen dataclass of knobs and of sections below it."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Return the section of a class's arguments; ParameterError for an unknown name or a broken rule."""
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                near = f"Did you mean `{close[0]}`?" if close else f"They are {', '.join(known)}."
                raise ParameterError(f"A parameter must be one that there is. Got `{name}`. {near}")
        section = cls(**plain(values))
        section.check()
        return section

    def check(self, prefix: str = "") -> None:
        """Raise ParameterError for a value that breaks its rule; messages put ``prefix`` before the names."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if dataclasses.is_dataclass(item.type):
                value.check(f"{prefix}{item.name}.")
            else:
                check_leaf(prefix + item.name, item, value)


def check_leaf(path: str, leaf: dataclasses.Field, value: Any) -> None:
    """Raise ParameterError unless a value has its leaf's type and keeps its rule; the message calls it ``path``."""
    if not _has_type(value, leaf.type):
        raise ParameterError(f"`{path}` must be {_describe(leaf.type)}. Got {reprlib.repr(value)}.")
    choices = _choices(leaf.type)
    for item in _flatten(value):
        if choices and item not in choices:
            raise ParameterError(f"`{path}` must be one of {', '.join(choices)}. Got {reprlib.repr(item)}.")
        if isinstance(item, int | float) and not isinstance(item, bool):
            _check_range(path, item, leaf.metadata)


def rule_of(leaf: dataclasses.Field) -> str:
    """Return what a leaf's value must be, in words: ``a number, above 0, at most 100``."""
    rule, told = leaf.metadata, [_describe(leaf.type)]
    is_list = typing.get_origin(leaf.type) is list
    if is_list and _choices(leaf.type):
        told.append(f"of {', '.join(_choices(leaf.type))}")
    limits = {"at least": rule["low"], "above": rule["above"], "at most": rule["high"]}
    limited = [f"{words} {limit}" for words, limit in limits.items() if limit is not None]
    return ", ".join([*told, *(["each number"] if is_list and limited else []), *limited])


def _check_range(path: str, number: float, rule: Mapping[str, Any]) -> None:
    must = ""
    if not math.isfinite(number):
        must = "a finite number"
    elif rule["low"] is not None and number < rule["low"]:
        must = f"at least {rule['low']}"
    elif rule["above"] is not None and number <= rule["above"]:
        must = f"above {rule['above']}"
    elif rule["high"] is not None and number > rule["high"]:
        must = f"at most {rule['high']}"
    if must:
        raise ParameterError(f"`{path}` must be {must}. Got {reprlib.repr(number)}.")


def _flatten(value: Any) -> list:
    if isinstance(value, list):
        return [number for item in value for number in _flatten(item)]
    return [] if isinstance(value, dict) else [value]


def _choices(wanted: Any) -> tuple[str, ...]:
    """Return the texts that a Literal, or a list of it, allows; nothing for any other type."""
    if typing.get_origin(wanted) is list:
        return _choices(typing.get_args(wanted)[0])
    return typing.get_args(wanted) if typing.get_origin(wanted) is Literal else ()


def _has_type(value: Any, wanted: Any) -> bool:
    origin, parts = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if wanted is Any:
        return True
    if origin is types.UnionType:
        return any(_has_type(value, option) for option in parts)
    if origin is list:
        return isinstance(value, list) and all(_has_type(item, part) for item in value for part in parts)
    if origin is dict:
        are_texts = isinstance(value, dict) and all(isinstance(key, str) for key in value)
        return are_texts and all(_has_type(item, parts[1]) for item in value.values())
    if wanted in (int, float):
        return isinstance(value, int if wanted is int else int | float) and not isinstance(value, bool)
    return isinstance(value, str if origin is Literal else origin)


TYPE_NAMES = {
    Any: "anything",
    bool: "true or false",
    dict: "a mapping",
    float: "a number",
    int: "a whole number",
    list: "a list",
    list[list[int]]: "a list of [bands, frames] pairs",
    str: "text",
    type(None): "null",
}


def _describe(wanted: Any) -> str:
    """Return a type in words for a message."""
    origin, parts = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is types.UnionType:
        return " or ".join(map(_describe, parts))
    if origin is Literal:
        return f"one of {', '.join(parts)}"
    return TYPE_NAMES[wanted if wanted in TYPE_NAMES else origin]
