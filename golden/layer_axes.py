"""Layers of lines: every channel goes through line engines along one axis, or along both."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np

from golden.config import Table, refusal
from golden.design import LineDesign, Requantization
from golden.engines import EngineChoice
from golden.errors import ParameterError
from golden.example import example_weights
from golden.interval import Integers, Interval
from golden.layer import Arrays, LayerDesign, take_requantization
from golden.weights import LineWeights, check_weights

Axis: TypeAlias = Literal["height", "width"]
AXES: tuple[Axis, Axis] = ("height", "width")
SCALES = ("multiplier", "shift")


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
    """

    height_engine: EngineChoice
    width_engine: EngineChoice
    between: Requantization | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.example:
            made: dict[str, Integers] = {}
            object.__setattr__(self, "weights", made)
            self._make_up(made)
        self.passes  # noqa: B018 - raises where an engine cannot do its part

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        engines = table.table("engines")
        options: dict[str, Any] = {
            f"{axis}_engine": EngineChoice.take(engines.table(axis)) for axis in AXES
        }
        if cls.n_passes == 2:
            options["between"] = take_requantization(table, "between", port=port)
        return options

    n_passes: ClassVar[int]

    @abstractmethod
    def sections(self, number: int) -> tuple[Section, ...]:
        """Return what the channels go along in pass ``number``."""

    def choice(self, axis: Axis) -> EngineChoice:
        """Return the engine chosen for lines along ``axis``."""
        return cast(EngineChoice, getattr(self, f"{axis}_engine"))

    def side(self, axis: Axis) -> int:
        """Return the length of lines along ``axis``."""
        return cast(int, getattr(self, axis))

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The passes in the order in which a map takes them."""
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
        alike = self.height == self.width and self.height_engine == self.width_engine
        turn = f"{('first', 'second')[number]}"
        if len(sections) == 1:
            yield sections[0].axis, sections
        elif alike:
            yield turn, sections
        else:
            prefix = f"{turn}_" if self.n_passes > 1 else ""
            yield from ((f"{prefix}{section.axis}", (section,)) for section in sections)

    def _requantization(self, number: int) -> Requantization | None:
        return self.output if number == self.n_passes - 1 else self.between

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
        table = Table({}, f"engines.{axis}.")
        shared = ("channels", "lanes", "data_bits", "weight_bits", "target", "name", "weights")
        with table.naming({"length": axis} | {key: key for key in shared}):
            return choice.design(
                name=f"{self.name}_{name}",
                length=self.side(axis),
                channels=sum(len(section.channels) for section in sections),
                rows=self.side("width" if axis == "height" else "height"),
                lanes=self.lanes,
                data_bits=bits,
                weight_bits=self.weight_bits,
                requantization=self._requantization(number),
                weights=weights,
                data_range=data if data != Interval.signed(bits) else None,
                target=self.target,
            )

    def _weights(self, number: int, section: Section, bits: int, arrays: Arrays) -> LineWeights:
        """Return the rows of ``arrays`` that belong to ``section``, held to their formats."""
        requantization = self._requantization(number)
        n_rows = self.n_rows(section.axis)
        own = {
            key: _filled_outside(array, section.rows, n_rows, fill=key.endswith(".multiplier"))
            for key, array in arrays.items()
        }
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
        bits, data = self.data_bits, self.data
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
            if number < self.n_passes - 1:
                data = Interval.union(
                    self._design(number, name, sections, bits, data).output_range
                    for name, sections in self._shares(number)
                )
                bits = data.bits if requantization is None else requantization.bits

    def _keep(
        self, arrays: dict[str, Integers], number: int, section: Section, made: LineWeights
    ) -> None:
        for name, values in made.arrays().items():
            key = self._key(number, section.axis, name)
            if name == "zero_point":
                arrays[key] = np.asarray(values, dtype=np.int64)
                continue
            if key not in arrays:
                fill = int(name in SCALES)
                rows = self.n_rows(section.axis)
                arrays[key] = np.full((rows, *values.shape[1:]), fill, dtype=np.int64)
            arrays[key][section.rows] = values

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `LayerDesign`."""
        return {engine.name: engine.design for part in self.passes for engine in part}

    @property
    def output_range(self) -> Interval:
        """See `LayerDesign`."""
        return Interval.union(engine.design.output_range for engine in self.passes[-1])

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        parameters: dict[str, Any] = {"passes": [self._described(n) for n in range(self.n_passes)]}
        if self.n_passes > 1:
            between = self.between and {
                "bits": self.between.bits,
                "low": self.between.clip.low,
                "high": self.between.clip.high,
                "zero_point": self.passes[0][0].design.zero_point,
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

    def certificate(self) -> dict[str, object]:
        """See `LayerDesign`."""
        error = 0
        for part in self.passes:
            error = max(output_error(engine.design, error) for engine in part)
        y = Interval.union(engine.design.accumulator for engine in self.passes[-1])
        return {
            "exact": error == 0,
            "max_abs_error": error,
            "accumulator_low": y.low,
            "accumulator_high": y.high,
            "accumulator_bits": y.bits,
            "overflow_free": True,
            "engines": {name: engine.certificate() for name, engine in self.engines.items()},
        }

    def model(self, maps: Integers, weights: Arrays | None = None) -> Integers:
        """See `LayerDesign`."""
        arrays = weights if weights is not None else self.weights
        if arrays is None:
            raise ValueError("Model must be given the weights that the ports were")
        for number, part in enumerate(self.passes):
            out = np.zeros_like(maps)
            for engine in part:
                lines = engine.design.model(
                    gather(maps, engine.sections), self.engine_weights(number, engine, arrays)
                )
                scatter(lines, engine.sections, out)
            maps = out
        return maps

    def engine_weights(self, number: int, engine: PassEngine, arrays: Arrays) -> LineWeights:
        """Return the set of ``engine`` that ``arrays`` hold, for ROM or port."""
        bits = engine.design.data_bits
        return _joined([self._weights(number, s, bits, arrays) for s in engine.sections])


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


def output_error(design: LineDesign, error: int) -> int:
    """Bound how far a result of ``design`` is off when its samples are off by up to ``error``.

    A sum is off by ``error`` times the kernel's L1 norm, and by the engine's own error. A
    multiplier scales that; two values that are d apart round to integers at most ``floor(d) + 1``
    apart, and a clip brings nothing further apart.
    """
    weights = design.weights
    if weights is None:
        worst = (1 << design.weight_bits - 1) * design.length * error + design.max_abs_error
        if worst == 0 or design.requantization is None:
            return worst
        return design.output_range.high - design.output_range.low
    norms = np.abs(weights.weight).sum(axis=1)
    sums = [int(norm) * error + design.max_abs_error for norm in norms]
    if design.requantization is None or not any(sums):
        return max(sums)
    assert weights.multiplier is not None
    assert weights.shift is not None
    scales = zip(sums, weights.multiplier, weights.shift, strict=True)
    apart = max((off * int(m) >> int(s)) + 1 for off, m, s in scales)
    return min(apart, design.output_range.high - design.output_range.low)


def _joined(parts: Sequence[LineWeights]) -> LineWeights:
    """Return all rows of ``parts``, which share their zero point."""
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
    return LineWeights(weight, pe, bias, *scale, first.zero_point)


def _rows(weights: LineWeights, rows: slice) -> LineWeights:
    tables = {key: array[rows] for key, array in weights.arrays().items() if array.ndim}
    return LineWeights(**tables, zero_point=weights.zero_point)  # type: ignore[arg-type]


def _filled_outside(array: Any, rows: slice, n_rows: int, *, fill: int) -> Any:
    """Return ``array`` with ``fill`` in the rows that another format rules."""
    if array.ndim == 0 or array.shape[0] != n_rows:
        return array
    own = np.full_like(array, fill)
    own[rows] = array[rows]
    return own


def check_even(channels: int) -> None:
    """Raise `ParameterError` unless half of the channels can go another way."""
    if channels % 2:
        raise ParameterError("channels", "even", channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class SerialDesign(AxesDesign):
    """All channels along one axis, then along the other.

    Parameters
    ----------
    order
        The axes in the order of the passes.
    """

    form: ClassVar[str] = "serial"
    n_passes: ClassVar[int] = 2

    order: tuple[Axis, Axis] = AXES

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        order = tuple(table.strings("order", list(AXES)))
        if order not in (AXES, AXES[::-1]):
            rule = '["height", "width"] or ["width", "height"]'
            raise refusal("order", rule, list(order))
        return super().take_options(table, port=port) | {"order": order}

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        return {"order": list(self.order)} | super().own_parameters

    def sections(self, number: int) -> tuple[Section, ...]:
        """See `AxesDesign`."""
        return (Section(self.order[number], range(self.channels), 0),)


@dataclass(frozen=True, kw_only=True, eq=False)
class ParallelDesign(AxesDesign):
    """The first half of the channels along the height, the second half along the width."""

    form: ClassVar[str] = "parallel"
    n_passes: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_even(self.channels)
        super().__post_init__()

    def sections(self, number: int) -> tuple[Section, ...]:  # noqa: ARG002 - there is one pass
        """See `AxesDesign`."""
        half = self.channels // 2
        return (
            Section("height", range(half), 0),
            Section("width", range(half, self.channels), 0),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class MetaFormerDesign(AxesDesign):
    """The first half of the channels along height, then width; the second half the other way."""

    form: ClassVar[str] = "metaformer"
    n_passes: ClassVar[int] = 2

    def __post_init__(self) -> None:
        check_even(self.channels)
        super().__post_init__()

    def sections(self, number: int) -> tuple[Section, ...]:
        """See `AxesDesign`."""
        half = self.channels // 2
        first, second = AXES if number == 0 else AXES[::-1]
        return (
            Section(first, range(half), 0),
            Section(second, range(half, self.channels), half),
        )
