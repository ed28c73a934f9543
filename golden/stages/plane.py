"""Maps through a two-dimensional engine, one channel after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from golden.graph.tensor import Tensor
from golden.line.design import LineDesign
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers
from golden.plane.design import PlaneDesign
from golden.plane.kernels import PlaneWeights
from golden.stages.line import EngineStage

ENGINE = "plane"
"""Name of the engine."""


@dataclass(frozen=True, eq=False)
class PlanePass(EngineStage):
    """All channels through one engine.

    Parameters
    ----------
    taken
        The map that comes.
    design
        The engine.
    own_errors
        Most that each channel's sums are off.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    design: PlaneDesign
    own_errors: Sequence[float]
    sets: Mapping[str, PlaneWeights] = field(default_factory=dict)

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {ENGINE: self.design}

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken,)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        design = self.design
        return replace(self.taken, range=design.output_range, format_bits=design.output_bits)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        results = self.design.model(self.design.lines_of(maps[0]), self.sets.get(ENGINE))
        return self.design.maps_of(results).reshape(maps[0].shape)

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`."""
        known = self.sets.get(ENGINE)
        return self.design.errors(known, samples=off[0].results, own=self.own_errors)
