"""Steps of a flow, kept by the content of all that goes into them."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class Step:
    """One tool's run in a folder of its own.

    Parameters
    ----------
    inputs
        Files that stand in the folder, by name.
    command
        What is run, the tool's version included: everything else that the outputs depend on.
    run
        Runs it in the folder given.
    outputs
        Files to keep of those that it leaves there.
    """

    inputs: Files
    command: tuple[str, ...]
    run: Callable[[Path], None]
    outputs: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hash of all that the outputs depend on."""
        content = hashlib.sha256()
        parts = [*self.command, *self.outputs]
        blobs = [part.encode() for part in parts]
        for name in sorted(self.inputs):
            blobs += [name.encode(), self.inputs[name]]
        for blob in blobs:
            content.update(f"{len(blob)}:".encode() + blob)
        return content.hexdigest()


class Cache:
    """Outputs of steps, in a folder each, or nothing kept at all.

    Parameters
    ----------
    folder
        Where outputs are kept, or None.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def run(self, step: Step) -> dict[str, bytes]:
        """Return the outputs of ``step``: kept ones, or those of running it."""
        if self._folder is None:
            return self._make(step)
        kept = self._folder / step.digest
        if not kept.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True)
            outputs = self._make(step)
            with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
                fresh = Path(scratch) / "outputs"
                fresh.mkdir()
                for name, content in outputs.items():
                    (fresh / name).write_bytes(content)
                # Two runs of the same step leave the same outputs: the later one's give way.
                if not kept.is_dir():
                    os.replace(fresh, kept)
        return {name: (kept / name).read_bytes() for name in step.outputs}

    @staticmethod
    def _make(step: Step) -> dict[str, bytes]:
        # Not in the cache's folder, which is the user's: abc takes no path with a space or a quote.
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            for name, content in step.inputs.items():
                (folder / name).write_bytes(content)
            step.run(folder)
            return {name: (folder / name).read_bytes() for name in step.outputs}
