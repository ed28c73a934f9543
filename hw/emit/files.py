"""Files of a run: written all or none, and with nothing beside them that an earlier run left."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EISDIR
from pathlib import Path
from typing import Any

from golden.inputs.errors import ParameterError

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where runs into one folder are not kept apart
    fcntl = None  # type: ignore[assignment]

_NEW, _OLD = "new", "old"
"""In the folder of a run: what it writes, and what it replaces."""

Known = dict[str, set[str]]
"""Hashes that a file is known by."""


def hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return SHA-256 of each of ``files``: the entry ``sha256`` of a manifest."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def fingerprint(entries: Mapping[str, Any]) -> str:
    """Return SHA-256 of a manifest's ``entries`` but the hashes of files, which may name it."""
    return hashlib.sha256(json.dumps(entries, indent=2).encode()).hexdigest()


def with_manifest(
    files: Mapping[str, bytes], manifest: str, entries: Mapping[str, Any]
) -> dict[str, bytes]:
    """Return ``files`` and a JSON file ``manifest`` of ``entries`` that holds their hashes."""
    entries = {**entries, "sha256": hashes(files)}
    return {**files, manifest: to_json(entries)}


def to_json(entries: object) -> bytes:
    """Return ``entries`` as a JSON file, a line an entry."""
    return (json.dumps(entries, indent=2) + "\n").encode()


def write_files(files: Mapping[str, bytes], out: Path) -> None:
    """Write all of ``files`` into ``out`` over what is there, or none of them.

    Raises
    ------
    ParameterError
        Where ``out`` cannot be made or written.
    """
    with _folder(out):
        _replace(files, (), out, prefix=".files.")


def write_product(
    files: Mapping[str, bytes], manifest: str, out: Path, *, inputs: Collection[Path] = ()
) -> None:
    """Write all files of a run into ``out``, in the place of those of the run before, or none.

    A file there is replaced, or removed where the run gives none of its name, if the manifest of
    the run before names it and it is as that run wrote it. A run that is killed leaves a hidden
    folder, from which the next one knows what both wrote.

    Parameters
    ----------
    files
        All files by name.
    manifest
        Which of them names the others: `with_manifest`.
    inputs
        Files that were read, which stay.

    Raises
    ------
    ParameterError
        Where ``out`` cannot be made or written, or holds another file of one of these names.
    """
    with _folder(out), _locked(out):
        _check_cases(files, out)
        left = list(out.glob(f".{manifest}.*")) if fcntl else []
        before = _known([out / manifest, *_manifests_in(left, manifest)], files[manifest])
        others = _others(out, manifest)
        stale = [
            name
            for name in before
            if name not in files and name not in others and not _is_one_of(out / name, inputs)
        ]
        for name in (*files, *stale):
            _check_ours(out / name, files.get(name), before.get(name, set()))
        _replace(files, stale, out, prefix=f".{manifest}.", last=manifest)
        for folder in left:
            shutil.rmtree(folder, ignore_errors=True)


def _check_cases(files: Collection[str], out: Path) -> None:
    """Refuse names that differ by case alone: some file systems take them for one."""
    present = os.listdir(out) if out.is_dir() else []
    known: dict[str, str] = {}
    for name in files:
        known.setdefault(name.casefold(), name)
    for name in (*files, *present):
        other = known.get(name.casefold(), name)
        if other != name:
            raise ParameterError("out", f"a folder for {other}, without {name} beside it", out)


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Make ``out``, and unmake it where that or what is done inside fails."""
    made = [p for p in (out, *out.parents) if not p.exists()]
    try:
        try:
            out.mkdir(parents=True, exist_ok=True)
            yield
        except BaseException:
            if made:
                shutil.rmtree(made[-1], ignore_errors=True)
            raise
    except OSError as reason:
        rule = "a folder that can be written"
        raise ParameterError("out", rule, f"{out} ({reason.strerror})") from None


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Keep runs into one folder apart; the lock goes with the process."""
    if fcntl is None:
        yield
        return
    folder = os.open(out, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _read(manifest: Path) -> dict[str, Any] | None:
    """Return a manifest's entries; None where it is none, or names what it may not."""
    try:
        entries = json.loads(manifest.read_bytes())
        named = entries["sha256"]
        plain = all(Path(name).name == name and type(h) is str for name, h in named.items())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return entries if plain else None


def _manifests_in(left: Collection[Path], manifest: str) -> list[Path]:
    return [
        path for folder in left for path in (folder / _NEW / manifest, folder / _OLD / manifest)
    ]


def _known(manifests: Collection[Path], new: bytes) -> Known:
    """Return what runs of the kind and name of the ``new`` manifest's wrote."""
    known: Known = {}
    name = json.loads(new).get("name")
    for path in manifests:
        entries = _read(path)
        if entries is not None and entries.get("name") == name:
            known.setdefault(path.name, set()).add(_hash(path))
            for file, digest in entries["sha256"].items():
                known.setdefault(file, set()).add(digest)
    return known


def _others(out: Path, manifest: str) -> set[str]:
    """Return the files that other manifests in ``out`` name."""
    found = (_read(path) for path in out.glob("*.json") if path.name != manifest)
    return {name for entries in found if entries is not None for name in entries["sha256"]}


def _is_one_of(path: Path, inputs: Collection[Path]) -> bool:
    return path.exists() and any(path.samefile(other) for other in inputs if other.exists())


def _check_ours(path: Path, content: bytes | None, known: set[str]) -> None:
    """Refuse a file that is neither ``content`` nor as an earlier run wrote it."""
    if path.is_dir():
        raise IsADirectoryError(EISDIR, f"{path.name} is a folder")
    if not os.path.lexists(path):
        return
    if path.is_file() and (_hash(path) in known or path.read_bytes() == content):
        return
    rule = f"a folder where {path.name} is absent or as an earlier run wrote it"
    raise ParameterError("out", rule, path.parent)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _replace(
    files: Mapping[str, bytes],
    stale: Collection[str],
    out: Path,
    *,
    prefix: str,
    last: str | None = None,
) -> None:
    """Put ``files`` into ``out``, ``last`` after the others, and remove ``stale`` ones."""
    with tempfile.TemporaryDirectory(dir=out, prefix=prefix) as made:
        new, old = (Path(made) / name for name in (_NEW, _OLD))
        new.mkdir()
        old.mkdir()
        for name, content in files.items():
            (new / name).write_bytes(content)
        for name in (*files, *stale):
            if (out / name).is_dir():
                raise IsADirectoryError(EISDIR, f"{name} is a folder")
            if (out / name).exists():
                shutil.copy2(out / name, old / name)
        try:
            for name in sorted(files, key=lambda name: name == last):
                os.replace(new / name, out / name)
            for name in stale:
                (out / name).unlink(missing_ok=True)
        except BaseException:
            _restore((*files, *stale), old, out)
            raise


def _restore(names: Collection[str], old: Path, out: Path) -> None:
    """Put back what was in ``out``, as far as that can be done."""
    for name in names:
        with suppress(OSError):
            if (old / name).exists():
                os.replace(old / name, out / name)
            else:
                (out / name).unlink(missing_ok=True)
