"""Lines of a map through an engine that sums over channels."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from golden.dense.design import DenseDesign, DenseWeights
from golden.graph.graph import WeightSlot
from golden.graph.tensor import Tensor
from golden.line.design import LineDesign
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers
from golden.stages.line import EngineStage, Section, gather, runs_of, scatter

ENGINE = "dense"
"""Name of the engine."""


@dataclass(frozen=True, eq=False)
class DensePass(EngineStage):
    """All channels through one engine, in groups that do not mix.

    Parameters
    ----------
    taken
        The map that comes.
    sections, out_sections
        Channels that go in and that come out, by axis: a group each.
    design
        The engine.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    sections: tuple[Section, ...]
    out_sections: tuple[Section, ...]
    design: DenseDesign
    sets: Mapping[str, DenseWeights] = field(default_factory=dict)

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {ENGINE: self.design}

    @property
    def slots(self) -> Mapping[str, WeightSlot]:
        """See `Stage`; streamed weights come for ``sets_per_frame`` channels, each a set."""
        slots = super().slots
        if not self.design.streamed:
            return slots
        own = {"channels": 1, "sets_per_frame": self.design.channels}
        return {name: replace(slot, facts={**slot.facts, **own}) for name, slot in slots.items()}

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken.along(runs_of(self.sections)),)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        return Tensor(
            *(self.design.channels, self.taken.height, self.taken.width),
            range=self.design.output_range,
            runs=runs_of(self.out_sections),
            format_bits=self.design.output_bits,
        )

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        lines = self.design.model(gather(maps[0], self.sections), self.sets.get(ENGINE))
        out = np.zeros((len(maps[0]), *self.output.shape), dtype=np.int64)
        scatter(lines, self.out_sections, out)
        return out

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`.

        Raises
        ------
        ValueError
            Where samples are off: no bound follows them over the channels.
        """
        if any(off[0].results):
            raise ValueError("Samples of a dense stage must be right")
        return self.design.errors(self.sets.get(ENGINE))
