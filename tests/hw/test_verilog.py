"""Verilog as other tools take it."""

import json
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
from hw.build import run
from hw.emit.axi import AxiWrapper, PortNames
from hw.emit.files import fingerprint, write_files
from hw.emit.generate import generate
from hw.emit.modules import ModuleKind, with_shared_modules
from hw.emit.verilog import to_rtlil, to_verilog
from hw.matrix.unit import MatrixUnit
from hw.parts.counter import Counter
from hw.primitives.memory import Memory
from hw.targets.registry import models_for
from sim.lint import lint
from sim.runner import simulators

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


def check_silent(files, folder):
    """No tool warns of a build's Verilog."""
    write_files(files, folder)
    sources = [folder / name for name in files if name.endswith(".v")]
    assert lint(sources, "only") == {tool: [] for tool in ("verilator", "slang", *simulators()[1:])}


LINES = {
    "whole": ("direct", {"products": "single"}),
    "folded": ("direct", {"length": 7, "macs": 3, "products": "single"}),
    "paired": ("direct", {"length": 7, "macs": 4, "products": "paired"}),
    "fft": ("fft", {}),
    "fft of odd radix": ("fft", {"length": 12}),
    "fft of any length": ("fft", {"length": 11}),
    "fermat": ("fermat", {}),
    "requantized": ("direct", {"channels": 2, "output": "requantized"}),
    "weights port": ("fermat", {"weights-port": True, "output": "requantized"}),
    "primitives": ("direct", {"length": 40, "macs": 2, "target": "ecp5"}),
}
"""Engine and options of small line engines, a build of each kind."""


@pytest.mark.parametrize("case", LINES)
def test_a_line_engine_is_a_strangers_verilog(case, tmp_path):
    engine, options = LINES[case]
    words = [engine, "--name", "only", "-o", str(tmp_path)]
    for key, value in (
        {"length": 6} | ({"length": 8} if engine == "fft" else {}) | options
    ).items():
        words += [f"--{key}"] if value is True else [f"--{key}", str(value)]
    assert run(words) == 0
    check_silent({path.name: path.read_bytes() for path in tmp_path.iterdir()}, tmp_path)
    verilog = (tmp_path / "only.v").read_text()
    assert "\\" not in verilog
    command = re.search(r"^// Made by: (.*)$", verilog, re.MULTILINE)[1].split()
    assert command[:3] == ["parc", "build", engine]
    assert sorted(command[3:]) == sorted(words[1:3] + words[5:]), "Without the folder"
    manifest = json.loads((tmp_path / "only.json").read_text())
    del manifest["sha256"]
    assert f"// {fingerprint(manifest)}.\n" in verilog


def test_lint_finds_what_is_wrong(tmp_path):
    text = "module only(input [1:0] a, output b); assign b = a; foo f(); endmodule\n"
    (tmp_path / "only.v").write_text(text)
    assert all(lint([tmp_path / "only.v"], "only").values())


@pytest.mark.parametrize("case", LAYERS_OF)
def test_a_layer_is_a_strangers_verilog(case, tmp_path):
    form = case.split()[0]
    options = {"name": "only", "channels": 2, "height": 4, "width": 4} | LAYERS_OF[case]
    table = Table(options | (BETWEEN if form in TWO_PASSES else {}))
    design = LAYERS[form].of_table(table, None, example=True)
    files = generate(design, PortNames())
    check_silent(files, tmp_path)
    verilog = files["only.v"].decode()
    assert tops(verilog) == ["only"]
    assert "\\" not in verilog, "No name must be escaped"
    assert verilog.startswith(f"// only: {form} layer of maps of 2 x 4 x 4")
    assert "// Parameters: channels 2, height 4, width 4, " in verilog
    assert "// Generator: parc-hdl (BSD-2-Clause) with amaranth " in verilog
    modules = re.findall(r"^(//.*)?\nmodule (\w+)", verilog, re.MULTILINE)
    bare = [name for comment, name in modules if not comment]
    assert len(bare) < len(modules) / 10, bare


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
    assert re.findall(r"^  counting__counter\w* (\w+) \($", verilog, re.MULTILINE) == ["read"]


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


WITHIN = r"""
module \top

  memory width 8 size 4 \a.b

  wire width 8 \a__b

  wire width 1 \step$12

  wire width 1 \step

  wire width 1 \output

  wire width 4 input 0 \port$0$4

  wire width 4 \i.payload[0]

  cell \top.one \one
    connect \x$3 \step$12 [0]
  end

  cell \top.two$7 \two$7
    connect \x$5 { \a__b [1:0] \step [0] }
  end

  cell $memrd_v2 $1
    parameter \MEMID "\\a.b"
    connect \ADDR \port$0$4 [1:0]
  end

connect \i.payload[0] \port$0$4 [3:0]

end

attribute \generator "Amaranth"
module \top.one

  wire width 1 input 0 \x$3

end

module \top.two$7

  wire width 1 input 0 \x$5

end
"""


def test_modules_have_plain_names_and_are_shared():
    kinds = {"top": ModuleKind("Top", "All."), "top.one": ModuleKind("part", "A part.")}
    text, said = with_shared_modules(WITHIN, "top", lambda path: kinds[path])
    assert said == {"top": "All.", "top__part": "A part."}
    assert re.findall(r"^module (.*)", text, re.MULTILINE) == [r"\top__part", r"\top"]
    assert re.findall(r"^ *(?:memory|wire) .*(\\\S+)", text, re.MULTILINE) == [
        *(r"\x", r"\a__b_2", r"\a__b", r"\step_2", r"\step", r"\output_"),
        *(r"\i__payload_0", r"\i__payload_0_2"),
    ]
    assert "cell \\top__part \\one\n    connect \\x \\step_2 [0]\n" in text
    assert "cell \\top__part \\two\n    connect \\x { \\a__b [1:0] \\step [0] }\n" in text
    assert 'parameter \\MEMID "\\\\a__b_2"\n    connect \\ADDR \\i__payload_0 [1:0]\n' in text


def test_modules_that_differ_are_numbered():
    other = WITHIN.replace("wire width 1 input 0 \\x$5", "wire width 3 input 0 \\x$5")
    text, said = with_shared_modules(other, "top", lambda _: ModuleKind("part"))
    assert list(said) == ["top__part", "top__part_2", "top"]
    assert "cell \\top__part_2 \\two\n" in text


def test_models_are_those_of_instances():
    assert models_for("// MULT18X18D, DP16KD\nmodule a(CCU2C);\n") == {}
    verilog = "  MULT18X18D #(\n    .A(1)\n  ) m (\n  DP16KD d (\n"
    assert list(models_for(verilog)) == ["DP16KD.v", "MULT18X18D.v"]
    assert list(models_for("  MULT18X18D \\engine.core.m  (\n")) == ["MULT18X18D.v"], "Netlists'"


def test_parts_of_arrays_are_not_named_like_bits(tmp_path):
    """Yosys 0.70 takes one for the other, and ends."""
    wrapper = AxiWrapper(MatrixUnit(MatrixDesign(inputs=2, outputs=4, positions=2)), PortNames())
    verilog = to_verilog(wrapper, "only", wrapper.ports)
    assert "\\" not in verilog
    check_silent({"only.v": verilog.encode()}, tmp_path)
