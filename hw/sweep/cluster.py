"""A sweep on a cluster: what is not known yet is done, and kept as it comes.

Here, on a scheduler that is there, or on Slurm.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

import dask
from distributed import Client, Future, KilledWorker, LocalCluster, as_completed

from golden.inputs.errors import ParameterError, first_line
from hw.measured.store import DONE, FAILED, Result, Store
from hw.sweep.assignment import Assignment, ClusterOptions
from hw.sweep.child import Child

_MEMORY = "2 GiB"
"""Of a Slurm job, where dask's configuration has none."""
_PATIENCE_S = 20
"""For a scheduler's answer."""
_AHEAD = 50
"""Tasks a worker that the scheduler knows of ahead."""
_children = threading.local()


@contextmanager
def client_at(options: ClusterOptions) -> Iterator["Client"]:
    """Yield a client of the cluster, which ends with it unless it was there before.

    Raises
    ------
    ParameterError
        Where no scheduler answers.
    """
    # What distributed says of workers that go is not for users: their tasks are done by others.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack, dask.config.set({"distributed.logging.distributed": "critical"}):
        if options.scheduler is not None:
            try:
                client = Client(options.scheduler, timeout=_PATIENCE_S)
            except (OSError, ValueError) as reason:
                told = f"{options.scheduler} ({first_line(reason)})"
                raise ParameterError("scheduler", "an address that answers", told) from None
        else:
            cluster = stack.enter_context(_cluster(options))
            client = Client(cluster)
        yield stack.enter_context(client)


def _cluster(options: ClusterOptions) -> Any:
    if not options.slurm:
        return LocalCluster(
            n_workers=options.workers or os.cpu_count(),
            threads_per_worker=1,
            dashboard_address=":0",
        )
    from dask_jobqueue import SLURMCluster

    # Queue, account, time limit and directives are dask's configuration's, jobqueue.slurm.
    memory = dask.config.get("jobqueue.slurm.memory", None) or _MEMORY
    cluster = SLURMCluster(
        cores=1, processes=1, memory=memory, scheduler_options={"dashboard_address": ":0"}
    )
    # Jobs that end, by their time limit or otherwise, are made up for.
    jobs = options.workers or 1
    cluster.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
    return cluster


def execute(order: Assignment, build: Result | None = None) -> Result | None:
    """Do a task in this thread's child; None where the ``build`` that it needs came to nothing."""
    if build is not None and build.state != DONE:
        return None
    if not hasattr(_children, "child"):
        _children.child = Child()
    child: Child = _children.child
    return child.perform(order.task, order.folders, limit_s=order.limit_s)


def run_tasks(
    client: Client,
    orders: Sequence[Assignment],
    store: Store,
    moved: Callable[[], object],
) -> None:
    """Do tasks on a cluster, and keep each result in ``store``.

    Parameters
    ----------
    client
        Of the cluster.
    orders
        Tasks, a build ahead of what needs it.
    store
        Where results go.
    moved
        Called for each that is done, or is left out since its build came to nothing.
    """
    builds: dict[str, Future] = {}
    keys: dict[Future, str] = {}

    def submitted() -> Iterator[Future]:
        for order in orders:
            task = order.task
            needs = None if task.kind == "build" else builds.get(task.build.key)
            future = client.submit(execute, order, needs, key=task.key, pure=True)
            keys[future] = task.key
            if task.kind == "build":
                builds[task.key] = future
            yield future

    left = submitted()
    ahead = _AHEAD * max(len(client.scheduler_info()["workers"]), 1)
    coming = as_completed(list(islice(left, ahead)))
    for batch in coming.batches():
        results = {keys.pop(future): _result(future) for future in batch}
        store.record({key: one for key, one in results.items() if one is not None})
        for _ in results:
            moved()
        for future in islice(left, len(results)):
            coming.add(future)


def _result(future: Future) -> Result | None:
    error = future.exception()
    if error is None:
        found: Result | None = future.result()
        return found
    if isinstance(error, KilledWorker):
        return Result(FAILED, "every worker that took it died")
    return Result(FAILED, f"{type(error).__name__}: {error}".splitlines()[0])
