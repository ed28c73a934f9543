"""Layers that mix channels: every channel that comes out is a sum over those that go in."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.dense.design import DenseDesign, DenseWeights, check_dense_weights
from golden.engines import DENSE_DESIGNS, EngineChoice
from golden.graph.graph import Node
from golden.graph.tensor import AXES, Axis
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError, check_range
from golden.layer.axes import AXES_ARRAYS
from golden.layer.design import SOURCE, LayerDesign
from golden.line.design import LineDesign
from golden.line.example import example_weights
from golden.line.weights import Arrays, checked_scalars
from golden.numbers.interval import Integers
from golden.stages.dense import ENGINE, DensePart, DensePass, DenseSplit
from golden.stages.line import Section

HALVES = "both"
AXIS_CHOICES = (HALVES, *AXES)


@dataclass(frozen=True)
class DenseChoice(EngineChoice):
    """A dense engine and its own options."""

    designs: ClassVar[Mapping[str, type[LineDesign]]] = DENSE_DESIGNS


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseLayerDesign(LayerDesign):
    """Channels mix: all along one axis, or half along either, each half by itself.

    As in the ParC ResNet50, the first half of the channels goes along the height and gives the
    first half of those that come out. Both halves have one engine, which they take in turn, where
    lines along both axes are as long and engines alike; else each has its own.

    Parameters
    ----------
    out_channels
        Channels that come out.
    axis
        "height" or "width", or "both" for half of the channels each.
    choices
        The engine of each of `axes`.
    streamed
        Whether weights arrive for every frame anew, an output channel at a time.
    """

    form: ClassVar[str] = "dense"
    array_names: ClassVar[tuple[str, ...]] = AXES_ARRAYS

    out_channels: int
    axis: str = HALVES
    choices: tuple[DenseChoice, ...]
    streamed: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("out_channels", self.out_channels, 1, 65536)
        if self.axis == HALVES:
            for key in ("channels", "out_channels"):
                if getattr(self, key) % 2:
                    rule = "even where half go along either axis"
                    raise ParameterError(key, rule, getattr(self, key))
        self._take_example()
        self.parts  # noqa: B018 - raises where an engine cannot do its part

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        axis = table.take("axis", str, HALVES)
        if axis not in AXIS_CHOICES:
            raise refusal("axis", f"one of {', '.join(AXIS_CHOICES)}", repr(axis))
        engines = table.table("engines")
        choices = tuple(
            DenseChoice.take(engines.table(name), port=port)
            for name in AXES
            if axis in (HALVES, name)
        )
        out_channels = table.take("out_channels", int, None)
        if out_channels is None:
            out_channels = table.take("channels", int)
        streamed = table.take("streamed", bool, False)
        if streamed and not port:
            raise refusal("streamed", "left out without weights_port = true", "true")
        return {
            "axis": axis,
            "choices": choices,
            "out_channels": out_channels,
            "streamed": streamed,
        }

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes that groups of channels go along, in the order of the channels."""
        return tuple(axis for axis in AXES if self.axis in (HALVES, axis))

    def _sections(self, channels: int) -> tuple[Section, ...]:
        share = channels // len(self.axes)
        return tuple(
            Section(axis, range(number * share, (number + 1) * share), 0)
            for number, axis in enumerate(self.axes)
        )

    @property
    def sections(self) -> tuple[Section, ...]:
        """Channels that go in, by axis."""
        return self._sections(self.channels)

    @property
    def out_sections(self) -> tuple[Section, ...]:
        """Channels that come out, by axis."""
        return self._sections(self.out_channels)

    def stages(self) -> Iterator[Node]:
        """See `LayerDesign`."""
        kind = DensePass if len(self.parts) == 1 else DenseSplit
        yield Node(ENGINE, kind(self.taken, self.parts), (SOURCE,))

    def sets(self, arrays: Arrays) -> Mapping[str, Any]:
        """See `LayerDesign`."""
        return {
            part.name: self._weights(arrays, part.sections, part.out_sections)
            for part in self.parts
        }

    @cached_property
    def alike(self) -> bool:
        """Whether one engine serves all groups."""
        sides = {getattr(self, axis) for axis in self.axes}
        return len(sides) == 1 and all(choice == self.choices[0] for choice in self.choices)

    @cached_property
    def parts(self) -> tuple[DensePart, ...]:
        """The engines: one, or one for each half of the channels."""
        if self.alike:
            return (self._part(ENGINE, self.choices[0], self.sections, self.out_sections),)
        own = zip(self.axes, self.choices, self.sections, self.out_sections, strict=True)
        return tuple(
            self._part(axis, choice, (section,), (out_section,))
            for axis, choice, section, out_section in own
        )

    def _part(
        self,
        name: str,
        choice: DenseChoice,
        sections: tuple[Section, ...],
        out_sections: tuple[Section, ...],
    ) -> DensePart:
        axis = sections[0].axis
        other = AXES[1 - AXES.index(axis)]
        arrays = self.weights
        table = Table({}, f"engines.{axis}.")
        shared = ("channels", "lanes", "data_bits", "weight_bits", "target", "name", "weights")
        with table.naming({"length": axis} | {key: key for key in shared}):
            design = choice.design(
                name=f"{self.name}_{name}",
                length=getattr(self, axis),
                channels=sum(len(section.channels) for section in out_sections),
                in_channels=len(sections[0].channels),
                groups=len(sections),
                streamed=self.streamed and self.loaded,
                rows=getattr(self, other),
                lanes=self.lanes,
                data_bits=self.data_bits,
                weight_bits=self.weight_bits,
                requantization=self.output,
                weights=None if arrays is None else self._weights(arrays, sections, out_sections),
                target=self.target,
            )
            assert isinstance(design, DenseDesign)
            design.certificate()  # what is chosen for the formats alone, is chosen now
        return DensePart(name, sections, out_sections, design)

    def _weights(
        self, arrays: Arrays, sections: Sequence[Section], out_sections: Sequence[Section]
    ) -> DenseWeights:
        """Return the set that ``arrays`` hold for an engine of some groups, for ROM or port."""
        parts = []
        for section, out in zip(sections, out_sections, strict=True):
            checked = check_dense_weights(
                self._own_zero_points(arrays, out.channels),
                length=getattr(self, section.axis),
                channels=len(out.channels),
                groups=1,
                in_channels=len(section.channels),
                data_bits=self.data_bits,
                weight_bits=self.weight_bits,
                requantized=self.output.clip if self.output else None,
                key=lambda name, axis=section.axis: self._key(axis, name),  # type: ignore[misc]
            )
            parts.append(checked.arrays())
        tables = {
            key: np.concatenate([part[key] for part in parts])
            for key, array in parts[0].items()
            if array.ndim
        }
        if "zero_point" not in tables and "zero_point" in parts[0]:
            return DenseWeights(**tables, zero_point=int(parts[0]["zero_point"]))
        return DenseWeights(**tables)

    def _own_zero_points(self, arrays: Arrays, channels: range) -> Arrays:
        """Return ``arrays`` with the zero points of some of the channels that come out."""
        if self.output is None:
            return arrays
        key, clip = "output.zero_point", self.output.clip
        each = checked_scalars(arrays, key, self.out_channels, clip)
        own = np.asarray(each)
        return {**arrays, key: own[channels.start : channels.stop] if own.ndim else own}

    @staticmethod
    def _key(axis: Axis, name: str) -> str:
        return "output.zero_point" if name == "zero_point" else f"{axis}.{name}"

    def _make_up(self, arrays: dict[str, Integers]) -> None:
        for number, (section, out) in enumerate(zip(self.sections, self.out_sections, strict=True)):
            made = example_weights(
                length=getattr(self, section.axis),
                channels=len(out.channels),
                data_bits=self.data_bits,
                weight_bits=self.weight_bits,
                requantized=self.output.clip if self.output else None,
                seed=number,
                mixed=(1, len(section.channels)),
            )
            for name, values in made.arrays().items():
                arrays[self._key(section.axis, name)] = np.asarray(values, dtype=np.int64)

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        return {"axes": list(self.axes)}
