"""Registers around a design, so that its own paths are timed and not those to the pins."""

from collections.abc import Sequence

from flow.families import Family
from flow.netlist import Port

TOP = "registered"
INSTANCE = "design"


def registered(design: str, ports: Sequence[Port], clock: str, family: Family) -> str:
    """Return Verilog of a module `TOP` around ``design``, a register in every port but the clock.

    The registers are the family's cells, so that synthesis is over before they come: nothing is
    optimised across them, and they are not among the design's own.
    """
    pins: list[str] = [f".{clock}({clock})"]
    lines: list[str] = [f"  input {clock};"]
    for port in ports:
        if port.name == clock:
            continue
        inward = port.direction == "input"
        inside = f"{port.name}_inside"
        pins.append(f".{port.name}({inside})")
        lines.append(f"  {port.direction} [{port.width - 1}:0] {port.name};")
        lines.append(f"  wire [{port.width - 1}:0] {inside};")
        register = family.register.format(
            name=f"{port.name}_register [{port.width - 1}:0]",
            clock=clock,
            d=port.name if inward else inside,
            q=inside if inward else port.name,
        )
        lines.append(f"  {register}")
    names = ", ".join(port.name for port in ports)
    instance = f"  {design} {INSTANCE} ({', '.join(pins)});"
    return "\n".join([f"module {TOP}({names});", *lines, instance, "endmodule", ""])
