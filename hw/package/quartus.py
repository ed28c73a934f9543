"""A component of Quartus' Platform Designer: NAME_hw.tcl."""

from collections.abc import Iterator

from hw.emit.axi import AxiBus
from hw.package.constraints import constraint_files
from hw.package.core import INTERRUPT, FinishedCore

_VERSION = "18.1"
"""Of the package qsys: the first that knows AXI4-Stream."""
_CLOCK, _RESET, _EVENTS = "clock", "reset", "events"


def quartus_files(core: FinishedCore) -> dict[str, str]:
    """Return NAME_hw.tcl and the constraints that it names."""
    sdc = f"{core.name}.sdc"
    text = "".join(f"{line}\n" for line in _lines(core))
    return {f"{core.name}_hw.tcl": text, sdc: constraint_files(core)[sdc]}


def _lines(core: FinishedCore) -> Iterator[str]:
    yield f"# {core.about}."
    yield f"package require -exact qsys {_VERSION}"
    properties = {
        "NAME": core.name,
        "DISPLAY_NAME": core.name,
        "DESCRIPTION": core.about,
        "VERSION": core.version,
        "AUTHOR": "parc-hdl",
        "GROUP": "parc-hdl",
        "INSTANTIATE_IN_SYSTEM_MODULE": "true",
        "EDITABLE": "false",
    }
    for key, value in properties.items():
        yield f"set_module_property {key} {{{value}}}"
    yield from _filesets(core)
    yield f"add_interface {_CLOCK} clock end"
    yield f"add_interface_port {_CLOCK} {core.clock} clk Input 1"
    yield f"add_interface {_RESET} reset end"
    yield f"set_interface_property {_RESET} associatedClock {_CLOCK}"
    yield f"set_interface_property {_RESET} synchronousEdges BOTH"
    role = "reset_n" if core.active_low else "reset"
    yield f"add_interface_port {_RESET} {core.reset} {role} Input 1"
    for bus in core.buses:
        yield from _bus(core, bus)
    yield from _others(core)


def _filesets(core: FinishedCore) -> Iterator[str]:
    for fileset, named in (("QUARTUS_SYNTH", "synthesis"), ("SIM_VERILOG", "simulation")):
        yield f'add_fileset {named} {fileset} "" ""'
        yield f"set_fileset_property {named} TOP_LEVEL {core.name}"
        for name in core.sources:
            top = " TOP_LEVEL_FILE" if name == f"{core.name}.v" else ""
            yield f"add_fileset_file {name} VERILOG PATH {name}{top}"
        if fileset == "QUARTUS_SYNTH":
            yield f"add_fileset_file {core.name}.sdc SDC PATH {core.name}.sdc"


def _bus(core: FinishedCore, bus: AxiBus) -> Iterator[str]:
    yield f"add_interface {bus.name} {bus.protocol} {'start' if bus.master else 'end'}"
    yield from _clocked(bus.name)
    for wire, port in bus.wires.items():
        yield _port(core, bus.name, port, wire)


def _clocked(interface: str) -> Iterator[str]:
    yield f"set_interface_property {interface} associatedClock {_CLOCK}"
    yield f"set_interface_property {interface} associatedReset {_RESET}"


def _port(core: FinishedCore, interface: str, name: str, role: str) -> str:
    port = core.port[name]
    direction = "Output" if port.given else "Input"
    return f"add_interface_port {interface} {name} {role} {direction} {port.width}"


def _others(core: FinishedCore) -> Iterator[str]:
    events = [port.name for port in core.others if port.name != INTERRUPT]
    if INTERRUPT in core.port:
        yield f"add_interface {INTERRUPT} interrupt end"
        yield from _clocked(INTERRUPT)
        yield f"set_interface_property {INTERRUPT} associatedAddressablePoint s_axi"
        yield _port(core, INTERRUPT, INTERRUPT, "irq")
    if events:
        yield f"add_interface {_EVENTS} conduit end"
        yield from _clocked(_EVENTS)
        for name in events:
            yield _port(core, _EVENTS, name, name)
