"""run_unordered: one function on many jobs, in this process, in others of this machine, or on a cluster.

The cluster is one of Dask: a scheduler, and workers on any machines. Its futures are used, and not joblib's backend for
it, which waits for ever for a job that ends its workers, and lets fits share a process.
"""

from guitarclf.cluster.jobs import run_unordered
from guitarclf.cluster.opening import Cluster, open_cluster

__all__ = ["Cluster", "open_cluster", "run_unordered"]
