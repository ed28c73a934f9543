"""What is predicted of filters, held against synthesis."""

import pytest

from flow.cache import Cache
from flow.families import part_named
from flow.netlist import Netlist
from flow.product import build
from flow.synthesis import synthesise
from flow.tools import Yosys
from tests.flow.test_predict import LUT4_EQUIVALENTS

DEVICE = part_named("lfe5u-85f-6")
LAYERS = {
    "global fermat": 'form = "global_filter"\nheight = 8\nwidth = 8\nchannels = 4\n'
    'output.bits = 8\nengines.plane.engine = "fermat"',
    "depthwise fft": 'form = "depthwise"\nheight = 7\nwidth = 6\nkernel = 3\nchannels = 2\n'
    'engines.plane.engine = "fft"',
    "global fft, two lanes": 'form = "global_filter"\nheight = 4\nwidth = 6\nchannels = 2\n'
    'lanes = 2\nengines.plane.engine = "fft"',
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_prediction_is_what_synthesis_gives(layer, tmp_path):
    config = tmp_path / "layer.toml"
    config.write_text(f'{layer}\ntarget = "ecp5"')
    product = build("e", ["layer", "--config", str(config)], tmp_path)
    netlist = Netlist(synthesise(product, DEVICE.family, Yosys(), Cache(None)), product.name)
    predicted = product.manifest["prediction"]
    assert predicted["multipliers"] == netlist.cells["MULT18X18D"]
    assert predicted["block_rams"] == netlist.cells["DP16KD"]
    luts = netlist.count(LUT4_EQUIVALENTS)
    print(f"{predicted['lut4_equivalents']} predicted, {luts} found")
    assert abs(predicted["lut4_equivalents"] / luts - 1) < 0.1
