"""ParC that takes a depthwise layer's place begins as near to it as it can."""

import torch
from torch import nn
from torch.nn import functional

from nets.efficientnet import EfficientNetLite0, SameConv2d
from nets.parc import ParC
from nets.plugged import parc_pair, plug, separable


def depthwise(kernels):
    channels, kernel, _ = kernels.shape
    conv = SameConv2d(channels, channels, kernel, 1, channels)
    conv.weight.data.copy_(kernels[:, None])
    return conv


def test_a_separable_kernel_is_had_but_for_the_border():
    torch.manual_seed(0)
    kernels = torch.randn(4, 5, 1) * torch.randn(4, 1, 5)
    conv, x = depthwise(kernels), torch.randn(2, 4, 7, 7)
    pair = parc_pair(conv, 7)
    with torch.no_grad():
        inside = (..., slice(2, -2), slice(2, -2))
        torch.testing.assert_close(pair(x)[inside], conv(x)[inside])
        # And at the border ParC has the other side where the convolution has zeros.
        wrapped = functional.conv2d(
            functional.pad(x, (2,) * 4, mode="circular"), kernels[:, None], groups=4
        )
        torch.testing.assert_close(pair(x), wrapped)


def test_the_pair_is_the_nearest():
    torch.manual_seed(0)
    kernels = torch.randn(3, 3, 3)
    columns, rows = separable(kernels)
    rest = kernels - columns[:, :, None] * rows[:, None]
    sizes = torch.linalg.svdvals(kernels)
    torch.testing.assert_close(rest.square().sum((1, 2)), sizes[:, 1:].square().sum(1))


def test_the_last_blocks_get_it():
    network = plug(EfficientNetLite0(10), 2, 2).eval()
    assert [isinstance(block.conv, nn.Sequential) for block in network.blocks[-3:]] == [
        False,
        True,
        True,
    ]
    assert sum(isinstance(module, ParC) for module in network.modules()) == 4
    with torch.no_grad():
        assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 10)
