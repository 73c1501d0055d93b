"""Files at URLs: fetched whole and once a version, and told in one line where they cannot be."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from guitarclf.errors import AudioReadError
from guitarclf.files import fetched, remote
from guitarclf.files.places import missing
from guitarclf.files.remote import State, ask, files_below, local, refresh, state_of

SOUND = np.random.default_rng(0).bytes(100_000)
LARGE = np.random.default_rng(1).bytes(3 * remote.BLOCK)


@pytest.mark.parametrize("content", [SOUND, LARGE, b""], ids=["small", "large", "empty"])
def test_an_object_is_fetched_once(bucket, content):
    url = bucket.put("C#3 ä.wav", content)
    bucket.forget()
    for _ in range(3):
        assert local(url).read_bytes() == content
    n_requests = len(bucket.requests())
    local(url)
    assert len(bucket.requests()) == n_requests


def test_a_small_object_takes_two_requests_once_its_version_is_known(bucket):
    url = bucket.put("a.wav", SOUND)
    ask([url])
    bucket.forget()
    local(url)
    assert [line.split()[0] for line in bucket.requests()] == ["HEAD", "GET"]


def test_another_version_is_fetched_anew_and_only_that(bucket):
    url = bucket.put("a.wav", b"one")
    assert local(url).read_bytes() == b"one"
    bucket.put("a.wav", b"two")
    assert local(url).read_bytes() == b"one"  # known for a minute
    ask([url])
    assert local(url).read_bytes() == b"two"


def test_what_changes_while_it_is_fetched_is_fetched_again(bucket):
    url, other = bucket.put("a.wav", LARGE), LARGE[::-1]

    def check(file):
        if file.read(3) == LARGE[:3]:
            bucket.put("a.wav", other)

    assert local(url, check=check).read_bytes() == other
    assert fetched.size()[0] == 1


def test_many_versions_of_a_folder_are_asked_for_by_one_listing(bucket):
    urls = [bucket.put(f"x/{number}.wav", bytes([number])) for number in range(remote.MANY)]
    bucket.forget()
    states = ask([*urls, f"{bucket.url}/x/none.wav"])
    assert [states[url] is None for url in states] == [False] * remote.MANY + [True]
    assert bucket.requests("HEAD") == []
    assert state_of(urls[0]) == states[urls[0]]
    ask(urls[:1])
    assert state_of(urls[0]) == states[urls[0]]  # by HEAD it is the same


def test_what_is_too_large_or_no_audio_is_not_fetched(bucket, fresh_copies):
    url = bucket.put("a.wav", LARGE)

    def check(file):
        assert file.read(3) == LARGE[:3]
        raise AudioReadError("no audio")

    with pytest.raises(AudioReadError, match="no audio"):
        local(url, check=check)
    with pytest.raises(AudioReadError, match=r"must have at most 1000 bytes to be fetched. It has 3145728"):
        local(url, most=1000)
    fetched.keep_below(0.001)
    with pytest.raises(AudioReadError, match=r"data.cache_gb"):
        local(url)
    assert sum(len(line) for line in bucket.requests("GET")) < 200
    assert fetched.size() == (0, 0)


def test_two_processes_fetch_at_once(bucket):
    url = bucket.put("a.wav", LARGE)
    code = f"from guitarclf.files.remote import local; print(len(local({url!r}).read_bytes()))"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(2)]
    assert [int(process.communicate()[0]) for process in started] == [len(LARGE)] * 2
    assert local(url).read_bytes() == LARGE
    assert fetched.size() == (1, len(LARGE))


@pytest.mark.skipif(os.name != "posix", reason="a limit of the sizes of files")
@pytest.mark.parametrize("content", [SOUND, LARGE], ids=["small", "large"])
def test_where_there_is_no_room_for_a_copy_it_is_the_folder_that_is_told(bucket, content):
    code = (
        "import resource; from guitarclf.errors import RunError; from guitarclf.files import remote\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        f"try: remote.local({bucket.put('a.wav', content)!r})\n"
        "except RunError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{fetched.folder()} must be writable. File too large. Make room, or name another")
    assert os.listdir(fetched.folder()) == []


def test_the_files_below_a_folder_are_listed(bucket):
    for key in ("x/b.wav", "x/y/a.wav", "xy/c.wav", "d.wav"):
        bucket.put(key, b"x")
    assert files_below(f"{bucket.url}/x") == [f"{bucket.url}/x/b.wav", f"{bucket.url}/x/y/a.wav"]
    assert files_below(f"{bucket.url}/x/") == files_below(f"{bucket.url}/x")
    assert len(files_below(bucket.url)) == 4
    assert files_below(f"{bucket.url}/none") == files_below(f"{bucket.url}/d.wav") == []


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_other_schemes_go_the_same_way(scheme, tmp_path, fresh_copies):
    import fsspec

    folder = f"memory://{tmp_path.name}" if scheme == "memory" else f"file://{tmp_path}/x"
    fs, path = fsspec.core.url_to_fs(f"{folder}/a.wav")
    fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    fs.pipe_file(path, b"one")
    assert local(f"{folder}/a.wav").read_bytes() == b"one"
    assert files_below(folder) == [f"{folder}/a.wav"]
    fs.pipe_file(path, b"other")
    assert ask([f"{folder}/a.wav", f"{folder}/none"])[f"{folder}/none"] is None
    assert local(f"{folder}/a.wav").read_bytes() == b"other"


def test_a_server_without_ranges_is_read_too(web, tmp_path):
    (tmp_path / "C#3.wav").write_bytes(LARGE)
    assert (
        local(f"{web.url}/C%233.wav", check=lambda file: (file.seek(2 * remote.BLOCK), file.read(1))).read_bytes()
        == LARGE
    )
    assert files_below(f"{web.url}/") == [f"{web.url}/C%233.wav"]
    assert files_below(web.url) == []


@pytest.mark.parametrize("content", [SOUND, LARGE], ids=["small", "large"])
def test_a_connection_that_breaks_in_the_middle_is_made_again(web, tmp_path, content):
    (tmp_path / "a.wav").write_bytes(content)
    web.breaking["/a.wav"] = 1
    assert local(f"{web.url}/a.wav").read_bytes() == content
    (tmp_path / "b.wav").write_bytes(content)
    web.breaking["/b.wav"] = 10
    with pytest.raises(AudioReadError, match=r"b.wav must "):
        local(f"{web.url}/b.wav")
    assert fetched.size() == (1, len(content))


def test_a_server_that_does_not_answer_is_given_up(web, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_SEC", 0.2)
    remote._filesystem.cache_clear()
    (tmp_path / "a.wav").write_bytes(SOUND)
    web.silent.add("/a.wav")
    with pytest.raises(AudioReadError, match=r"a.wav must be readable. .*Timeout\w*\. Check"):
        local(f"{web.url}/a.wav")
    remote._filesystem.cache_clear()


def test_the_beginning_of_another_version_is_not_what_is_refused(web, tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    url = f"{web.url}/a.wav"
    ask([url])
    (tmp_path / "a.wav").write_bytes(b"RIFF")  # another version by its size and by its time

    def check(file):
        if state_of(url).size != len(file.read()):
            raise AudioReadError("it ends early")

    assert local(url, check=check).read_bytes() == b"RIFF"


def test_a_file_that_a_server_of_the_web_has_not_is_missing(web, tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    urls = [f"{web.url}/{name}.wav" for name in ("none", "a", "neither")]
    assert missing(urls) == [urls[0], urls[2]]
    with pytest.raises(AudioReadError, match=r"none.wav must be there to be read. There is no such file"):
        local(urls[0])


def test_one_file_that_cannot_be_told_does_not_make_the_others_unknown(web, tmp_path):
    (tmp_path / "a.wav").write_bytes(SOUND)
    refresh(["http://127.0.0.1:1/x.wav", f"{web.url}/a.wav"])
    n_asked = len(web.seen)
    assert n_asked
    assert state_of(f"{web.url}/a.wav").size == len(SOUND)
    assert len(web.seen) == n_asked


PROBLEMS = {
    "s3://{bucket}/none.wav": "There is no such file",
    "s3://no-such-bucket/x.wav": "The specified bucket does not exist",
    "http://127.0.0.1:1/x.wav": "Cannot connect to host 127.0.0.1:1",
    "ftp://127.0.0.1/x.wav": "must begin with s3://",
    "s3://me:secret@b/x.wav": r"s3://\*\*\*@b/x.wav must have no password",
}


@pytest.mark.parametrize("url", PROBLEMS)
def test_what_cannot_be_read_is_told_in_one_line(bucket, url):
    with pytest.raises(AudioReadError, match=PROBLEMS[url]) as caught:
        local(url.format(bucket=bucket.name))
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_missing_credentials_are_told_in_the_words_of_the_library(bucket, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    remote._filesystem.cache_clear()
    with pytest.raises(AudioReadError, match=r"must be readable. NoCredentialsError: Unable to locate credentials"):
        local(bucket.put("a.wav", b"x"))
    remote._filesystem.cache_clear()


@pytest.mark.parametrize(("scheme", "library"), [("gs", "gcsfs"), ("s3", "fsspec"), ("https", "aiohttp")])
def test_a_library_that_is_missing_is_named(monkeypatch, fresh_copies, scheme, library):
    remote._filesystem.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(AudioReadError, match=r'pip install "guitarclf\[remote\]"'):
        local(f"{scheme}://x/y.wav")
    remote._filesystem.cache_clear()


def test_a_store_that_tells_no_versions_is_asked_once_a_process(web, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "VERSIONS", ())
    (tmp_path / "a.wav").write_bytes(SOUND)
    assert local(f"{web.url}/a.wav").read_bytes() == SOUND
    assert state_of(f"{web.url}/a.wav") == State(len(SOUND), None)
    shutil.rmtree(fetched.folder())
    assert local(f"{web.url}/a.wav").read_bytes() == SOUND
