"""No key of a layer's configuration is taken in silence: each has an effect, or is refused."""

import json
import re

import pytest

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.registry import LAYERS
from hw.emit.axi import PortNames
from hw.emit.manifest import describe_layer
from hw.emit.toml import to_toml
from hw.layer.config import read_layer
from hw.layer.layer import Layer

# Components are made for what they promise, and never elaborated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable"),
    pytest.mark.usefixtures("collected"),
]

SHAPE = {"channels": 2, "height": 4, "width": 4, "data_bits": 4, "weight_bits": 4}
FORMATS = {"between": {"bits": 6}, "output": {"bits": 6}}
AXES = ("height", "width")


def axes(engine, order=AXES):
    return {"engines": {axis: dict(engine) for axis in order}}


def layers(engine):
    """Configurations of every form, by turns as plain as can be and with all that it knows."""
    port, output = {"weights_port": True}, {"output": {"bits": 6}}
    skip = {"residual": {"multiplier": 3, "shift": 2, "zero_point": 1}}
    both, one = axes(engine), {"order": ["width"]} | axes(engine, ["width"])
    kernels = {axis: {"taps": 3} for axis in AXES}
    if engine["engine"] == "direct":  # what engines have no part in
        yield {"form": "serial"} | both
        yield {"form": "serial"} | both | FORMATS | {"shared_engine": True}
        yield {"form": "parallel"} | both | port
        yield {"form": "metaformer"} | both | FORMATS | {"residual": True}
        yield {"form": "metaformer"} | both | FORMATS | skip | port
        yield {"form": "metaformer"} | both | FORMATS | port
        yield {"form": "dense"} | both | port | {"streamed": True}
        yield {"form": "linear", "kernels": {"width": {"taps": 3}}} | one | output
    yield {"form": "serial"} | one | port
    yield {"form": "parallel"} | both | output
    yield {"form": "metaformer"} | both | FORMATS
    yield {"form": "dense"} | both | output
    for axis in AXES:
        yield {"form": "dense", "axis": axis} | axes(engine, [axis]) | port
    yield {"form": "linear", "kernels": kernels} | both | FORMATS | port
    if engine["engine"] != "direct":
        plane = {"engines": {"plane": dict(engine)}}
        yield {"form": "global_filter"} | plane | output
        yield {"form": "depthwise", "kernel": 3} | plane | output | port
    if engine["engine"] == "fft":
        yield {"form": "serial", "order": ["width"]} | axes(engine | {"exact": True}, ["width"])


ENGINES = ("direct", "fft", "fermat")
VALUES = {
    "after": [["lookup"]],
    "axis": ["height"],
    "bits": [7],
    "channels": [6],
    "data_bits": [5],
    "engine": ["fermat", "fft"],
    "exact": [True],
    "guard_bits": [1],
    "height": [8],
    "high": [5],
    "kernel": [2],
    "kernel_f_bits": [2],
    "lanes": [2],
    "length": [12],
    "low": [-3],
    "macs": [2],
    "multiplier": [5],
    "name": ["other"],
    "operand_bits": [20],
    "order": [["width", "height"], ["height"]],
    "origin": [0],
    "out_channels": [6],
    "pairing": ["single"],
    "parts": [2],
    "port": [True],
    "products": [2],
    "residual": [True],
    "result_f_bits": [1],
    "ring": [32],
    "shared_engine": [True],
    "shift": [1],
    "spectrum_bits": [17],
    "start_bits": [29],
    "streamed": [True],
    "stride": [2],
    "taps": [2],
    "target": ["xc7"],
    "twiddle_bits": [16],
    "weight_bits": [5],
    "weights_port": [True, False],
    "width": [8],
    "zero_point": [2],
    "zero_point_port": [True],
}
"""Values of every key, by the last part of its path; the first that is not there already counts."""
SWITCHES = {"axis", "order"}
"""Keys that leave others without an effect, which are then what is refused."""
NOT_ALONE = {"form", "weights"}
"""Keys that other keys depend on altogether."""


def value_at(entries, path):
    for key in path:
        entries = entries.get(key, {}) if isinstance(entries, dict) else {}
    return entries


def changed(entries, path, value):
    """Return ``entries`` with ``value`` at ``path``; a flag in the way gives way to a table."""
    if not path:
        return value
    below = entries if isinstance(entries, dict) else {}
    return below | {path[0]: changed(below.get(path[0], {}), path[1:], value)}


def build_of(entries, folder):
    """What ``entries`` come to, short of Verilog, as text; or None, and why they are refused."""
    path = folder / "layer.toml"
    path.write_bytes(to_toml(entries))
    try:
        design = read_layer(path)
    except ParameterError as error:
        return None, str(error)
    component = Layer(design)
    names = PortNames("clk", "rst", "high")
    return json.dumps(describe_layer(design, component, names, {}, models=[])), None


@pytest.fixture(scope="module")
def paths():
    """Every key that some configuration may hold, as the readers ask for them."""
    asked = set()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("take", "strings"):
            read = getattr(Table, name)

            def reading(table, key, *rest, read=read):
                asked.add((*table.path.split(".")[:-1], key))
                return read(table, key, *rest)

            patch.setattr(Table, name, reading)
        for engine in ENGINES:
            for entries in layers({"engine": engine}):
                table = Table(SHAPE | entries)
                port = table.take("weights_port", bool, False)
                form = LAYERS[table.take("form", str)]
                form.of_table(table, None, example=not port)
    return sorted(path for path in asked if path[-1] not in NOT_ALONE)


def effects(entries, paths, folder):
    """Yield the paths of keys that change what ``entries`` come to; the others must be refused."""
    plain, complaint = build_of(entries, folder)
    assert plain is not None, complaint
    for path in paths:
        held = value_at(entries, path)
        value = next((v for v in VALUES[path[-1]] if v != held), None)
        if value is None:
            continue
        other = changed(entries, path, value)
        now, complaint = build_of(other, folder)
        if now is None:
            named = set(re.findall(r"\w+", complaint)) & set(path)
            assert named or path[-1] in SWITCHES, (path, other, complaint)
        else:
            assert now != plain, (path, other)
            yield path


def test_a_key_has_an_effect_or_is_refused(paths, tmp_path):
    """And every key has an effect somewhere: none is refused for its value alone."""
    effective = set()
    for engine in ENGINES:
        for entries in layers({"engine": engine}):
            effective |= set(effects(SHAPE | entries, paths, tmp_path))
    assert {path for path in paths if path[-1] not in SWITCHES} - effective == set()


def test_keys_with_no_effect_are_refused_by_name(tmp_path):
    serial = SHAPE | {"form": "serial", "order": ["width"]}
    for engine, more, message in (
        (
            {"engine": "direct", "start_bits": 9},
            {},
            "engines.width.start_bits must be left out without weights_port = true, not 9",
        ),
        (
            {"engine": "fft", "exact": True, "operand_bits": 18},
            {},
            "engines.width.operand_bits must be left out with exact = true, which chooses it, "
            "not 18",
        ),
        (
            {"engine": "direct"},
            {"output": {"zero_point": 3}},
            "output.zero_point must be in the weights file, as output.zero_point, without "
            "weights_port = true, not 3",
        ),
    ):
        entries = serial | axes(engine, ["width"]) | more
        assert build_of(entries, tmp_path) == (None, message)
