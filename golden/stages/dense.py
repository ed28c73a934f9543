"""Lines of a map through engines that sum over channels: one for all groups, or one each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from golden.dense.design import DenseDesign, DenseWeights
from golden.graph.graph import WeightSlot
from golden.graph.tensor import Tensor
from golden.line.design import LineDesign
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers, Interval
from golden.stages.line import EngineStage, Section, gather, runs_of, scatter

ENGINE = "dense"
"""Name of an engine that has all groups."""


@dataclass(frozen=True, eq=False)
class DensePart:
    """A dense engine and the groups of channels that it serves.

    Parameters
    ----------
    name
        Apart from all other engines of the layer.
    sections, out_sections
        Channels that go in and that come out, by axis: a group each.
    design
        The engine.
    """

    name: str
    sections: tuple[Section, ...]
    out_sections: tuple[Section, ...]
    design: DenseDesign


@dataclass(frozen=True, eq=False)
class DensePasses(EngineStage):
    """Groups of channels, that do not mix, through engines that sum over each.

    Parameters
    ----------
    taken
        The map that comes.
    parts
        The engines, in the order of the channels.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    parts: tuple[DensePart, ...]
    sets: Mapping[str, DenseWeights] = field(default_factory=dict)

    @cached_property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {part.name: part.design for part in self.parts}

    @property
    def slots(self) -> Mapping[str, WeightSlot]:
        """See `Stage`; streamed weights come for ``sets_per_frame`` channels, each a set."""
        slots = dict(super().slots)
        for part in self.parts:
            if part.design.streamed:
                own = {"channels": 1, "sets_per_frame": part.design.channels}
                slot = slots[part.name]
                slots[part.name] = replace(slot, facts={**slot.facts, **own})
        return slots

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken.along(runs_of(s for part in self.parts for s in part.sections)),)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        designs = [part.design for part in self.parts]
        return Tensor(
            sum(design.channels for design in designs),
            *(self.taken.height, self.taken.width),
            range=Interval.union(design.output_range for design in designs),
            runs=runs_of(section for part in self.parts for section in part.out_sections),
            format_bits=max(design.output_bits for design in designs),
        )

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        out = np.zeros((len(maps[0]), *self.output.shape), dtype=np.int64)
        for part in self.parts:
            lines = part.design.model(gather(maps[0], part.sections), self.sets.get(part.name))
            scatter(lines, part.out_sections, out)
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
        own = [part.design.errors(self.sets.get(part.name)) for part in self.parts]
        return Errors(
            [off_by for errors in own for off_by in errors.sums],
            [off_by for errors in own for off_by in errors.results],
        )


class DensePass(DensePasses):
    """All channels through one engine, which takes the groups in turn."""


class DenseSplit(DensePasses):
    """Each half of the channels through an engine of its own."""
