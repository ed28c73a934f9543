"""Convolution in double precision, in a time that one can wait for."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

_MOST_TAPS = 64
"""Added one by one."""


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Return ``torch.nn.functional.conv2d`` of the same.

    Torch 2.13 takes a convolution of every channel apart group by group where it is in double
    precision: seconds for 384 channels. Here it goes tap by tap, and by Fourier transforms where
    taps are many.
    """
    if groups == 1 or groups != x.shape[1] or weight.shape[0] != groups:
        return functional.conv2d(
            x, weight, bias, list(stride), list(padding), list(dilation), groups
        )
    (rows, columns), (down, right) = weight.shape[2:], padding
    padded = functional.pad(x, (right, right, down, down))
    if rows * columns > _MOST_TAPS and tuple(dilation) == (1, 1):
        y = _by_transforms(padded, weight)[:, :, :: stride[0], :: stride[1]]
        return y if bias is None else y + bias[:, None, None]
    height, width = (
        (padded.shape[2 + i] - dilation[i] * (weight.shape[2 + i] - 1) - 1) // stride[i] + 1
        for i in range(2)
    )
    y = x.new_zeros(x.shape[0], groups, height, width)
    for row in range(rows):
        for column in range(columns):
            top, left = row * dilation[0], column * dilation[1]
            seen = padded[
                :,
                :,
                top : top + (height - 1) * stride[0] + 1 : stride[0],
                left : left + (width - 1) * stride[1] + 1 : stride[1],
            ]
            y.addcmul_(seen, weight[:, 0, row, column, None, None])
    return y if bias is None else y + bias[:, None, None]


def _by_transforms(x: Tensor, weight: Tensor) -> Tensor:
    """Return every channel of ``[n, C, H, W]`` under its kernel ``[C, 1, K_h, K_w]``, unpadded."""
    size = x.shape[2:]
    spectra = torch.fft.rfft2(weight[:, 0], s=size)
    y = torch.fft.irfft2(torch.fft.rfft2(x) * torch.conj(spectra), s=size)
    rows, columns = (side - taps + 1 for side, taps in zip(size, weight.shape[2:], strict=True))
    return y[:, :, :rows, :columns]


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """Return ``torch.convolution`` of the same."""
    if x.ndim == 4 and not transposed:
        return conv2d(x, weight, bias, stride, padding, dilation, groups)
    sizes = (list(stride), list(padding), list(dilation))
    return torch.convolution(x, weight, bias, *sizes, transposed, list(output_padding), groups)
