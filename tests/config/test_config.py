"""The configuration: what a file may say, and what is said of it when it is wrong."""

import dataclasses
import json

import pytest

from guitarclf.config import Config, WindowConfig, get_value, leaves, to_dict
from guitarclf.config.files import config_from_dict, load_config, with_values, write_config
from guitarclf.errors import ConfigError


@pytest.fixture
def write_text(tmp_path):
    def write(text, name="config.yaml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_defaults_are_those_the_issue_asks_for():
    config = load_config()
    assert (config.window.target_duration, config.window.sample_rate, config.window.normalize) == (1.0, 22050, "peak")
    assert (config.logmel.n_fft, config.logmel.hop_length, config.logmel.n_mels) == (1024, 256, 64)
    assert (config.logmel.compression, config.logmel.top_db) == ("db", None)
    assert (config.training.valid_size, config.training.test_size) == (0.1, 0.1)


def test_an_empty_file_is_the_defaults(write_text):
    assert load_config(write_text("")) == Config()


def test_sections_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError, match="n_mels"):
        Config().logmel.n_mels = 32


def test_two_configs_share_no_list():
    first, second = Config(), Config()
    first.net.module.conv_channels.append(256)
    assert second.net.module.conv_channels == [32, 64, 128]


def test_yaml_and_json_say_the_same(write_text):
    values = {"logmel": {"n_mels": 40}, "net": {"module": {"pools": [[2, 1]], "conv_channels": [8]}}, "seed": 7}
    as_yaml = write_text(
        "logmel: {n_mels: 40}\nnet:\n  module:\n    pools: [[2, 1]]\n    conv_channels: [8]\nseed: 7\n"
    )
    as_json = write_text(json.dumps(values), "config.json")
    assert load_config(as_yaml) == load_config(as_json) == config_from_dict(values)
    assert load_config(as_yaml).net.module.pools == [[2, 1]]


def test_what_a_file_leaves_out_keeps_its_default(write_text):
    config = load_config(write_text("net:\n  lr: 0.01\nlogmel:\n"))
    assert config == dataclasses.replace(Config(), net=dataclasses.replace(Config().net, lr=0.01))


@pytest.mark.parametrize("text", ["1e-3", "1.0e-3", "0.001", "'1e-3'", ".001"])
def test_every_spelling_of_a_number_is_that_number(write_text, text):
    assert load_config(write_text(f"net: {{lr: {text}}}")).net.lr == 0.001


def test_a_whole_number_written_with_a_point_or_in_quotes_is_an_int():
    config = load_config(overrides=["logmel.n_mels=32.0", "net.batch_size='16'", "window.target_duration=2"])
    assert (config.logmel.n_mels, config.net.batch_size, config.window.target_duration) == (32, 16, 2.0)
    assert isinstance(config.logmel.n_mels, int)
    assert isinstance(config.window.target_duration, float)


def test_no_is_a_style_and_not_a_boolean(write_text):
    config = load_config(write_text("data:\n  labels: {NO: general_note, ON: harmonic, '*': dead_note}\n"))
    assert config.data.labels == {"NO": "general_note", "ON": "harmonic", "*": "dead_note"}


def test_columns_may_be_one_name_or_a_list(write_text):
    config = load_config(write_text("data:\n  columns: {audio_path: source, note_id: [subset, n]}\n"))
    assert config.data.columns == {"audio_path": "source", "note_id": ["subset", "n"]}


def test_overrides_beat_the_file_and_the_last_one_wins(write_text):
    path = write_text("net: {lr: 0.5, batch_size: 4}")
    config = load_config(path, ["net.lr=0.25", "net.lr=3e-4"])
    assert (config.net.lr, config.net.batch_size) == (3e-4, 4)


def test_overrides_may_be_lists_nulls_and_a_mapping():
    config = load_config(overrides=["logmel.extra_channels=[rms, delta]", "logmel.top_db=80", "logmel.fmax=null"])
    assert (config.logmel.extra_channels, config.logmel.top_db, config.logmel.fmax) == (["rms", "delta"], 80.0, None)
    assert load_config(overrides={"net.lr": 0.125}).net.lr == 0.125


def test_with_values_changes_those_values_alone():
    changed = with_values(Config(), {"net.module.dropout": 0.0}, source="a test")
    assert changed.net.module.dropout == 0.0
    assert with_values(changed, {"net.module.dropout": 0.3}, source="a test") == Config()


def test_a_written_config_reads_back_equal(tmp_path):
    overrides = ["data.labels={NO: general_note}", "net.lr=1e-10", "seed=1", "data.audio_root='on'", "logmel.top_db=80"]
    config = load_config(overrides=overrides)
    write_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config
    assert load_config(tmp_path / "config.yaml").data.audio_root == "on"


def test_text_that_looks_like_a_number_reads_back_as_text(tmp_path):
    config = load_config(overrides={"output_dir": "1e3"})
    write_config(config, tmp_path / "config.yaml")
    assert load_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("logmel.n_mel=32", r"unknown key `logmel\.n_mel`\. Did you mean `logmel\.n_mels`\?"),
        ("net.module.rnn_hiden_size=8", r"Did you mean `net\.module\.rnn_hidden_size`\?"),
        ("trainng.patience=3", r"unknown key `trainng`\. Did you mean `training`|Did you mean `training"),
        ("net.num_epochs=3", r"unknown key `net\.num_epochs`\. Here it is `net\.max_epochs`"),
        ("training.num_epochs=3", r"Here it is `net\.max_epochs`"),
        ("learning_rate=0.1", r"unknown key `learning_rate`\. Here it is `net\.lr`"),
        ("n_mels=32", r"Here it is `logmel\.n_mels`"),
        ("net.dropout=0", r"Here it is `net\.module\.dropout`"),
        ("xyzzy=1", r"`guitarclf config show` lists every key"),
        ("net.lr.typo=1", r"`lr` has no keys below it|must be a number"),
    ],
)
def test_an_unknown_key_is_refused_with_its_nearest_name(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[override])


def test_a_key_of_an_unknown_section_names_the_file(write_text):
    with pytest.raises(ConfigError, match=r"config\.yaml: unknown key `optim`"):
        load_config(write_text("optim: {lr: 1}"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("logmel.n_mels=0", r"`logmel\.n_mels` must be at least 1\. Got 0"),
        ("logmel.n_mels=6.5", r"`logmel\.n_mels` must be a whole number\. Got 6\.5"),
        ("logmel.n_mels=true", r"`logmel\.n_mels` must be a whole number\. Got True"),
        ("net.lr=0", r"`net\.lr` must be above 0\. Got 0"),
        ("net.lr=.nan", r"`net\.lr` must be a finite number"),
        ("net.lr=fast", r"`net\.lr` must be a number\. Got 'fast'"),
        ("net.module.dropout=1", r"`net\.module\.dropout` must be at most 0\.99"),
        ("net.module.rnn_bidirectional=yes", r"`net\.module\.rnn_bidirectional` must be true or false\. Got 'yes'"),
        ("net.module.pooling=max", r"`net\.module\.pooling` must be one of final, mean, attention\. Got 'max'"),
        ("net.module.pools=[2, 2, 2]", r"`net\.module\.pools` must be a list of \[bands, frames\] pairs"),
        ("logmel.extra_channels=[mfcc]", r"`logmel\.extra_channels` must be one of rms, delta, sounding\. Got 'mfcc'"),
        ("window.normalize=loud", r"`window\.normalize` must be one of peak, rms, none"),
        ("net=3", r"`net` must be a section of keys\. Got 3"),
        ("net.class_weight=[1, 2]", r"`net\.class_weight` must be balanced, none, or three numbers"),
        ("net.class_weight=heavy", r"`net\.class_weight` must be balanced, none, or three numbers.*'heavy'"),
        ("net.module.conv_channels=[8]", r"`net\.module\.conv_channels` and `net\.module\.pools` must have one entry"),
        ("logmel.fmin=12000", r"`logmel\.fmin` must be below `logmel\.fmax`"),
        ("logmel.fmax=12000", r"at most half of `window\.sample_rate`"),
        ("seed=-1", r"`seed` must be at least 0"),
    ],
)
def test_a_value_that_breaks_its_rule_is_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[override])


def test_a_split_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(ConfigError, match=r"`training\.valid_size` \+ `training\.test_size` must be below 1"):
        load_config(overrides=["training.valid_size=0.5", "training.test_size=0.5"])


def test_the_rules_hold_for_sections_made_in_python():
    with pytest.raises(ConfigError, match=r"`window\.sample_rate` must be at least 4000\. Got 22"):
        Config(window=WindowConfig(sample_rate=22))


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("net: [", "a.yaml", r"a\.yaml must be valid YAML or JSON"),
        ("{", "a.json", r"a\.json must be valid YAML or JSON"),
        ("- 1", "a.yaml", r"must hold sections such as `net:` at its top\. Got list"),
    ],
)
def test_a_file_that_is_no_config_is_refused(write_text, text, name, message):
    with pytest.raises(ConfigError, match=message):
        load_config(write_text(text, name))


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml must be a readable YAML or JSON file"):
        load_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("override", ["net.lr", "=3", "net.lr=[1"])
def test_a_malformed_override_is_refused(override):
    with pytest.raises(ConfigError, match=r"must look like net\.lr=3e-4|must be valid YAML"):
        load_config(overrides=[override])


def test_every_leaf_has_an_explanation_and_a_value():
    paths = [path for path, _ in leaves()]
    assert len(set(paths)) == len(paths) > 40
    for path, leaf in leaves():
        assert leaf.metadata["doc"], path
        section = to_dict(Config())
        for name in path.split("."):
            section = section[name]
        assert get_value(Config(), path) == section


def test_a_key_that_stands_twice_is_refused(tmp_path):
    path = tmp_path / "twice.yaml"
    path.write_text("net:\n  lr: 1e-3\nnet:\n  max_epochs: 3\n")
    with pytest.raises(ConfigError, match="the key 'net' stands twice in one section"):
        load_config(path)


def test_a_section_as_an_override_leaves_its_other_keys_alone():
    config = load_config(overrides=["net.lr=2e-3", "net={max_epochs: 2}"])
    assert (config.net.lr, config.net.max_epochs) == (2e-3, 2)


def test_a_leading_zero_is_no_octal():
    assert load_config(overrides=["logmel.n_mels=010"]).logmel.n_mels == 10


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("logmel.n_fft=1023", "`logmel.n_fft` must be even"),
        ("logmel.compression=log1p", "must be 0 with `logmel.compression: log1p`"),
        ("net.class_weight=[1,1,0]", "three numbers above 0"),
        ("net.module.kernel_size=4", "`net.module.kernel_size` must be odd"),
        ("logmel.extra_channels=[rms,rms]", "must name each channel once"),
        ("net.module.mask_after_offset=true", r"`logmel\.extra_channels` must end in sounding .* Got \[\]"),
        ("data.labels={NO: general}", "`data.labels` must map to one of harmonic"),
        ("search.scoring=f2", "`search.scoring` must be one of"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=[override])


def test_a_file_of_more_bytes_than_are_read_is_refused_and_not_cut(tmp_path):
    (tmp_path / "long.yaml").write_text("seed: 7\n#" + "é" * 70_000 + "\nseed_that_is_unknown: 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"long\.yaml must have at most 128 KB\. It has more"):
        load_config(tmp_path / "long.yaml")
