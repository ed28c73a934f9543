"""From networks to the files of an accelerator with all in memory: Verilog, programs, drivers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from golden.accelerator.external.capacity import VERSION, Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import registers_of
from golden.network.network import Network
from hw.accelerator.external.accelerator import ExternalAccelerator
from hw.accelerator.external.driver import check_driver_name, drivers
from hw.accelerator.external.layers import begins_of, layers_of
from hw.accelerator.external.places import stays
from hw.accelerator.external.predict import predict_external
from hw.accelerator.external.timing import EVERY_CYCLE
from hw.accelerator.generate import ends, model_files, verilog_files, versions
from hw.emit.axi import MemoryWrapper, PortNames, memory_port_names
from hw.emit.files import with_manifest
from hw.emit.rdl import described_registers, to_rdl
from hw.emit.template import instantiation

PAGE = 4096
"""Programs begin at multiples of so many bytes of NAME.bin."""


def generate_external(
    networks: Sequence[Network],
    capacity: Capacity,
    name: str,
    names: PortNames,
    *,
    hardened: bool = False,
) -> dict[str, bytes]:
    """Return the files of an accelerator, and of programs for ``networks`` on it, by name.

    The Verilog depends on ``capacity`` alone.

    Parameters
    ----------
    networks
        What it computes, one or another.
    capacity
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
        Where an operator has no place on the accelerator, or two names are one.
    """
    names.check_apart(name, [], memory_port_names())
    check_driver_name(name)
    programs = [compile_external(network, capacity, packs=True) for network in networks]
    wrapper = MemoryWrapper(
        ExternalAccelerator(capacity),
        names,
        data_bits=capacity.data_bits,
        address_bits=capacity.address_bits,
    )
    files, manifest = verilog_files(wrapper, name, names, hardened=hardened)
    image, entries = bytearray(), []
    for number, (network, program) in enumerate(zip(networks, programs, strict=True)):
        stem = name if number == 0 else f"{name}.{number}"
        models = model_files(network, stem)
        files |= models
        image += bytes(-len(image) % PAGE)
        entries.append(_entry(network, program, next(iter(models)), len(image)))
        image += program.image
    files[f"{name}.bin"] = bytes(image)
    manifest |= _described(name, capacity, networks, entries)
    files |= drivers(name, manifest)
    files[f"{name}.rdl"] = to_rdl(name, registers_of(capacity)).encode()
    files[f"{name}.veo"] = instantiation(wrapper, manifest, _explain(manifest)).encode()
    return with_manifest(files, f"{name}.json", manifest)


def _described(
    name: str, capacity: Capacity, networks: Sequence[Network], entries: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return what the manifest says of the accelerator."""
    sizes = capacity.sizes
    return {
        "multipliers": predict_external(capacity).multipliers,
        "parameters": {
            "memory": "axi",
            "tile": sizes.tile,
            "scalers": sizes.scalers,
            "logic_scalers": sizes.logic_scalers,
            "factor_bits": sizes.factor_bits,
            "positions": sizes.positions,
            "target": sizes.target,
            "data_bits": capacity.data_bits,
            "address_bits": capacity.address_bits,
            "burst": capacity.burst,
            "map_bytes": capacity.map_bytes,
            "constants": capacity.constants,
            "tables": capacity.tables,
            "weight_bytes": capacity.weight_bytes,
            "side_bits": capacity.side_bits,
            "patience": capacity.patience,
            "depthwise": capacity.depthwise,
            "lines": None if capacity.lines is None else str(capacity.lines),
            "product": capacity.abilities.product,
            "norm": capacity.abilities.norm,
            "single": capacity.abilities.single,
            "addition": capacity.abilities.addition,
        },
        "version": VERSION,
        "hash": f"{capacity.hash:016x}",
        **ends(networks[0], sizes),
        "programs": entries,
        "registers": described_registers(name, registers_of(capacity)),
        "versions": versions(),
    }


def _entry(network: Network, program: ExternalProgram, model: str, offset: int) -> dict[str, Any]:
    """Return what the manifest says of a program."""
    multipliers = predict_external(program.capacity).multipliers
    beat = program.capacity.beat_bytes
    begins = begins_of(program)
    layers = layers_of(network, program, EVERY_CYCLE, begins)
    return {
        "model": model,
        "offset": offset,
        "bytes": len(program.image),
        "descriptors": len(program.descriptors),
        "input_bytes": program.input * beat,
        "packing": asdict(program.packing),
        "output_bytes": program.output * beat,
        "scratch_bytes": program.scratch * beat,
        "cycles": begins[-1],
        "products": network.products,
        "layers": [layer.described(multipliers) for layer in layers],
        "scratch": stays(program, begins),
        **ends(network, program.capacity.sizes),
        "certificate": network.certificate(),
    }


def _explain(manifest: dict[str, Any]) -> list[str]:
    parameters, name = manifest["parameters"], manifest["name"]
    return [
        f"{name}: runs programs in memory; {name}.bin holds them, {name}.h where.",
        f"m_axi: AXI4 of {parameters['data_bits']} bits, INCR, ids 0 to 2, one each for program,",
        "weights and maps. s_axi: AXI4-Lite of 32 bits, the registers.",
        "irq is high while a cause that is enabled stands.",
    ]
