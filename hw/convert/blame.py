"""Lines of the user's own code that an error or an operator came from."""

import re
import sysconfig
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from golden.inputs.errors import first_line

_OTHERS = tuple(
    str(folder.resolve())
    for folder in (
        Path(__file__).parent,
        Path(torch.__file__).parent,
        Path(sysconfig.get_path("stdlib")),
    )
)
_INSTALLED = ("site-packages", "dist-packages")
_FRAME = re.compile(r'File "([^"]+)", line (\d+)')


def explained(reason: BaseException) -> str:
    """Return what an exception is and says, and the line of the user's code that it came from."""
    said = first_line(reason)
    name = type(reason).__name__
    text = said if said == name else f"{name}: {said}"
    line = _deepest(list(_frames(reason)))
    return f"{text}, at {line}" if line else text


def line_of(stack: str | None) -> str:
    """Return the innermost line of the user's code in a stack as Python prints it, or ""."""
    return _deepest([(path, int(line)) for path, line in _FRAME.findall(stack or "")])


def _frames(reason: BaseException) -> Iterator[tuple[str, int]]:
    """Yield files and lines, those of what caused it first: the last is the innermost."""
    cause = reason.__cause__ or reason.__context__
    if cause is not None:
        yield from _frames(cause)
    for frame in traceback.extract_tb(reason.__traceback__):
        yield frame.filename, frame.lineno or 0
    if isinstance(reason, SyntaxError) and reason.filename:
        yield reason.filename, reason.lineno or 0


def _deepest(frames: Sequence[tuple[str, int]]) -> str:
    """Return the last frame that is the user's, or else of what the user has installed."""
    theirs = [(path, line) for path, line in frames if _is_theirs(path)]
    own = [f for f in theirs if not any(part in _INSTALLED for part in Path(f[0]).parts)]
    chosen = own or theirs
    return "{}:{}".format(*chosen[-1]) if chosen else ""


def _is_theirs(path: str) -> bool:
    if path.startswith("<"):
        return False
    folders = str(Path(path).resolve())
    installed = any(part in _INSTALLED for part in Path(path).parts)
    *own, stdlib = _OTHERS
    return not folders.startswith(tuple(own)) and (installed or not folders.startswith(stdlib))
