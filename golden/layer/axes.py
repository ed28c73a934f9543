"""Layers of lines: every channel goes through line engines along one axis, or along both."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np

from golden.engines import EngineChoice
from golden.inputs.config import Table, refusal
from golden.layer.design import Arrays, LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.weights import LineWeights, check_weights, checked_scalars
from golden.numbers.certificate import Errors, certified
from golden.numbers.interval import Integers, Interval

Axis: TypeAlias = Literal["height", "width"]
AXES: tuple[Axis, Axis] = ("height", "width")
SCALES = ("multiplier", "shift")
AXES_ARRAYS = (
    *(f"{axis}.{name}" for axis in AXES for name in ("weight", "pe", "bias", *SCALES)),
    *("between.zero_point", "output.zero_point"),
)
"""Keys of weights files of layers that have kernels along axes."""


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
        if self.example:
            made: dict[str, Integers] = {}
            object.__setattr__(self, "weights", made)
            self._make_up(made)
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

    @property
    def turns(self) -> list[tuple[int, int]]:
        """Pass and channel of every plane of a frame, as a shared engine takes them.

        A plane's second pass comes a plane later than its first at the least, so that the corner
        has been turned meanwhile, and none waits for a plane of the next frame.
        """
        turns = [(0, 0)]
        for channel in range(1, self.channels):
            turns += [(0, channel), (1, channel - 1)]
        return [*turns, (1, self.channels - 1)]

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

    @cached_property
    def passes(self) -> tuple[Pass, ...]:
        """The passes in the order in which a map takes them."""
        if self.shared_engine:
            engine = self._shared()
            return tuple(
                (PassEngine("shared", self.sections(number), engine),)
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
            # With 0 among them: engines count on sums that are not all far from it.
            data = Interval.union(
                [Interval(0, 0), *(engine.design.output_range for engine in engines)]
            )
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
            "shared", self.sections(0)[0].axis, self.output, bits, data, weights, 2 * self.channels
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
        rows = np.array([number * self.channels + channel for number, channel in self.turns])
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

    def certificate(self, weights: Arrays | None = None) -> dict[str, object]:
        """See `LayerDesign`."""
        sets = {} if weights is None else self.sets(weights)
        y = Interval.union(engine.design.accumulator for engine in self.passes[-1])
        own = {name: engine.certificate(sets.get(name)) for name, engine in self.engines.items()}
        return certified(self._errors(sets), y) | {"engines": own}

    def _errors(self, sets: Mapping[str, LineWeights]) -> Errors:
        """Return what sums of the last pass and results are off, channel by channel.

        A pass's samples are off by as much as the results of the pass before.
        """
        sums, results = [0.0] * self.channels, [0] * self.channels
        for number, part in enumerate(self.passes):
            for engine in part:
                channels = [c for section in engine.sections for c in section.channels]
                kernels = self._kernels(number, engine)
                samples = [0] * engine.design.channels
                for kernel, channel in zip(kernels, channels, strict=True):
                    samples[kernel] = results[channel]
                off = engine.design.errors(sets.get(engine.name), samples=samples).of(kernels)
                for place, channel in enumerate(channels):
                    sums[channel], results[channel] = off.sums[place], off.results[place]
        # What is added to results behind the last pass is added to right ones too, and clipped.
        most = self.output_range.high - self.output_range.low
        return Errors(sums, [min(off, most) for off in results])

    def _kernels(self, number: int, engine: PassEngine) -> list[int]:
        """Return the kernels of an engine that its channels have in pass ``number``."""
        if self.shared_engine:
            return [kernel for kernel, (turn, _) in enumerate(self.turns) if turn == number]
        return list(range(engine.design.channels))

    def model(self, maps: Integers, weights: Arrays | None = None) -> Integers:
        """See `LayerDesign`."""
        arrays = weights if weights is not None else self.weights
        if arrays is None:
            raise ValueError("Model must be given the weights that the ports were")
        sets = self.sets(arrays)
        if self.shared_engine:
            return self._model_in_turns(maps, sets["shared"])
        for part in self.passes:
            out = np.zeros_like(maps)
            for engine in part:
                lines = engine.design.model(gather(maps, engine.sections), sets[engine.name])
                scatter(lines, engine.sections, out)
            maps = out
        return maps

    def _model_in_turns(self, maps: Integers, weights: LineWeights) -> Integers:
        engine = self.passes[0][0].design
        frames, channels, size = len(maps), self.channels, self.height
        places = np.array([(number, channel) for number, channel in self.turns])
        of_pass = [np.flatnonzero(places[:, 0] == number) for number in range(self.n_passes)]
        planes = np.zeros((frames, 2 * channels, size, size), dtype=np.int64)
        for number, mine in enumerate(of_pass):
            sections = self.sections(number)
            planes[:, mine] = gather(maps, sections).reshape(frames, channels, size, size)
            results = engine.model(planes.reshape(-1, size), weights).reshape(planes.shape)
            out = np.zeros_like(maps)
            scatter(results[:, mine].reshape(-1, size), sections, out)
            maps = out
        return maps

    def sets(self, arrays: Arrays) -> dict[str, LineWeights]:
        """Return what each engine holds of ``arrays``, by its name."""
        if self.shared_engine:
            return {"shared": self._in_turns(self._pass_weights(arrays))}
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
                    own = _rows(own, np.array(self._kernels(number, engine)))
                for section in engine.sections:
                    end = begin + len(section.channels)
                    rows = _rows(own, slice(begin, end))
                    self._keep(arrays, number, section, rows)
                    begin = end
        return arrays

    def port_tables(self, weights: Arrays) -> Mapping[str, Mapping[str, Integers]]:
        """See `LayerDesign`."""
        sets = self.sets(weights)
        ports = zip(self.weight_streams, self.engines.items(), strict=False)
        return {port: engine.port_tables(sets[name]) for port, (name, engine) in ports}


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
