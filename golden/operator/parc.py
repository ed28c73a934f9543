"""Position-aware circular convolution (ParC) in float64: the definition the engines are held to.

A *line* is the N samples of one channel along one axis of a map [C, H, W]: a row of W samples for
axis ``"width"``, a column of H samples for axis ``"height"``. (The paper and its code give the
letters H and V opposite meanings.) Along its axis every line becomes

    y[c, i] = bias[c] + sum_k weight[c, k] * (x[c, (i + k) mod N] + embedding[c, (i + k) mod N])

which is a circular cross-correlation: what the reference code gets from an ordinary convolution
layer over ``cat(x, x[:-1])``.

Sources: Zhang et al., "ParC-Net", ECCV 2022 (arXiv 2203.03952), and Yang et al., "Fast-ParC"
(arXiv 2210.04020).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from golden.inputs.errors import check_range

Floats: TypeAlias = npt.NDArray[np.float64]
Axis: TypeAlias = Literal["width", "height"]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Parameters of ParC along one axis.

    Parameters
    ----------
    weight : float64 array [C, N]
        One kernel a channel, as long as a line; tap 0 sits on the output's own position.
    embedding : float64 array [C, N], optional
        Position embedding, added to every line before the convolution.
    bias : float64 array [C], optional
        Added after the convolution.

    Raises
    ------
    ValueError
        If the shapes do not agree.
    """

    weight: Floats
    embedding: Floats | None = None
    bias: Floats | None = None

    def __post_init__(self) -> None:
        shape = self.weight.shape
        if len(shape) != 2 or self.weight.size == 0:
            raise ValueError(f"Weight must be a non-empty [C, N] array, not of shape {shape}")
        if self.embedding is not None and self.embedding.shape != shape:
            raise ValueError(f"Embedding must be of shape {shape}, not {self.embedding.shape}")
        if self.bias is not None and self.bias.shape != shape[:1]:
            raise ValueError(f"Bias must be of shape {shape[:1]}, not {self.bias.shape}")


def parc(
    x: Floats,
    weight: Floats,
    *,
    axis: Axis,
    embedding: Floats | None = None,
    bias: Floats | None = None,
) -> Floats:
    """Apply ParC along one axis, by its definition.

    Parameters
    ----------
    x : float64 array [C, H, W]
        The map.
    weight, embedding, bias
        As in `Kernel`, with N the map's size along `axis`.
    axis : {"width", "height"}
        Whether a line is a row or a column.

    Returns
    -------
    float64 array [C, H, W]

    Raises
    ------
    ValueError
        If the shapes do not agree or the axis is unknown.
    """
    return _apply(x, Kernel(weight, embedding, bias), axis, _correlate)


def fast_parc(
    x: Floats,
    weight: Floats,
    *,
    axis: Axis,
    embedding: Floats | None = None,
    bias: Floats | None = None,
) -> Floats:
    """Apply ParC along one axis, by the Fourier transform: ``irfft(rfft(x) * conj(rfft(weight)))``.

    Parameters, result and refusals are those of `parc`, which it equals but for rounding.
    """
    return _apply(x, Kernel(weight, embedding, bias), axis, _correlate_by_spectrum)


def serial(x: Floats, first: Kernel, second: Kernel, *, order: tuple[Axis, Axis]) -> Floats:
    """Apply ParC along both axes, one after the other.

    Parameters
    ----------
    x : float64 array [C, H, W]
        The map.
    first, second : Kernel
        Parameters of each pass, in the order of application.
    order : tuple of two axes
        Axis of each pass: ``("height", "width")`` or ``("width", "height")``.

    Returns
    -------
    float64 array [C, H, W]

    Raises
    ------
    ValueError
        If `order` does not name both axes, or the shapes do not agree.
    """
    if order not in (("height", "width"), ("width", "height")):
        raise ValueError(f"Order must be ('height', 'width') or ('width', 'height'), not {order!r}")
    for kernel, axis in zip((first, second), order, strict=True):
        x = _apply(x, kernel, axis, _correlate)
    return x


def parallel(x: Floats, height: Kernel, width: Kernel) -> Floats:
    """Apply ParC along the height to the first half of the channels, along the width to the rest.

    This is the form of the ParC ConvNets (ResNet50, MobileNetV2 and ConvNeXt).

    Parameters
    ----------
    x : float64 array [C, H, W]
        The map; C is even.
    height, width : Kernel
        Parameters for C / 2 channels each.

    Returns
    -------
    float64 array [C, H, W]

    Raises
    ------
    ValueError
        If C is odd or the shapes do not agree.
    """
    first, second = _halves(x)
    return np.concatenate(
        (_apply(first, height, "height", _correlate), _apply(second, width, "width", _correlate))
    )


def metaformer(
    x: Floats,
    height_first: tuple[Kernel, Kernel],
    width_first: tuple[Kernel, Kernel],
    *,
    residual: bool = False,
) -> Floats:
    """Apply ParC along both axes, each half of the channels in its own order.

    This is the spatial part of the ParC-MetaFormer block, whose batch norms are taken to be folded
    into the kernels.

    Parameters
    ----------
    x : float64 array [C, H, W]
        The map; C is even.
    height_first : tuple of two Kernels
        Height, then width: the passes over the first half of the channels.
    width_first : tuple of two Kernels
        Width, then height: the passes over the second half of the channels.
    residual : bool
        Whether to add `x` to the result.

    Returns
    -------
    float64 array [C, H, W]

    Raises
    ------
    ValueError
        If C is odd or the shapes do not agree.
    """
    first, second = _halves(x)
    y = np.concatenate(
        (
            serial(first, *height_first, order=("height", "width")),
            serial(second, *width_first, order=("width", "height")),
        )
    )
    return x + y if residual else y


def resize(table: Floats, length: int) -> Floats:
    """Interpolate kernels or embeddings linearly to another length.

    The end points map to each other (``align_corners=True``), and values are not rescaled for the
    changed number of taps: what the reference code does by ``F.interpolate``.

    Parameters
    ----------
    table : float64 array [..., M]
        Kernels or embeddings learned at length M.
    length : int
        New length, at least 1. A single new entry is the old entry 0.

    Returns
    -------
    float64 array [..., length]

    Raises
    ------
    ValueError
        If the table or the new length is empty.
    """
    n_entries = table.shape[-1]
    if n_entries < 1:
        raise ValueError(f"Table must have at least 1 entry a row, not {n_entries}")
    if length < 1:
        raise ValueError(f"Length must be at least 1, not {length}")
    # Positions are kept as integer fractions, so that they are exact where the two grids meet.
    steps = max(length - 1, 1)
    lower, rest = np.divmod(np.arange(length) * (n_entries - 1), steps)
    upper = np.minimum(lower + 1, n_entries - 1)
    fraction = rest / steps
    resized: Floats = (1 - fraction) * table[..., lower] + fraction * table[..., upper]
    return resized


def circulant(weight: Floats) -> Floats:
    """Write circular correlation as a matrix.

    Parameters
    ----------
    weight : float64 array [..., N]
        Kernels.

    Returns
    -------
    float64 array [..., N, N]
        ``matrix[i, j] = weight[(j - i) mod N]``, so that ``y = matrix @ x``.
    """
    positions = np.arange(weight.shape[-1])
    matrix: Floats = weight[..., (positions - positions[:, np.newaxis]) % len(positions)]
    return matrix


def circular_length(n_samples: int, n_taps: int, origin: int) -> int:
    """Find the least circular length that computes a linear ("same") correlation.

    Output i reads samples ``i - origin`` to ``i + n_taps - 1 - origin``. On a circle of L positions
    that holds the line in its first `n_samples` and zeros after, the lowest index, ``-origin``,
    must land among the zeros, so ``L >= n_samples + origin``; the highest,
    ``n_samples + n_taps - 2 - origin``, must stay on the circle, so
    ``L >= n_samples + n_taps - 1 - origin``; and all the taps need room, so ``L >= n_taps``.

    Parameters
    ----------
    n_samples : int
        Length of a line, at least 1.
    n_taps : int
        Length of the kernel, at least 1.
    origin : int
        The tap that sits on the output's own position, 0 to ``n_taps - 1``.

    Returns
    -------
    int
        ``max(n_samples + max(origin, n_taps - 1 - origin), n_taps)``; for a centred kernel not
        longer than a line, ``n_samples + n_taps // 2``.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    if n_samples < 1:
        raise ValueError(f"Line must have at least 1 sample, not {n_samples}")
    _check_origin(origin, n_taps)
    return max(n_samples + max(origin, n_taps - 1 - origin), n_taps)


def embed_kernel(kernel: Floats, origin: int, length: int) -> Floats:
    """Place a short kernel on a circle, tap `origin` at position 0 and those before it at the end.

    Parameters
    ----------
    kernel : float64 array [K]
        Taps, any K from 1 to `length`.
    origin : int
        The tap that sits on the output's own position, 0 to K - 1.
    length : int
        Circular length; `circular_length` gives the least that does not wrap.

    Returns
    -------
    float64 array [length]
        The kernel for a circular engine of that length.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    _check_kernel(kernel)
    n_taps = len(kernel)
    _check_origin(origin, n_taps)
    if length < n_taps:
        raise ValueError(f"Length must be at least {n_taps}, the kernel's taps, not {length}")
    embedded = np.zeros(length)
    embedded[:n_taps] = kernel
    return np.roll(embedded, -origin)


def linear_convolution(x_lines: Floats, kernel: Floats, *, origin: int | None = None) -> Floats:
    """Correlate zero-padded lines with a short kernel, by the circular operator.

    ``y[i] = sum_k kernel[k] * x[i + k - origin]``, with zeros outside the line: an ordinary
    convolution layer with "same" padding.

    Parameters
    ----------
    x_lines : float64 array [..., N]
        Lines.
    kernel : float64 array [K]
        Taps; K may be odd or even, and greater than N.
    origin : int, optional
        The tap that sits on the output's own position, 0 to K - 1; by default K // 2.

    Returns
    -------
    float64 array [..., N]

    Raises
    ------
    ValueError
        If the kernel or the lines are empty, or the origin is no tap.
    """
    _check_kernel(kernel)
    n_samples, n_taps = x_lines.shape[-1], len(kernel)
    if origin is None:
        origin = n_taps // 2
    length = circular_length(n_samples, n_taps, origin)
    circle = np.zeros((*x_lines.shape[:-1], length))
    circle[..., :n_samples] = x_lines
    return _correlate(circle, embed_kernel(kernel, origin, length))[..., :n_samples]


def _apply(
    x: Floats,
    kernel: Kernel,
    axis: Axis,
    correlate: Callable[[Floats, Floats], Floats],
) -> Floats:
    lines = _swap_lines(x, axis)
    n_channels, _, length = lines.shape
    if kernel.weight.shape != (n_channels, length):
        raise ValueError(
            f"Weight must be of shape {(n_channels, length)} for a map of shape {x.shape} along "
            f"the {axis}, not {kernel.weight.shape}"
        )
    if kernel.embedding is not None:
        lines = lines + kernel.embedding[:, np.newaxis, :]
    y = correlate(lines, kernel.weight)
    if kernel.bias is not None:
        y = y + kernel.bias[:, np.newaxis, np.newaxis]
    return _swap_lines(y, axis)


def _swap_lines(x: Floats, axis: Axis) -> Floats:
    """Take a map [C, H, W] to lines [C, lines, N], or back: it is its own inverse."""
    if x.ndim != 3:
        raise ValueError(f"Map must be a [C, H, W] array, not of shape {x.shape}")
    if axis not in ("width", "height"):
        raise ValueError(f"Axis must be 'width' or 'height', not {axis!r}")
    return x if axis == "width" else np.swapaxes(x, 1, 2)


def _halves(x: Floats) -> tuple[Floats, Floats]:
    n_channels = x.shape[0]
    if n_channels % 2:
        raise ValueError(f"Number of channels must be even, not {n_channels}")
    return x[: n_channels // 2], x[n_channels // 2 :]


def _correlate(lines: Floats, weight: Floats) -> Floats:
    y: Floats = lines @ np.swapaxes(circulant(weight), -1, -2)
    return y


def _correlate_by_spectrum(lines: Floats, weight: Floats) -> Floats:
    spectrum = np.conj(np.fft.rfft(weight))[:, np.newaxis, :]
    # Without n, irfft would take every line to have been of even length.
    return np.fft.irfft(np.fft.rfft(lines) * spectrum, n=lines.shape[-1])


def _check_kernel(kernel: Floats) -> None:
    if kernel.ndim != 1 or kernel.size == 0:
        raise ValueError(f"Kernel must be a non-empty [K] array, not of shape {kernel.shape}")


def _check_origin(origin: int, n_taps: int) -> None:
    if n_taps < 1:
        raise ValueError(f"Kernel must have at least 1 tap, not {n_taps}")
    check_range("origin", origin, 0, n_taps - 1)
