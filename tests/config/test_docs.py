"""configs/ and the changelog say what the code does; tests/docs reads the pages."""

from pathlib import Path

import pytest

import guitarclf
from guitarclf.config import Config
from guitarclf.config.docs import default_yaml
from guitarclf.config.files import load_config
from guitarclf.experiment.demo import demo_config

ROOT = Path(guitarclf.__file__).parent.parent


def test_default_yaml_is_every_default():
    assert (ROOT / "configs" / "default.yaml").read_text(encoding="utf-8") == default_yaml(), "run `make docs-tables`"
    assert load_config(ROOT / "configs" / "default.yaml") == Config()


def test_demo_yaml_is_what_the_demo_trains_with():
    assert load_config(ROOT / "configs" / "demo.yaml") == demo_config()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").iterdir()), ids=lambda path: path.name)
def test_every_config_loads(path):
    assert isinstance(load_config(path), Config)


def test_changelog_names_the_version():
    assert f"## {guitarclf.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
