"""URLs as text: told from paths, joined and taken apart as files are, and shown without secrets."""

import os
import re

import pytest

from guitarclf.files.urls import absolute, is_below, is_url, joined, masked, parent, problem_of, relative
from guitarclf.files.wording import shown

ROOTS = ("s3://notes", "s3://notes/real", "http://127.0.0.1:80/real", "hf://datasets/me/notes@main", "file:///tmp/x")


@pytest.mark.parametrize("path", ["s3://b/x.wav", "HTTP://h/x", "hf://datasets/a/b", "foo+bar://x"])
def test_a_scheme_and_two_slashes_make_a_url(path):
    assert is_url(path)


@pytest.mark.parametrize("path", ["x.wav", "C://x.wav", "/s3://x", "s3:/x", "://x", "", "a b://x"])
def test_paths_are_no_urls(path):
    assert not is_url(path)


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("name", ["a.wav", "guitar/C#3 50%.wav", "what?.wav", "ä/%23.wav", " .wav"])
def test_a_name_that_is_joined_to_a_root_comes_back(root, name):
    for base in (root, f"{root}/"):
        url = joined(base, name)
        assert url.startswith(f"{root}/")
        assert relative(base, url) == name
        assert is_below(base, url)


def test_names_that_mean_something_on_the_web_are_quoted_there_alone():
    assert joined("http://h/x", "C#3?.wav") == "http://h/x/C%233%3F.wav"
    assert joined("s3://b/x", "C#3?.wav") == "s3://b/x/C#3?.wav"


def test_dots_are_resolved_and_stay_in_the_bucket():
    assert joined("s3://b/x/y", "../z/./a.wav") == "s3://b/x/z/a.wav"
    assert joined("s3://b/x", "../../../../c/a.wav") == "s3://b/c/a.wav"
    assert not is_below("s3://b/x", joined("s3://b/x", "../a.wav"))


@pytest.mark.parametrize(
    "url", ["http://h/x/../y", "http://h/x/%2e%2e/y", "http://h/xy", "http://h", "http://g/x/y", "/x"]
)
def test_what_leads_out_of_a_root_is_not_below_it(url):
    assert not is_below("http://h/x", url)


def test_nothing_is_below_a_local_folder():
    assert not is_below("/data", "/data/x.wav")


def test_local_names_are_joined_as_before():
    assert joined("audio", "x.wav") == os.path.join("audio", "x.wav")
    assert joined("audio", "s3://b/x.wav") == "s3://b/x.wav"
    assert joined("s3://b", "/data/x.wav") == "/data/x.wav"
    assert relative("audio", os.path.join("audio", "x.wav")) == "x.wav"
    assert relative("audio", "other.wav") == "other.wav"


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("s3://b/x/t.csv", "s3://b/x"),
        ("s3://b/t.csv", "s3://b"),
        ("s3://b/x/", "s3://b"),
        ("http://h/x/t.csv?v=a/b", "http://h/x"),
        ("x/t.csv", "x"),
        ("t.csv", "."),
    ],
)
def test_a_parent_keeps_both_slashes(path, folder):
    assert parent(path) == folder


def test_a_url_is_absolute():
    assert absolute("s3://b/x") == "s3://b/x"
    assert absolute("x") == os.path.abspath("x")


@pytest.mark.parametrize(
    ("text", "as_shown"),
    [
        ("s3://me:pass@b/x", "s3://***@b/x"),
        ("s3://me:pa/ss@b/x", "s3://***@b/x"),
        ("http://token@h:80/x", "http://***@h:80/x"),
        ("http://h/x?a=1&X-Amz-Signature=abc&b=2", "http://h/x?a=1&X-Amz-Signature=***&b=2"),
        ("http://h/x?access_token=abc", "http://h/x?access_token=***"),
        ("http://h:80/x@y.wav", "http://h:80/x@y.wav"),
        ("hf://datasets/me/notes@main/x.wav", "hf://datasets/me/notes@main/x.wav"),
        ("me@home.wav", "me@home.wav"),
    ],
)
def test_secrets_are_never_shown(text, as_shown):
    assert masked(text) == as_shown
    assert shown(text) == as_shown
    if is_url(text):
        assert (problem_of(text) is None) == (text == as_shown)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://h/x", "must begin with s3://, .* begins with ftp://"),
        ("http://h/x#y", "must have no fragment. It has #y"),
        ("s3:///x", "must name a bucket"),
        ("http://", "must name a host"),
        ("http://[x/y", "must be a URL"),
    ],
)
def test_what_is_no_url_is_told(url, problem):
    assert re.search(problem, problem_of(url) or "")


@pytest.mark.parametrize("url", ["s3://b/C#3.wav", "memory://x.wav", "file:///x.wav", "https://h/x?download=1"])
def test_urls_that_are_read(url):
    assert problem_of(url) is None
