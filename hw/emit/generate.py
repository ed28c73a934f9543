"""From a design to its files: Verilog, manifest and instantiation template."""

from collections.abc import Callable
from functools import partial
from typing import Any

from golden.inputs.errors import ParameterError
from golden.inputs.write import arrays_archive
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.line.weights import Arrays
from hw.emit.axi import AxiWrapper, PortNames, register_port_names
from hw.emit.files import with_manifest
from hw.emit.harden import told_of
from hw.emit.manifest import describe_layer, describe_line
from hw.emit.rdl import described_registers, to_rdl
from hw.emit.template import explain_layer, explain_line, header, instantiation
from hw.emit.verilog import to_verilog
from hw.layer.layer import Layer
from hw.line.engine import LineEngine
from hw.line.registered import RegisteredEngine
from hw.targets.registry import TARGETS, models_for


def generate(
    design: LineDesign | LayerDesign,
    names: PortNames,
    *,
    example: bool = False,
    command: str | None = None,
    registers: bool = False,
    hardened: bool = False,
) -> dict[str, bytes]:
    """Return the files of ``design`` by name.

    Parameters
    ----------
    design
        What to build.
    names
        Of clock and reset.
    example
        Whether the weights were made up; they are then among the files, as ``NAME.npz``.
    command
        What the Verilog says that it was made by.
    registers
        Whether a line engine has registers around it: `hw.line.registered`.
    hardened
        Whether registers of control are in threes: `hw.emit.harden`.

    Raises
    ------
    ParameterError
        Where two names are one, or a module's a primitive's of the target.
    """
    names.check_apart(design.name, _loads(design))
    if registers:
        names.check_apart(design.name, [], register_port_names())
    if design.name in TARGETS[design.target].models:
        raise ParameterError("name", "another name than a primitive's", repr(design.name))
    describe: Callable[..., dict[str, Any]]
    arrays: Arrays | None
    if isinstance(design, LayerDesign):
        component: Any = Layer(design)
        describe, explain = partial(describe_layer, design), partial(explain_layer, design)
        arrays = design.weights
    else:
        component = RegisteredEngine(design) if registers else LineEngine(design)
        describe, explain = partial(describe_line, design), partial(explain_line, design)
        arrays = None if design.weights is None else design.weights.arrays()
    wrapper = AxiWrapper(component, names)
    verilog = to_verilog(wrapper, design.name, wrapper.ports, hardened=hardened)
    models = models_for(verilog)
    simulated = {f"{design.name}.v": verilog} | models
    manifest = describe(component, names, simulated, models=list(models))
    manifest |= told_of(hardened=hardened)
    if registers:
        manifest["registers"] = described_registers(design.name, component.registers)
    simulated[f"{design.name}.v"] = header(manifest, explain(manifest), command) + verilog
    files = {name: text.encode() for name, text in simulated.items()}
    if registers:
        files[f"{design.name}.rdl"] = to_rdl(design.name, component.registers).encode()
    files[f"{design.name}.veo"] = instantiation(wrapper, manifest, explain(manifest)).encode()
    if example and arrays is not None:
        files[f"{design.name}.npz"] = arrays_archive(arrays)
    return with_manifest(files, f"{design.name}.json", manifest)


def _loads(design: LineDesign | LayerDesign) -> list[str]:
    """Return the names of the streams that weights arrive on."""
    if isinstance(design, LayerDesign):
        return list(design.weight_streams)
    return ["w"] if design.weights is None else []
