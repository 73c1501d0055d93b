"""The wheel works by itself, outside the checkout."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import guitarclf

ROOT = Path(guitarclf.__file__).parent.parent


def python(*args, cwd, **environment):
    """Run this interpreter and return what it printed; fail with its stderr if it exits non-zero."""
    env = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run(
        [sys.executable, *map(str, args)], capture_output=True, text=True, cwd=cwd, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    # Built from a copy: a build leaves folders behind in its source.
    source = folder / "source"
    source.mkdir()
    for name in ("guitarclf", "cli", "setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    python("-m", "pip", "wheel", *options, "--wheel-dir", folder, source, cwd=folder)
    return next(folder.glob("guitarclf-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    python("-m", "pip", "install", "--no-deps", "--quiet", "--target", target, wheel, cwd=target)
    return target


def test_wheel_claims_one_top_level_package(wheel):
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"guitarclf"}
    held = set(zipfile.ZipFile(wheel).namelist())
    assert {"guitarclf/cli/train.py", "guitarclf/py.typed", "guitarclf/__init__.pyi"} <= held
    assert any(name.startswith("guitarclf/pretrained/") for name in held)


def lowest():
    """Return the pins of constraints-lowest.txt by name."""
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_the_lower_bounds_are_what_test_lowest_installs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, bound in (requirement.split(">=") for requirement in project["dependencies"]):
        pin = lowest()[name]
        assert name == "torch" or f"{pin}.".startswith(f"{bound}.") or pin == f"{bound}.0", f"{name}: {bound}, {pin}"


def test_the_stub_names_what_the_package_has():
    stub = ast.parse((ROOT / "guitarclf" / "__init__.pyi").read_text(encoding="utf-8"))
    listed = next(ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(listed) == sorted(guitarclf.__all__)


@pytest.mark.parametrize("name", ["build_pipeline", "NoteEventClassifier", "load_pipeline", "CRNN"])
def test_a_name_whose_import_fails_tells_why(name, tmp_path):
    failing = f"""
import sys
class Failing:
    def find_spec(self, module, path=None, target=None):
        if module == "torch":
            raise AttributeError("'NoneType' object has no attribute 'split'")
sys.meta_path.insert(0, Failing())
try:
    from guitarclf import {name}
except ImportError as error:
    print(error)
"""
    reason = "AttributeError: 'NoneType' object has no attribute 'split'."
    assert python("-c", failing, cwd=tmp_path) == f"guitarclf.{name} cannot be imported. {reason}\n"


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(guitarclf, "nope")
    with pytest.raises(ImportError, match="cannot import name 'nope'"):
        exec("from guitarclf import nope")


@pytest.mark.slow
def test_wheel_predicts_outside_the_checkout(installed, small_table, tmp_path):
    where = {"cwd": tmp_path, "PYTHONPATH": installed}
    assert str(installed) in python("-c", "import guitarclf.cli; print(guitarclf.cli.__file__)", **where)
    assert "predict" in python("-m", "guitarclf", "--help", **where)
    data = ("--metadata-path", small_table.path, "--audio-root", small_table.audio_root)
    settings = ("--set", "net.max_epochs=1", "--set", "net.module.rnn_hidden_size=8")
    python("-m", "guitarclf", "train", *data, "--output-dir", tmp_path / "run", *settings, **where)
    rows = python("-m", "guitarclf", "predict", "--model", "run", small_table.audio_root / "note000.wav", **where)
    assert rows.startswith("note_id,audio_path,onset_sec,label,p_harmonic,p_dead_note,p_general_note")
    assert len(rows.splitlines()) == 2


def test_checkout_root_runs_after_a_plain_install(installed):
    """Python then finds the checkout's package, which has no cli inside."""
    script = (
        "import sys; sys.meta_path = [f for f in sys.meta_path if 'editable' not in str(f).lower()];"
        "sys.argv = ['guitarclf', '--version'];"
        "import runpy; runpy.run_module('guitarclf', run_name='__main__')"
    )
    assert guitarclf.__version__ in python("-c", script, cwd=ROOT, PYTHONPATH="")


def predicting():
    """Return the pins of constraints-predict.txt by name."""
    lines = (ROOT / "constraints-predict.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_what_predict_needs_is_pinned_as_the_tests_run():
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    tested = dict(line.split("==") for line in pins if not line.startswith("#"))
    assert predicting().items() >= {name: pin for name, pin in tested.items() if name in predicting()}.items()
    assert {"numpy", "onnxruntime", "soundfile", "soxr", "click"} <= predicting().keys() & tested.keys()


# Modules of the packages in constraints-predict.txt that go by another name.
MODULES = {"PyYAML": "yaml", "soundfile": "soundfile _soundfile _soundfile_data", "cffi": "cffi _cffi_backend"}
# An environment with these alone, for a command line after it.
ALONE = """
import importlib.abc, sys
allowed = {allowed!r}
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from guitarclf.cli import main
main()
"""


def run_alone(*args, cwd):
    modules = {module for name in predicting() for module in MODULES.get(name, name.lower()).split()}
    script = ALONE.format(allowed={*sys.stdlib_module_names, *modules, "guitarclf"})
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True, cwd=cwd, check=False
    )


def test_recordings_are_answered_with_what_predict_needs_alone(small_table, tmp_path):
    recording = small_table.events["audio_path"].iloc[0]
    for command in (
        ["predict", recording, small_table.audio_root],
        ["predict", recording, "--format", "json", "--priors", "auto", "--output", "answers.json"],
        ["annotate", recording, "--output-dir", "lines", "--format", "csv,audacity,raven,jams,jsonl,html"],
        ["annotate", recording, "--combined", "all.csv", "--clips", "clips"],
    ):
        alone = run_alone(*command, cwd=tmp_path)
        assert alone.returncode == 0, alone.stderr
    assert "<html" in next((tmp_path / "lines").glob("*.html")).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("command", "module"),
    [
        (["predict", "--metadata-path", "notes.csv"], "pandas"),
        (["annotate", "{recording}", "--pitch"], "librosa"),
        (["validate", "notes.csv"], "pandas"),
    ],
)
def test_what_is_missing_is_told_by_name(small_table, tmp_path, command, module):
    recording = small_table.events["audio_path"].iloc[0]
    (tmp_path / "notes.csv").write_text(f"audio_path,onset_sec\n{recording},0\n")
    alone = run_alone(*(word.format(recording=recording) for word in command), cwd=tmp_path)
    assert alone.returncode == 1
    assert alone.stderr.splitlines()[-1] == (
        f"Error: This must have `{module}`. It is not installed here. `pip install guitarclf` brings all that the "
        "package needs."
    )
    assert "Traceback" not in alone.stderr
