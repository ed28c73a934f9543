"""How far a simulation is, told from the file that its bench writes it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PERIOD = 0.1
"""Seconds between looks."""


@contextmanager
def watching(shown: Path, progress: Callable[[int], object]) -> Iterator[None]:
    """Call ``progress`` with every increase of the number in ``shown``, from 0 on."""
    shown.write_text("0", encoding="utf-8")
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(shown, progress, done))
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(shown: Path, progress: Callable[[int], object], done: threading.Event) -> None:
    over, told = False, 0
    while not over:
        over = done.wait(_PERIOD)
        if text := shown.read_text(encoding="utf-8"):
            progress(int(text) - told)
            told = int(text)
