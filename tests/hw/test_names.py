"""Names of signals: none may hang on how a Python version compiles the statement that makes one."""

import ast
import re
from pathlib import Path

import pytest

from golden.layer.registry import LAYERS
from golden.line.design import Requantization
from golden.line.example import example_weights
from hw.emit.axi import AxiWrapper, PortNames, port_names
from hw.emit.verilog import to_rtlil
from hw.engines import ENGINES
from hw.layer.config import read_layer
from hw.layer.layer import Layer
from hw.line.engine import LineEngine

ROOT = Path(__file__).resolve().parents[2]
MAKERS = re.compile(r"(Signal(\.like)?|ClockDomain|\w+\.(read|write)_port)$")
"""What asks Amaranth's tracer for a name, which reads it off the bytecode, unless given one."""

FALLBACK = re.compile(r"\$(signal|like|signature|memory|pin|port)\b")
"""Where the tracer finds none."""

ENGINE = "engines.height.engine = '{0}'\nengines.width.engine = '{0}'"
BOTH = "channels = 2\nheight = 4\nwidth = 4\noutput.bits = 8\n"
CONFIGS = {
    "serial": BOTH + ENGINE.format("fft"),
    "parallel": BOTH + ENGINE.format("fermat") + "\nweights_port = true",
    "metaformer": BOTH + ENGINE.format("direct") + "\nresidual = true",
    "dense": BOTH + ENGINE.format("fft"),
    "linear": BOTH + ENGINE.format("direct") + "\nkernels.height.taps = 3\nkernels.width.taps = 2",
    "depthwise": BOTH + "kernel = 3\nengines.plane.engine = 'fermat'",
    "global_filter": BOTH + "weight_bits = 8\nengines.plane.engine = 'fft'",
}


def emitted(component, design):
    wrapper = AxiWrapper(component, PortNames("clk", "rst", "high"))
    return to_rtlil(wrapper, design.name, wrapper.ports)


def test_ports_are_named_as_they_were_checked(tmp_path):
    path = tmp_path / "layer.toml"
    engines = "engines.height.engine = 'fft'\nengines.width.engine = 'direct'"
    path.write_text(f"form = 'serial'\nweights_port = true\n{BOTH}between = {{}}\n{engines}")
    design = read_layer(path)
    component = Layer(design)
    wrapper = AxiWrapper(component, PortNames("clk", "rst", "high"))
    to_rtlil(wrapper, design.name, wrapper.ports)  # else Amaranth tells of what was never used
    assert list(design.weight_streams) == ["w_height", "w_width"]
    names = ["clk", "rst", *port_names(design.weight_streams)]
    assert sorted(wrapper.ports) == sorted(names)


def named_alone(tree):
    """Calls that are all of an assignment to one name: every Python stores that name next."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            if isinstance(node.targets[0], ast.Name | ast.Attribute):
                yield node.value
        elif isinstance(node, ast.AnnAssign):
            yield node.value


def is_named(call):
    if ast.unparse(call.func) == "ClockDomain":
        return bool(call.args)
    return any(keyword.arg in ("name", "name_suffix") for keyword in call.keywords)


@pytest.mark.parametrize("part", ["hw", "boards"])
def test_a_signal_is_named_or_assigned_alone(part):
    files = sorted((ROOT / part).rglob("*.py"))
    assert files
    for path in files:
        tree = ast.parse(path.read_text())
        alone = set(map(id, named_alone(tree)))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and MAKERS.match(ast.unparse(node.func)):
                where = f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}"
                assert is_named(node) or id(node) in alone, f"{where} must be given a name"


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_hold_no_name_that_was_not_found(engine, loaded):
    formats = {"length": 4, "channels": 2, "data_bits": 8, "weight_bits": 8}
    requantization = Requantization(zero_point=3 if loaded else None)
    weights = None if loaded else example_weights(**formats, requantized=requantization.clip)
    design = ENGINES[engine].design(
        **formats, name="named", weights=weights, requantization=requantization, target="ecp5"
    )
    assert not FALLBACK.search(emitted(LineEngine(design), design))


@pytest.mark.parametrize("form", LAYERS)
def test_layers_hold_no_name_that_was_not_found(form, tmp_path):
    path = tmp_path / "layer.toml"
    path.write_text(f"form = '{form}'\nname = 'named'\n{CONFIGS[form]}")
    design = read_layer(path)
    assert not FALLBACK.search(emitted(Layer(design), design))
