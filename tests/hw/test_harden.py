"""Registers of control in threes: one of three is outvoted, and synthesis keeps all."""

import json

import pytest
from amaranth.hdl import Cat, Module, Signal
from amaranth.hdl._ir import PortDirection
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.emit.harden import REPLICAS
from hw.emit.verilog import to_verilog
from hw.emit.yosys import run_yosys
from hw.parts.ports import Component

COUNT, LAST, PASSING = 3, 4, 4
STEERS = 2
"""Bit of a word."""


class Counting(Component):
    """Counts while told to; what passes beside it has no reset."""

    step: Signal
    data: Signal
    count: Signal
    last: Signal

    def __init__(self):
        ports = {"step": In(1), "data": In(PASSING), "count": Out(COUNT), "last": Out(LAST)}
        super().__init__(ports)

    def elaborate(self, _platform):
        m = Module()
        passing = Signal(PASSING, reset_less=True)
        with m.If(self.step):
            m.d.sync += [self.count.eq(self.count + 1), passing.eq(self.data)]
        with m.If(self.count[0]):
            m.d.sync += Cat(self.last[:2], self.last[2:]).eq(passing)
        return m


class Beside(Component):
    """Some bits of a signal are registers, others are not."""

    data: Signal
    given: Signal

    def __init__(self):
        super().__init__({"data": In(PASSING), "given": Out(PASSING)})

    def elaborate(self, _platform):
        m = Module()
        m.d.sync += self.given[1:3].eq(self.given[1:3] + self.data[1:3])
        m.d.comb += [self.given[0].eq(self.data[3]), self.given[3].eq(self.data[0])]
        return m


class Steered(Component):
    """Words out of a memory, one bit of which says whether anything happens."""

    step: Signal
    data: Signal
    odd: Signal
    word: Signal

    def __init__(self):
        ports = {"step": In(1), "data": In(PASSING), "odd": Out(1), "word": Out(PASSING)}
        super().__init__(ports)

    def elaborate(self, _platform):
        m = Module()
        m.submodules.memory = array = Memory(shape=PASSING, depth=2, init=[])
        write, read = array.write_port(), array.read_port()
        place = Signal()
        m.d.sync += [place.eq(~place), self.odd.eq(self.odd ^ read.data[STEERS])]
        m.d.comb += [
            *(write.addr.eq(place), write.data.eq(self.data), write.en.eq(1)),
            *(read.addr.eq(~place), read.en.eq(self.step), self.word.eq(read.data)),
        ]
        return m


def verilog_of(component, name, inputs, outputs, *, hardened):
    ports = {name: (getattr(component, name), PortDirection.Input) for name in inputs}
    ports |= {name: (getattr(component, name), PortDirection.Output) for name in outputs}
    return to_verilog(component, name, ports, hardened=hardened)


def flip_flops(folder, family, *, hardened):
    ports = ("step", "data"), ("count", "last")
    (folder / "x.v").write_text(verilog_of(Counting(), "x", *ports, hardened=hardened))
    run_yosys(["read_verilog x.v", f"synth_{family} -top x", "write_json x.json"], folder)
    cells = json.loads((folder / "x.json").read_text())["modules"]["x"]["cells"]
    return sum("FF" in cell["type"] for cell in cells.values())


@pytest.mark.parametrize("family", ["ecp5", "ice40"])
def test_synthesis_keeps_all_three(family, tmp_path):
    assert flip_flops(tmp_path, family, hardened=False) == COUNT + LAST + PASSING
    hardened = flip_flops(tmp_path, family, hardened=True)
    assert hardened == REPLICAS * (COUNT + LAST) + PASSING


INDUCTION = "-tempinduct -seq 1"
STEERED_PORTS = ("step", "data"), ("odd", "word")


def test_what_steers_without_a_reset_is_in_threes():
    text = verilog_of(Steered(), "x", *STEERED_PORTS, hardened=True)
    for name in ("odd", "place", "kept_0"):
        for number in range(REPLICAS):
            assert f"  reg {name}_{number} = 1'h0;" in text
    assert f"  reg [{PASSING - 2}:0] kept_0_rest = 3'h0;" in text


@pytest.mark.parametrize(
    ("kind", "ports", "steps"),
    [
        (Counting, (("step", "data"), ("count", "last")), INDUCTION),
        (Beside, (("data",), ("given",)), INDUCTION),
        # What is in a memory is no output: bounded.
        (Steered, STEERED_PORTS, "-seq 12"),
    ],
)
def test_it_does_what_it_did(kind, ports, steps, tmp_path):
    for name, hardened in (("plain", False), ("hardened", True)):
        text = verilog_of(kind(), name, *ports, hardened=hardened)
        (tmp_path / f"{name}.v").write_text(text)
    miter = "miter -equiv -flatten -make_assert plain hardened miter"
    read = [f"read_verilog {name}.v" for name in ("plain", "hardened")]
    proof = f"sat -set-init-zero {steps} -prove-asserts -verify miter"
    run_yosys([*read, "proc", "memory", "flatten", miter, "hierarchy -top miter", proof], tmp_path)
