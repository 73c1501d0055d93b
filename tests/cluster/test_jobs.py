"""Jobs in this process, in processes of this machine, and on a cluster that loses its parts."""

import os
import signal
import subprocess
import sys
import time

import jobs
import pytest
from dask_cluster import DaskCluster, wait_until
from jobs import Counting, broken, ending, limit, unreadable

from guitarclf.cluster import open_cluster, run_unordered
from guitarclf.errors import AudioReadError, ClusterError
from guitarclf.files import fetched


@pytest.fixture
def dask(tmp_path):
    """A scheduler without workers."""
    with DaskCluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
def log(tmp_path):
    return tmp_path / "begun.log"


def begun(log) -> list[str]:
    """Return the jobs that were begun, in their order."""
    return [line.split()[0] for line in log.read_text().splitlines()]


def failing(work, error, message, at_each=lambda place: None) -> dict:
    """Return place -> result of what is given before an error; ``at_each`` is called with each place."""
    given = {}

    def take_all():
        for place, result in work:
            given[place] = result
            at_each(place)

    with pytest.raises(error, match=message):
        take_all()
    return given


def results(found) -> dict:
    """Return place -> result, each of which came once."""
    found = list(found)
    assert len(dict(found)) == len(found)
    return dict(found)


def test_one_process_works_in_order_and_keeps_the_function(log):
    found = list(run_unordered(Counting(str(log)), ["a", "b", "c"]))
    assert found == [(place, (job, place + 1, os.getpid())) for place, job in enumerate("abc")]


def test_without_jobs_nothing_is_done(log):
    assert list(run_unordered(Counting(str(log)), [], n_jobs=2)) == []


def test_processes_keep_the_function(log):
    found = results(run_unordered(Counting(str(log), sec=0.05), list(range(8)), n_jobs=2))
    assert [found[place][0] for place in range(8)] == list(range(8))
    by_process: dict = {}
    for _, n_calls, process in found.values():
        by_process.setdefault(process, []).append(n_calls)
    assert os.getpid() not in by_process
    assert all(sorted(calls) == list(range(1, len(calls) + 1)) for calls in by_process.values())


def test_no_process_is_left_with_what_it_remembers(log):
    found = results(run_unordered(Counting(str(log)), [1, 2], n_jobs=2))
    for _, _, process in found.values():
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_job_that_ends_its_process_is_one_error_and_the_rest_was_given():
    message = r"A process of this machine ended without one.*smaller --n-jobs"
    given = failing(run_unordered(ending, [1, 2, -1, 3], n_jobs=2), ClusterError, message)
    assert all(given[place] == (place + 1) ** 2 for place in given)


def test_an_error_in_a_process_is_that_error():
    with pytest.raises(AudioReadError, match=r"^[ab]\.wav must be readable\. It is not\.$"):
        list(run_unordered(unreadable, ["a", "b"], n_jobs=2))


@pytest.mark.slow
def test_workers_share_the_jobs_and_keep_the_function(dask, log):
    workers = [dask.worker(), dask.worker()]
    with open_cluster(dask.address) as cluster:
        wait_until(lambda: cluster.n_workers == 2)
        found = results(run_unordered(Counting(str(log), sec=0.05), list(range(10)), cluster=cluster))
        assert [found[place][0] for place in range(10)] == list(range(10))
        for worker in workers:
            calls = sorted(n_calls for _, n_calls, process in found.values() if process == worker.pid)
            assert calls == list(range(1, len(calls) + 1))
            assert len(calls) >= 4
        again = results(run_unordered(Counting(str(log)), [1], cluster=cluster))
        assert again[0][1] == 1  # of another function nothing is remembered


@pytest.mark.slow
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (
            unreadable,
            AudioReadError,
            r"^[ab]\.wav must be readable\. It is not\. That was on worker tcp://\S+ on \S+\.$",
        ),
        (broken, ZeroDivisionError, r"^a bug\nOn worker tcp://\S+ on \S+:\nTraceback"),
    ],
)
def test_an_error_of_ours_names_the_worker_and_its_machine(dask, function, error, message):
    dask.worker()
    with open_cluster(dask.address) as cluster, pytest.raises(error, match=message):
        list(run_unordered(function, ["a", "b"], cluster=cluster))


def test_a_worker_keeps_copies_below_the_limit_of_this_process(dask, monkeypatch):
    dask.worker()
    monkeypatch.setenv(fetched.LIMIT, "0.25")
    with open_cluster(dask.address) as cluster:
        assert results(run_unordered(limit, ["a"], cluster=cluster)) == {0: 250_000_000}


@pytest.mark.slow
def test_a_worker_that_comes_later_joins_in(dask, log):
    first = dask.worker()
    with open_cluster(dask.file.as_posix()) as cluster:
        processes = set()
        for place, (_, _, process) in run_unordered(Counting(str(log), sec=0.2), list(range(60)), cluster=cluster):
            if place == 1:
                late = dask.worker()
            processes.add(process)
    assert processes == {first.pid, late.pid}


@pytest.mark.slow
def test_a_worker_that_comes_later_is_looked_at_too(dask, log):
    dask.worker()
    message = r"^Worker tcp://\S+ on \S+ cannot be used\. It must have one thread, and has 2"
    with open_cluster(dask.address) as cluster:
        work = run_unordered(Counting(str(log), sec=0.2), list(range(600)), cluster=cluster)
        failing(work, ClusterError, message, lambda place: place == 1 and dask.worker("--nthreads", "2"))


@pytest.mark.slow
def test_a_killed_worker_loses_at_most_the_job_it_was_at(dask, log):
    workers = [dask.worker(), dask.worker()]
    with open_cluster(dask.address) as cluster:
        wait_until(lambda: cluster.n_workers == 2)
        found = []
        for result in run_unordered(Counting(str(log), sec=0.2), list(range(12)), cluster=cluster):
            found.append(result)
            if len(found) == 3:
                workers[0].send_signal(signal.SIGKILL)
    assert sorted(results(found)) == list(range(12))
    assert len(begun(log)) <= 13


@pytest.mark.slow
def test_all_workers_gone_is_told_and_what_was_done_is_given(dask, log, monkeypatch):
    monkeypatch.setattr("guitarclf.cluster.jobs.WAIT_SEC", 3.0)
    workers = [dask.worker(), dask.worker()]
    with open_cluster(dask.address) as cluster:
        work = run_unordered(Counting(str(log), sec=0.2), list(range(12)), cluster=cluster)
        kill = lambda place: place == 3 and [worker.kill() for worker in workers]  # noqa: E731
        given = failing(work, ClusterError, r"It has had none for 3 s\. What is finished is kept", kill)
    assert 3 in given


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_told(dask, log):
    dask.worker()
    with open_cluster(dask.address) as cluster:
        work = run_unordered(Counting(str(log), sec=0.2), list(range(12)), cluster=cluster)
        message = r"A scheduler must be there until the work is done\. It is gone"
        given = failing(work, ClusterError, message, lambda place: place == 2 and dask.scheduler.kill())
    assert {0, 1, 2} <= given.keys() < set(range(12))


@pytest.mark.slow
def test_a_scheduler_that_stands_still_is_told(dask, log, monkeypatch):
    monkeypatch.setattr("guitarclf.cluster.opening.ANSWER_SEC", 3.0)
    dask.worker()
    with open_cluster(dask.address) as cluster:
        work = run_unordered(Counting(str(log), sec=0.2), list(range(12)), cluster=cluster)
        stop = lambda place: place == 2 and dask.scheduler.send_signal(signal.SIGSTOP)  # noqa: E731
        given = failing(work, ClusterError, r"It has not answered for 3 s.*go on with --resume", stop)
    assert {0, 1, 2} <= given.keys() < set(range(12))


@pytest.mark.slow
def test_a_job_that_ends_each_worker_is_one_error_in_time_and_the_rest_is_done():
    began = time.monotonic()
    with open_cluster("local:2") as cluster:
        work = run_unordered(ending, [1, 2, -1, 3, 4, 5], cluster=cluster)
        given = failing(work, ClusterError, r"1 of 6, first number 3, ended each of the workers that began it")
    assert given == {0: 1, 1: 4, 3: 9, 4: 16, 5: 25}
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_if_every_job_ends_its_worker_not_all_are_tried():
    began = time.monotonic()
    with (
        open_cluster("local:2") as cluster,
        pytest.raises(ClusterError, match=r"[34] of 50, first number [1-4], ended"),
    ):
        list(run_unordered(ending, [-1] * 50, cluster=cluster))
    assert time.monotonic() - began < 60


SCRIPT = """
import sys
from jobs import Counting
from guitarclf.cluster import open_cluster, run_unordered
if __name__ == "__main__":
    with open_cluster(sys.argv[2] or None) as cluster:
        for found in run_unordered(Counting(sys.argv[1], sec=0.2), range(600), cluster=cluster, n_jobs=2):
            print(found, flush=True)
"""


def processes_of(log) -> set[int]:
    return {int(line.split()[1]) for line in log.read_text().splitlines()} if log.exists() else set()


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
        return True
    except ProcessLookupError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "sent"),
    [("local:2", signal.SIGINT), ("local:2", signal.SIGKILL), ("", signal.SIGINT), ("", signal.SIGKILL)],
)
def test_a_client_that_ends_leaves_no_process_and_no_folder(tmp_path, log, where, sent):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    script = tmp_path / "client.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(log), where]
    settings = {
        "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        "env": {**os.environ, "TMPDIR": str(temporary), "PYTHONPATH": os.path.dirname(jobs.__file__)},
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **settings) as client:
        wait_until(lambda: len(processes_of(log)) == 2, client)
        client.send_signal(sent)
        assert client.wait(60) != 0
    wait_until(lambda: not any(map(is_running, processes_of(log))))
    wait_until(lambda: not list(temporary.glob("guitarclf-*")))
