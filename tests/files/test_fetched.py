"""Copies of what is elsewhere: whole or not there, and the folder of a bounded size."""

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from guitarclf.errors import RunError
from guitarclf.files import fetched

pytestmark = pytest.mark.usefixtures("fresh_copies")


def write(content, path):
    path.write_bytes(content)


def test_a_copy_is_made_once(fresh_copies):
    made = []
    for _ in range(2):
        path = fetched.kept("a", lambda path: (made.append(1), path.write_bytes(b"x")))
    assert (path, made, path.read_bytes()) == (fresh_copies / "a", [1], b"x")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EPERM])
def test_a_copy_whose_time_of_use_cannot_be_set_is_used(fresh_copies, monkeypatch, number):
    fetched.kept("a", partial(write, b"x"))

    def refuse(path):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "utime", refuse)
    assert fetched.found("a") == fresh_copies / "a"
    assert fetched.found("b") is None


def test_threads_that_want_the_same_copy_wait_for_one(fresh_copies):
    made = []

    def make(path):
        made.append(1)
        time.sleep(0.1)
        path.write_bytes(b"x")

    with ThreadPoolExecutor(4) as pool:
        assert {path.read_bytes() for path in pool.map(lambda _: fetched.kept("a", make), range(4))} == {b"x"}
    assert made == [1]
    assert [path.name for path in fresh_copies.iterdir()] == ["a"]


def test_what_fails_leaves_nothing(fresh_copies):
    def make(path):
        path.write_bytes(b"half")
        raise ValueError("broke off")

    with pytest.raises(ValueError, match="broke off"):
        fetched.kept("a", make)
    assert list(fresh_copies.iterdir()) == []


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(fresh_copies):
    code = (
        "import os, signal\nfrom guitarclf.files import fetched\n"
        "def make(path):\n    path.write_bytes(b'half')\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetched.kept('a', make)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode != 0
    assert fetched.found("a") is None
    assert fetched.size() == (0, 0)
    assert fetched.kept("a", partial(write, b"whole")).read_bytes() == b"whole"
    left = [path for path in fresh_copies.iterdir() if path.name != "a"]
    assert left
    for path in left:
        os.utime(path, (time.time() - 2 * fetched.STALE_SEC,) * 2)
    fetched.trim()
    assert [path.name for path in fresh_copies.iterdir()] == ["a"]


def test_two_processes_make_the_same_copy(fresh_copies):
    code = "from guitarclf.files import fetched; fetched.kept('a', lambda path: path.write_bytes(b'x' * 100_000))"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert [path.name for path in fresh_copies.iterdir()] == ["a"]


def test_the_least_recently_used_copies_go_first(fresh_copies):
    fetched.keep_below(3e-6)
    for number in range(6):
        fetched.kept(str(number), partial(write, bytes(1000)))
        os.utime(fresh_copies / str(number), (1000 + number,) * 2)
        if number == 2:
            fetched.kept("0", partial(write, b""))  # used again
    assert sorted(path.name for path in fresh_copies.iterdir()) == ["0", "4", "5"]
    assert fetched.size() == (3, 3000)


def test_clearing_removes_all(fresh_copies):
    fetched.kept("a", partial(write, bytes(1000)))
    assert fetched.clear() == 1000
    assert fetched.size() == (0, 0)


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("GUITARCLF_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match=r"must be writable. Not a directory. .* GUITARCLF_CACHE"):
        fetched.kept("a", partial(write, b"x"))


def test_names_tell_versions_apart():
    assert len({fetched.name_of("a", "b"), fetched.name_of("ab", ""), fetched.name_of("a", "c")}) == 3
