"""Layers of lines: every channel goes through line engines along one axis, or along both."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeAlias, cast

import numpy as np

from golden.engines import EngineChoice
from golden.graph.graph import Node
from golden.graph.tensor import AXES, Axis
from golden.inputs.config import Table, refusal
from golden.layer.design import SOURCE, LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.weights import Arrays, LineWeights, check_weights, checked_scalars
from golden.numbers.interval import Integers, Interval
from golden.stages.line import LinePass, PassEngine, Section, SplitPass
from golden.stages.shared import ENGINE as SHARED
from golden.stages.shared import SharedPass, turns_of

SCALES = ("multiplier", "shift")
AXES_ARRAYS = (
    *(f"{axis}.{name}" for axis in AXES for name in ("weight", "pe", "bias", *SCALES)),
    *("between.zero_point", "output.zero_point"),
)
"""Keys of weights files of layers that have kernels along axes."""


Pass: TypeAlias = tuple[PassEngine, ...]
"""What a map goes through at a time: an engine, or one for each half of the channels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AxesDesign(LayerDesign):
    """Line engines along the height and the width.

    Parameters
    ----------
    height_engine, width_engine
        For lines along either axis.
    between
        Output format of the first of two passes, or None where every bit passes on.
    shared_engine
        Whether one engine does both passes, plane by plane in the order of `turns`.
    """

    array_names: ClassVar[tuple[str, ...]] = AXES_ARRAYS

    height_engine: EngineChoice
    width_engine: EngineChoice
    between: Requantization | None = None
    shared_engine: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.shared_engine:
            self._check_shareable()
        self._take_example()
        self.passes  # noqa: B018 - raises where an engine cannot do its part

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        engines = table.table("engines")
        return {
            f"{axis}_engine": EngineChoice.take(engines.table(axis), port=port) for axis in AXES
        }

    @property
    def n_passes(self) -> int:
        """Engines that a map goes through, one after the other."""
        return 2

    @abstractmethod
    def sections(self, number: int) -> tuple[Section, ...]:
        """Return what the channels go along in pass ``number``."""

    def choice(self, axis: Axis) -> EngineChoice:
        """Return the engine chosen for lines along ``axis``."""
        return cast(EngineChoice, getattr(self, f"{axis}_engine"))

    def side(self, axis: Axis) -> int:
        """Return the length of lines along ``axis``."""
        return cast(int, getattr(self, axis))

    @property
    def alike(self) -> bool:
        """Whether lines along both axes can go through the same engine."""
        return self.height == self.width and self.height_engine == self.width_engine

    def _check_shareable(self) -> None:
        if not self.alike:
            rule = "false where height and width differ, or their engines"
            raise refusal("shared_engine", rule, "true")
        formats = [
            None if form is None else (form.bits, form.clip, form.zero_point, form.zero_point_port)
            for form in (self.between, self.output)
        ]
        if formats[0] is None or formats[0] != formats[1]:
            rule = "false where between and output are not given alike"
            raise refusal("shared_engine", rule, "true")

    def stages(self) -> Iterator[Node]:
        """See `LayerDesign`."""
        if self.shared_engine:
            first, second = (self.sections(number) for number in range(2))
            stage = SharedPass(self.taken, (first, second), self.passes[0][0].design)
            yield Node(SHARED, stage, (SOURCE,))
            return
        source = SOURCE
        for number, engines in enumerate(self.passes):
            kind = LinePass if len(engines) == 1 else SplitPass
            yield Node(f"pass_{number}", kind(self.taken, engines), (source,))
            source = f"pass_{number}"

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The passes in the order in which a map takes them."""
        if self.shared_engine:
            engine = self._shared()
            return tuple(
                (PassEngine(SHARED, self.sections(number), engine),)
                for number in range(self.n_passes)
            )
        passes: list[Pass] = []
        bits, data = self.data_bits, self.data
        for number in range(self.n_passes):
            engines = tuple(
                PassEngine(name, sections, self._design(number, name, sections, bits, data))
                for name, sections in self._shares(number)
            )
            passes.append(engines)
            data = Interval.union(engine.design.output_range for engine in engines)
            requantization = self._requantization(number)
            bits = data.bits if requantization is None else requantization.bits
        return tuple(passes)

    def _shares(self, number: int) -> Iterator[tuple[str, tuple[Section, ...]]]:
        """Yield names of the engines of a pass, and what each serves."""
        sections = self.sections(number)
        turn = f"{('first', 'second')[number]}"
        if len(sections) == 1:
            yield sections[0].axis, sections
        elif self.alike:
            yield turn, sections
        else:
            prefix = f"{turn}_" if self.n_passes > 1 else ""
            yield from ((f"{prefix}{section.axis}", (section,)) for section in sections)

    def _requantization(self, number: int) -> Requantization | None:
        return self.output if number == self.n_passes - 1 else self.between

    def _shared(self) -> LineDesign:
        assert self.between is not None
        bits = max(self.data_bits, self.between.bits)
        data = Interval.union([self.data, self.between.clip])
        weights = None
        if self.weights is not None:
            weights = self._in_turns(self._pass_weights(self.weights))
        return self._line(
            SHARED, self.sections(0)[0].axis, self.output, bits, data, weights, 2 * self.channels
        )

    def _pass_weights(self, arrays: Arrays) -> list[LineWeights]:
        """Return the kernels of each pass, channel by channel."""
        assert self.between is not None
        widths = (self.data_bits, self.between.bits)
        return [
            _joined([self._weights(n, s, bits, arrays) for s in self.sections(n)])
            for n, bits in enumerate(widths)
        ]

    def _in_turns(self, passes: Sequence[LineWeights]) -> LineWeights:
        """Return the kernels of both passes in the order of `turns`."""
        turns = turns_of(self.channels)
        rows = np.array([number * self.channels + channel for number, channel in turns])
        return _rows(_joined(passes), rows)

    def _design(
        self, number: int, name: str, sections: tuple[Section, ...], bits: int, data: Interval
    ) -> LineDesign:
        axis = sections[0].axis
        choice = self.choice(axis)
        if bits > choice.max_data_bits:
            rule = (
                f"given where sums of {bits} bits pass on to the {choice.engine} engine "
                f"(at most {choice.max_data_bits})"
            )
            raise refusal("between", rule, "left out")
        weights = None
        if self.weights is not None:
            parts = [self._weights(number, section, bits, self.weights) for section in sections]
            weights = _joined(parts)
        n_kernels = sum(len(section.channels) for section in sections)
        requantization = self._requantization(number)
        return self._line(name, axis, requantization, bits, data, weights, n_kernels)

    def _line(
        self,
        name: str,
        axis: Axis,
        requantization: Requantization | None,
        bits: int,
        data: Interval,
        weights: LineWeights | None,
        n_kernels: int,
    ) -> LineDesign:
        """Return an engine for lines along ``axis``."""
        table = Table({}, f"engines.{axis}.")
        shared = ("channels", "lanes", "data_bits", "weight_bits", "target", "name", "weights")
        with table.naming({"length": axis} | {key: key for key in shared}):
            return self.choice(axis).design(
                name=f"{self.name}_{name}",
                length=self.side(axis),
                channels=n_kernels,
                rows=self.side("width" if axis == "height" else "height"),
                lanes=self.lanes,
                data_bits=bits,
                weight_bits=self.weight_bits,
                requantization=requantization,
                weights=weights,
                data_range=data if data != Interval.signed(bits) else None,
                target=self.target,
            )

    def _weights(self, number: int, section: Section, bits: int, arrays: Arrays) -> LineWeights:
        """Return the rows of ``arrays`` that belong to ``section``, held to their formats."""
        requantization = self._requantization(number)
        n_rows = self.n_rows(section.axis)
        own: dict[str, Any] = {
            key: _filled_outside(array, section.rows, n_rows, fill=key.endswith(".multiplier"))
            for key, array in arrays.items()
        }
        if requantization is not None:
            key = self._key(number, section.axis, "zero_point")
            each = checked_scalars(arrays, key, self.channels, requantization.clip)
            own[key] = np.asarray(each)
            if not isinstance(each, int):
                mine = each[section.channels.start : section.channels.stop]
                own[key] = np.full(n_rows, mine[0])
                own[key][section.rows] = mine
        checked = check_weights(
            own,
            length=self.side(section.axis),
            channels=n_rows,
            data_bits=bits,
            weight_bits=self.weight_bits,
            requantized=requantization.clip if requantization else None,
            key=lambda name: self._key(number, section.axis, name),
        )
        return _rows(checked, section.rows)

    def _key(self, number: int, axis: Axis, name: str) -> str:
        """Return the key of the weights file that holds ``name`` of a pass along ``axis``."""
        if name == "zero_point":
            return "output.zero_point" if number == self.n_passes - 1 else "between.zero_point"
        return f"{axis}.{name}"

    def n_rows(self, axis: Axis) -> int:
        """Return the kernels that the axis's arrays hold."""
        sections = [s for n in range(self.n_passes) for s in self.sections(n) if s.axis == axis]
        return sum(len(section.channels) for section in sections)

    def _make_up(self, arrays: dict[str, Integers]) -> None:
        """Fill ``arrays`` with an example, pass by pass: formats follow from the pass before."""
        bits = self.data_bits
        for number in range(self.n_passes):
            requantization = self._requantization(number)
            for section in self.sections(number):
                made = example_weights(
                    length=self.side(section.axis),
                    channels=len(section.channels),
                    data_bits=bits,
                    weight_bits=self.weight_bits,
                    requantized=requantization.clip if requantization else None,
                    seed=2 * number + AXES.index(section.axis),
                )
                self._keep(arrays, number, section, made)
            if requantization is not None:
                bits = requantization.bits
            elif number < self.n_passes - 1:
                bits = Interval.union(
                    self._design(number, name, sections, bits, self.data).output_range
                    for name, sections in self._shares(number)
                ).bits

    def _keep(
        self, arrays: dict[str, Integers], number: int, section: Section, made: LineWeights
    ) -> None:
        for name, values in made.arrays().items():
            key = self._key(number, section.axis, name)
            if name == "zero_point":
                self._keep_zero_point(arrays, key, section, values)
                continue
            if key not in arrays:
                fill = int(name in SCALES)
                rows = self.n_rows(section.axis)
                arrays[key] = np.full((rows, *values.shape[1:]), fill, dtype=np.int64)
            arrays[key][section.rows] = values

    def _keep_zero_point(
        self, arrays: dict[str, Integers], key: str, section: Section, values: Any
    ) -> None:
        """Keep one for all channels as long as it is one."""
        if not np.ndim(values):
            arrays[key] = np.asarray(values, dtype=np.int64)
            return
        if key not in arrays or not arrays[key].ndim:
            arrays[key] = np.zeros(self.channels, dtype=np.int64)
        arrays[key][section.channels.start : section.channels.stop] = values

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        parameters: dict[str, Any] = {"passes": [self._described(n) for n in range(self.n_passes)]}
        if self.n_passes > 1:
            between = self.between and {
                "bits": self.between.bits,
                "low": self.between.clip.low,
                "high": self.between.clip.high,
                "zero_point": self.stated_zero_point("between"),
            }
            parameters["between"] = between
        return parameters

    def _described(self, number: int) -> list[dict[str, Any]]:
        return [
            {
                "axis": section.axis,
                "first_channel": section.channels.start,
                "channels": len(section.channels),
                "first_row": section.first_row,
                "engine": engine.name,
            }
            for engine in self.passes[number]
            for section in engine.sections
        ]

    def sets(self, arrays: Arrays) -> dict[str, Any]:
        """See `LayerDesign`."""
        if self.shared_engine:
            return {SHARED: self._in_turns(self._pass_weights(arrays))}
        return {
            engine.name: _joined(
                [self._weights(n, s, engine.design.data_bits, arrays) for s in engine.sections]
            )
            for n, part in enumerate(self.passes)
            for engine in part
        }

    def arrays_of(self, sets: Mapping[str, LineWeights]) -> Arrays:
        """Return the arrays whose `sets` are ``sets``."""
        arrays: dict[str, Integers] = {}
        for number, part in enumerate(self.passes):
            for engine in part:
                begin = 0
                own = sets[engine.name]
                if self.shared_engine:
                    turns = enumerate(turns_of(self.channels))
                    own = _rows(own, np.array([k for k, (turn, _) in turns if turn == number]))
                for section in engine.sections:
                    end = begin + len(section.channels)
                    rows = _rows(own, slice(begin, end))
                    self._keep(arrays, number, section, rows)
                    begin = end
        return arrays


def _joined(parts: Sequence[LineWeights]) -> LineWeights:
    """Return all rows of ``parts``."""
    first = parts[0]
    if first.multiplier is None:
        scale: tuple[Integers | None, Integers | None] = (None, None)
    else:
        multiplier, shift = (
            np.concatenate([cast(Integers, getattr(part, name)) for part in parts])
            for name in SCALES
        )
        scale = multiplier, shift
    weight, pe, bias = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("weight", "pe", "bias")
    )
    if first.zero_point is None:
        return LineWeights(weight, pe, bias)
    zero_points = np.concatenate([part.zero_points() for part in parts])
    same = bool((zero_points == zero_points[0]).all())
    zero_point = int(zero_points[0]) if same else zero_points
    return LineWeights(weight, pe, bias, *scale, zero_point)


def _rows(weights: LineWeights, rows: slice | Integers) -> LineWeights:
    tables = {key: array[rows] for key, array in weights.arrays().items() if array.ndim}
    return LineWeights(**{"zero_point": weights.zero_point, **tables})  # type: ignore[arg-type]


def _filled_outside(array: Any, rows: slice, n_rows: int, *, fill: int) -> Any:
    """Return ``array`` with ``fill`` in the rows that another format rules."""
    if array.ndim == 0 or array.shape[0] != n_rows:
        return array
    own = np.full_like(array, fill)
    own[rows] = array[rows]
    return own
