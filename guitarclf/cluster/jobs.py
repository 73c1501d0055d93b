"""run_unordered: jobs done here, in processes of this machine, or by the workers of a cluster."""

import logging
import os
import tempfile
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from pickle import dumps
from typing import TYPE_CHECKING, Any

from guitarclf.cluster.looking import WAIT_SEC
from guitarclf.cluster.opening import GO_ON, Cluster
from guitarclf.errors import ClusterError
from guitarclf.workers import call, call_on_worker, end_with

if TYPE_CHECKING:
    from distributed import Future

logger = logging.getLogger(__name__)

POLL_SEC = 1.0  # after which new workers, and those that are gone, are looked for
GATHER_SEC = 20.0  # for a result to come here
MAX_KILLERS = 3  # jobs that end their workers each time, before the rest is given up


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
    from joblib.externals.loky import get_reusable_executor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    with tempfile.TemporaryDirectory(prefix="guitarclf-jobs-") as folder:
        path = Path(folder, "function.pickle")
        path.write_bytes(dumps(function))
        # Each job by itself, so that none waits, finished, for those after it.
        parallel = Parallel(n_jobs=n_jobs, backend="loky", batch_size=1, return_as="generator_unordered")
        work = parallel(delayed(_call_kept)(os.getpid(), path, place, job) for place, job in enumerate(jobs))
        try:
            yield from work
        except TerminatedWorkerError as error:
            raise ClusterError(
                "A job must end with a result. A process of this machine ended without one, as where memory runs out. "
                f"What is finished is kept: give a smaller --n-jobs, and {GO_ON}."
            ) from error
        finally:
            work.close()
            get_reusable_executor(reuse=True).shutdown(kill_workers=True)  # with what they remember


def _call_kept(parent: int, path: Path, place: int, job: Any) -> tuple[int, Any]:
    end_with(parent, path.parent)
    return place, call(str(path), path, job)


def _on_workers(function: Callable, jobs: Sequence, cluster: Cluster) -> Iterator[tuple[int, Any]]:
    """Yield what :func:`run_unordered` does, of a cluster.

    A worker has one job, or one result on its way here, so that no more is lost with it, or with this process. A job
    whose worker dies goes to another, which Dask does by itself a few times.
    """
    client, name, waiting = cluster.client, uuid.uuid4().hex, deque(enumerate(jobs))
    running: dict[Future, tuple[int, str]] = {}  # job -> its place, and the worker that it was given to
    killed: list[tuple[int, Exception | None]] = []
    with cluster.heeding_the_scheduler(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")  # it is sent once, and again where it was lost
        content = client.submit(bytes, dumps((cluster.common, function)), pure=False)
    lonely: float | None = None  # since when no workers are seen
    try:
        while waiting or running:
            workers = cluster.workers
            with cluster.heeding_the_scheduler():
                for worker in sorted(workers - {busy for _, busy in running.values()}):
                    # The job of a worker that died, which is to be tried again, has its place among them too.
                    if waiting and len(running) < len(workers) and len(killed) < MAX_KILLERS:
                        place, job = waiting.popleft()
                        # Dask by itself would keep to the worker that has the content.
                        at = {"workers": [worker], "allow_other_workers": True}
                        task = client.submit(call_on_worker, name, content, dumps(job), pure=False, **at)
                        running[task] = place, worker
            if len(killed) >= MAX_KILLERS and not running:
                break
            lonely = None if workers else lonely or time.monotonic()
            _require_company(lonely)
            for future in _finished(running, cluster):
                place, _ = running[future]
                with cluster.heeding_the_scheduler():
                    outcome = _outcome(future)
                if outcome is None:
                    continue  # its worker was lost with it, and another makes it again
                del running[future]
                future.release()  # or it would be made again, if its worker were lost later
                result, error = outcome
                if _is_killed(error):
                    logger.warning("Job %d of %d ended each worker that began it", place + 1, len(jobs))
                    killed.append((place, error))
                elif error is not None:
                    raise error
                else:
                    yield place, result
    finally:
        if client.status == "running":
            with suppress(OSError):
                client.cancel([*running, content])
    if killed:
        place, last = killed[0]
        raise ClusterError(
            f"A job must end with a result. {len(killed)} of {len(jobs)}, first number {place + 1}, ended each of the "
            "workers that began it, as where memory runs out. What is finished is kept: give workers more memory, and "
            f"{GO_ON}."
        ) from last


def _finished(running: Collection["Future"], cluster: Cluster) -> list["Future"]:
    """Return those of the running jobs that are finished; none if that takes POLL_SEC."""
    from distributed import wait

    if not running:
        time.sleep(POLL_SEC)
        return []
    with cluster.heeding_the_scheduler(), suppress(TimeoutError):
        wait(list(running), timeout=POLL_SEC, return_when="FIRST_COMPLETED")
    return [future for future in running if future.done()]


def _outcome(future: "Future") -> tuple[Any, Exception | None] | None:
    """Return (result, None) or (None, error) of a job that is finished; None if that was lost on the way."""
    if future.status == "error":  # of Dask, as the job's own are results
        return None, future.exception(timeout=GATHER_SEC)
    try:
        return future.result(timeout=GATHER_SEC)
    except TimeoutError:
        return None


def _is_killed(error: Exception | None) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def _require_company(lonely: float | None) -> None:
    """Raise ClusterError if no workers have been seen for too long."""
    if lonely is not None and time.monotonic() - lonely > WAIT_SEC:
        raise ClusterError(
            f"A cluster must have a worker. It has had none for {WAIT_SEC:.0f} s. What is finished is kept: start "
            f"workers, and {GO_ON}."
        )
