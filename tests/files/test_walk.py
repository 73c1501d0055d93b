"""One walk below a folder: links are followed once, what macOS leaves is kept apart, closed folders are noted."""

import os
import sys
from pathlib import Path

import pytest

from guitarclf.files import walk as walking
from guitarclf.files.walk import Walk

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def below(root: Path, paths: list[Path]) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_files_are_sorted_and_twins_kept_apart(tmp_path):
    touch(tmp_path, "b/2.wav", "a.wav", "._a.wav", "b/._2.wav", "__MACOSX/b/2.wav", ".hidden/3.wav")
    found = Walk(tmp_path)
    assert below(tmp_path, found.files) == [".hidden/3.wav", "a.wav", "b/2.wav"]
    assert below(tmp_path, found.twins) == ["._a.wav", "__MACOSX", "b/._2.wav"]


@needs_links
@pytest.mark.parametrize(
    ("target", "files", "loops"),
    [
        ("../elsewhere", ["a.wav", "link/b.wav", "sub/c.wav"], []),
        ("../elsewhere/b.wav", ["a.wav", "link", "sub/c.wav"], []),  # a link to a file
        ("nowhere", ["a.wav", "link", "sub/c.wav"], []),
        ("link", ["a.wav", "link", "sub/c.wav"], []),  # to itself
        ("sub", ["a.wav", "sub/c.wav"], []),  # each folder once, where it lies
        (".", ["a.wav", "sub/c.wav"], ["link"]),
        ("..", ["a.wav", "sub/c.wav"], ["link"]),
        ("/", ["a.wav", "sub/c.wav"], ["link"]),
    ],
)
def test_links_are_followed_once_and_never_upwards(tmp_path, target, files, loops):
    root = tmp_path / "root"
    touch(tmp_path, "root/a.wav", "root/sub/c.wav", "elsewhere/b.wav")
    (root / "link").symlink_to(target)
    (tmp_path / "elsewhere" / "back").symlink_to(root)  # one that leads back from outside
    found = Walk(root)
    assert (below(root, found.files), below(root, found.loops)) == (files, loops)


@needs_links
def test_links_through_links_end(tmp_path):
    for name in ("one", "two", "three"):
        touch(tmp_path, f"{name}/{name}.wav")
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        (tmp_path / name / "next").symlink_to(tmp_path / other)
    assert below(tmp_path / "one", Walk(tmp_path / "one").files) == [
        "next/next/three.wav",
        "next/two.wav",
        "one.wav",
    ]


def test_a_folder_that_may_not_be_read_is_noted(tmp_path, monkeypatch):
    touch(tmp_path, "a.wav", "closed/b.wav")
    scan = os.scandir

    def refuse(folder):
        if Path(folder).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(walking.os, "scandir", refuse)
    found = Walk(tmp_path)
    assert below(tmp_path, found.files) == ["a.wav"]
    assert below(tmp_path, found.closed) == ["closed"]
