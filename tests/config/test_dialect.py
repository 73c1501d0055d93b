"""What a YAML that cannot be read is told, and what is a text in one that can."""

import pytest

from guitarclf.config.dialect import from_yaml
from guitarclf.config.files import load_config
from guitarclf.errors import ConfigError

BROKEN = {  # a YAML -> the line that is wrong, and our words for it
    "net: a: 1": (1, "a `:` stands where none can"),
    "net:\n  lr: 1\n   seed: 2": (3, "give keys of one section the same indent"),
    "seed: 1\nnet\nseed: 2": (3, "the one above, lacks its `:`"),
    "net:\n\tlr: 1": (2, "there is a tab; indent with spaces"),
    "net: {lr: 1\nseed: 2": (2, "a bracket is not closed"),
    "seed: 1\nnet: [1,,2]": (2, "a bracket is not closed, or a value is missing"),
    "seed: 1\ndata: 'x\n": (3, "a quote or a bracket is not closed"),
    'data: {audio_root: "C:\\data"}': (1, "there is a backslash in double quotes"),
    "seed: 1\nseed_2: @x": (2, "put it in quotes"),
    "data:\n  labels:\n    *: general_note": (3, 'put it in quotes, "*"'),
    "seed: 1\n? [a]\n: 1": (2, "a key must be one text"),
    "seed: 1\nnet: {lr: 1, lr: 2}": (2, "the key 'lr' stands twice"),
    "seed: 1\n\nnet: \x01": (3, "a character that is no text, '\\x01'"),
    "- a\nseed: 1": (2, "the indent is not that of the lines above"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_yaml_that_cannot_be_read_is_told_its_line_in_our_words(tmp_path, text):
    line, words = BROKEN[text]
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="mine") as caught:
        load_config(tmp_path / "mine.yaml")
    told = str(caught.value)
    assert f"mine.yaml must be valid YAML or JSON. Line {line}: " in told
    assert words in told
    assert len(told.splitlines()) == 1
    for leak in ("unicode string", "block", "token", "scanning", "column"):
        assert leak not in told


def test_an_override_that_cannot_be_read_has_no_line():
    with pytest.raises(ConfigError, match=r"The value of 'net' must be valid YAML\. Got '\{lr: 1'\. a bracket is not"):
        load_config(overrides=["net={lr: 1"])


@pytest.mark.parametrize("key", ["01", "1e3", "NO", "true", "null", "007", "1.50", "2020-01-01"])
def test_a_key_is_a_text_as_it_is_written(key):
    assert from_yaml(f"labels: {{{key}: harmonic}}") == {"labels": {key: "harmonic"}}


def test_a_key_that_stands_twice_in_json_is_refused(tmp_path):
    (tmp_path / "a.json").write_text('{"data": {"labels": {"HA": "harmonic", "HA": "dead_note"}}}')
    with pytest.raises(ConfigError, match="the key 'HA' stands twice in one object"):
        load_config(tmp_path / "a.json")
