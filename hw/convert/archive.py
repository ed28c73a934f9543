"""Files of `torch.export`, opened without running what they may have been given to run.

`torch.export.load` unpickles some members of its archive, loads compiled code out of others, and
evaluates the expressions of free dimensions. So the archive is looked through first, with torch's
own reader, and only what is plain data goes on.
"""

import importlib
import io
import json
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

import torch
from torch.export.pt2_archive import constants as place
from torch.export.pt2_archive._package import PT2ArchiveReader, load_pt2

from golden.inputs.errors import ParameterError, first_line
from golden.inputs.read import check_expansion

_MODEL = "model"
"""What `torch.export.save` calls the network."""


def load_program(path: Path, *, trust_pickle: bool) -> torch.export.ExportedProgram:
    """Return the network in ``path``.

    Parameters
    ----------
    path
        File of ``torch.export.save``.
    trust_pickle
        Whether pickled objects in it may be loaded, which can run any code.

    Raises
    ------
    ParameterError
        Where the file cannot be read, has free dimensions, or holds pickled objects or compiled
        code without ``trust_pickle``.
    """
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as members:
            check_expansion(members, len(content))
        archive = PT2ArchiveReader(io.BytesIO(content))
        harm = None if trust_pickle else _harm(archive)
        free = _has_free_dimensions(archive)
    except Exception as reason:  # whatever the parsers of a damaged file raise
        raise _unreadable(path, reason) from None
    if harm is not None:
        rule = "plain data, or trusted by --trust-pickle"
        raise ParameterError("model", rule, f"a file with {harm}") from None
    if free:
        raise ParameterError("model", "of fixed shapes", "with free dimensions")
    _register_roundings()
    try:
        program: torch.export.ExportedProgram = load_pt2(io.BytesIO(content)).exported_programs[
            _MODEL
        ]
    except Exception as reason:  # as above
        raise _unreadable(path, reason) from None
    return program


def _register_roundings() -> None:
    """Make torch know the operators of models that it has quantised; without, they are refused."""
    with warnings.catch_warnings():
        # The module says that its place may change.
        warnings.simplefilter("ignore")
        with suppress(ImportError):
            importlib.import_module("torch.ao.quantization.fx._decomposed")


def _unreadable(path: Path, reason: BaseException) -> ParameterError:
    found = f"{path} ({first_line(reason)})"
    return ParameterError("model", "a readable file of torch.export", found)


def _harm(archive: PT2ArchiveReader) -> str | None:
    """Return what in ``archive`` could run code once it is loaded."""
    names = archive.get_file_names()
    if any(name.startswith(place.AOTINDUCTOR_DIR) for name in names):
        return "compiled code"
    own = place.MODELS_FILENAME_FORMAT.format(_MODEL)
    if any(name.startswith(place.MODELS_DIR) and name != own for name in names):
        return "more than one network"
    return _pickled(archive)


def _pickled(archive: PT2ArchiveReader) -> str | None:
    for folder in (place.WEIGHTS_DIR, place.CONSTANTS_DIR):
        if f"{folder}{_MODEL}.pt" in archive.get_file_names():
            return f"pickled {folder}{_MODEL}.pt"
    for config in (
        place.WEIGHTS_CONFIG_FILENAME_FORMAT.format(_MODEL),
        place.CONSTANTS_CONFIG_FILENAME_FORMAT.format(_MODEL),
    ):
        for member, payload in json.loads(archive.read_string(config))["config"].items():
            plain = (place.WEIGHT_FILENAME_PREFIX, place.TENSOR_CONSTANT_FILENAME_PREFIX)
            if payload["use_pickle"] or not payload["path_name"].startswith(plain):
                return f"the pickled object {member}"
    samples = archive.read_bytes(place.SAMPLE_INPUTS_FILENAME_FORMAT.format(_MODEL))
    try:
        torch.load(io.BytesIO(samples), weights_only=True)
    except Exception:  # torch's loader falls back to plain pickle here, so nothing may fail
        return "pickled sample inputs"
    return None


def _has_free_dimensions(archive: PT2ArchiveReader) -> bool:
    text = archive.read_string(place.MODELS_FILENAME_FORMAT.format(_MODEL))
    return '"expr_str"' in text or bool(json.loads(text)["range_constraints"])
