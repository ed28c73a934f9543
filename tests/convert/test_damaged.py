"""Damaged files of networks: what is read computes as it does elsewhere, or it is refused."""

from pathlib import Path

import onnx
import pytest
from onnx import helper

from golden.inputs.errors import ParameterError
from hw.convert.read_onnx import read_onnx
from sim.campaign.fuzz.networks import SIZE, onnx_files
from sim.campaign.fuzz.part import damaged
from sim.campaign.fuzz.readers import OF_TORCH, READERS


@pytest.mark.filterwarnings("ignore")  # torch's and onnx's, of what is damaged
@pytest.mark.parametrize(("reader", "number"), list(zip(OF_TORCH, (24, 3), strict=True)))
def test_damaged_networks_are_read_or_refused(reader, number, tmp_path):
    refused = 0
    for index in range(number):
        ((name, content),) = damaged(reader, index).items()
        path = Path(tmp_path) / name
        path.write_bytes(content)
        try:
            READERS[reader].read(path)
        except ParameterError:
            refused += 1
    assert refused


def refused(change, tmp_path):
    (content,) = onnx_files()[0].values()
    model = onnx.load_from_string(content)
    change(model.graph)
    path = tmp_path / "network.onnx"
    onnx.save(model, path)
    with pytest.raises(ParameterError) as error:
        read_onnx(path, SIZE)
    return str(error.value)


def test_constants_that_are_not_of_their_shape_are_refused(tmp_path):
    def lengthen(graph):
        graph.initializer[0].raw_data += b"\0" * 4

    def lengthen_value(graph):
        value = helper.make_tensor("inner", 1, [2], b"\0" * 8, raw=True)
        value.raw_data += b"\0" * 4
        graph.node.append(helper.make_node("Constant", [], ["unused"], value=value))

    assert "(constant 'weight': cannot reshape" in refused(lengthen, tmp_path)
    assert "(constant 'inner': cannot reshape" in refused(lengthen_value, tmp_path)


def test_images_beyond_memory_are_refused(tmp_path):
    def widen(graph):
        graph.input[0].type.tensor_type.shape.dim[1].dim_value = 1 << 62

    rule = "Model must be a network of images of at most 67,108,864 numbers, not of [1, "
    assert refused(widen, tmp_path).startswith(rule)
