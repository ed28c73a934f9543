"""A converted layer's Verilog gives what the torch layer computes in integers, to the bit."""

import numpy as np
import torch
from torch import nn

from golden.numbers.quantize import Activation
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.integers import Formats, to_integers
from hw.convert.read_torch import from_program
from hw.emit.files import write_files
from hw.emit.toml import config_files
from hw.layer.config import read_layer
from nets.parc import Parallel
from sim.frames import run_frames
from sim.runner import simulators

DATA = Activation.from_range(-2.0, 2.5, 8)
OUTPUT = Activation.from_range(-1.5, 1.0, 8)


def test_torch_converter_and_hardware_agree(tmp_path):
    torch.manual_seed(0)
    layer = Parallel(4, 6).double()
    for part in (layer.height, layer.width):
        # The converter moves an embedding's mean into the bias.
        part.embedding.table.data -= part.embedding.table.mean((2, 3), keepdim=True)
        part.quantize(DATA, OUTPUT)
    maps = np.random.default_rng(1).integers(-128, 128, (2, 4, 6, 6))
    in_torch = OUTPUT.quantize(layer(torch.from_numpy(DATA.dequantize(maps))).detach().numpy())

    plain = Parallel(4, 6).double()
    plain.load_state_dict(layer.state_dict())
    image = torch.zeros(1, 4, 6, 6, dtype=torch.float64)
    graph = from_program(torch.export.export(nn.Sequential(plain), (image,)), (6, 6))
    (found,) = compose(graph, find_passes(graph)[0])
    converted = to_integers(found, Formats(DATA, OUTPUT), weight_bits=8)
    write_files(config_files(converted.config), tmp_path)
    config = tmp_path / f"{found.name}.toml"
    config.write_text(config.read_text().replace("height = 6", "height = 6\nlanes = 2"))
    design = read_layer(config)
    np.testing.assert_array_equal(design.model(maps), in_torch)
    result = run_frames(design, maps, tmp_path, simulator=simulators()[-1])
    np.testing.assert_array_equal(result.maps, in_torch)
