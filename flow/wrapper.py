"""Registers around a design, so that its own paths are timed and not those to the pins."""

from collections.abc import Sequence

from flow.netlist import Port

TOP = "registered"
INSTANCE = "design"


def registered(design: str, ports: Sequence[Port], clock: str, copies: int = 1) -> str:
    """Return Verilog of a module `TOP` around ``design``, a register in every port but the clock.

    Around several ``copies`` of it side by side, each with registers of its own.

    The inputs' registers are a shift register; behind the outputs' stands another set that folds
    all that ever comes into one bit: three pins, whatever the design. To be synthesised on its own,
    with the design a black box: nothing is optimised across its registers, and its cells are not
    among the design's.
    """
    inputs = [port for port in ports if port.direction == "input" and port.name != clock]
    outputs = [port for port in ports if port.direction == "output"]
    n_given = copies * sum(port.width for port in inputs)
    n_taken = copies * sum(port.width for port in outputs)

    def wire(port: Port, copy: int) -> str:
        return port.name if port.name == clock or not copy else f"{port.name}_of_{copy}"

    def joined(of: Sequence[Port]) -> str:
        return ", ".join(wire(port, copy) for copy in range(copies) for port in of)

    wires = "".join(
        f"  wire [{port.width - 1}:0] {wire(port, copy)};\n"
        for copy in range(copies)
        for port in (*inputs, *outputs)
    )
    designs = "".join(
        f"  {design} {INSTANCE}{copy or ''} ("
        + ", ".join(f".{port.name}({wire(port, copy)})" for port in ports)
        + ");\n"
        for copy in range(copies)
    )
    stub = ", ".join(f"{port.direction} [{port.width - 1}:0] {port.name}" for port in ports)
    # Where clocks need a buffer, the black box needs it too.
    stub = stub.replace(f"input [0:0] {clock}", f"(* clkbuf_sink *) input {clock}")
    return f"""\
(* blackbox *)
module {design}({stub});
endmodule

module {TOP}(input {clock}, input serial, output folded);
{wires}\
  reg [{n_given - 1}:0] given;
  assign {{{joined(inputs)}}} = given;
{designs}\
  reg [{n_taken - 1}:0] taken;
  reg [{n_taken - 1}:0] folding;
  always @(posedge {clock}) begin
    given <= {{given, serial}};
    taken <= {{{joined(outputs)}}};
    folding <= {{folding, folding[{n_taken - 1}]}} ^ taken;
  end
  assign folded = folding[{n_taken - 1}];
endmodule
"""
