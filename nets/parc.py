"""ParC as a layer of torch, in float, in integers as the hardware computes it, and in training."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.inputs.errors import ParameterError
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import Integers
from golden.numbers.quantize import Activation, QuantizedKernel, quantize_lines, requantize
from golden.operator.parc import Axis

Form = Literal["concat", "fft"]


class Embedding(nn.Module):
    """A position embedding along one axis, resized to the map.

    Parameters
    ----------
    channels
        Of the map.
    length
        Entries: the map's height or width where it is trained.
    axis
        Along which it differs: "height" or "width".
    """

    def __init__(self, channels: int, length: int, *, axis: Axis) -> None:
        super().__init__()
        self.axis = axis
        self.table = nn.Parameter(torch.empty(1, channels, *_shape(axis, length)))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Add it to maps [B, C, H, W]."""
        return x + resized(self.table, self.axis, x.shape[_dim(self.axis)])

    def freeze(self, length: int) -> None:
        """Resize it to lines of ``length`` samples for good."""
        self.table = nn.Parameter(resized(self.table.detach(), self.axis, length))


class ParC(nn.Module):
    """Position-aware circular convolution along one axis: takes and gives maps [B, C, H, W].

    On a map whose side is not `length`, kernels and embedding are resized to it, linearly, with
    their ends kept (as in the reference code); `freeze` makes that resizing permanent, which ONNX
    wants.

    Parameters
    ----------
    channels
        Of the map.
    length
        Samples of a line: the map's height or width where the layer is trained.
    axis
        Whether a line is a column, "height", or a row, "width".
    groups
        Each channel on its own by default; 1 mixes all of them.
    embedding, bias
        Whether to have them.
    form
        "concat", a convolution over the map and itself behind it, or "fft", a product of spectra
        (only with channels on their own). Both give the same but for rounding.

    Attributes
    ----------
    weight : Parameter [C, C / groups, N, 1], the last two swapped along the width
    embedding : Embedding, or None
    bias : Parameter [C], or None
    weight_grid : Module
        Rounds kernels that have been resized, where `nets.fake_quantize` has put one.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    def __init__(
        self,
        channels: int,
        length: int,
        *,
        axis: Axis,
        groups: int | None = None,
        embedding: bool = True,
        bias: bool = True,
        form: Form = "concat",
    ) -> None:
        super().__init__()
        if axis not in ("height", "width"):
            raise ParameterError("axis", "'height' or 'width'", repr(axis))
        if form not in ("concat", "fft"):
            raise ParameterError("form", "'concat' or 'fft'", repr(form))
        groups = channels if groups is None else groups
        if groups < 1 or channels % groups:
            raise ParameterError("groups", f"a divisor of {channels} channels", groups)
        if form == "fft" and groups != channels:
            raise ParameterError("form", "'concat' where channels mix", repr(form))
        self.axis, self.form, self.groups = axis, form, groups
        self._dim = _dim(axis)
        shape = (channels, channels // groups, *_shape(axis, length))
        self.weight = nn.Parameter(torch.empty(shape))
        self.embedding = Embedding(channels, length, axis=axis) if embedding else None
        self.bias = nn.Parameter(torch.zeros(channels)) if bias else None
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        self.weight_grid: nn.Module = nn.Identity()
        self._formats: tuple[Activation, Activation, int] | None = None

    @property
    def length(self) -> int:
        """Samples of a line that the parameters are for."""
        return int(self.weight.shape[self._dim])

    def forward(self, x: Tensor) -> Tensor:
        """Convolve maps; in integers, with gradients straight through, after `quantize`."""
        if self._formats is None:
            return self._convolve(x)
        data, output, _ = self._formats
        # Values that clip have no gradient.
        ends = (data.dequantize(np.array([data.low, data.high]))).tolist()
        smooth = self._convolve(torch.clamp(x, *ends))
        integers = data.quantize(x.detach().double().cpu().numpy())
        exact = torch.from_numpy(output.dequantize(self.integer_forward(integers)))
        result: Tensor = _StraightThrough.apply(smooth, exact.to(x))
        return result

    def freeze(self, length: int) -> None:
        """Resize the parameters to lines of ``length`` samples for good."""
        self.weight = nn.Parameter(resized(self.weight.detach(), self.axis, length))
        if self.embedding is not None:
            self.embedding.freeze(length)

    def quantize(self, data: Activation, output: Activation, *, weight_bits: int = 8) -> None:
        """Compute in integers from now on: what the hardware gives, to the bit.

        Parameters change as they are trained, and the integers with them; the formats stay.

        Parameters
        ----------
        data, output
            Formats of the maps that go in and out.
        weight_bits
            Of a weight.

        Raises
        ------
        ParameterError
            Where channels mix.
        """
        if self.groups != self.weight.shape[0]:
            raise ParameterError("groups", "as many as channels to be quantised", self.groups)
        self._formats = (data, output, weight_bits)

    def integer_forward(self, maps: Integers) -> Integers:
        """Return what the hardware gives for integers ``[B, C, N, other]`` in the data's format.

        Raises
        ------
        ValueError
            Before `quantize`.
        """
        lines = _swapped(maps, self.axis)
        kernel = self.integer_kernel(lines.shape[-1])
        assert kernel.multiplier is not None
        assert kernel.shift is not None
        assert kernel.output is not None
        start = LineWeights(kernel.weight, kernel.pe, kernel.bias).start()
        results = requantize(
            correlate(lines, kernel.weight[:, None]) + start[:, None],
            kernel.multiplier[:, None, None],
            kernel.shift[:, None, None],
            zero_point=kernel.output.zero_point,
            low=kernel.output.low,
            high=kernel.output.high,
        )
        return _swapped(results, self.axis)

    def integer_kernel(self, length: int | None = None) -> QuantizedKernel:
        """Return the integers that the hardware is built with, for lines of ``length``.

        Raises
        ------
        ValueError
            Before `quantize`.
        """
        if self._formats is None:
            raise ValueError("Layer must be quantised first")
        data, output, weight_bits = self._formats
        length = length or self.length
        table = (self.weight.shape[0], length)
        with torch.no_grad():
            weight = _numpy(resized(self.weight, self.axis, length)).reshape(table)
            embedding = None
            if self.embedding is not None:
                added = resized(self.embedding.table, self.axis, length)
                embedding = _numpy(added).reshape(table)
        return quantize_lines(
            weight,
            embedding=embedding,
            bias=None if self.bias is None else _numpy(self.bias),
            data=data,
            weight_bits=weight_bits,
            output=output,
        )

    def _convolve(self, x: Tensor) -> Tensor:
        if self.embedding is not None:
            x = self.embedding(x)
        length = x.shape[self._dim]
        weight = self.weight_grid(resized(self.weight, self.axis, length))
        if self.form == "concat":
            wrapped = torch.cat((x, x.narrow(self._dim, 0, length - 1)), self._dim)
            return functional.conv2d(wrapped, weight, self.bias, groups=self.groups)
        spectrum = torch.conj(torch.fft.rfft(weight.transpose(0, 1), dim=self._dim))
        product = torch.fft.rfft(x, dim=self._dim) * spectrum
        y = torch.fft.irfft(product, n=length, dim=self._dim)
        return y if self.bias is None else y + self.bias[:, None, None]


class Parallel(nn.Module):
    """The first half of the channels along the height, the second half along the width.

    Parameters
    ----------
    channels
        Of the map, even.
    length
        The map's height and width.
    dense
        Whether channels mix within each half.
    embedding
        Whether to have position embeddings.
    """

    def __init__(
        self, channels: int, length: int, *, dense: bool = False, embedding: bool = True
    ) -> None:
        super().__init__()
        half = channels // 2
        groups = 1 if dense else half
        self.height = ParC(half, length, axis="height", groups=groups, embedding=embedding)
        self.width = ParC(half, length, axis="width", groups=groups, embedding=embedding)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve both halves of maps [B, C, H, W]."""
        first, second = torch.chunk(x, 2, 1)
        return torch.cat((self.height(first), self.width(second)), 1)


class MetaFormer(nn.Module):
    """Half of the channels along height, then width; the other half along width, then height.

    A batch norm follows each first embedding.

    Parameters
    ----------
    channels
        Of the map, even.
    length
        The map's height and width.
    embedding, bias
        Whether to have them.
    """

    def __init__(
        self, channels: int, length: int, *, embedding: bool = True, bias: bool = True
    ) -> None:
        super().__init__()
        half = channels // 2
        self.height_first = _series(half, length, ("height", "width"), embedding, bias)
        self.width_first = _series(half, length, ("width", "height"), embedding, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve both halves of maps [B, C, H, W]."""
        first, second = torch.chunk(x, 2, 1)
        return torch.cat((self.height_first(first), self.width_first(second)), 1)


def _series(
    channels: int, length: int, axes: tuple[Axis, Axis], embedding: bool, bias: bool
) -> nn.Sequential:
    first, second = axes
    return nn.Sequential(
        Embedding(channels, length, axis=first) if embedding else nn.Identity(),
        nn.BatchNorm2d(channels),
        ParC(channels, length, axis=first, embedding=False, bias=bias),
        ParC(channels, length, axis=second, embedding=embedding, bias=bias),
    )


def freeze(network: nn.Module, image: Tensor) -> None:
    """Fix every kernel and embedding in ``network`` for images of one size.

    Parameters
    ----------
    network
        Run once.
    image
        Any of that size, [B, C, H, W].
    """

    def fix(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        module.freeze(inputs[0].shape[_dim(module.axis)])

    hooks = [
        module.register_forward_pre_hook(fix)
        for module in network.modules()
        if isinstance(module, (ParC, Embedding))
    ]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for hook in hooks:
            hook.remove()


def resized(table: Tensor, axis: Axis, length: int) -> Tensor:
    """Return kernels or embeddings [., ., N, 1] or [., ., 1, N] for lines of ``length``."""
    if table.shape[_dim(axis)] == length:
        return table
    return functional.interpolate(table, _shape(axis, length), mode="bilinear", align_corners=True)


class _StraightThrough(torch.autograd.Function):
    """Gives one value, and its gradient to another."""

    @staticmethod
    def forward(_context: Any, _smooth: Tensor, exact: Tensor) -> Tensor:
        return exact

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def _dim(axis: Axis) -> int:
    return 2 if axis == "height" else 3


def _shape(axis: Axis, length: int) -> tuple[int, int]:
    return (length, 1) if axis == "height" else (1, length)


def _numpy(table: Tensor) -> npt.NDArray[np.float64]:
    array: npt.NDArray[np.float64] = table.detach().double().cpu().numpy()
    return array


def _swapped(maps: Integers, axis: Axis) -> Integers:
    """Take maps to lines along the last axis, or back."""
    return maps if axis == "width" else np.swapaxes(maps, -1, -2)
