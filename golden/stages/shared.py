"""Both passes of a map through one line engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from golden.graph.tensor import Tensor
from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers
from golden.stages.line import EngineStage, Section, gather, runs_of, scatter

ENGINE = "shared"
"""Name of the engine."""


def turns_of(channels: int) -> list[tuple[int, int]]:
    """Return pass and channel of every plane of a frame, in the order in which they come.

    A plane's second pass comes a plane later than its first at the least, so that the corner
    has been turned meanwhile, and none waits for a plane of the next frame.
    """
    turns = [(0, 0)]
    for channel in range(1, channels):
        turns += [(0, channel), (1, channel - 1)]
    return [*turns, (1, channels - 1)]


@dataclass(frozen=True, eq=False)
class SharedPass(EngineStage):
    """Both passes, plane by plane in the order of `turns`.

    Parameters
    ----------
    taken
        Shape of the map, square, and its samples.
    passes
        What the channels go along in each pass.
    design
        The engine, which has a kernel for each of `turns`.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    passes: tuple[tuple[Section, ...], tuple[Section, ...]]
    design: LineDesign
    sets: Mapping[str, LineWeights] = field(default_factory=dict)

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {ENGINE: self.design}

    @property
    def turns(self) -> list[tuple[int, int]]:
        """See `turns_of`."""
        return turns_of(self.taken.channels)

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken.along(runs_of(self.passes[0])),)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        result = replace(
            self.taken, range=self.design.output_range, format_bits=self.design.output_bits
        )
        return result.along(runs_of(self.passes[1]))

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        given, size = maps[0], self.design.length
        frames, channels = given.shape[:2]
        places = np.array([number for number, _ in self.turns])
        planes = np.zeros((frames, 2 * channels, size, size), dtype=np.int64)
        for number, sections in enumerate(self.passes):
            mine = np.flatnonzero(places == number)
            planes[:, mine] = gather(given, sections).reshape(frames, channels, size, size)
            lines = planes.reshape(-1, size)
            results = self.design.model(lines, self.sets.get(ENGINE)).reshape(planes.shape)
            out = np.zeros_like(given)
            scatter(results[:, mine].reshape(-1, size), sections, out)
            given = out
        return given

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`."""
        errors = off[0]
        for number, sections in enumerate(self.passes):
            kernels = [kernel for kernel, (turn, _) in enumerate(self.turns) if turn == number]
            channels = [c for section in sections for c in section.channels]
            samples = [0] * self.design.channels
            for kernel, channel in zip(kernels, channels, strict=True):
                samples[kernel] = errors.results[channel]
            own = self.design.errors(self.sets.get(ENGINE), samples=samples).of(kernels)
            order = np.argsort(channels)
            errors = Errors(
                [own.sums[place] for place in order], [own.results[place] for place in order]
            )
        return errors
