"""What a network does to its maps, in real numbers: between what a file says and integers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from golden.operator.parc import Floats
from hw.convert.whole.model import Operation

Kind = Literal[
    "image",
    "convolution",
    "circular",
    "pointwise",
    "add",
    "multiply",
    "average",
    "maximum",
    "layer_norm",
    "concatenate",
    "select",
    "arrange",
    "resize",
    "constant",
]
MOVES: tuple[Kind, ...] = ("maximum", "concatenate", "select", "arrange", "resize")
"""Kinds whose results have the format of what they take."""


@dataclass(frozen=True)
class Format:
    """Integers that a file rounds to: ``scale * (q - zero_point)``, q within the ends.

    Parameters
    ----------
    scale, zero_point, low, high
        Of the integers.
    """

    scale: float
    zero_point: int
    low: int
    high: int


@dataclass(eq=False)
class Step:
    """One operator, its map by its own name.

    Parameters
    ----------
    name
        Of the map that it gives.
    kind
        Of `golden.network.registry.OPERATORS`, or the image.
    sources
        Names of the maps that it takes.
    tensor
        The network's own name of what it gives.
    shape
        Channels, height and width.
    real
        Parameters in real numbers: weight, bias, embedding, gamma, beta, epsilon; where the file
        has rounded kernels, their ``steps`` and those of the bias.
    options
        Those of the operator that are integers.
    clip
        Ends of the result, in real numbers, that an activation makes.
    chain
        Of a pointwise function: the operations from `entry` to `tensor`.
    entry
        The network's own name of what a pointwise function is of.
    place
        In the file, for messages.
    format
        Of the result, where the file itself rounds it.
    words
        The file's name of the result in integers, if it has them.
    axes, word_axes
        Which axis of the map each of the tensor's is, and of the words'.
    raw
        The tensor before the clip, and its axes, where that is another one.
    gain
        What each channel of the map is of the tensor's: see `hw.convert.whole.equalise`.
    """

    name: str
    kind: Kind
    sources: tuple[str, ...]
    tensor: str
    shape: tuple[int, ...]
    real: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    clip: tuple[float, float] = (-np.inf, np.inf)
    chain: tuple[Operation, ...] = ()
    entry: str = ""
    place: str = ""
    format: "Format | None" = None
    words: str = ""
    axes: tuple[str, ...] = ("N", "C", "H", "W")
    word_axes: tuple[str, ...] = ("N", "C", "H", "W")
    raw: tuple[str, tuple[str, ...]] | None = None
    gain: Floats | None = None

    @property
    def unclipped(self) -> tuple[str, tuple[str, ...]]:
        """The tensor before the clip, "" where there is none, and its axes."""
        return self.raw or (self.tensor, self.axes)

    def as_map(self, values: npt.NDArray[Any], axes: tuple[str, ...] | None = None) -> Floats:
        """Return its tensor, or another of ``axes``, as a map ``[1, C, H, W]``, with its gains."""
        ordered = in_order(values, axes or self.axes)
        real: Floats = ordered.reshape(1, *self.shape).astype(np.float64)
        return real if self.gain is None else real * self.gain[:, None, None]

    def scale(self, gain: Floats, offset: Floats) -> None:
        """Make its result, of kernels, ``gain * y + offset``, one number a channel each."""
        weight, bias = self.real["weight"], self.real["bias"]
        self.real.pop("steps", None)
        self.real["weight"] = weight * gain[:, None, None, None]
        self.real["bias"] = bias * gain + offset

    def take(self, gain: Floats, offset: Floats) -> None:
        """Make it, of kernels without padding, take ``gain * x + offset`` in the place of x.

        Parameters
        ----------
        gain
            ``[C]``.
        offset
            ``[C, H, W]``, a side 1 along which it is the same.
        """
        weight, groups = self.real["weight"], self.options["groups"]
        self.real.pop("steps", None)
        inputs = weight.shape[1]
        per_group = len(weight) // groups
        channels = np.arange(len(weight))[:, None] // per_group * inputs + np.arange(inputs)
        flat = offset.mean(axis=(1, 2))
        moved = (weight * flat[channels][..., None, None]).sum(axis=(1, 2, 3))
        self.real["bias"] = self.real["bias"] + moved
        self.real["weight"] = weight * gain[channels][..., None, None]
        if self.kind == "circular":
            rest = (offset - flat[:, None, None]) / np.where(gain == 0, 1, gain)[:, None, None]
            self.real["embedding"] = (
                rest + self.real["embedding"] / np.where(gain == 0, 1, gain)[:, None, None]
            )


@dataclass(frozen=True, eq=False)
class Affine:
    """``gain * x + offset``.

    Parameters
    ----------
    gain
        ``[C]``.
    offset
        ``[C, H, W]``, a side 1 along which it is the same.
    """

    gain: Floats
    offset: Floats

    @property
    def flat(self) -> bool:
        """Whether it is the same all over a channel."""
        return self.offset.shape[1:] == (1, 1)

    def then(self, gain: Floats, offset: Floats) -> "Affine":
        """Return what follows it done as well."""
        return Affine(self.gain * gain, self.offset * gain[:, None, None] + offset)


@dataclass(frozen=True, eq=False)
class Value:
    """What a tensor of the file is.

    Parameters
    ----------
    map
        The step that makes what it is of.
    axes
        Which axis of the map each of its own is: "N", "C", "H", "W".
    affine
        What is done to the map, if that is affine.
    chain
        What is done to each sample, if anything.
    entry
        The tensor that a chain begins with.
    """

    map: str
    axes: tuple[str, ...]
    affine: Affine | None = None
    chain: tuple[Operation, ...] = ()
    entry: str = ""

    @property
    def plain(self) -> bool:
        """Whether nothing is to be done to the map."""
        return self.affine is None and not self.chain


def in_order(values: npt.NDArray[Any], axes: Sequence[str]) -> npt.NDArray[Any]:
    """Return a tensor of ``axes`` with those that it has of N, C, H and W in that order."""
    return values.transpose([axes.index(axis) for axis in "NCHW" if axis in axes])


def in_map(values: Floats, axes: Sequence[str]) -> Floats | None:
    """Return a constant that broadcasts to a tensor of ``axes`` as ``[C, H, W]``, or sides of 1.

    None where it has a batch.
    """
    values = np.asarray(values, np.float64)
    if values.ndim > len(axes):
        return None
    full = values.reshape((1,) * (len(axes) - values.ndim) + values.shape)
    if "N" in axes and full.shape[axes.index("N")] != 1:
        return None
    sides = {axis: side for axis, side in zip(axes, full.shape, strict=True)}
    order = [axes.index(axis) for axis in ("C", "H", "W") if axis in axes]
    rest = [axes.index(axis) for axis in axes if axis not in ("C", "H", "W")]
    moved = full.transpose(rest + order)
    return moved.reshape([sides.get(axis, 1) for axis in ("C", "H", "W")])
