"""Folders for what is kept: the user's, or one temporary folder and one warning where there is none."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guitarclf.features.store import FeatureStore
from guitarclf.files import caches
from guitarclf.files.caches import find_caches, is_writable

VARIABLES = ("GUITARCLF_CACHE", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR")
posix = pytest.mark.skipif(sys.platform == "win32", reason="a home is found otherwise there")


@pytest.fixture
def lost(monkeypatch, tmp_path):
    """A user without a name and without any folder but the temporary one; `lost.lines` is what is logged."""
    for variable in (*VARIABLES, "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(variable, "")  # so that what is set here goes again
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path / "a_file" / "home"))
    (tmp_path / "a_file").touch()
    monkeypatch.setattr(caches, "PACKAGE", tmp_path / "a_file")
    monkeypatch.setattr("getpass.getuser", raise_no_entry)
    find_caches.cache_clear()
    yield
    find_caches.cache_clear()


def raise_no_entry():
    raise KeyError("getpwuid(): uid not found: 12345")


@posix
def test_without_any_folder_there_is_a_temporary_one_and_one_warning(lost, caplog):
    logging.getLogger("guitarclf").propagate = True
    for _ in range(3):
        assert is_writable(str(FeatureStore().folder))
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    folder = Path(os.environ["GUITARCLF_CACHE"]).parent
    assert f"kept in {folder} until the end" in record.getMessage()
    assert [Path(os.environ[variable]).parent for variable in VARIABLES] == [folder] * 4


@posix
@pytest.mark.parametrize("given", VARIABLES)
def test_a_folder_that_is_given_is_used(lost, monkeypatch, tmp_path, given):
    monkeypatch.setenv(given, str(tmp_path / "mine"))
    find_caches()
    assert os.environ[given] == str(tmp_path / "mine")


@posix
def test_with_a_home_nothing_changes(lost, monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", lambda: "me")
    find_caches()
    assert not set(VARIABLES) & set(os.environ)
    assert caplog.records == []


@pytest.mark.parametrize("folder", ["", "~/.cache", "relative"])
def test_a_path_that_is_not_absolute_is_no_folder(folder):
    assert not is_writable(folder)


@posix
def test_a_folder_that_only_seems_to_be_writable_is_none(tmp_path, monkeypatch):
    assert is_writable(str(tmp_path / "a" / "b"))
    (tmp_path / "a_file").touch()
    assert not is_writable(str(tmp_path / "a_file" / "b"))
    if sys.platform.startswith("linux"):
        assert not is_writable("/proc/none")  # whatever access(2) says to root


@posix
def test_numba_and_matplotlib_find_the_temporary_folder(tmp_path):
    (tmp_path / "a_file").touch()
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from guitarclf.files import caches\ncaches.PACKAGE = Path(sys.argv[1])\n"
        "caches.find_caches()\nimport matplotlib\nfrom guitarclf.data.synth.modal import _advance\n"
        "print(matplotlib.get_cachedir())\nprint(_advance.stats.cache_path)"
    )
    env = {name: value for name, value in os.environ.items() if name not in VARIABLES and not name.startswith("XDG_")}
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "a_file")]
    env |= {"HOME": str(tmp_path / "a_file"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stderr.splitlines()
    folder = line.split("kept in ")[1].split()[0]
    assert [place.startswith(folder) for place in done.stdout.split()] == [True, True]
    assert not Path(folder).exists()
