"""Reading files that others wrote: what is wrong with one is said in one line.

Nothing is taken into memory before its size is known and allowed.
"""

import io
import json
import math
import tomllib
import warnings
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import ParameterError, first_line

Arrays = dict[str, npt.NDArray[np.generic]]

MAX_TEXT = 16 << 20
"""Bytes of a TOML or JSON file."""
MAX_EXPANDED, MAX_RATIO = 256 << 20, 32
"""What an archive may expand to: so many bytes, or so many times its own."""


def read_toml(path: Path, parameter: str) -> dict[str, Any]:
    """Return what a TOML file holds, whatever the locale.

    Parameters
    ----------
    path
        The file.
    parameter
        Which parameter named it.

    Raises
    ------
    ParameterError
        When the file cannot be read, or is no TOML in UTF-8.
    """
    try:
        return tomllib.loads(_text(path))
    except (OSError, ValueError, RecursionError) as reason:
        raise _unreadable(parameter, "a readable TOML file", path, reason) from None


def read_json(path: Path, parameter: str, rule: str = "a readable JSON file") -> Any:
    """Return what a JSON file, which must be by ``rule``, holds; see `read_toml`."""
    try:
        return json.loads(_text(path))
    except (OSError, ValueError, RecursionError) as reason:
        raise _unreadable(parameter, rule, path, reason) from None


def read_arrays(path: Path, parameter: str) -> Arrays:
    """Return the arrays of a ``.npz`` file; see `read_toml`."""
    try:
        # Opened here, since NumPy leaves a file open that it finds to be no archive.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's, of headers that Python 2 wrote
            return _arrays(file)
    except Exception as reason:  # whatever zipfile, its decompressors and NumPy raise
        raise _unreadable(parameter, "a readable .npz archive", path, reason) from None


def check_expansion(archive: zipfile.ZipFile, size: int) -> None:
    """Raise ValueError where the members of an archive of ``size`` bytes expand to too much."""
    expanded = sum(info.file_size for info in archive.infolist())
    if expanded > max(MAX_EXPANDED, MAX_RATIO * size):
        raise ValueError(f"{size:,} bytes that expand to {expanded:,}")


def _unreadable(parameter: str, rule: str, path: Path, reason: Exception) -> ParameterError:
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
    return ParameterError(parameter, rule, f"{path} ({first_line(text)})")


def _text(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise ValueError(f"more than {MAX_TEXT:,} bytes")
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("it begins with a byte order mark: save it as UTF-8 without one")
    try:
        return content.decode()
    except UnicodeDecodeError as reason:
        line = content[: reason.start].count(b"\n") + 1
        raise ValueError(f"line {line} is not UTF-8") from None


def _arrays(file: BinaryIO) -> Arrays:
    if file.read(6) == b"\x93NUMPY":
        raise ValueError("a single array")
    size = file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file) as archive:
        check_expansion(archive, size)
        return {_key(info): _array(archive, info) for info in archive.infolist()}


def _key(info: zipfile.ZipInfo) -> str:
    key = info.filename.removesuffix(".npy")
    if key == info.filename or not key.isprintable():
        raise ValueError(f"{info.filename!r} in it is no array")
    return key


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[np.generic]:
    """Return an array whose header declares just what is there."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        # Of later versions only the names of fields are written otherwise.
        read_header = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(member)
        there = info.file_size - member.tell()
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError(f"{info.filename!r} in it holds {dtype}, not numbers")
    if (declared := math.prod(shape) * dtype.itemsize) != there or min(shape, default=0) < 0:
        raise ValueError(f"{info.filename!r} in it has {there:,} bytes for {declared:,} declared")
    with archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)
