"""run_unordered: one function on many jobs, in this process, in others of this machine, or on a cluster.

The cluster is one of Dask: a scheduler, and workers on any machines. Its futures are used, and not joblib's backend for
it, which waits for ever for a job that ends its workers, and lets fits share a process.
"""

import logging
import os
import re
import tempfile
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import dumps
from typing import TYPE_CHECKING, Any

from guitarclf.errors import ClusterError
from guitarclf.files.wording import reason, shown
from guitarclf.workers import Common, call, look_around

if TYPE_CHECKING:
    from distributed import Client, Future

logger = logging.getLogger(__name__)

CONNECT_SEC = 15.0  # to reach the scheduler
WAIT_SEC = 30.0  # for a first worker, and without any
LOOK_SEC = 20.0  # for the workers to tell what they have
POLL_SEC = 2.0
MAX_KILLERS = 3  # jobs that end their workers each time, before the rest is given up


class Cluster:
    """A cluster whose workers were looked at; :func:`open_cluster` gives one."""

    def __init__(self, client: "Client", common: Common):
        self.client = client
        self.common = common

    @property
    def n_workers(self) -> int:
        """The number of workers that there are now."""
        return len(self.client.nthreads())


def run_unordered(
    function: Callable[[Any], Any], jobs: Sequence, *, cluster: Cluster | None = None, n_jobs: int = 1
) -> Iterator[tuple[int, Any]]:
    """Yield (place, function(job)) for the job at each place, as they are finished.

    Parameters
    ----------
    function : callable
        Sent once to each process, which keeps it, and so what it remembers, for its next job.
    jobs : sequence
        What is sent for each: small, such as names of rows, never their features.
    cluster : Cluster, optional
        Where the jobs are done; default this machine.
    n_jobs : int
        Jobs at once on this machine, 1: in this process and in order; -1: one a core.

    Raises
    ------
    ClusterError
        If a job ends its process, or workers or their scheduler are gone. What is finished was given before.
    Exception
        Whatever ``function`` raises.
    """
    if cluster is not None:
        yield from _on_workers(function, jobs, cluster)
    elif n_jobs == 1 or len(jobs) < 2:
        yield from ((place, function(job)) for place, job in enumerate(jobs))
    else:
        yield from _in_processes(function, jobs, n_jobs)


def _in_processes(function: Callable, jobs: Sequence, n_jobs: int) -> Iterator[tuple[int, Any]]:
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with tempfile.TemporaryDirectory(prefix="guitarclf-jobs-") as folder:
        path = Path(folder, "function.pickle")
        path.write_bytes(dumps((None, function)))
        parallel = Parallel(n_jobs=n_jobs, backend="loky", return_as="generator_unordered")
        work = parallel(delayed(_call_kept)(str(path), place, job) for place, job in enumerate(jobs))
        try:
            yield from work
        except TerminatedWorkerError as error:
            raise ClusterError(
                "A job must end with a result. A process of this machine ended without one, as where memory runs out. "
                "What is finished is kept: go on with --resume and a smaller --n-jobs."
            ) from error
        finally:
            work.close()


def _call_kept(path: str, place: int, job: Any) -> tuple[int, Any]:
    return place, call(path, Path(path), job)


@contextmanager
def open_cluster(
    where: str | None, *, files: Sequence[str] = (), cache: Path | None = None
) -> Iterator[Cluster | None]:
    """Give the Cluster at an address, of a scheduler's file, or made here, once its workers were looked at.

    Parameters
    ----------
    where : str or None
        ``tcp://host:8786``, the path of a scheduler's JSON file, or ``local:N`` for N workers on this machine that end
        with the block. None gives None.
    files : sequence of str
        Files that jobs read, of which a few are looked for on each worker.
    cache : Path, optional
        Folder of the features of this machine. It is told which machines do not see it, and keep their own.

    Raises
    ------
    ClusterError
        If there is no cluster or no worker, or one has several threads, other versions or other files; it names the
        worker, its machine, and what to do.
    """
    if where is None:
        yield None
        return
    try:
        import distributed
    except ImportError as error:
        raise ClusterError(
            f'--cluster {shown(where)} must have Dask. It is not installed: pip install "guitarclf[cluster]".'
        ) from error
    with _connected(where, distributed) as client:
        common = Common.here(files)
        _require_alike(client, common, cache)
        yield Cluster(client, common)


@contextmanager
def _connected(where: str, distributed: Any) -> Iterator["Client"]:
    import dask

    local = re.fullmatch(r"local:([1-9]\d{0,3})", where)
    if local is None and not re.match(r"\w+://.", where) and not os.path.isfile(where):
        raise ClusterError(
            "--cluster must be the address of a scheduler, such as tcp://host:8786, the file that it wrote with "
            f"--scheduler-file, or local:N for N workers here. Got {shown(where)}."
        )
    # A worker is given its next job when it is free: one that waits behind a job that ends the worker is suspected too.
    with dask.config.set({"distributed.scheduler.worker-saturation": 1.0}):
        if local is not None:
            own = distributed.LocalCluster(
                n_workers=int(local[1]),
                threads_per_worker=1,
                memory_limit=0,  # what is mapped from the disk would count
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            )
            with own, distributed.Client(own) as client:
                yield client
            return
        at = {"address": where} if "://" in where else {"scheduler_file": where}
        try:
            client = distributed.Client(**at, timeout=CONNECT_SEC)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                f"--cluster must be a scheduler that answers. {shown(where)} does not: {reason(error)}. "
                "Start it with `dask scheduler`, and its workers with `dask worker --nthreads 1`."
            ) from error
        with client:
            yield client


def _require_alike(client: "Client", common: Common, cache: Path | None) -> None:
    """Raise ClusterError naming the first worker that cannot be used; tell which keep features of their own."""
    from distributed import wait

    try:
        client.wait_for_workers(1, timeout=WAIT_SEC)
    except TimeoutError as error:
        raise ClusterError(
            f"A cluster must have a worker. {_address(client)} has had none for {WAIT_SEC:.0f} s. Start some "
            "with `dask worker --nthreads 1`."
        ) from error
    threads = client.nthreads()
    for address, n_threads in sorted(threads.items()):
        if n_threads != 1:
            raise ClusterError(
                f"Worker {address} must have one thread: torch's random numbers belong to the process. It has "
                f"{n_threads}. Start it with `dask worker --nthreads 1`, and more workers instead."
            )
    with _sign_in(cache) as sign:
        asked = {
            client.submit(look_around, common, sign, workers=[address], pure=False): address for address in threads
        }
        with suppress(TimeoutError):
            wait(list(asked), timeout=LOOK_SEC)
    apart = set()
    for future, address in asked.items():
        if not future.done():
            raise ClusterError(
                f"Worker {address} must answer within {LOOK_SEC:.0f} s. It does not: it is at other work, or waits for "
                "a file system. Try again, or start workers of your own."
            )
        if future.status != "finished":
            raise ClusterError(
                f"Worker {address} must have guitarclf as it is here. It answers {reason(future.exception())}. "
                "Install the same there, and start the worker again."
            )
        host, complaint, is_shared = future.result()
        if complaint:
            raise ClusterError(f"Worker {address} on {host} cannot be used. {complaint}")
        apart |= set() if sign is None or is_shared else {host}
    logger.info("%d workers at %s", len(asked), _address(client))
    if apart:
        logger.warning(
            "%s: not the feature cache of this machine, %s, but one of its own. Features are computed on each such "
            "machine; give all one shared folder in data.cache to compute them once.",
            ", ".join(sorted(apart)),
            shown(cache),
        )


def _address(client: "Client") -> str:
    return client.scheduler_info()["address"]


@contextmanager
def _sign_in(folder: Path | None) -> Iterator[str | None]:
    """Give the path of a file in a folder while a ``with`` block lasts; None if none can be written there."""
    sign = None
    with suppress(OSError):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{uuid.uuid4().hex}.sign"
            path.touch()
            sign = path
    try:
        yield None if sign is None else os.fspath(sign)
    finally:
        if sign is not None:
            sign.unlink(missing_ok=True)


def _on_workers(function: Callable, jobs: Sequence, cluster: Cluster) -> Iterator[tuple[int, Any]]:
    """Yield what :func:`run_unordered` does, of a cluster; each worker has one job at a time.

    A job whose worker dies goes to another, which Dask does by itself a few times.
    """
    from distributed import KilledWorker

    client, name, waiting = cluster.client, uuid.uuid4().hex, deque(enumerate(jobs))
    running: dict[Future, int] = {}
    killers: list[tuple[int, KilledWorker]] = []
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")  # once, and so that lost workers' is there again
        content = client.submit(bytes, dumps((cluster.common, function)), pure=False)
    try:
        while waiting or running:
            done = _finished(running, cluster) if running else set()
            results = [(running.pop(future), future) for future in done]
            for _ in range(max(1, cluster.n_workers) - len(running)):
                if waiting and len(killers) < MAX_KILLERS:
                    place, job = waiting.popleft()
                    running[client.submit(call, name, content, job, pure=False)] = place
            for place, future in results:
                try:
                    yield place, future.result()
                except KilledWorker as error:
                    logger.warning("Job %d of %d ended each worker that began it", place + 1, len(jobs))
                    killers.append((place, error))
            if len(killers) >= MAX_KILLERS and not running:
                break
    finally:
        with suppress(OSError, TimeoutError):
            client.cancel(list(running))
    if killers:
        place, killed = killers[0]
        raise ClusterError(
            f"A job must end with a result. {len(killers)} of {len(jobs)}, first number {place + 1}, ended each of the "
            f"workers that began it, the last {killed.last_worker.address}, as where memory runs out. What is finished "
            "is kept: give workers more memory, and go on with --resume."
        ) from killed


def _finished(running: dict["Future", int], cluster: Cluster) -> set["Future"]:
    """Return those of the running jobs that are finished, at least one; ClusterError if nobody is at work any more."""
    from distributed import wait

    client, since = cluster.client, time.monotonic()
    while True:
        with suppress(TimeoutError):
            wait(list(running), timeout=POLL_SEC, return_when="FIRST_COMPLETED")
        done = {future for future in running if future.done()}
        if any(future.status in ("cancelled", "lost") for future in done) or client.status != "running":
            raise ClusterError(
                "A scheduler must be there until the work is done. It is gone, with the jobs that were running. What "
                "is finished is kept: start it again, and go on with --resume."
            )
        if done:
            return done
        if cluster.n_workers:
            since = time.monotonic()
        elif time.monotonic() - since > WAIT_SEC:
            raise ClusterError(
                f"A cluster must have a worker. It has had none for {WAIT_SEC:.0f} s. What is finished is kept: start "
                "workers, and go on with --resume."
            )
