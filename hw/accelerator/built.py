"""What `hw.build network` left, read back."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from golden.accelerator.abilities import LEAST, Abilities
from golden.accelerator.compile import compile_network
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.line_engines import LineEngines
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.program import Program
from golden.accelerator.sizes import Sizes
from golden.inputs.errors import ParameterError, check_range
from golden.network.files import read_network
from golden.network.network import Network

_KEPT = ("tile", "scalers", "positions", "target", "logic_scalers", "factor_bits")


def sizes_of(manifest: dict[str, Any]) -> Sizes:
    """Return the sizes of an accelerator."""
    parameters = manifest["parameters"]
    return Sizes(**{key: parameters[key] for key in _KEPT})


def capacity_of(manifest: dict[str, Any]) -> Capacity:
    """Return how large an accelerator is whose memory is outside."""
    parameters = manifest["parameters"]
    own = {field.name for field in fields(Capacity)} & parameters.keys()
    lines = parameters.get("lines")
    told = {key: parameters[key] for key in own}
    told["lines"] = None if lines is None else LineEngines.parse(lines)
    more = {field.name for field in fields(Abilities)} & parameters.keys()
    return Capacity(
        sizes=sizes_of(manifest),
        abilities=replace(LEAST, **{key: parameters[key] for key in more}),
        **told,
    )


def network_of(manifest: dict[str, Any], folder: Path, number: int = 0) -> Network:
    """Return a network that was built, of the model beside the ``manifest`` in ``folder``.

    Parameters
    ----------
    manifest
        Of `hw.build network`.
    folder
        Where it lies.
    number
        Which one, counted from 0.

    Raises
    ------
    ParameterError
        Where it is no network's manifest, or another version's, or the model cannot be read.
    """
    kind = manifest.get("kind", "another's")
    if kind != "network":
        raise ParameterError("manifest", "of hw.build network", kind)
    programs = manifest["programs"]
    check_range("program", number, 0, len(programs) - 1)
    if "model" not in programs[number]:
        raise _other_version(manifest)
    return read_network(folder / programs[number]["model"])


def program_of(manifest: dict[str, Any], network: Network) -> Program:
    """Return the program that is built in.

    Raises
    ------
    ParameterError
        Where another version built it.
    """
    program = compile_network(network, sizes_of(manifest))
    if program.words != manifest["parameters"]["map_words"]:
        raise _other_version(manifest)
    return program


def external_program_of(
    manifest: dict[str, Any], network: Network, folder: Path, number: int
) -> ExternalProgram:
    """Return a program for an accelerator whose memory is outside, as NAME.bin has it.

    Raises
    ------
    ParameterError
        Where another version made it.
    """
    capacity, facts = capacity_of(manifest), manifest["programs"][number]
    program = compile_external(network, capacity, packs=True)
    images = (folder / f"{manifest['name']}.bin").read_bytes()
    image = images[facts["offset"] :][: facts["bytes"]]
    if f"{capacity.hash:016x}" != manifest["hash"] or program.image != image:
        raise _other_version(manifest)
    return program


def _other_version(manifest: dict[str, Any]) -> ParameterError:
    return ParameterError("manifest", "of a build by this version", manifest["versions"])
