"""Digests are kept by the state of their files, and never stand for another content."""

import os
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context

import pytest

from guitarclf.errors import AudioReadError
from guitarclf.files import digest, kept_digests, state
from guitarclf.files.digest import file_digest, joint_digest

N_FILES = 70  # more than a thread reads as one task


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{number}.wav" for number in range(N_FILES)]
    for number, path in enumerate(paths):
        path.write_bytes(b"%d" % number * 100)
    return list(map(str, paths))


@pytest.fixture
def kept_in(tmp_path):
    return tmp_path / "cache" / "digests.sqlite"


@pytest.fixture(autouse=True)
def old_enough(monkeypatch):
    monkeypatch.setattr(state, "GRAIN_SEC", 0.0)


@pytest.fixture
def read(monkeypatch):
    """The files that are read."""
    names = []
    monkeypatch.setattr(digest, "file_digest", lambda path: names.append(path) or file_digest(path))
    return names


def test_a_second_time_no_file_is_read_and_the_digest_is_the_same(files, kept_in, read):
    first = joint_digest(files, kept_in=kept_in, num_workers=3)
    assert sorted(read) == sorted(files)
    read.clear()
    assert joint_digest(files[::-1] + files[:3], kept_in=kept_in) == first
    assert not read
    assert joint_digest(files) == first


def test_the_digest_is_what_it_was_before_any_was_kept(files, kept_in):
    assert joint_digest(files[:3], kept_in=kept_in) == joint_digest(files[:3]) == "5a00a71bc59fa8cee613381f1eadb447"


def test_only_what_changed_is_read_again(files, kept_in, read):
    before = joint_digest(files, kept_in=kept_in)
    read.clear()
    with open(files[5], "ab") as file:
        file.write(b"more")
    after = joint_digest(files, kept_in=kept_in)
    assert read == [files[5]]
    assert after == joint_digest(files) != before


def test_a_file_changed_just_now_is_not_kept(files, kept_in, read, monkeypatch):
    monkeypatch.setattr(state, "GRAIN_SEC", 60.0)
    joint_digest(files, kept_in=kept_in)
    joint_digest(files, kept_in=kept_in)
    assert len(read) == 2 * N_FILES


def test_a_file_that_changes_while_it_is_read_is_not_kept(files, kept_in, read, monkeypatch):
    def change_meanwhile(path):
        os.utime(path)
        return file_digest(path)

    monkeypatch.setattr(digest, "file_digest", change_meanwhile)
    joint_digest(files[:1], kept_in=kept_in)
    monkeypatch.setattr(digest, "file_digest", lambda path: read.append(path) or file_digest(path))
    joint_digest(files[:1], kept_in=kept_in)
    assert read == files[:1]


@pytest.mark.parametrize("damage", ["garbage", "cut"])
def test_a_damaged_database_is_made_anew(files, kept_in, read, damage):
    expected = joint_digest(files, kept_in=kept_in)
    if damage == "garbage":
        kept_in.write_bytes(b"garbage" * 1000)
    else:
        os.truncate(kept_in, kept_in.stat().st_size // 2)
    assert joint_digest(files, kept_in=kept_in) == expected
    joint_digest(files, kept_in=kept_in)
    read.clear()
    assert joint_digest(files, kept_in=kept_in) == expected
    assert not read


def test_without_a_folder_that_can_be_used_all_are_read(files, tmp_path, read):
    (tmp_path / "a_file").write_text("no folder")
    assert joint_digest(files, kept_in=tmp_path / "a_file" / "digests.sqlite") == joint_digest(files)
    assert len(read) == 2 * N_FILES


def test_a_database_that_another_process_holds_is_gone_without(files, kept_in, monkeypatch):
    expected = joint_digest(files[:3], kept_in=kept_in)
    monkeypatch.setattr(kept_digests, "BUSY_SEC", 0.05)
    with closing(sqlite3.connect(kept_in)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert joint_digest(files[:3], kept_in=kept_in) == expected


def test_above_its_size_the_database_begins_anew(files, kept_in, monkeypatch):
    monkeypatch.setattr(kept_digests, "MOST", 40)
    for first in range(0, N_FILES, 15):
        joint_digest(files[first : first + 15], kept_in=kept_in)
        with closing(sqlite3.connect(kept_in)) as database:
            assert 0 < database.execute("SELECT count(*) FROM digests").fetchone()[0] <= 40
    assert joint_digest(files, kept_in=kept_in) == joint_digest(files)


def test_a_missing_file_is_the_error_it_was(files, kept_in):
    with pytest.raises(AudioReadError, match=r"gone\.wav must be a readable file\. No such file"):
        joint_digest([*files, "gone.wav"], kept_in=kept_in)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_may_keep_at_the_same_time(files, kept_in, read):
    parts = [files[:50], files[20:], files]
    with ProcessPoolExecutor(3, mp_context=get_context("fork")) as pool:
        found = [pool.submit(joint_digest, part, kept_in=kept_in) for part in parts]
        assert [job.result() for job in found] == [joint_digest(part) for part in parts]
    read.clear()
    joint_digest(files, kept_in=kept_in)
    assert not read
