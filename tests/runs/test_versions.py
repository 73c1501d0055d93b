"""What an issue is told: complete, without paths, and whatever is broken."""

import importlib
import os
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from commands import call

import guitarclf
from guitarclf.runs.versions import REQUIREMENT, told_for_issues

PROJECT = tomllib.loads((Path(guitarclf.__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture
def requires(monkeypatch):
    """`requires(lines)`: what the installed guitarclf asks for."""
    return lambda lines: monkeypatch.setattr(metadata, "requires", lambda name: lines)


@pytest.mark.parametrize("flags", [("--version", "--verbose"), ("-v", "--version")])
def test_version_and_verbose_tell_packages_and_machine(flags):
    lines = call(*flags).stdout.splitlines()
    assert lines[0] == f"guitarclf, version {guitarclf.__version__}"
    for part in (
        "CPython 3.",
        f"{os.cpu_count()} cores",
        f"torch {metadata.version('torch')}",
        "libsndfile ",
        "the CPU",
    ):
        assert any(part in line for line in lines), part


def test_version_by_itself_is_one_line():
    assert call("--version").stdout == f"guitarclf, version {guitarclf.__version__}\n"
    assert call("--version", "predict").stdout.count("\n") == 1


def test_every_dependency_is_told(requires):
    requires(PROJECT["project"]["dependencies"])
    told = {line.split()[0] for line in told_for_issues()}
    assert {REQUIREMENT.match(line)["name"] for line in PROJECT["project"]["dependencies"]} <= told


def test_what_is_missing_is_told_unless_only_an_extra_wants_it(requires):
    requires(
        ["nowhere>=1.0", "else_where>=2 ; extra == 'live'", 'mido>=1.3; extra == "midi"', "pytest; extra == 'test'"]
    )
    lines = list(told_for_issues())
    assert "nowhere is not installed" in lines
    assert f"mido {metadata.version('mido')}" in lines
    assert not [line for line in lines if line.startswith(("else_where", "pytest"))]


def test_a_folder_that_is_not_installed_tells_the_rest(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", missing)
    assert any("libsndfile" in line for line in told_for_issues())


def test_a_library_that_does_not_load_is_told(monkeypatch):
    original = importlib.import_module

    def broken(name):
        if name == "torch":
            raise OSError("libcudart.so: cannot open shared object file\nand more")
        return original(name)

    monkeypatch.setattr(importlib, "import_module", broken)
    assert list(told_for_issues())[-1].startswith(
        "torch cannot be loaded: OSError: libcudart.so: cannot open shared obj"
    )


def test_no_path_of_the_user_is_told():
    text = "\n".join(told_for_issues())
    assert os.path.expanduser("~") not in text
    assert os.getcwd() not in text
