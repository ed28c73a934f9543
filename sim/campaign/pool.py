"""Points of the campaign, several at a time, each in a process of its own."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context

from sim.campaign.part import Outcome
from sim.campaign.parts import PARTS


def outcomes_of(
    part: str, points: Iterable[str], jobs: int, end: float = float("inf")
) -> Iterator[tuple[str, Outcome]]:
    """Yield points of a part and what came of them, as they end.

    Parameters
    ----------
    part
        One of `PARTS`.
    points
        Names of points.
    jobs
        How many are tried at a time.
    end
        From when on, by `time.monotonic`, none is begun.
    """
    in_time = _until(end, points)
    # What a fork would copy of this process, locks that libraries hold among it, is left out.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        running: dict[Future[Outcome], str] = {}
        while True:
            for point in islice(in_time, jobs - len(running)):
                running[pool.submit(_run, part, point)] = point
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()


def _until(end: float, points: Iterable[str]) -> Iterator[str]:
    for point in points:
        if time.monotonic() >= end:
            return
        yield point


def _run(part: str, point: str) -> Outcome:
    return PARTS[part]().run(point)
