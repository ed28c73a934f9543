"""What the manifest predicts of a device, held against synthesis."""

import json
import time

import pytest

from flow.cache import Cache
from flow.families import part_named
from flow.netlist import Netlist
from flow.product import build
from flow.synthesis import synthesise
from flow.tools import Yosys
from hw.emit.manifest import design_of
from hw.engines import ENGINES
from tests.later import cases

DEVICE = part_named("lfe5u-85f-6")
LUT4_EQUIVALENTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 4}

BUILDS = [
    "direct --length 8",
    "direct --length 56",
    "direct --length 56 --macs 14",
    "direct --length 16 --macs 1 --lanes 2",
    "direct --length 56 --macs 14 --products single",
    "direct --length 15 --lanes 2",
    "direct --length 13 --lanes 2",
    "direct --length 14 --channels 16 --rows 14 --output requantized",
    "direct --length 14 --channels 16 --rows 14 --weights-port",
    "direct --length 32 --data-bits 12 --weight-bits 10",
    "fft --length 64",
    "fft --length 56",
    "fft --length 20 --lanes 4",
    "fft --length 14 --channels 16 --rows 14 --output requantized",
    "fft --length 16 --channels 4 --weights-port",
    "fermat --length 8",
    "fermat --length 56",
    "fermat --length 14 --lanes 2 --rows 4 --channels 3",
    "fermat --length 28 --weights-port",
]


LAYERS = {
    "serial": """
        form = "serial"
        channels = 2
        height = 8
        width = 6
        lanes = 2
        between = {}
        engines.height = {engine = "direct", macs = 4}
        engines.width = {engine = "direct", macs = 2}
    """,
    "metaformer": """
        form = "metaformer"
        channels = 4
        height = 7
        width = 7
        residual = true
        between = {}
        output = {}
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
    "parallel": """
        form = "parallel"
        channels = 2
        height = 4
        width = 8
        engines.height.engine = "fermat"
        engines.width.engine = "direct"
    """,
    "loaded-residual": """
        form = "metaformer"
        channels = 24
        height = 8
        width = 8
        lanes = 2
        weights_port = true
        residual.port = true
        between.zero_point_port = true
        output.zero_point_port = true
        engines.height = {engine = "direct", macs = 2}
        engines.width = {engine = "direct", macs = 2}
    """,
    "dense-direct": """
        form = "dense"
        axis = "width"
        channels = 8
        height = 8
        width = 8
        engines.width.engine = "direct"
    """,
    "dense-halves": """
        form = "dense"
        channels = 8
        height = 5
        width = 6
        output.bits = 8
        engines.height = {engine = "direct", products = 4}
        engines.width = {engine = "direct", macs = 3, pairing = "single"}
    """,
    "dense-fermat": """
        form = "dense"
        axis = "width"
        weights_port = true
        streamed = true
        channels = 16
        height = 7
        width = 8
        engines.width = {engine = "fermat", products = 2}
    """,
    "dense-fft": """
        form = "dense"
        axis = "width"
        channels = 8
        height = 8
        width = 8
        lanes = 2
        engines.width.engine = "fft"
    """,
    "linear": """
        form = "linear"
        order = ["width"]
        channels = 4
        height = 14
        width = 28
        kernels.width = {taps = 13, stride = 2}
        engines.width.engine = "direct"
    """,
    "shared": """
        form = "serial"
        channels = 3
        height = 7
        width = 7
        shared_engine = true
        weights_port = true
        between = {}
        output = {}
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
}


LATER = (
    *("direct --length 56", "fft --length 56", "fft --length 20 --lanes 4", "fermat --length 56"),
    "fft --length 14 --channels 16 --rows 14 --output requantized",
    *("loaded-residual", "dense-halves"),
)
"""Those that Yosys takes longest for wait for `make bench`."""


@pytest.mark.parametrize("options", cases(BUILDS, LATER))
def test_prediction_is_what_synthesis_gives(options, tmp_path):
    check_prediction(build("e", [*options.split(), "--target", "ecp5"], tmp_path))


@pytest.mark.parametrize("layer", cases(LAYERS, LATER))
def test_prediction_of_a_layer_is_what_synthesis_gives(layer, tmp_path):
    path = tmp_path / "layer.toml"
    path.write_text(f'target = "ecp5"\n{LAYERS[layer]}')
    check_prediction(build("e", ["layer", "--config", str(path)], tmp_path))


def check_prediction(product):
    text = synthesise(product, DEVICE.family, Yosys(), Cache(None))
    netlist = Netlist(text, product.name)
    predicted = product.manifest["prediction"]
    assert predicted["multipliers"] == netlist.cells["MULT18X18D"]
    assert predicted["block_rams"] == netlist.cells["DP16KD"]
    luts = netlist.count(LUT4_EQUIVALENTS)
    assert abs(predicted["lut4_equivalents"] / luts - 1) < 0.1


def test_prediction_takes_less_than_ten_milliseconds(tmp_path):
    build("e", ["direct", "--length", "112", "--weights-port"], tmp_path)
    manifest = json.loads((tmp_path / "e.json").read_text())
    seconds = []
    for _ in range(5):  # the least of them: other processes only add
        design = design_of(manifest, None)
        started = time.perf_counter()
        ENGINES["direct"].predict(design)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 0.01
