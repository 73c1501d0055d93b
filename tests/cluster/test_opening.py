"""A cluster is looked at before it works: what is refused, by which name, and how soon."""

import json
import logging
import os
import shutil
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dask_cluster import PACKAGE, DaskCluster, wait_until

from guitarclf.cluster import looking, open_cluster, reaching
from guitarclf.errors import ClusterError

HOST = socket.gethostname()
SOON = 30  # seconds for a refusal


@pytest.fixture(scope="module")
def dask(tmp_path_factory):
    """A scheduler and a worker of one thread."""
    with DaskCluster(tmp_path_factory.mktemp("dask")) as cluster:
        cluster.worker()
        yield cluster


def refused(where, **how) -> str:
    """Return what is said of a cluster that cannot be used, which is said soon."""
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"\. .*\.$") as caught, open_cluster(where, **how):
        pass
    assert time.monotonic() - began < SOON
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_a_cluster_there_is_none():
    with open_cluster(None) as cluster:
        assert cluster is None


@pytest.mark.parametrize("where", ["local:0", "local:-1", "local:x", "nonsense", "", "tcp://", "local:2\n", "/"])
def test_what_is_no_cluster_is_refused(where):
    assert "--cluster must be the address of a scheduler, such as tcp://host:8786" in refused(where)


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "tcp://127.0.0.1:notaport", "nosuch://127.0.0.1:1"])
def test_where_no_scheduler_answers_it_is_told_how_to_start_one(where, monkeypatch):
    monkeypatch.setattr(reaching, "CONNECT_SEC", 1.0)
    said = refused(where)
    assert said.startswith(f"--cluster must be a scheduler that answers. {where} does not: ")
    assert "Start it with `dask scheduler`" in said


def test_a_service_that_is_no_scheduler_is_refused(monkeypatch):
    monkeypatch.setattr(reaching, "CONNECT_SEC", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "must be a scheduler that answers" in refused(f"tcp://127.0.0.1:{server.getsockname()[1]}")


def test_a_service_that_speaks_first_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as thread:

        def greet():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.6 " * 10)
                connection.recv(1000)

        thread.submit(greet)
        said = refused(f"tcp://127.0.0.1:{server.getsockname()[1]}")
    assert "does not: something else is there, such as a web server." in said


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"\xff\x00", b'{"address": 5}', b'{"address": "x"}', b'{"address": null}', b"[" * 9999],
)
def test_a_damaged_file_of_a_scheduler_is_refused(tmp_path, content):
    path = tmp_path / "a scheduler,\n.json"
    path.write_bytes(content)
    assert "must be a file that a scheduler wrote with --scheduler-file" in refused(str(path))


def test_a_file_of_a_scheduler_that_has_ended_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(reaching, "CONNECT_SEC", 1.0)
    path = tmp_path / "scheduler.json"
    path.write_text(json.dumps({"type": "Scheduler", "address": "tcp://127.0.0.1:1", "workers": {}}))
    assert "must be a scheduler that answers" in refused(str(path))


def test_without_dask_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "guitarclf[cluster]"' in refused("local:2")


@pytest.mark.slow
def test_a_scheduler_without_workers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "WAIT_SEC", 2.0)
    with DaskCluster(tmp_path) as empty:
        said = refused(empty.address)
    assert said.startswith(f"A cluster must have a worker. {empty.address} has had none for 2 s.")


@pytest.mark.slow
def test_a_worker_with_two_threads_is_refused(tmp_path):
    with DaskCluster(tmp_path) as cluster:
        cluster.worker("--nthreads", "2")
        said = refused(cluster.address)
    assert said.startswith("Worker tcp://127.0.0.1:")
    assert "must have one thread: torch's random numbers belong to the process. It has 2. Start it with" in said


@pytest.fixture
def other_package(tmp_path):
    """A copy of the package, as another machine may have it, before it is changed."""
    copy = tmp_path / "other"
    shutil.copytree(PACKAGE / "guitarclf", copy / "guitarclf", ignore=shutil.ignore_patterns("cli", "__pycache__"))
    return copy


@pytest.mark.slow
def test_a_worker_with_the_same_code_elsewhere_is_taken(tmp_path, other_package):
    with DaskCluster(tmp_path) as cluster:
        cluster.worker(package=other_package)
        with open_cluster(cluster.address) as opened:
            assert opened.n_workers == 1


@pytest.mark.slow
def test_a_worker_with_other_code_is_refused(tmp_path, other_package):
    with (other_package / "guitarclf" / "models" / "crnn.py").open("a") as file:
        file.write("\n")
    with DaskCluster(tmp_path) as cluster:
        cluster.worker(package=other_package)
        said = refused(cluster.address)
    assert said.startswith("Worker tcp://127.0.0.1:")
    assert f" on {HOST} cannot be used. It must have the versions of this machine. `code of guitarclf` is " in said
    assert said.endswith("Install the same there, and start the worker again.")


def site_with(folder, name, version) -> Path:
    """Return a folder in which a package seems to be installed in a version."""
    info = folder / "site" / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return info.parent


@pytest.mark.slow
def test_a_worker_with_another_library_is_refused(tmp_path):
    with DaskCluster(tmp_path) as cluster:
        cluster.worker(package=f"{PACKAGE}:{site_with(tmp_path, 'soxr', '0.0.1')}")
        said = refused(cluster.address)
    assert "`soxr` is 0.0.1 there, and here " in said


@pytest.mark.slow
def test_a_scheduler_with_another_dask_is_refused(tmp_path):
    with DaskCluster(tmp_path, package=f"{PACKAGE}:{site_with(tmp_path, 'distributed', '2020.1.0')}") as cluster:
        cluster.worker()
        said = refused(cluster.address)
    assert f"The scheduler at {cluster.address} must have the Dask of this machine. `distributed` is 2020.1.0" in said


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["worker", "scheduler"])
def test_a_worker_or_scheduler_without_guitarclf_is_refused(tmp_path, lacking):
    hidden = tmp_path / "site" / "guitarclf"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("raise ModuleNotFoundError('No module named guitarclf')")
    folders = {"worker": PACKAGE, "scheduler": PACKAGE} | {lacking: hidden.parent}
    with DaskCluster(tmp_path, package=folders["scheduler"]) as cluster:
        cluster.worker(package=folders["worker"])
        said = refused(cluster.address)
    named = {"worker": "Worker tcp://127.0.0.1:", "scheduler": f"The scheduler at {cluster.address} "}
    assert said.startswith(named[lacking])
    assert " must have guitarclf" in said


@pytest.mark.slow
@pytest.mark.parametrize(("there", "what"), [(None, "It is not there"), (b"12", "It has 2 bytes there, and here 3")])
@pytest.mark.skipif(sys.platform != "linux", reason="one path means two files by /proc/self/cwd")
def test_a_worker_that_does_not_see_the_audio_is_refused(tmp_path, monkeypatch, there, what):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    names = [f"{number}.wav" for number in range(40)]
    for name in names:
        Path(name).write_bytes(b"123")
    with DaskCluster(tmp_path) as cluster:  # whose working directory is another
        for name in names if there else ():
            (tmp_path / name).write_bytes(there)
        cluster.worker()
        said = refused(cluster.address, files=[f"/proc/self/cwd/{name}" for name in names])
    assert f" on {HOST} cannot be used. It must see the files of this machine under the same paths." in said
    assert f"/proc/self/cwd/0.wav: {what}. Mount the folder there" in said


@pytest.mark.slow
def test_a_worker_at_other_work_is_refused_by_name(dask, monkeypatch):
    from distributed import Client

    monkeypatch.setattr(looking, "LOOK_SEC", 1.0)
    with Client(dask.address) as other:
        busy = other.submit(time.sleep, 6, pure=False)
        wait_until(lambda: any(other.processing().values()))
        said = refused(dask.address)
        busy.result()
    assert "must answer within 1 s. It does not: it is at other work, or waits for a file system." in said


@pytest.mark.slow
def test_who_shares_the_feature_cache_is_told(dask, tmp_path, caplog, monkeypatch):
    shared = tmp_path / "shared"
    with open_cluster(dask.address, cache=shared) as cluster:
        assert cluster.apart == ()
    assert list(shared.iterdir()) == []  # nothing is left in it
    assert "not the feature cache" not in caplog.text
    if sys.platform == "linux":
        monkeypatch.chdir(tmp_path)
        apart = Path("/proc/self/cwd/mine")
        with caplog.at_level(logging.WARNING), open_cluster(dask.address, cache=apart) as cluster:
            assert cluster.apart == (HOST,)
        assert f"On {HOST}: not the feature cache of this machine, {apart}, but one of its own" in caplog.text
        said = refused(dask.address, cache=apart, must_share=True)
        assert said.startswith("Each worker must see the folder that is filled.")


@pytest.mark.slow
def test_a_memory_limit_is_told(tmp_path, caplog):
    with DaskCluster(tmp_path) as cluster:
        cluster.worker("--memory-limit", "2GB")
        with caplog.at_level(logging.WARNING), open_cluster(cluster.address):
            pass
    assert f"Workers on {HOST} have a memory limit" in caplog.text


def what_slows_it():
    """Return when this worker gives memory back to the system, and whether it is profiled."""
    import dask

    return os.environ.get("MALLOC_TRIM_THRESHOLD_"), dask.config.get("distributed.worker.profile.enabled")


@pytest.mark.slow
def test_a_cluster_of_this_machine_ends_with_the_block(monkeypatch):
    from distributed import Client

    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)  # where another test has had workers in this process
    with open_cluster("local:2") as cluster:
        assert cluster.n_workers == 2
        assert set(cluster.client.nthreads().values()) == {1}
        slow = cluster.client.run(what_slows_it)
        assert list(slow.values()) == [(None, False)] * 2
        address = cluster.client.scheduler_info()["address"]
    with pytest.raises(OSError, match="Timed out"):
        Client(address, timeout=1)
