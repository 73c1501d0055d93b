"""The README and configs/ say what the code does."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from joblib.externals.loky import get_reusable_executor
from small import small_config

import guitarclf
from guitarclf.cli import COMMANDS, main
from guitarclf.config import Config
from guitarclf.config.docs import default_yaml, markdown_table
from guitarclf.config.files import load_config
from guitarclf.experiment.demo import demo_config

ROOT = Path(guitarclf.__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON_BLOCKS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


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
    assert PYTHON_BLOCKS
    for block in PYTHON_BLOCKS:
        compile(block, "README.md", "exec")


@pytest.mark.slow
def test_python_in_the_readme_runs(small_table, run, make_tone, tmp_path, monkeypatch):
    """Beside what the README speaks of: a run, a table and its audio, two files, a waveform; and a smaller net."""
    (tmp_path / "runs").mkdir()
    shutil.copytree(run.folder.root, tmp_path / "runs" / "demo")
    shutil.copytree(small_table.audio_root, tmp_path / "audio")
    shutil.copy(small_table.path, tmp_path / "notes.csv")
    for name, source in zip(["a.wav", "b.wav"], sorted((tmp_path / "audio").iterdir()), strict=False):
        shutil.copy(source, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    get_reusable_executor().shutdown(wait=True)  # workers of another test would be in another folder
    monkeypatch.setattr(guitarclf, "Config", lambda: small_config(net__max_epochs=1), raising=False)
    names = {"waveform": make_tone(220.0)}
    for block in PYTHON_BLOCKS:
        exec(compile(block, "README.md", "exec"), names)
    assert set(names["search"].best_params_) == {"logmel__n_mels", "net__lr"}
    assert names["spectrogram"].shape == (1, 64, 87)
    assert names["model"].predict_proba([names["waveform"]]).shape == (1, 3)


def test_changelog_names_the_version():
    assert f"## {guitarclf.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
