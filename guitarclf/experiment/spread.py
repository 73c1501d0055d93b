"""Work on files that other processes share: how much of it a job is, and the folder that paths count from."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, chdir, contextmanager

from guitarclf.cluster import Cluster
from guitarclf.errors import ClusterError
from guitarclf.files.urls import is_url
from guitarclf.files.wording import reason, shown

JOBS_EACH = 8  # for a process, if there are enough items: then none has much to do when the others are done
MOST_ITEMS = 256  # of a job, a fifth of a second or more: what a lost process costs, and a step of a bar


def is_spread(cluster: Cluster | None, n_jobs: int) -> bool:
    """Return whether other processes do the work."""
    return cluster is not None or n_jobs != 1


def items_a_job(n_items: int, multiple: int = 1, *, cluster: Cluster | None, n_jobs: int) -> int:
    """Return how many of the items a job has: all of them in this process, else a multiple of a number."""
    if not is_spread(cluster, n_jobs):
        return max(1, n_items)
    if cluster is None:
        from joblib import effective_n_jobs

        n_processes = effective_n_jobs(n_jobs)
    else:
        n_processes = max(1, cluster.n_workers)
    return multiple * max(1, min(MOST_ITEMS, n_items // (JOBS_EACH * n_processes)) // multiple)


def unlike_here(path: str, error: str) -> ClusterError:
    """Return what is to be raised of a recording that can be read here, and not on a worker, which tells an error."""
    return ClusterError(
        f"Each worker must read what can be read here. {shown(path)} can, and a worker says: {error} Mount its folder "
        "there under the same name; for a URL give the worker its credentials. What is finished is kept: go on with "
        "--resume."
    )


class OfFiles:
    """A function of jobs that name files; its copies in other processes find them by the same names."""

    folder: str | None = None  # that relative paths count from, in a copy

    def __getstate__(self) -> dict:
        return vars(self) | {"folder": os.getcwd()}

    @contextmanager
    def found(self, paths: Iterable[str]) -> Iterator[None]:
        """Let relative paths count from ``folder``: made absolute, they would be others in what errors tell.

        ClusterError if there is one, and no such folder here.
        """
        with ExitStack() as stack:
            if self.folder is not None and not all(os.path.isabs(path) or is_url(path) for path in paths):
                try:
                    stack.enter_context(chdir(self.folder))
                except OSError as error:
                    raise ClusterError(
                        f"Relative paths must count from {shown(self.folder)}. It cannot be entered: {reason(error)}. "
                        "Give absolute paths, or mount it under the same name."
                    ) from error
            yield
