"""guitarclf config: what it shows and explains."""

import json
import sys

import pytest
from commands import call

from guitarclf.config import Config, leaves
from guitarclf.config.files import load_config


def test_show_prints_a_whole_config_that_is_read_again(tmp_path):
    given = tmp_path / "given.yaml"
    given.write_text("net: {lr: 0.01}\ndata: {labels: {NO: general_note, '*': harmonic}, metadata_path: 'a#b: c'}\n")
    shown = call("config", "show", given, "--set", "net.max_epochs=3").stdout
    (tmp_path / "shown.yaml").write_text(shown, encoding="utf-8")
    assert load_config(tmp_path / "shown.yaml") == load_config(given, ["net.max_epochs=3"])


def test_show_without_a_file_is_the_defaults(tmp_path):
    (tmp_path / "shown.yaml").write_text(call("config", "show").stdout, encoding="utf-8")
    assert load_config(tmp_path / "shown.yaml") == Config()


def test_show_tells_what_breaks_a_rule(tmp_path):
    (tmp_path / "bad.yaml").write_text("net: {lr: -1}")
    assert "`net.lr` must be above 0. Got -1" in call("config", "show", tmp_path / "bad.yaml", code=1).stderr
    told = call("config", "show", tmp_path / "no.yaml", code=1).stderr
    assert told.endswith("no.yaml must be a readable YAML or JSON file. No such file or directory. Check the path.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no name has a line break there")
@pytest.mark.parametrize("content", [None, b"\xff", b"x: [", b"3", b"net: {lrr: 1}", b"#" * 2**18])
def test_what_is_wrong_with_a_file_is_one_line_whatever_it_is_called(tmp_path, content):
    path = tmp_path / "a\nb.yaml"
    if content is not None:
        path.write_bytes(content)
    told = call("config", "show", path, code=1).stderr
    assert "a\\nb.yaml" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("key", ["net.module.dropout", "net__module__dropout"])
def test_explain_tells_meaning_rule_default_and_name_in_python(key):
    assert call("config", "explain", key).stdout.splitlines() == [
        "net.module.dropout",
        "  meaning    dropout before both layers of the head",
        "  must be    a number, at least 0, at most 0.99",
        "  default    0.3",
        "  in Python  net__module__dropout",
    ]


def test_explain_tells_unit_and_choices():
    assert "  unit       s\n" in call("config", "explain", "onsets.min_gap").stdout
    assert "must be    one of plateau, cosine\n" in call("config", "explain", "training.lr_schedule").stdout
    assert "a list, of rms, delta, sounding\n" in call("config", "explain", "logmel.extra_channels").stdout
    assert "pairs, each number, at least 1, at most" in call("config", "explain", "net.module.pools").stdout


def test_every_key_is_explained_and_every_section_lists_its_keys():
    for path, leaf in leaves():
        assert leaf.metadata["doc"] in call("config", "explain", path).stdout
        if "." in path:
            assert path in call("config", "explain", path.rpartition(".")[0]).stdout


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("learning_rate", "Here it is `net.lr`."),
        ("net.learning_rate", "Here it is `net.lr`."),
        ("net.max_epoch", "Did you mean `net.max_epochs`?"),
        ("logmle", "Did you mean `logmel`?"),
        ("x\ny", "`x\\ny`. `guitarclf config show` lists every key."),
        ("__x__", "unknown key `__x__`."),
        ("", "`guitarclf config show` lists every key."),
    ],
)
def test_a_near_miss_is_suggested(key, near):
    told = call("config", "explain", key, code=1).stderr
    assert near in told
    assert told.count("\n") == 1


def test_the_schema_is_json():
    assert json.loads(call("config", "schema").stdout)["properties"]["seed"]["default"] == 42
