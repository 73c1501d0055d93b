"""What is looked at before the first job: whether workers and scheduler have what this process has."""

import logging
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from pickle import dumps, loads
from typing import TYPE_CHECKING, Any

from guitarclf.errors import ClusterError
from guitarclf.files.wording import reason, shown
from guitarclf.workers import Call, Common, Seen, look_around, processor

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

WAIT_SEC = 30.0  # for a first worker, and without any
LOOK_SEC = 18.0  # for the workers to tell what they have


def require_alike(client: "Client", common: Common, cache: Path | None) -> list[Seen]:
    """Return what is seen on each worker; ClusterError naming the first one that cannot be used."""
    from distributed import wait

    try:
        client.wait_for_workers(1, timeout=WAIT_SEC)
    except TimeoutError as error:
        raise ClusterError(
            f"A cluster must have a worker. {_address(client)} has had none for {WAIT_SEC:.0f} s. Start some "
            "with `dask worker --nthreads 1 --memory-limit 0`."
        ) from error
    threads = client.nthreads(callback_timeout=LOOK_SEC)
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
    seen = list[Seen]()
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
        look = future.result(timeout=LOOK_SEC)
        if look.complaint:
            raise ClusterError(f"Worker {address} on {look.host} cannot be used. {look.complaint}")
        seen.append(look)
    logger.info("%d workers at %s", len(seen), _address(client))
    return seen


def require_alike_scheduler(client: "Client", common: Common) -> None:
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


def apart_of(hosts: Sequence[str], cache: Path | None, must_share: bool) -> str:
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


def tell(seen: Sequence[Seen], common: Common, apart: str) -> None:
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
