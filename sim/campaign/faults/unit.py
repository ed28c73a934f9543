"""Faults in a unit of the accelerator, told by its outputs as the accelerator's frames go by."""

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from hw.emit.yosys import run_yosys
from hw.simulate.verilator import Compiled
from sim.campaign.faults.external import ExternalSubject
from sim.campaign.faults.netlist import FAULT, FAULT_BITS, Faulty, in_cells, with_statements
from sim.campaign.faults.step import looked_at
from sim.campaign.faults.subject import RIGHT, Trial, built
from sim.external import TOP

_SOURCE = Path(__file__).with_name("unit.cpp")
_RECORDED = "inputs.hex"
_SIDES = {"gold": f"{FAULT_BITS}'d0", "gate": FAULT}
UNITS = {
    "control": "component.control",
    "registers": "component.registers",
    "read_port": "component.read_port",
    "write_port": "component.write_port",
    **{
        name: f"component.core.{name}"
        for name in (
            *("program_reader", "check", "sequencer", "loads", "stores", "loader", "reader"),
            *("matrix", "depthwise", "post", "largest"),
        )
    },
    "statistics": "component.core.post.statistics",
}
"""Where they are inside the accelerator with memory outside."""


@cache
def _whole() -> ExternalSubject:
    return ExternalSubject()


@cache
def _modules() -> dict[str, Any]:
    """Return the modules of the accelerator, as Yosys has them."""
    with in_cells(_whole().verilog) as folder:
        read = ["read_rtlil cells.il", f"hierarchy -top {TOP}", "write_json modules.json"]
        run_yosys(read, folder)
        modules: dict[str, Any] = json.loads((folder / "modules.json").read_bytes())["modules"]
        return modules


def module_at(path: str) -> str:
    """Return the name of the module at a path of names of instances, joined by points."""
    module = TOP
    for name in path.split("."):
        module = _modules()[module]["cells"][name]["type"]
    return module


class UnitSubject:
    """A unit of the accelerator with memory outside; see `sim.campaign.faults.subject.Subject`.

    What came in at it while the accelerator ran right, through all steps of `ExternalSubject`, goes
    through it alone, without and with a fault. Outputs must be the same in each cycle, those that
    another one says are not looked at aside.

    Parameters
    ----------
    unit
        One of `UNITS`.
    """

    first: int = 1

    def __init__(self, unit: str) -> None:
        self.verilog = _whole().verilog
        self.generated = self.name = module_at(UNITS[unit])
        count = sum(
            cell["type"] == self.name
            for module in _modules().values()
            for cell in module["cells"].values()
        )
        assert count == 1, f"{self.name} is there {count} times: what comes in would be mixed"
        ports = _modules()[self.name]["ports"]
        widths = {name: len(port["bits"]) for name, port in ports.items()}
        ways = {name: port["direction"] for name, port in ports.items()}
        self._inputs = {n: w for n, w in widths.items() if ways[n] == "input" and n != "clk"}
        self._outputs = {n: w for n, w in widths.items() if ways[n] == "output"}
        self._bits = sum(self._inputs.values())

    def _recorded(self) -> Iterator[bytes]:
        """Yield what comes in, a step at a time."""
        statement = (
            f'integer recorded; initial recorded = $fopen("{_RECORDED}", "w");\n'
            f'always @(posedge clk) begin $fdisplay(recorded, "%h", {{{", ".join(self._inputs)}}});'
            f" $fflush(recorded); end"
        )
        verilog = with_statements(self.verilog, TOP, self.name, statement)
        for folder in _whole().ran(verilog):
            yield self._packed((folder / _RECORDED).read_text(encoding="ascii"))

    def _packed(self, text: str) -> bytes:
        """Return recorded words as unit.cpp reads them: bytes of a cycle, the lowest first."""
        size = self._cycle_bytes
        return b"".join(int(line, 16).to_bytes(size, "little") for line in text.split())

    @property
    def _cycle_bytes(self) -> int:
        return -(-self._bits // 8)

    def trials(self, faulty: Faulty) -> list[Trial]:
        """See `sim.campaign.faults.subject.Subject`."""
        twins = self._twins(faulty.verilog).encode()
        # All that changes is in one object then, of which unit.cpp sees whether it does.
        program = built(Compiled("twins", {"twins.v": twins}, _SOURCE), "--flatten")
        return [partial(self._tell, program, inputs) for inputs in self._recorded()]

    def _tell(self, program: Path, inputs: bytes, faults: Sequence[int]) -> list[str]:
        with tempfile.NamedTemporaryFile() as file:
            file.write(inputs)
            file.flush()
            done = subprocess.run(
                [str(program), file.name, str(self._cycle_bytes)],
                input="".join(f"{fault}\n" for fault in faults),
                capture_output=True,
                check=True,
                encoding="ascii",
            )
        names = [*self._outputs, RIGHT]
        return [names[int(number)] for number in done.stdout.split()]

    def _twins(self, verilog: str) -> str:
        """Return a module with the unit twice, beside it."""
        lines = [
            f"module twins(input clk, input [{FAULT_BITS - 1}:0] {FAULT},",
            f"  input [{self._bits - 1}:0] inputs, output [{len(self._outputs) - 1}:0] differs);",
        ]
        links = {side: [f".clk(clk), .{FAULT}({chosen})"] for side, chosen in _SIDES.items()}
        low = self._bits
        for name, width in self._inputs.items():
            low -= width
            for own in links.values():
                own.append(f".{name}(inputs[{low} +: {width}])")
        for name, width in self._outputs.items():
            for side, own in links.items():
                lines.append(f"  wire [{width - 1}:0] {side}_{name};")
                own.append(f".{name}({side}_{name})")
        for number, name in enumerate(self._outputs):
            when = "".join(f" & gold_{by}" for by in looked_at(name, self._outputs))
            lines.append(f"  assign differs[{number}] = gold_{name} != gate_{name}{when};")
        lines += [f"  {self.name} {side}({', '.join(own)});" for side, own in links.items()]
        return "\n".join([verilog, *lines, "endmodule", ""])
