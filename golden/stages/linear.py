"""Linear convolutions of lines on a circular engine: zeros around every line, results chosen.

    y[c, i] = bias[c] + sum_k weight[c, k] * x[c, stride * i + k - origin],  0 outside the line

On a circle of L positions the line stands ``origin`` positions on, with zeros around it, and the
results wanted are the first ones. The least L is that of `golden.operator.parc.circular_length`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from golden.graph.tensor import AXES, Axis, Run, Tensor
from golden.inputs.errors import ParameterError, check_range
from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers
from golden.stages.line import EngineStage, oriented

STRIDES = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Taps:
    """A kernel's shape along an axis.

    Parameters
    ----------
    taps
        K, any.
    origin
        The tap that sits on the sample that a result belongs to; None takes K // 2.
    stride
        Samples from one result to the next, 1 or 2; the first result belongs to sample 0.
    """

    taps: int
    origin: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        check_range("taps", self.taps, 1, 4096)
        if self.origin is not None:
            check_range("origin", self.origin, 0, self.taps - 1)
        if self.stride not in STRIDES:
            raise ParameterError("stride", "1 or 2", self.stride)

    @property
    def before(self) -> int:
        """Taps before the origin: zeros that stand ahead of a line."""
        return self.taps // 2 if self.origin is None else self.origin

    def n_results(self, n_samples: int) -> int:
        """Return the results of a line."""
        return -(-n_samples // self.stride)


@dataclass(frozen=True, eq=False)
class LinearPass(EngineStage):
    """Linear convolutions of all lines along an axis.

    Parameters
    ----------
    taken
        Shape of the map that comes.
    axis
        Along which lines run.
    kernel
        Its shape.
    design
        The circular engine.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    axis: Axis
    kernel: Taps
    design: LineDesign
    sets: Mapping[str, LineWeights] = field(default_factory=dict)

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {self.axis: self.design}

    @property
    def n_samples(self) -> int:
        """Samples of a line that comes."""
        return self.shape[AXES.index(self.axis)]

    @property
    def n_results(self) -> int:
        """Results of a line."""
        return self.kernel.n_results(self.n_samples)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane that comes."""
        return self.taken.height, self.taken.width

    @property
    def out_shape(self) -> tuple[int, int]:
        """Height and width of a plane that leaves."""
        return reduced(self.shape, self.axis, self.kernel)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken.along(self._runs),)

    @property
    def _runs(self) -> tuple[Run, ...]:
        return (Run(self.taken.channels, self.axis),)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        height, width = self.out_shape
        return Tensor(
            *(self.taken.channels, height, width),
            range=self.design.output_range,
            runs=self._runs,
            format_bits=self.design.output_bits,
        )

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        planes = oriented(maps[0], self.axis)
        lines = planes.reshape(-1, self.n_samples)
        behind = self.design.length - self.n_samples - self.kernel.before
        circles = np.pad(lines, ((0, 0), (self.kernel.before, behind)))
        results = self.design.model(circles, self.sets.get(self.axis))
        kept = results[:, : self.n_samples : self.kernel.stride]
        return oriented(kept.reshape(*planes.shape[:-1], self.n_results), self.axis)

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`."""
        return self.design.errors(self.sets.get(self.axis), samples=off[0].results)


def reduced(shape: tuple[int, int], axis: Axis, kernel: Taps) -> tuple[int, int]:
    """Return height and width of what a pass makes of planes of ``shape``."""
    height, width = shape
    if axis == "height":
        return kernel.n_results(height), width
    return height, kernel.n_results(width)


def around(weights: LineWeights, length: int) -> LineWeights:
    """Return kernels on a circle, tap 0 at position 0 and zeros behind the last."""
    behind = ((0, 0), (0, length - weights.length))
    return replace(weights, weight=np.pad(weights.weight, behind), pe=np.pad(weights.pe, behind))
