"""Lines of a map through line engines: one for all channels, or one for each half."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from golden.graph.graph import Stage, WeightSlot
from golden.graph.tensor import Axis, Run, Tensor
from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers, Interval


@dataclass(frozen=True)
class Section:
    """Consecutive channels that go along one axis.

    Parameters
    ----------
    axis
        Along which lines run.
    channels
        Of the map.
    first_row
        Row of the axis's arrays that belongs to the first of them.
    """

    axis: Axis
    channels: range
    first_row: int

    @property
    def rows(self) -> slice:
        """Rows of the axis's arrays."""
        return slice(self.first_row, self.first_row + len(self.channels))


@dataclass(frozen=True, eq=False)
class PassEngine:
    """A line engine and the channels that it serves in a pass.

    Parameters
    ----------
    name
        Apart from all other engines of the layer.
    sections
        In the order of the channels.
    design
        The engine.
    """

    name: str
    sections: tuple[Section, ...]
    design: LineDesign


class EngineStage(Stage):
    """A stage around line engines, whose weights are in ROM or loaded.

    A derived dataclass has `sets`: what is in effect of weights that are loaded, by engine.
    """

    sets: Mapping[str, Any]

    @property
    def slots(self) -> Mapping[str, WeightSlot]:
        """See `Stage`."""
        return {
            name: slot_of(engine) for name, engine in self.engines.items() if engine.weights is None
        }

    def given(self, sets: Mapping[str, Any]) -> Self:
        """See `Stage`."""
        own = {name: sets[name] for name in self.engines if name in sets}
        return replace(self, sets=own)  # type: ignore[type-var] # derived classes are dataclasses

    @property
    def accumulator(self) -> Interval | None:
        """See `Stage`."""
        return Interval.union(engine.accumulator for engine in self.engines.values())


def slot_of(engine: LineDesign) -> WeightSlot:
    """Return what an engine takes on its stream of weights."""
    facts = {"channels": engine.channels, "beats_per_channel": engine.coefficient_words}
    return WeightSlot(facts, engine.port_tables)


@dataclass(frozen=True, eq=False)
class Passes(EngineStage):
    """Every channel through one of several engines, side by side.

    Parameters
    ----------
    taken
        Shape of the map.
    parts
        The engines, and what each serves.
    sets
        See `EngineStage`.
    """

    taken: Tensor
    parts: tuple[PassEngine, ...]
    sets: Mapping[str, LineWeights] = field(default_factory=dict)

    @cached_property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `Stage`."""
        return {part.name: part.design for part in self.parts}

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        return runs_of(section for part in self.parts for section in part.sections)

    @cached_property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        designs = [part.design for part in self.parts]
        bits = min(design.data_bits for design in designs)
        return (self._tensor(Interval.union(design.data for design in designs), bits),)

    @cached_property
    def output(self) -> Tensor:
        """See `Stage`."""
        designs = [part.design for part in self.parts]
        bits = max(design.output_bits for design in designs)
        return self._tensor(Interval.union(design.output_range for design in designs), bits)

    def _tensor(self, samples: Interval, bits: int) -> Tensor:
        return replace(self.taken, range=samples, runs=self._runs, format_bits=bits)

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        out = np.zeros_like(maps[0])
        for part in self.parts:
            lines = part.design.model(gather(maps[0], part.sections), self.sets.get(part.name))
            scatter(lines, part.sections, out)
        return out

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`."""
        sums, results = [0.0] * self.taken.channels, [0] * self.taken.channels
        for part in self.parts:
            channels = [c for section in part.sections for c in section.channels]
            samples = [off[0].results[channel] for channel in channels]
            own = part.design.errors(self.sets.get(part.name), samples=samples)
            for place, channel in enumerate(channels):
                sums[channel], results[channel] = own.sums[place], own.results[place]
        return Errors(sums, results)


class LinePass(Passes):
    """All channels through one engine."""


class SplitPass(Passes):
    """Each half of the channels through an engine of its own."""


def runs_of(sections: Iterable[Section]) -> tuple[Run, ...]:
    """Return the order in which a map's samples pass ``sections``."""
    return tuple(Run(len(section.channels), section.axis) for section in sections)


def oriented(maps: Integers, axis: Axis) -> Integers:
    """Return maps ``[..., H, W]`` with lines along ``axis`` last; twice gives them back."""
    return maps if axis == "width" else maps.swapaxes(-1, -2)


def gather(maps: Integers, sections: Sequence[Section]) -> Integers:
    """Return lines ``[L, N]`` of maps ``[F, C, H, W]`` in the order in which an engine gets them.

    Frame by frame, channel by channel; all ``sections`` have lines of the same shape.
    """
    parts = [oriented(maps[:, s.channels.start : s.channels.stop], s.axis) for s in sections]
    planes = np.concatenate(parts, axis=1)
    return planes.reshape(-1, planes.shape[-1])


def scatter(lines: Integers, sections: Sequence[Section], maps: Integers) -> None:
    """Write ``lines``, as `gather` returns them, back to their places in ``maps``."""
    n_channels = sum(len(section.channels) for section in sections)
    planes = lines.reshape(len(maps), n_channels, -1, lines.shape[-1])
    begin = 0
    for section in sections:
        end = begin + len(section.channels)
        channels = slice(section.channels.start, section.channels.stop)
        maps[:, channels] = oriented(planes[:, begin:end], section.axis)
        begin = end
