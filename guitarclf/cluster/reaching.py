"""A Dask scheduler is reached by its address or its file, or one with workers is started on this machine."""

import asyncio
import json
import logging
import multiprocessing.resource_tracker
import os
import re
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guitarclf.errors import ClusterError
from guitarclf.files.names import as_path
from guitarclf.files.wording import reason, shown

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SEC = 10.0  # to reach the scheduler
START = "Start it with `dask scheduler`, and its workers with `dask worker --nthreads 1 --memory-limit 0`."


@contextmanager
def connected(where: str, distributed: Any) -> Iterator["Client"]:
    import dask
    from distributed.utils import silence_logging_cmgr

    local = re.fullmatch(r"local:([1-9]\d{0,3})", where)
    address = "" if local else _address_of(where)
    # A worker is given its next job when it is free: one that waits behind a job that ends the worker is suspected too.
    # What a worker frees it keeps for its next job: by Dask's threshold it goes back to the system each time, which
    # doubles the time that `predict` takes. Its profiler stops a worker a hundred times a second: a fifth of that time.
    settings = {
        "scheduler.worker-saturation": 1.0,
        "nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
        "worker.profile.enabled": False,
    }
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
