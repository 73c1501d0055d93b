"""The configuration as a JSON schema (draft 2020-12), by which an editor completes and checks a YAML file."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from guitarclf.config import Config
from guitarclf.parameters.retired import OFF
from guitarclf.parameters.rules import plain

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SIMPLE = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
RANGE = {"low": "minimum", "above": "exclusiveMinimum", "high": "maximum"}  # of a knob -> in a schema


def json_schema() -> dict[str, Any]:
    """Return the schema. What it allows may still not fit together, which ``guitarclf config show FILE`` tells."""
    return {"$schema": DIALECT, "title": "Configuration of guitarclf", **_section(Config)}


def _section(section: Any, prefix: str = "") -> dict[str, Any]:
    properties = {}
    for item in dataclasses.fields(section):
        if dataclasses.is_dataclass(item.type):
            inner = _section(item.type, f"{prefix}{item.name}.")
            properties[item.name] = inner | {"type": ["object", "null"]}  # a heading with nothing below it
        else:
            properties[item.name] = _leaf(item)
    retired = {path.removeprefix(prefix): off for path, off in OFF.items() if path.rpartition(".")[0] + "." == prefix}
    properties |= {name: {"const": off, "deprecated": True} for name, off in retired.items()}
    told = (section.__doc__ or "").partition("\n")[0]
    return {"type": "object", "description": told, "properties": properties, "additionalProperties": False}


def _leaf(leaf: dataclasses.Field) -> dict[str, Any]:
    unit = leaf.metadata["unit"]
    default = leaf.default if leaf.default_factory is dataclasses.MISSING else leaf.default_factory()
    told = leaf.metadata["doc"] + (f" [{unit}]" if unit else "")
    return {"description": told, "default": plain(default), **_of_type(leaf.type, leaf.metadata)}


def _of_type(wanted: Any, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value of a type whose numbers, at any depth, keep a rule."""
    origin, parts = typing.get_origin(wanted) or wanted, typing.get_args(wanted)
    if wanted is Any:
        return {}
    if origin is types.UnionType:
        return {"anyOf": [_of_type(option, rule) for option in parts]}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin is list:
        return {"type": "array"} | ({"items": _of_type(parts[0], rule)} if parts else {})
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(parts[1], {})}
    limits = {key: rule[name] for name, key in RANGE.items() if rule.get(name) is not None}
    return {"type": SIMPLE[wanted]} | (limits if wanted in (int, float) else {})
