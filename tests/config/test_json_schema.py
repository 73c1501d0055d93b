"""The JSON schema says what the program takes."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import guitarclf
from guitarclf.config import Config, get_value, leaves
from guitarclf.config.dialect import from_yaml
from guitarclf.config.files import coerce
from guitarclf.config.json_schema import json_schema
from guitarclf.errors import ParameterError
from guitarclf.parameters.rules import check_leaf

CONFIGS = sorted((Path(guitarclf.__file__).parent.parent / "configs").iterdir())
VALUES = (
    None,
    True,
    "text",
    "",
    "auto",
    "error",
    "db",
    -1,
    0,
    1,
    7,
    0.5,
    1.5,
    1e9,
    [],
    ["rms"],
    [3],
    [[2, 0]],
    [[2]],
    {},
)


@pytest.fixture(scope="module")
def validator():
    Draft202012Validator.check_schema(json_schema())
    return Draft202012Validator(json_schema())


def nested(path, value):
    """Return the nested dicts that have a value at a dotted path."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_of_the_repository_is_valid(validator, path):
    validator.validate(from_yaml(path.read_text(encoding="utf-8")))


def is_taken(path, leaf, value):
    """Return whether the program takes a value for a key by itself."""
    try:
        check_leaf(path, leaf, coerce(value, leaf.type))
    except ParameterError:
        return False
    return True


@pytest.mark.parametrize(("path", "leaf"), list(leaves()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_value_is_valid_where_the_program_takes_it(validator, path, leaf):
    limits = [limit for limit in (leaf.metadata[name] for name in ("low", "above", "high")) if limit is not None]
    beside = [limit + step for limit in limits for step in (-1, 1)]
    for value in (get_value(Config(), path), *VALUES, *limits, *beside):
        assert validator.is_valid(nested(path, value)) == is_taken(path, leaf, value), value


def test_unknown_keys_and_retired_ones_that_are_on_are_not_valid(validator):
    assert validator.is_valid({"net": None, "logmel": {}})
    assert validator.is_valid({"net": {"criterion": {"aux_pitch": 0}}})
    for wrong in ({"nett": {}}, {"net": {"learning_rate": 1}}, {"net": {"criterion": {"aux_pitch": 0.5}}}, {"net": 3}):
        assert not validator.is_valid(wrong)


def test_an_editor_shows_what_a_key_means(validator):
    threshold = validator.schema["properties"]["onsets"]["properties"]["min_gap"]
    assert threshold["description"].endswith("the next [s]")
    assert threshold["default"] == 0.05
