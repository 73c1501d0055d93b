"""What must be in common is compared, and a process keeps the function that it works with."""

from dataclasses import replace
from pickle import dumps, loads

import pytest
from jobs import Counting, broken, unreadable

from guitarclf import workers
from guitarclf.errors import AudioReadError, ClusterError
from guitarclf.workers import MAX_SAMPLED, Common, call, call_on_worker


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch):
    monkeypatch.setattr(workers, "_held", {})


@pytest.fixture
def files(tmp_path):
    """Sixty files of three bytes."""
    paths = [tmp_path / f"{number:02d}.wav" for number in range(60)]
    for path in paths:
        path.write_bytes(b"123")
    return [str(path) for path in paths]


def test_a_process_has_no_complaint_of_what_it_has_itself(files):
    assert Common.here(files).complaint() == ""


def test_the_first_file_and_a_few_others_are_compared(files):
    sizes = Common.here(files).sizes
    assert next(iter(sizes)) == files[0]
    assert 8 < len(sizes) <= MAX_SAMPLED
    assert set(sizes.values()) == {3}


def test_what_is_not_here_is_not_asked_for(tmp_path):
    assert Common.here([str(tmp_path / "nowhere\n.wav")]).sizes == {}


def test_of_sound_in_a_table_the_table_is_asked_for_and_of_urls_nothing(tmp_path):
    (tmp_path / "notes.parquet").write_bytes(b"123")
    assert Common.here(["s3://bucket/a.wav", f"{tmp_path}/notes.parquet/17/e2.wav"]).sizes == {
        f"{tmp_path}/notes.parquet": 3
    }


def test_a_file_of_another_size_is_a_complaint(files, tmp_path):
    common = Common.here(files[:1])
    (tmp_path / "00.wav").write_bytes(b"1234")
    assert f"{files[0]}: It has 4 bytes there, and here 3. Mount the folder there" in common.complaint()
    (tmp_path / "00.wav").unlink()
    assert f"{files[0]}: It is not there." in common.complaint()


@pytest.mark.parametrize("name", ["python", "code of guitarclf", "torch", "distributed", "numpy"])
def test_another_version_is_a_complaint(name):
    common = Common.here([])
    other = replace(common, versions=common.versions | {name: "0.0"})
    said = other.complaint()
    assert f"`{name}` is {common.versions[name]} there, and here 0.0. Install the same there" in said


def test_another_processor_is_none():
    assert replace(Common.here([]), processor="another").complaint() == ""


def test_a_process_keeps_the_function_and_forgets_the_one_before(tmp_path):
    content = dumps(Counting(str(tmp_path / "log")))
    path = tmp_path / "function.pickle"
    path.write_bytes(content)
    assert [call("a", content, job)[1] for job in "xyz"] == [1, 2, 3]
    assert call("b", path, "x")[1] == 1
    assert call("a", content, "x")[1] == 1


class Worker:
    """As far as it is asked, a worker of Dask."""

    address = "tcp://10.0.0.1:1234"

    def __init__(self, nthreads):
        self.state = self
        self.nthreads = nthreads


class Odd(Exception):
    """Has what no pickle holds, and more arguments than it passes on."""

    def __init__(self, what, why):
        super().__init__(what)
        self.kept = lambda: why


def recursive(job):
    return recursive(job)


def odd(job):
    raise Odd("odd", job)


@pytest.fixture
def common(files, monkeypatch):
    """What is common, on a worker of one thread."""
    monkeypatch.setattr("distributed.get_worker", lambda: Worker(1))
    monkeypatch.setattr("socket.gethostname", lambda: "node7")
    return Common.here(files)


def answer(common, function):
    return call_on_worker(f"{function}{common}", dumps((common, function)), dumps("job"))


def test_a_worker_answers_with_the_result(common):
    assert answer(common, len) == (3, None)


def test_an_error_of_ours_tells_the_worker(common):
    result, error = answer(common, unreadable)
    assert (result, type(error)) == (None, AudioReadError)
    assert str(error) == "job.wav must be readable. It is not. That was on worker tcp://10.0.0.1:1234 on node7."


@pytest.mark.parametrize(
    ("function", "kind", "text"),
    [
        (broken, ZeroDivisionError, "a bug"),
        (recursive, RuntimeError, "maximum recursion"),
        (odd, RuntimeError, "Odd: odd"),
    ],
)
def test_any_other_error_can_be_sent_with_its_traceback(common, function, kind, text):
    error = loads(dumps(answer(common, function)[1]))
    assert isinstance(error, kind)
    assert text in str(error)
    assert "On worker tcp://10.0.0.1:1234 on node7:\nTraceback" in error.__notes__[0]
    assert function.__name__ in error.__notes__[0]


def test_a_worker_that_was_not_looked_at_is_looked_at(common, monkeypatch):
    other = replace(common, versions=common.versions | {"numpy": "1.0"})
    said = str(answer(other, len)[1])
    assert said.startswith("Worker tcp://10.0.0.1:1234 on node7 cannot be used. It must have the versions")
    monkeypatch.setattr("distributed.get_worker", lambda: Worker(2))
    assert "It must have one thread, and has 2. Start it with --nthreads 1." in str(answer(common, len)[1])
    assert isinstance(answer(common, len)[1], ClusterError)
