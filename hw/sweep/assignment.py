"""What is to be done, where, and by whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hw.measured.store import DONE
from hw.sweep.point import Task
from hw.sweep.work import Folders


@dataclass(frozen=True)
class ClusterOptions:
    """Where a sweep runs.

    Parameters
    ----------
    workers
        Processes here, or jobs of Slurm; None for one a core, and one job.
    scheduler
        Address of one that is there.
    slurm
        Whether workers are jobs of Slurm.
    """

    workers: int | None = None
    scheduler: str | None = None
    slurm: bool = False


@dataclass(frozen=True)
class Assignment:
    """A task as a worker is given it.

    Parameters
    ----------
    task, folders, limit_s
        See `Child.perform`.
    """

    task: Task
    folders: Folders
    limit_s: float


def open_tasks(
    points: Sequence[Sequence[Task]], known: Mapping[str, str], builds: Path
) -> list[Task]:
    """Return the tasks of points that have no result, each once, a build ahead of what needs it.

    Parameters
    ----------
    points
        Tasks of each, the build first.
    known
        State of results by their keys.
    builds
        Folder of kept builds: one that steps need and that is not there is made again.
    """
    found: dict[str, Task] = {}
    for build, *steps in points:
        lost = known.get(build.key, DONE) != DONE
        left = [] if lost else [task for task in steps if task.key not in known]
        if build.key not in known or (left and not (builds / build.key).is_dir()):
            found[build.key] = build
        found |= {task.key: task for task in left}
    return list(found.values())
