"""Writers killed in the middle: every file is the one before or the one after, never a half."""

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np

from hw.emit.files import with_manifest, write_product

_MANIFEST = "build.json"
_LONGEST = 0.01
"""Seconds after which the writer is killed at the latest."""
Files = dict[str, bytes]


def _product(random: np.random.Generator, names: str) -> Files:
    files = {f"{name}.v": random.bytes(int(random.integers(1, 1 << 17))) for name in names}
    return with_manifest(files, _MANIFEST, {"name": "build"})


def try_kill(index: int) -> tuple[bool, str | None]:
    """Kill a run that replaces another's files; return whether that hit it, and what is wrong."""
    random = np.random.default_rng([7, index])
    before, after = _product(random, "abcd"), _product(random, "bcde")
    with tempfile.TemporaryDirectory() as made:
        out = Path(made) / "out"
        if index % 4:
            write_product(before, _MANIFEST, out)
        hit = _killed(after, out, float(random.uniform(0, _LONGEST)))
        wrong = _wrong(out, before, after)
        if wrong is None:
            write_product(after, _MANIFEST, out)
            left = {path.name: path.read_bytes() for path in out.iterdir()}
            wrong = None if left == after else f"the next run leaves {', '.join(sorted(left))}"
    return hit, wrong


def _killed(files: Files, out: Path, seconds: float) -> bool:
    child = os.fork()
    if not child:
        try:
            write_product(files, _MANIFEST, out)
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, code = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(code) == -signal.SIGKILL


def _wrong(out: Path, before: Files, after: Files) -> str | None:
    """Return which file is neither of before nor of after; hidden folders do not count."""
    for path in out.glob("[!.]*"):
        if path.read_bytes() not in (before.get(path.name), after.get(path.name)):
            return f"{path.name} is neither the file before nor the one after"
    return None
