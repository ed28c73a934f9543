"""Verilog as other tools take it."""

import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Fragment, Module, Signal
from amaranth.hdl._ir import PortDirection
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.inputs.config import Table
from golden.layer.registry import LAYERS
from golden.matrix.design import MatrixDesign
from hw.emit.axi import AxiWrapper, PortNames
from hw.emit.generate import generate
from hw.emit.verilog import to_rtlil, to_verilog
from hw.matrix.unit import MatrixUnit
from hw.parts.counter import Counter
from hw.primitives.memory import Memory

NAME = r"(\\\S+|\w+)"
BETWEEN = {"between": {"bits": 8}}


def engines(height, width):
    return {"engines": {"height": {"engine": height}, "width": {"engine": width}}}


LAYERS_OF = {
    "serial": engines("fermat", "fft"),
    "parallel": engines("fft", "direct"),
    "metaformer": engines("direct", "fermat") | {"residual": True, "output": {"bits": 8}},
    "dense direct": {"axis": "height", "engines": {"height": {"engine": "direct", "macs": 2}}},
    "dense fft": {"axis": "height", "engines": {"height": {"engine": "fft"}}},
    "dense fermat": engines("fermat", "fermat"),
    "linear": engines("direct", "fft") | {"kernels": {a: {"taps": 3} for a in ("height", "width")}},
    "global_filter": {"engines": {"plane": {"engine": "fft"}}},
    "depthwise": {"kernel": 3, "engines": {"plane": {"engine": "fermat"}}},
}
TWO_PASSES = ("serial", "metaformer", "linear")


def tops(verilog):
    """Names of the modules that no other one has an instance of."""
    modules = re.findall(rf"^module {NAME} *\(", verilog, re.MULTILINE)
    instances = re.findall(rf"^  {NAME} +(?:#\(.*?\) *)?{NAME} *\($", verilog, re.M | re.S)
    return sorted(set(modules) - {module for module, _ in instances})


@pytest.mark.parametrize("case", LAYERS_OF)
def test_a_layer_has_one_top(case):
    form = case.split()[0]
    options = {"name": "only", "channels": 2, "height": 4, "width": 4} | LAYERS_OF[case]
    table = Table(options | (BETWEEN if form in TWO_PASSES else {}))
    design = LAYERS[form].of_table(table, None, example=True)
    verilog = generate(design, PortNames())["only.v"].decode()
    assert tops(verilog) == ["only"]


def test_every_form_is_among_the_layers():
    assert {case.split()[0] for case in LAYERS_OF} == set(LAYERS)


class Unread(wiring.Component):
    """Counts steps in one module whose result nobody reads, and in one whose is."""

    def __init__(self):
        self.sync = ClockDomain("sync")
        super().__init__({"i": In(1), "o": Out(1)})

    def elaborate(self, platform):
        del platform
        m = Module()
        m.domains += self.sync
        m.submodules.unread, m.submodules.read = Counter(5), Counter(3)
        m.d.comb += [m.submodules.unread.step.eq(self.i), m.submodules.read.step.eq(self.i)]
        last = Signal()
        m.d.sync += last.eq(m.submodules.unread.last)
        m.d.comb += self.o.eq(m.submodules.read.last)
        return m


def test_a_module_that_nothing_needs_is_left_out():
    component = Unread()
    ports = {
        "i": (component.i, PortDirection.Input),
        "o": (component.o, PortDirection.Output),
        "clk": (component.sync.clk, PortDirection.Input),
        "rst": (component.sync.rst, PortDirection.Input),
    }
    verilog = to_verilog(component, "counting", ports)
    assert tops(verilog) == ["counting"]
    assert "counting.read" in verilog
    assert "counting.unread" not in verilog


def rom(depth, words):
    """A ROM of seven bits, and its ports."""
    component = Memory(depth=depth, width=7, init=words, writable=False, target="generic")
    directions = {"r_en": "Input", "r_addr": "Input", "r_data": "Output"}
    ports = {
        name: (getattr(component, name), PortDirection[direction])
        for name, direction in directions.items()
    }
    return component, ports


@pytest.mark.parametrize("words", [[], [1, 2, 127], [127, 0, 64, 3, 1]])
def test_contents_are_written_as_amaranth_writes_them(words):
    fragment = Fragment.get(rom(5, words)[0], None)
    array = fragment.find_subfragment("array")
    assert list(array._data.init) == [*words, *[0] * (5 - len(words))]
    component, ports = rom(5, words)
    ours = to_rtlil(component, "rom", ports)
    component, ports = rom(5, words)
    text, _ = rtlil.convert_fragment(Fragment.get(component, None), ports, "rom", emit_src=False)
    assert ours == text
    assert "$meminit_v2" in ours


# The memory that is refused is never elaborated.
@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
@pytest.mark.usefixtures("collected")
def test_contents_must_fit():
    with pytest.raises(ValueError, match=r"^Words must number at most 2, not 3$"):
        rom(2, [1, 2, 3])


def test_parts_of_arrays_are_not_named_like_bits():
    """Yosys 0.70 takes one for the other, and ends."""
    design = MatrixDesign(inputs=2, outputs=4, positions=2)
    wrapper = AxiWrapper(MatrixUnit(design), PortNames())
    verilog = to_verilog(wrapper, "matrix", wrapper.ports)
    assert not re.findall(r"\\\S*\[\d+\]\S* ", verilog)
    assert r"\x.1 " in verilog
