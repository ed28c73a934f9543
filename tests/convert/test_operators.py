"""Convolutions in double precision are torch's own, however they go."""

import pytest
import torch
from torch.nn import functional

from hw.convert.operators import conv2d

CASES = [
    ((3, 3), {"padding": (1, 1)}),
    ((2, 5), {"stride": (2, 1), "dilation": (2, 1)}),
    ((9, 9), {"padding": (4, 4)}),
    ((11, 7), {"padding": (5, 0), "stride": (2, 2)}),
    ((9, 8), {"padding": (8, 8), "dilation": (2, 1)}),
]


@pytest.mark.parametrize(("kernel", "options"), CASES)
def test_channels_on_their_own_are_as_torch_has_them(kernel, options):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 12, 10, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 1, *kernel, generator=generator, dtype=torch.float64)
    bias = torch.randn(3, generator=generator, dtype=torch.float64)
    expected = functional.conv2d(x, weight, bias, groups=3, **options)
    torch.testing.assert_close(conv2d(x, weight, bias, groups=3, **options), expected)
