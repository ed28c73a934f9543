"""From a network to an accelerator's files: Verilog, manifest and instantiation template."""

import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from golden.accelerator.compile import compile_network
from golden.accelerator.program import Program
from golden.accelerator.sizes import DATA_BITS, Sizes
from golden.inputs.errors import ParameterError
from golden.network.files import written
from golden.network.map import Map
from golden.network.network import Network
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.places import inside
from hw.accelerator.predict import predict
from hw.accelerator.timing import Timeline
from hw.emit.axi import AxiWrapper, MemoryWrapper, PortNames
from hw.emit.files import with_manifest
from hw.emit.harden import told_of
from hw.emit.manifest import SCHEMA
from hw.emit.template import instantiation
from hw.emit.toml import to_toml
from hw.emit.verilog import to_verilog
from hw.targets.registry import models_for

MODEL = ".model.toml"
"""How the file of a network ends that stands beside the accelerator: no module has such a name."""


def generate_network(
    network: Network, sizes: Sizes, name: str, names: PortNames, *, hardened: bool = False
) -> dict[str, bytes]:
    """Return the files of an accelerator for ``network``, by name.

    Parameters
    ----------
    network
        What it computes.
    sizes
        How large it is.
    name
        Of the module.
    names
        Of clock and reset.
    hardened
        As of `hw.emit.generate.generate`.

    Raises
    ------
    ParameterError
        Where an operator has no place on the accelerator, a map does not fit, or two names are one.
    """
    names.check_apart(name, [])
    program = compile_network(network, sizes)
    wrapper = AxiWrapper(Accelerator(program), names)
    files, manifest = verilog_files(wrapper, name, names, hardened=hardened)
    manifest |= describe(network, program, name)
    files |= model_files(network, name)
    files[f"{name}.veo"] = instantiation(wrapper, manifest, explain(manifest)).encode()
    return with_manifest(files, f"{name}.json", manifest)


def verilog_files(
    wrapper: AxiWrapper | MemoryWrapper, name: str, names: PortNames, *, hardened: bool
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return a module's Verilog with the models of primitives, and the manifest's beginning.

    Raises
    ------
    ParameterError
        Where a primitive has the module's name.
    """
    verilog = to_verilog(wrapper, name, wrapper.ports, hardened=hardened)
    models = models_for(verilog)
    if f"{name}.v" in models:
        raise ParameterError("name", "another name than a primitive's", repr(name))
    simulated = {f"{name}.v": verilog} | models
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "top": name,
        "kind": "network",
        "clock": names.clock,
        "reset": {"name": names.reset, "active": names.reset_active},
        "files": list(simulated),
        "models": list(models),
        **told_of(hardened=hardened),
    }
    return {file: text.encode() for file, text in simulated.items()}, manifest


def model_files(network: Network, name: str) -> dict[str, bytes]:
    """Return the files of the network itself, which `hw.run` compares with."""
    table, archive = written(network)
    weights = f"{name}.model.npz"
    return {
        f"{name}{MODEL}": to_toml({**table, "weights": weights}),
        weights: archive,
    }


def describe(network: Network, program: Program, name: str) -> dict[str, Any]:
    """Return what the manifest says of a network on an accelerator ``name``."""
    sizes, timeline, cost = program.sizes, Timeline(program), predict(program)
    begins = begins_of(timeline)
    samples = {"slot_bits": DATA_BITS, "sample_bits": DATA_BITS, "signed": True}
    return {
        "multipliers": cost.multipliers,
        "parameters": {
            "memory": "internal",
            "tile": sizes.tile,
            "scalers": sizes.scalers,
            "logic_scalers": sizes.logic_scalers,
            "factor_bits": sizes.factor_bits,
            "positions": sizes.positions,
            "map_words": program.words,
            "target": sizes.target,
        },
        **ends(network, sizes),
        "streams": {"s_axis": samples, "m_axis": samples},
        "timing": {
            "latency_cycles": timeline.latency,
            "cycles_per_frame": timeline.cycles_per_frame,
        },
        "programs": [
            {
                "model": f"{name}{MODEL}",
                "cycles": timeline.cycles_per_frame,
                "products": network.products,
                "layers": layers(network, begins, program),
                "maps": inside(program, begins),
            }
        ],
        "certificate": network.certificate(),
        "prediction": {"multipliers": cost.multipliers, "block_rams": cost.block_rams},
        "versions": versions(),
    }


def ends(network: Network, sizes: Sizes) -> dict[str, Any]:
    """Return what a manifest says of the maps that go in and come out."""
    return {
        "inputs": {network.input: _map(network.maps[network.input], sizes)},
        "outputs": {name: _map(network.maps[name], sizes) for name in network.outputs},
    }


def versions() -> dict[str, str]:
    """Return the versions of what makes the Verilog."""
    return {package: importlib.metadata.version(package) for package in _PACKAGES}


_PACKAGES = ("amaranth", "pyosys")


def begins_of(timeline: Timeline) -> list[int]:
    """Return when each descriptor begins, and when a frame ends."""
    return [step.begins for step in timeline.steps] + [timeline.cycles_per_frame]


def layers(network: Network, begins: Sequence[int], program: Program) -> list[dict[str, Any]]:
    """Return name, cycles and products of each layer: until the next one's first descriptor."""
    cycles: dict[str, int] = {}
    for name, first, after in zip(program.names, begins, begins[1:], strict=False):
        cycles[name] = cycles.get(name, 0) + after - first
    products = {name: operator.products for name, operator in network.operators.items()}
    for node in network.nodes:
        if node.name not in cycles:  # its function is the table of another map
            (user,) = network.users[node.name]
            products[user.name] += products[node.name]
    return [
        {"name": name, "cycles": count, "products": products.get(name, 0)}
        for name, count in cycles.items()
    ]


def _map(data: Map, sizes: Sizes) -> dict[str, Any]:
    words = -(-data.channels // sizes.tile) * data.height * data.width
    return {
        "channels": data.channels,
        "height": data.height,
        "width": data.width,
        "signed": data.signed,
        "scale": data.scale,
        "zero_point": data.zero_point,
        "beats": words,
    }


def explain(manifest: Mapping[str, Any]) -> list[str]:
    """Return what a user must know of the streams."""
    tile = manifest["parameters"]["tile"]
    timing = manifest["timing"]
    lines = [
        f"{manifest['name']}: a whole network, everything inside.",
        f"A beat is {tile} channels of a position, channel j in [8*j +: 8]; positions row by row,",
        f"then the next {tile} channels. Channels that there are not may be anything.",
    ]
    for port, maps in (("s_axis", "inputs"), ("m_axis", "outputs")):
        for name, data in manifest[maps].items():
            shape = f"{data['channels']} x {data['height']} x {data['width']}"
            lines.append(f"{port}: {name}, {shape}, {data['beats']} beats a frame.")
    return [
        *lines,
        "tlast of m_axis stands at the end of a frame; that of s_axis is not looked at.",
        f"First result after {timing['latency_cycles']} cycles, a frame every "
        f"{timing['cycles_per_frame']}.",
    ]
