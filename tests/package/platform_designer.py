"""What is wrong with a component of Platform Designer: it runs in Tcl, and what it says is held up.

Roles and properties are those of Intel's manuals; nothing of Quartus is here.
"""

from collections import Counter

import pytest

STREAM = {"tdata": 1, "tvalid": 1, "tlast": 1, "tready": -1}
"""Roles: 1 from master to slave, -1 back."""
ADDRESS = {"addr": 1, "prot": 1, "valid": 1, "ready": -1}
BURST = ADDRESS | {"len": 1, "size": 1, "burst": 1, "cache": 1, "id": 1}
WRITE = {"data": 1, "strb": 1, "valid": 1, "ready": -1}
ANSWER = {"resp": -1, "valid": -1, "ready": 1}


def channels(address, write, answer, read):
    parts = {"aw": address, "w": write, "b": answer, "ar": address, "r": read}
    return {f"{part}{role}": way for part, roles in parts.items() for role, way in roles.items()}


READ = ANSWER | {"data": -1}
ROLES = {
    "axi4stream": STREAM,
    "axi4lite": channels(ADDRESS, WRITE, ANSWER, READ),
    "axi4": channels(
        BURST, WRITE | {"last": 1}, ANSWER | {"id": -1}, READ | {"id": -1, "last": -1}
    ),
    "clock": {"clk": 1},
    "reset": {"reset": 1, "reset_n": 1},
    "interrupt": {"irq": -1},
}
COMMANDS = (
    "package",
    "set_module_property",
    "add_fileset",
    "set_fileset_property",
    "add_fileset_file",
    "add_interface",
    "set_interface_property",
    "add_interface_port",
)


def said(text):
    """Run ``text`` in Tcl, and return what its commands were given."""
    tkinter = pytest.importorskip("tkinter", reason="needs Tcl: apt install python3-tk")
    tcl = tkinter.Tcl()
    calls = []
    for command in COMMANDS:
        tcl.createcommand(command, lambda *words, name=command: calls.append((name, *words)))
    tcl.eval(text)
    return calls


def complaints(text, ports, files):
    """Return what is wrong; ``ports`` and ``files`` are what there is."""
    tkinter = pytest.importorskip("tkinter", reason="needs Tcl: apt install python3-tk")
    try:
        calls = said(text)
    except tkinter.TclError as reason:
        return [str(reason)]
    kinds = {name: (kind, way) for kind_, name, kind, way in of(calls, "add_interface")}
    return [
        *about_ports(calls, ports, kinds),
        *about_interfaces(calls, kinds),
        *(
            f"{name} is no file"
            for _, name, *_ in of(calls, "add_fileset_file")
            if name not in files
        ),
    ]


def of(calls, command):
    return [call for call in calls if call[0] == command]


def about_ports(calls, ports, kinds):
    """Yield where ports are not those of the module, each in one interface, in a role of it."""
    added = of(calls, "add_interface_port")
    counts = Counter(port for _, _, port, *_ in added)
    for name in counts.keys() | ports.keys():
        if counts[name] != 1 or name not in ports:
            yield f"{name} is there {counts[name]} times"
    for _, interface, port, role, direction, width in added:
        found = (direction.lower().removesuffix("put"), int(width))
        if port in ports and found != ports[port]:
            yield f"{port} must be {ports[port]}, not {found}"
        kind, way = kinds.get(interface, ("none", ""))
        if kind != "conduit" and role not in ROLES.get(kind, ()):
            yield f"{role} is no role of {kind}"
        elif kind != "conduit":
            out = (ROLES[kind][role] > 0) == (way == "start")
            if out != (direction == "Output"):
                yield f"{port} must be {'an output' if out else 'an input'} of {interface}"


def about_interfaces(calls, kinds):
    """Yield where an interface lacks a role, its clock or its reset."""
    roles = {name: set() for name in kinds}
    for _, interface, _, role, *_ in of(calls, "add_interface_port"):
        roles.get(interface, set()).add(role)
    properties = {(name, key): value for _, name, key, value in of(calls, "set_interface_property")}
    for name, (kind, _) in kinds.items():
        wanted = ROLES.get(kind, {}).keys() - roles[name]
        if wanted and kind != "reset":
            yield f"{name} has no {', '.join(sorted(wanted))}"
        if kind == "clock":
            continue
        needs = {"associatedClock": "clock", "associatedReset": "reset"}
        for key in list(needs)[: 1 if kind == "reset" else 2]:
            found = properties.get((name, key))
            if kinds.get(found, ("",))[0] != needs[key]:
                yield f"{name} must have a {key}, not {found}"
