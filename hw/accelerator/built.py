"""What `hw.build network` left, read back."""

from pathlib import Path
from typing import Any

from golden.accelerator.compile import compile_network
from golden.accelerator.program import Program
from golden.accelerator.sizes import Sizes
from golden.inputs.errors import ParameterError
from golden.network.files import read_network
from golden.network.network import Network

_KEPT = ("tile", "scalers", "positions", "target")


def sizes_of(manifest: dict[str, Any]) -> Sizes:
    """Return the sizes of an accelerator."""
    parameters = manifest["parameters"]
    return Sizes(**{key: parameters[key] for key in _KEPT})


def network_of(manifest: dict[str, Any], folder: Path) -> Network:
    """Return the network that was built, of the model beside the ``manifest`` in ``folder``.

    Raises
    ------
    ParameterError
        Where it is no network's manifest, or another version's, or the model cannot be read.
    """
    kind = manifest.get("kind", "another's")
    if kind != "network":
        raise ParameterError("manifest", "of hw.build network", kind)
    (program,) = manifest["programs"]
    if "model" not in program:
        raise _other_version(manifest)
    return read_network(folder / program["model"])


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


def _other_version(manifest: dict[str, Any]) -> ParameterError:
    return ParameterError("manifest", "of a build by this version", manifest["versions"])
