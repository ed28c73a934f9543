"""What two-dimensional engines have in common: a map is a line of H * W samples to all else."""

from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from golden.inputs.errors import ParameterError
from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from golden.plane.kernels import Plane


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneDesign(LineDesign):
    """To be derived from before a line engine's design, whose transform it makes two-dimensional.

    Parameters
    ----------
    plane
        The maps and their kernels.
    """

    rounds_kernels: ClassVar[bool] = False
    """Whether kernels must be integers at the accumulator's scale."""
    most_lanes: ClassVar[int] = 1
    """Rows of a map that it takes side by side."""

    plane: Plane

    def check(self) -> None:
        """Raise `ParameterError` where the maps, whatever the weights, are too much."""

    @property
    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Points of the transform along a column, and along a row."""

    @property
    def size(self) -> int:
        """Points of the transform, along both axes."""
        return self.sizes[0] * self.sizes[1]

    @property
    def start_words(self) -> int:
        """A bias."""
        return 1

    @property
    def summands(self) -> int:
        """Products of a sample and a tap that a sum is made of."""
        return self.plane.length

    @cached_property
    def grid(self) -> Plane:
        """The map as its transform takes it: with bands of `lanes` rows for rows."""
        return self.plane.in_bands(self.lanes)

    def beats_within(self, cycles: int) -> int:
        """Return the most beats that a map's door takes in so many cycles."""
        return self.grid.beats_within(cycles, self.sizes)

    @cached_property
    def entry(self) -> Integers:
        """Place of the grid that each place of the transform takes, or -1 for zero."""
        return self.grid.entry(self.sizes)

    @cached_property
    def outputs(self) -> Integers:
        """Place of the transform that each place of the grid leaves from."""
        return self.grid.outputs(self.sizes)

    def lines_of(self, maps: Integers) -> Integers:
        """Return ``maps`` ``[..., H, W]`` as the lines that they come in: one for each lane."""
        bands = maps.reshape(-1, self.plane.height // self.lanes, self.lanes, self.plane.width)
        return bands.swapaxes(1, 2).reshape(-1, self.length)

    def maps_of(self, lines: Integers) -> Integers:
        """Return the maps ``[M, H, W]`` that `lines_of` made ``lines`` of."""
        bands = lines.reshape(-1, self.lanes, self.plane.height // self.lanes, self.plane.width)
        return bands.swapaxes(1, 2).reshape(-1, self.plane.height, self.plane.width)

    def _check_lanes(self) -> None:
        if self.lanes > self.most_lanes:
            choices = " or ".join(map(str, range(1, self.most_lanes + 1)))
            raise ParameterError("lanes", f"{choices} for two-dimensional engines", self.lanes)
        if self.plane.height % self.lanes:
            rule = f"a divisor of the map's rows ({self.plane.height})"
            raise ParameterError("lanes", rule, self.lanes)

    def _check_weights(self, weights: LineWeights) -> None:
        """Take what the layer has checked."""
