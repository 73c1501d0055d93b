"""open_cluster: a Dask cluster is reached, or made here, and its workers are looked at before they work."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from guitarclf.cluster.looking import apart_of, require_alike, require_alike_scheduler, tell
from guitarclf.cluster.reaching import connected
from guitarclf.errors import ClusterError
from guitarclf.files.wording import shown
from guitarclf.workers import Common

if TYPE_CHECKING:
    from distributed import Client


GO_ON = "go on with --resume (features are kept without it)"
ANSWER_SEC = 60.0  # for a scheduler to say which workers there are, which takes milliseconds


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
        """The addresses of the workers that there are now; ClusterError if the scheduler does not say."""
        with self.heeding_the_scheduler():
            return set(self.client.nthreads(callback_timeout=ANSWER_SEC))  # Dask by itself waits for ever

    @property
    def n_workers(self) -> int:
        """The number of workers that there are now."""
        return len(self.workers)

    @contextmanager
    def heeding_the_scheduler(self) -> Iterator[None]:
        """Raise ClusterError if the scheduler is not there for what is asked of it in a ``with`` block."""
        from distributed import CancelledError

        why: BaseException | None = None
        try:
            yield
        except (CancelledError, OSError) as error:
            why = error
        if why is not None or self.client.status != "running":
            what = f"has not answered for {ANSWER_SEC:.0f} s" if isinstance(why, TimeoutError) else "is gone"
            raise ClusterError(
                f"A scheduler must be there until the work is done. It {what}, with the jobs that were running. What "
                f"is finished is kept: start it again, and {GO_ON}."
            ) from why


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
    with connected(where, distributed) as client:
        common = Common.here(files)
        try:
            seen = require_alike(client, common, cache)
            require_alike_scheduler(client, common)
        except TimeoutError as error:
            raise ClusterError(
                f"--cluster must answer while it is looked at. {shown(where)} has stopped to. Try again."
            ) from error
        apart = () if cache is None else tuple(sorted({look.host for look in seen if not look.shares_cache}))
        tell(seen, common, apart_of(apart, cache, must_share))
        yield Cluster(client, common, apart)
