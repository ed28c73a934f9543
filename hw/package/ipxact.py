"""An IP-XACT 2014 component (IEEE 1685-2014): ports, AXI interfaces, registers, files."""

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping

from golden.registers import WORD, Access, Field, RegisterMap
from hw.emit.axi import AxiBus
from hw.package.constraints import constraint_files
from hw.package.core import INTERRUPT, LIBRARY, VENDOR, FinishedCore, TopPort

_SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"
_BUS = {
    "axi4stream": ("interface", "axis"),
    "axi4": ("interface", "aximm"),
    "axi4lite": ("interface", "aximm"),
}
_PROTOCOL = {"axi4": "AXI4", "axi4lite": "AXI4LITE"}
_ACCESS = {
    Access.CONSTANT: ("read-only", None),
    Access.STATUS: ("read-only", None),
    Access.KEPT: ("read-write", None),
    Access.PULSE: ("read-write", "modify"),
    Access.CAUSE: ("read-write", "oneToClear"),
}
"""What a field's access is called, and how writing changes it."""


def ipxact_files(core: FinishedCore) -> dict[str, str]:
    """Return NAME.ipxact.xml and the constraints that it names."""
    xdc = f"{core.name}.xdc"
    return {f"{core.name}.ipxact.xml": component(core), xdc: constraint_files(core)[xdc]}


def component(core: FinishedCore) -> str:
    """Return the component as XML."""
    ET.register_namespace("ipxact", _SPACE)
    root = ET.Element(
        _name("component"), {f"{{{_SCHEMA}}}schemaLocation": f"{_SPACE} {_SPACE}/index.xsd"}
    )
    for key, value in _identity(core).items():
        _add(root, key, value)
    interfaces = _add(root, "busInterfaces")
    for bus in core.buses:
        _bus(interfaces, bus, core)
    _signals(interfaces, core)
    masters = [bus for bus in core.buses if bus.protocol == "axi4"]
    if masters:
        spaces = _add(root, "addressSpaces")
        for bus in masters:
            space = _add(spaces, "addressSpace")
            _add(space, "name", bus.name)
            _add(space, "range", str(1 << core.port[bus.wires["araddr"]].width))
            _add(space, "width", str(core.port[bus.wires["rdata"]].width))
    mapped = {bus: found for bus in core.buses if (found := core.registers(bus)) is not None}
    if mapped:
        maps = _add(root, "memoryMaps")
        for bus, registers in mapped.items():
            _memory_map(maps, bus.name, 1 << core.port[bus.wires["araddr"]].width, registers)
    _model(root, core)
    _file_sets(root, core)
    _add(root, "description", core.about)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _name(tag: str) -> str:
    return f"{{{_SPACE}}}{tag}"


def _add(parent: ET.Element, tag: str, text: str | None = None, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, _name(tag), attributes)
    element.text = text
    return element


def _identity(core: FinishedCore) -> dict[str, str]:
    return {"vendor": VENDOR, "library": LIBRARY, "name": core.name, "version": core.version}


def _bus(interfaces: ET.Element, bus: AxiBus, core: FinishedCore) -> None:
    """Add an AXI interface: its mode, its port maps, and, of one in memory, what it reaches."""
    logical = {wire.upper(): port for wire, port in bus.wires.items()}
    mode = "master" if bus.master else "slave"
    interface = _interface(interfaces, bus.name, _BUS[bus.protocol], mode, logical)
    if bus.protocol == "axi4":
        own = interface.find(_name(mode))
        assert own is not None
        _add(own, "addressSpaceRef", addressSpaceRef=bus.name)
    elif core.registers(bus) is not None:
        own = interface.find(_name(mode))
        assert own is not None
        _add(own, "memoryMapRef", memoryMapRef=bus.name)
    if bus.protocol in _PROTOCOL:
        _parameters(interface, {"PROTOCOL": _PROTOCOL[bus.protocol]})


def _signals(interfaces: ET.Element, core: FinishedCore) -> None:
    """Add clock, reset and interrupt, and which interfaces go with the clock."""
    streams = ":".join(bus.name for bus in core.buses)
    clock = _interface(interfaces, "clock", ("signal", "clock"), "slave", {"CLK": core.clock})
    associated = {"ASSOCIATED_BUSIF": streams, "ASSOCIATED_RESET": core.reset}
    _parameters(clock, associated | {"FREQ_HZ": str(round(core.rate.mhz * 1e6))})
    reset = _interface(interfaces, "reset", ("signal", "reset"), "slave", {"RST": core.reset})
    _parameters(reset, {"POLARITY": "ACTIVE_LOW" if core.active_low else "ACTIVE_HIGH"})
    if INTERRUPT in core.port:
        pins = {"INTERRUPT": INTERRUPT}
        found = _interface(interfaces, INTERRUPT, ("signal", "interrupt"), "master", pins)
        _parameters(found, {"SENSITIVITY": "LEVEL_HIGH"})


def _interface(
    interfaces: ET.Element,
    name: str,
    kind: tuple[str, str],
    mode: str,
    logical: Mapping[str, str],
) -> ET.Element:
    """Add an interface of one of Vivado's kinds, with its port maps."""
    library, bus = kind
    interface = _add(interfaces, "busInterface")
    _add(interface, "name", name)
    own = {"vendor": "xilinx.com", "library": library, "version": "1.0"}
    _add(interface, "busType", **own, name=bus)
    abstraction = _add(_add(interface, "abstractionTypes"), "abstractionType")
    _add(abstraction, "abstractionRef", **own, name=f"{bus}_rtl")
    maps = _add(abstraction, "portMaps")
    for logical_name, port in logical.items():
        mapped = _add(maps, "portMap")
        _add(_add(mapped, "logicalPort"), "name", logical_name)
        _add(_add(mapped, "physicalPort"), "name", port)
    _add(interface, mode)
    return interface


def _parameters(interface: ET.Element, values: Mapping[str, str]) -> None:
    parameters = _add(interface, "parameters")
    for name, value in values.items():
        parameter = _add(parameters, "parameter", parameterId=_id(interface, name))
        _add(parameter, "name", name)
        _add(parameter, "value", value)


def _id(interface: ET.Element, name: str) -> str:
    """Return a name for a parameter that no other has."""
    return f"{interface.findtext(_name('name'))}.{name}"


def _memory_map(maps: ET.Element, name: str, size: int, registers: RegisterMap) -> None:
    found = _add(maps, "memoryMap")
    _add(found, "name", name)
    block = _add(found, "addressBlock")
    _add(block, "name", "registers")
    _add(block, "baseAddress", "0")
    _add(block, "range", str(size))
    _add(block, "width", str(WORD))
    _add(block, "usage", "register")
    for register, facts in registers.registers.items():
        one = _add(block, "register")
        _add(one, "name", register)
        _add(one, "description", facts.about)
        _add(one, "addressOffset", str(facts.at))
        _add(one, "size", str(WORD))
        for field_name, field in facts.fields.items():
            _field(one, field_name, field)
    _add(found, "addressUnitBits", "8")


def _field(register: ET.Element, name: str, field: Field) -> None:
    one = _add(register, "field")
    _add(one, "name", name)
    _add(one, "description", field.about)
    _add(one, "bitOffset", str(field.low))
    _add(_add(_add(one, "resets"), "reset"), "value", str(field.reset))
    _add(one, "bitWidth", str(field.bits))
    _add(one, "volatile", "false" if field.access in (Access.CONSTANT, Access.KEPT) else "true")
    access, modified = _ACCESS[field.access]
    _add(one, "access", access)
    if modified is not None:
        _add(one, "modifiedWriteValue", modified)


def _model(root: ET.Element, core: FinishedCore) -> None:
    model = _add(root, "model")
    views, instantiations = _add(model, "views"), _add(model, "instantiations")
    for name, purpose in (("synthesis", "synthesis"), ("simulation", "simulation")):
        view = _add(views, "view")
        _add(view, "name", name)
        _add(view, "envIdentifier", f"verilogSource:vivado.xilinx.com:{purpose}")
        _add(view, "componentInstantiationRef", name)
        instantiation = _add(instantiations, "componentInstantiation")
        _add(instantiation, "name", name)
        _add(instantiation, "language", "verilog")
        _add(instantiation, "moduleName", core.name)
        _add(_add(instantiation, "fileSetRef"), "localName", name)
    ports = _add(model, "ports")
    for port in core.ports:
        _port(ports, port)


def _port(ports: ET.Element, port: TopPort) -> None:
    one = _add(ports, "port")
    _add(one, "name", port.name)
    wire = _add(one, "wire")
    _add(wire, "direction", "out" if port.given else "in")
    if port.width > 1:
        vector = _add(_add(wire, "vectors"), "vector")
        _add(vector, "left", str(port.width - 1))
        _add(vector, "right", "0")


def _file_sets(root: ET.Element, core: FinishedCore) -> None:
    sets = _add(root, "fileSets")
    verilog = [(name, "verilogSource") for name in core.sources]
    models = [(name, "verilogSource") for name in core.models]
    _file_set(sets, "synthesis", [*verilog, (f"{core.name}.xdc", None)])
    _file_set(sets, "simulation", [*verilog, *models])


def _file_set(sets: ET.Element, name: str, files: Iterable[tuple[str, str | None]]) -> None:
    found = _add(sets, "fileSet")
    _add(found, "name", name)
    for file, kind in files:
        one = _add(found, "file")
        _add(one, "name", file)
        if kind is None:
            _add(one, "fileType", "user", user="xdc")
        else:
            _add(one, "fileType", kind)
