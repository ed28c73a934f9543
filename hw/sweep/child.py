"""A process that does tasks one after the other, and can be stopped at any.

Generators take a second to load, so it stays; it is ended with all that it started where a task
takes too long, and where the process that it works for is gone.
"""

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import IO, Any

from hw.measured.store import FAILED, TIMEOUT, Result
from hw.sweep.point import Task
from hw.sweep.work import Folders, perform

_MOST_TASKS = 500
"""Before it makes room for a fresh one: what tasks leave in memory goes with it."""


class Child:
    """Does tasks in a process of its own, in a group of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._tasks = 0

    def perform(self, task: Task, folders: Folders, *, limit_s: float) -> Result:
        """Return what a task came to, which has ``limit_s`` seconds."""
        if self._process is None or self._tasks == _MOST_TASKS:
            self.close()
            command = [sys.executable, "-m", __name__]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, start_new_session=True
            )
        self._tasks += 1
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        said = {"task": asdict(task), "folders": asdict(folders)}
        answer = b""
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(said).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], limit_s)
            if not ready:
                self.close()
                return Result(TIMEOUT, f"not done in {limit_s:g} s", limit_s)
            answer = process.stdout.readline()
        if not answer.endswith(b"\n"):
            status = process.wait()
            self.close()
            return Result(FAILED, f"the process ended with {status}")
        return Result(**json.loads(answer))

    def close(self) -> None:
        """End it with all that it started."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process, self._tasks = None, 0


def serve(asked: IO[bytes], answers: IO[bytes]) -> None:
    """Do what is asked, a task a line; end with all that was started where nobody asks any more."""
    waiting: queue.Queue[bytes] = queue.Queue()

    def listen() -> None:
        for line in asked:
            waiting.put(line)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        said = json.loads(waiting.get())
        result = perform(_task(said["task"]), Folders(**said["folders"]))
        answers.write(json.dumps(asdict(result)).encode() + b"\n")
        answers.flush()


def _task(said: dict[str, Any]) -> Task:
    """Return a task that JSON made lists of."""
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in said.items()}
    return Task(**fields)


if __name__ == "__main__":
    # What generators print goes nowhere.
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, ours)
