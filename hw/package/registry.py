"""The kinds of packages by name, and a build's files with some of them added."""

import importlib.metadata
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from golden.inputs.errors import ParameterError
from hw.emit.files import with_manifest
from hw.package.clock import rate_for
from hw.package.constraints import constraint_files
from hw.package.core import FinishedCore, finished
from hw.package.fusesoc import fusesoc_files
from hw.package.ipxact import ipxact_files
from hw.package.litex import litex_files
from hw.package.quartus import quartus_files
from hw.package.silicon import silicon_files
from hw.package.vectors import MemoryVectors, StreamVectors

ALL = "all"
_DISTRIBUTION = "parc-hdl"
_ANY = ("generic",)

Vectors = StreamVectors | MemoryVectors


@dataclass(frozen=True)
class _Kind:
    """A kind of package.

    Parameters
    ----------
    files
        Returns its files, by name.
    targets
        What it can be of; empty for all.
    driven
        Whether it is of builds alone that a processor drives: with registers.
    """

    files: Callable[[FinishedCore, Callable[[], Vectors]], dict[str, str]]
    targets: tuple[str, ...] = ()
    driven: bool = False

    def refusal(self, core: FinishedCore) -> tuple[str, str] | None:
        """Return what ``core`` must be to be of this kind, and is instead; None where it can."""
        if self.targets and core.target not in self.targets:
            return f"of --target {', '.join(self.targets)}", core.target
        if self.driven and "registers" not in core.manifest:
            return "of a network with --memory axi, or an engine with --registers", core.about
        return None


PACKAGES: Mapping[str, _Kind] = {
    "constraints": _Kind(lambda core, _: constraint_files(core)),
    "fusesoc": _Kind(lambda core, vectors: fusesoc_files(core, vectors())),
    "ipxact": _Kind(lambda core, _: ipxact_files(core)),
    "litex": _Kind(lambda core, _: litex_files(core), driven=True),
    "quartus": _Kind(lambda core, _: quartus_files(core), _ANY),
    "siliconcompiler": _Kind(lambda core, _: silicon_files(core), _ANY),
}


def packaged(
    files: Mapping[str, bytes],
    name: str,
    kinds: Collection[str],
    vectors: Callable[[], Vectors],
    mhz: float | None = None,
) -> dict[str, bytes]:
    """Return the files of the build ``name`` with those of packages, all named by its manifest.

    Parameters
    ----------
    files
        As they were generated.
    name
        Of the build.
    kinds
        Of `PACKAGES`, or `ALL` for those that its target can be of.
    vectors
        Gives what a bench sends.
    mhz
        Clock to ask for; by default what such engines were measured at.

    Raises
    ------
    ParameterError
        Where a kind is not for the build's target, or a file would be of two things.
    """
    if not kinds:
        return dict(files)
    manifest = json.loads(files[f"{name}.json"])
    version = importlib.metadata.version(_DISTRIBUTION)
    core = finished(files, name, rate_for(manifest, mhz), version)
    added: dict[str, str] = {}
    for kind, package in PACKAGES.items():
        refused = package.refusal(core)
        if kind in kinds and refused is not None:
            raise ParameterError("package", f"{refused[0]} for {kind}", refused[1])
        if refused is None and (kind in kinds or ALL in kinds):
            added |= package.files(core, vectors)
    if both := sorted(files.keys() & added.keys()):
        raise ParameterError("name", f"one with which {both[0]} is one file", repr(name))
    del manifest["sha256"]
    kept = {file: content for file, content in files.items() if file != f"{name}.json"}
    new = {file: text.encode() for file, text in added.items()}
    return with_manifest(kept | new, f"{name}.json", manifest)
