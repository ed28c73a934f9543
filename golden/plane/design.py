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

    def beats_within(self, cycles: int) -> int:
        """Return the most samples that a map's door takes in so many cycles."""
        return self.plane.beats_within(cycles, self.sizes)

    @cached_property
    def entry(self) -> Integers:
        """Sample of the map that each place of the transform takes, or -1 for zero."""
        return self.plane.entry(self.sizes)

    @cached_property
    def outputs(self) -> Integers:
        """Place of the transform that each result leaves from."""
        return self.plane.outputs(self.sizes)

    def _check_lanes(self) -> None:
        if self.lanes != 1:
            raise ParameterError("lanes", "1 for two-dimensional engines", self.lanes)

    def _check_weights(self, weights: LineWeights) -> None:
        """Take what the layer has checked."""
