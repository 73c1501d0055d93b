"""The README and configs/ say what the code does."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

import guitarclf
from guitarclf.cli import COMMANDS, main
from guitarclf.config import Config
from guitarclf.config.docs import default_yaml, markdown_table
from guitarclf.config.files import load_config
from guitarclf.experiment.demo import demo_config

ROOT = Path(guitarclf.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_readme_lists_every_config_key():
    assert markdown_table() in README, "run `make docs`"


def test_default_yaml_is_every_default():
    assert (ROOT / "configs" / "default.yaml").read_text(encoding="utf-8") == default_yaml(), "run `make docs`"
    assert load_config(ROOT / "configs" / "default.yaml") == Config()


def test_demo_yaml_is_what_the_demo_trains_with():
    assert load_config(ROOT / "configs" / "demo.yaml") == demo_config()


@pytest.mark.parametrize("path", sorted((ROOT / "configs").iterdir()), ids=lambda path: path.name)
def test_every_config_loads(path):
    assert isinstance(load_config(path), Config)


def test_readme_names_every_command():
    for name in COMMANDS:
        assert f"guitarclf {name}" in README, name


def test_flags_in_the_readme_exist():
    for line in re.findall(r"^guitarclf .*$", README.replace("\\\n", " "), flags=re.MULTILINE):
        _, name, *words = line.split("#")[0].split()
        if name.startswith("-"):
            continue
        help_text = CliRunner().invoke(main, [name, "--help"]).output
        for flag in (word.split("=")[0] for word in words if word.startswith("--")):
            assert flag in help_text, f"{flag} in: {line}"


def test_python_in_the_readme_compiles():
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")


def test_changelog_names_the_version():
    assert f"## {guitarclf.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
