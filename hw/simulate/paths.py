"""Paths with no space: make takes none, and so neither Verilator nor cocotb's build do."""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def plain(path: Path) -> Path:
    """Return a path to the same place with no space in it: through a link, where one is needed.

    Parameters
    ----------
    path
        Absolute.
    """
    spaced = _spaced(path)
    return path if spaced is None else _link(spaced) / path.relative_to(spaced)


def plain_words(words: Iterable[str], path: Path) -> list[str]:
    """Return ``words`` of a command, in which ``path``, and what is near it, is `plain`."""
    spaced = _spaced(path)
    if spaced is None:
        return list(words)
    return [word.replace(str(spaced), str(_link(spaced))) for word in words]


def elsewhere(folder: Path) -> Path:
    """Return ``folder`` for make to work in: where its path has a space, another, that lasts too.

    A link does not do, since make asks where it is.
    """
    return folder if _spaced(folder) is None else _place(folder)


def _spaced(path: Path) -> Path | None:
    """Return ``path`` up to its last part with a space, if there is one."""
    folders = (path, *path.parents)
    return next((f for f in folders if any(c.isspace() for c in f.name)), None)


def _link(folder: Path) -> Path:
    """Return a link to ``folder``; every process makes the same one."""
    link = _place(folder)
    if not (link.is_symlink() and link.readlink() == folder):
        # By a rename, so that no process sees none.
        part = link.with_name(f"{link.name}-{os.getpid()}")
        part.symlink_to(folder)
        part.replace(link)
    return link


def _place(folder: Path) -> Path:
    """Return the name of what stands for ``folder``."""
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"parc-hdl-{os.getuid()}-{digest}"
