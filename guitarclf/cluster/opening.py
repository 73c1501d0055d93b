"""open_cluster: a Dask cluster is reached, or made here, and its workers are looked at before they work."""

import asyncio
import json
import logging
import multiprocessing.resource_tracker
import os
import re
import signal
import uuid
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

from guitarclf.errors import ClusterError
from guitarclf.files.names import as_path
from guitarclf.files.wording import reason, shown
from guitarclf.workers import Call, Common, Seen, look_around, processor

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

CONNECT_SEC = 10.0  # to reach the scheduler
WAIT_SEC = 30.0  # for a first worker, and without any
LOOK_SEC = 18.0  # for the workers to tell what they have
START = "Start it with `dask scheduler`, and its workers with `dask worker --nthreads 1 --memory-limit 0`."


class Cluster:
    """A cluster whose workers were looked at; :func:`open_cluster` gives one.

    ``apart`` are the machines whose workers do not see the feature cache of this one.
    """

    def __init__(self, client: "Client", common: Common, apart: Sequence[str] = ()):
        self.client = client
        self.common = common
        self.apart = apart

    @property
    def workers(self) -> set[str]:
        """The addresses of the workers that there are now."""
        return set(self.client.nthreads())

    @property
    def n_workers(self) -> int:
        """The number of workers that there are now."""
        return len(self.workers)


@contextmanager
def open_cluster(
    where: str | None, *, files: Sequence[str] = (), cache: Path | None = None, must_share: bool = False
) -> Iterator[Cluster | None]:
    """Give the Cluster at an address, of a scheduler's file, or made here, once its workers were looked at.

    Parameters
    ----------
    where : str or None
        ``tcp://host:8786``, the path of a scheduler's JSON file, or ``local:N`` for N workers on this machine that end
        with the block. None gives None.
    files : sequence of str
        Files that jobs read, of which the first and a few others are looked for on each worker.
    cache : Path, optional
        Folder of the features of this machine. It is told which machines do not see it, and keep their own.
    must_share : bool
        Whether such machines cannot be used.

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
        seen = _require_alike(client, common, cache)
        _require_alike_scheduler(client, common)
        apart = () if cache is None else tuple(sorted({look.host for look in seen if not look.shares_cache}))
        _tell(seen, common, _apart_of(apart, cache, must_share))
        yield Cluster(client, common, apart)


@contextmanager
def _connected(where: str, distributed: Any) -> Iterator["Client"]:
    import dask
    from distributed.utils import silence_logging_cmgr

    local = re.fullmatch(r"local:([1-9]\d{0,3})", where)
    address = "" if local else _address_of(where)
    # A worker is given its next job when it is free: one that waits behind a job that ends the worker is suspected too.
    # What a worker frees it keeps for its next job: by Dask's threshold it goes back to the system each time, which
    # doubles the time that `predict` takes.
    settings = {"scheduler.worker-saturation": 1.0, "nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None}
    with (
        dask.config.set({f"distributed.{name}": value for name, value in settings.items()}),
        silence_logging_cmgr(logging.CRITICAL),  # what goes wrong is told once, in one line
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)  # told by name below
        if local is not None:
            with _deaf_to_ctrl_c():
                own = distributed.LocalCluster(
                    n_workers=int(local[1]),
                    threads_per_worker=1,
                    memory_limit=0,  # what is mapped from the disk would count
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # its default may be taken
                    silence_logs=logging.CRITICAL,
                )
            with own, distributed.Client(own) as client:
                yield client
            return
        try:
            _require_scheduler(address, distributed)
            client = distributed.Client(address, timeout=CONNECT_SEC)
        except Exception as error:  # whatever Dask makes of what another service says
            raise ClusterError(
                f"--cluster must be a scheduler that answers. {shown(where)} does not: {_why_none(error)}. {START}"
            ) from error
        with client:
            yield client


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Let processes that are started in a ``with`` block leave a terminal's Ctrl-C to this one, which ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    multiprocessing.resource_tracker.ensure_running()  # which would end the block's deafness
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _require_scheduler(address: str, distributed: Any) -> None:
    """Raise an error unless a scheduler is at an address. A Client may wait for an answer for ever."""

    async def ask() -> dict:
        async with distributed.rpc(
            address, connection_args=distributed.Security().get_connection_args("client")
        ) as server:
            return await asyncio.wait_for(server.identity(), CONNECT_SEC)

    with ThreadPoolExecutor(1) as thread:  # the caller may have a running loop, such as a notebook
        found = thread.submit(asyncio.run, ask()).result()
    if found.get("type") != "Scheduler":
        raise ValueError(f"it is a {found.get('type')}")


def _why_none(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing comes within {CONNECT_SEC:.0f} s"
    if isinstance(error, MemoryError):  # its greeting was taken for the length of a message
        return "something else is there, such as a web server"
    return reason(error)


def _address_of(where: str) -> str:
    """Return the address of a scheduler that ``where`` is, or that its file holds."""
    if re.match(r"[a-z]+://.", where):
        return where
    if not os.path.isfile(as_path(where)):
        raise ClusterError(
            "--cluster must be the address of a scheduler, such as tcp://host:8786, the file that it wrote with "
            f"--scheduler-file, or local:N for N workers here. Got {shown(where) or 'nothing'}."
        )
    try:
        address = json.loads(Path(as_path(where)).read_bytes())["address"]
        if not isinstance(address, str) or not re.match(r"[a-z]+://.", address):
            raise ValueError(f"its address is {address!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ClusterError(
            f"--cluster must be a file that a scheduler wrote with --scheduler-file. {shown(where)} is none: "
            f"{reason(error)}. Start the scheduler again."
        ) from error
    return address


def _require_alike_scheduler(client: "Client", common: Common) -> None:
    """Raise ClusterError unless the scheduler has the Dask of this process."""
    from distributed import wait

    versions: Any = client.get_versions()
    packages = versions["scheduler"]["packages"]
    for name in ("dask", "distributed"):
        if packages[name] != common.versions[name]:
            raise ClusterError(
                f"The scheduler at {_address(client)} must have the Dask of this machine. `{name}` is {packages[name]} "
                f"there, and here {common.versions[name]}. Install the same there, and start it again."
            )
    trial = client.submit(processor, pure=False)  # which the scheduler reads
    with suppress(TimeoutError):
        wait([trial], timeout=LOOK_SEC)
    if trial.status == "error":
        raise ClusterError(
            f"The scheduler at {_address(client)} must have guitarclf. It answers {reason(trial.exception())}. Install "
            "it there, and start it again."
        )


def _require_alike(client: "Client", common: Common, cache: Path | None) -> list[Seen]:
    """Return what is seen on each worker; ClusterError naming the first one that cannot be used."""
    from distributed import wait

    try:
        client.wait_for_workers(1, timeout=WAIT_SEC)
    except TimeoutError as error:
        raise ClusterError(
            f"A cluster must have a worker. {_address(client)} has had none for {WAIT_SEC:.0f} s. Start some "
            "with `dask worker --nthreads 1 --memory-limit 0`."
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
            address: client.submit(loads, dumps(Call(look_around, (common, sign))), workers=[address], pure=False)
            for address in threads
        }
        with suppress(TimeoutError):
            wait(list(asked.values()), timeout=LOOK_SEC)
    for address, future in sorted(asked.items()):
        if not future.done():
            raise ClusterError(
                f"Worker {address} must answer within {LOOK_SEC:.0f} s. It does not: it is at other work, or waits for "
                "a file system. Try again when it is free, or start workers of your own."
            )
        if future.status != "finished":
            raise ClusterError(
                f"Worker {address} must have guitarclf as it is here. It answers {reason(future.exception())}. Install "
                "the same there, and start it again."
            )
        if future.result().complaint:
            raise ClusterError(
                f"Worker {address} on {future.result().host} cannot be used. {future.result().complaint}"
            )
    logger.info("%d workers at %s", len(asked), _address(client))
    return [future.result() for future in asked.values()]


def _apart_of(hosts: Sequence[str], cache: Path | None, must_share: bool) -> str:
    """Return what is to be told of machines that do not see the feature cache; ClusterError if they must."""
    if not hosts:
        return ""
    told = f"{', '.join(hosts)}: not the feature cache of this machine, {shown(cache)}, but one of its own"
    if must_share:
        raise ClusterError(
            f"Each worker must see the folder that is filled. On {told}. Give a folder that all share, in data.cache."
        )
    return (
        f"On {told}. Features are computed on each such machine; give all one shared folder in data.cache to compute "
        "them once."
    )


def _tell(seen: Sequence[Seen], common: Common, apart: str) -> None:
    """Log what does not forbid the work, but should be known."""
    if apart:
        logger.warning("%s", apart)
    others = sorted({look.processor for look in seen} - {common.processor})
    if others:
        logger.warning(
            "Workers have other processors (%s) than this machine (%s): roundings may differ, and so the last digits "
            "of what they compute.",
            ", ".join(others),
            common.processor,
        )
    limited = sorted({look.host for look in seen if look.memory_limit})
    if limited:
        logger.warning(
            "Workers on %s have a memory limit, and Dask counts what is mapped from the disk too: near it they are "
            "given no more work. Start them with `dask worker --memory-limit 0`.",
            ", ".join(limited),
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
