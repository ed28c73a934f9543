"""What planning must know of each form of layers."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from typing import Any

from golden.engines import DENSE_DESIGNS, DESIGNS, PLANE_DESIGNS
from golden.graph.tensor import AXES
from golden.inputs.config import Table
from golden.layer.axes import AxesDesign
from golden.layer.dense import HALVES, DenseLayerDesign
from golden.layer.filter import FilterDesign
from golden.layer.linear import LinearLayerDesign
from golden.operator.parc import circular_length
from golden.stages.linear import reduced
from hw.line.candidates import EngineTable, Lines
from hw.plan.tables import (
    FAR_APART,
    candidates_of,
    cycles_for,
    of_like_rates,
    paired,
    tables_of,
)

Options = Mapping[str, Any]
"""A layer's configuration without what the planner decides."""
_MOST_HALVINGS = 7
"""Binary logarithm of the most products of a dense engine, and of the most slices."""
_MOST_LANES = 64


class PlannedForm(ABC):
    """How layers of a form are planned.

    Attributes
    ----------
    in_halves
        Whether arrays hold first halves of the channels, then second halves.
    map_in_halves
        Whether a map does.
    joins
        Whether layers can be channels of one map.
    """

    in_halves = False
    map_in_halves = False
    joins = True

    @abstractmethod
    def tables(
        self, options: Options, channels: int, engines: Sequence[str]
    ) -> Iterator[dict[str, EngineTable]]:
        """Yield engines by their names in a configuration."""

    @abstractmethod
    def products(self, design: Any) -> int:
        """Return the multiplications that a map stands for."""

    def lanes(self, options: Options) -> list[int]:
        """Return the lanes that an engine can have."""
        return _divisors(gcd(int(options["height"]), int(options["width"])))

    def circles(self, options: Options) -> set[int]:
        """Return the lengths of lines that an engine must do as they are."""
        del options
        return set()


class _Axes(PlannedForm):
    """Line engines along both axes, or one."""

    def __init__(self, *, in_halves: bool = False, map_in_halves: bool = False) -> None:
        self.in_halves = in_halves
        self.map_in_halves = map_in_halves

    def _lines(self, options: Options) -> dict[str, Lines]:
        sides = {axis: int(options[axis]) for axis in options.get("order", AXES)}
        area = int(options["height"]) * int(options["width"])
        return {
            axis: Lines(sides[axis], sides[axis], area // sides[axis])
            for axis in AXES
            if axis in sides
        }

    def tables(
        self, options: Options, channels: int, engines: Sequence[str]
    ) -> Iterator[dict[str, EngineTable]]:
        """See `PlannedForm`."""
        del channels
        return paired(self._lines(options), engines)

    def circles(self, options: Options) -> set[int]:
        """See `PlannedForm`."""
        return {lines.length for lines in self._lines(options).values()}

    def products(self, design: AxesDesign) -> int:
        """See `PlannedForm`."""
        return sum(
            len(section.channels) * design.height * design.width * design.side(section.axis)
            for number in range(design.n_passes)
            for section in design.sections(number)
        )


class _Dense(PlannedForm):
    """One engine for all groups of channels, or one for each half where their lines differ.

    Weights are streamed if they can be.
    """

    joins = False

    def _axes(self, options: Options) -> list[str]:
        return [axis for axis in AXES if options.get("axis", HALVES) in (HALVES, axis)]

    def tables(
        self, options: Options, channels: int, engines: Sequence[str]
    ) -> Iterator[dict[str, EngineTable]]:
        """See `PlannedForm`: with products side by side, or with fewer macs than one."""
        axes = self._axes(options)
        lines = {axis: self._lines(options, axis) for axis in axes}
        tables = {
            axis: list(self._tables(lines[axis], channels // len(axes), engines)) for axis in axes
        }
        if len({own.length for own in lines.values()}) == 1:
            return (dict.fromkeys(axes, table) for table in tables[axes[0]])
        cycles = {
            axis: [cycles_for(lines[axis], table) / int(table["products"]) for table in own]
            for axis, own in tables.items()
        }
        return of_like_rates(tables, cycles)

    @staticmethod
    def _lines(options: Options, axis: str) -> Lines:
        length = int(options[axis])
        return Lines(length, length, int(options["height"]) * int(options["width"]) // length)

    @staticmethod
    def _tables(lines: Lines, most: int, engines: Sequence[str]) -> Iterator[EngineTable]:
        """Yield engines for ``lines`` with up to ``most`` products."""
        able = [engine for engine in engines if engine in DENSE_DESIGNS]
        for table in tables_of(lines, able, FAR_APART):
            several = candidates_of(table).can_multiply(lines, table)
            for products in powers(most) if several else [1]:
                yield {**table, "products": products}

    def circles(self, options: Options) -> set[int]:
        """See `PlannedForm`."""
        return {int(options[axis]) for axis in self._axes(options)}

    def products(self, design: DenseLayerDesign) -> int:
        """See `PlannedForm`."""
        pixels = design.height * design.width
        return sum(
            pixels * len(one.channels) * len(other.channels) * getattr(design, one.axis)
            for one, other in zip(design.sections, design.out_sections, strict=True)
        )


class _Linear(PlannedForm):
    """Line engines with zeros around the lines."""

    def tables(
        self, options: Options, channels: int, engines: Sequence[str]
    ) -> Iterator[dict[str, EngineTable]]:
        """See `PlannedForm`."""
        del channels
        read = self._read(options)
        lines = {}
        for axis, kernel, given, shape in zip(
            read["order"], read["kernels"], read["lengths"], self._shapes(options), strict=False
        ):
            samples = shape[AXES.index(axis)]
            least = circular_length(samples, kernel.taps, kernel.before)
            rows = shape[0] * shape[1] // samples
            lines[axis] = Lines(given or least, kernel.taps, rows, fixed=given is not None)
        return paired(lines, engines)

    @staticmethod
    def _read(options: Options) -> dict[str, Any]:
        """Return the form's fields, with any engines."""
        engines = {axis: {"engine": next(iter(DESIGNS))} for axis in AXES}
        table = Table({**options, "engines": engines})
        return LinearLayerDesign.take_options(table, port=True)

    def _shapes(self, options: Options) -> tuple[tuple[int, int], ...]:
        """Return height and width of a plane ahead of each pass, and behind the last."""
        read = self._read(options)
        shapes = [(int(options["height"]), int(options["width"]))]
        for axis, kernel in zip(read["order"], read["kernels"], strict=True):
            shapes.append(reduced(shapes[-1], axis, kernel))
        return tuple(shapes)

    def lanes(self, options: Options) -> list[int]:
        """See `PlannedForm`: planes may be smaller after a pass."""
        return _divisors(gcd(*(side for shape in self._shapes(options) for side in shape)))

    def products(self, design: LinearLayerDesign) -> int:
        """See `PlannedForm`."""
        results = ((part.kernel.taps, *part.out_shape) for part in design.passes)
        return design.channels * sum(taps * height * width for taps, height, width in results)


class _Filter(PlannedForm):
    """A two-dimensional engine."""

    def tables(
        self, options: Options, channels: int, engines: Sequence[str]
    ) -> Iterator[dict[str, EngineTable]]:
        """See `PlannedForm`."""
        del options, channels
        return ({"plane": {"engine": name}} for name in engines if name in PLANE_DESIGNS)

    def lanes(self, options: Options) -> list[int]:
        """See `PlannedForm`; engines that do not take as many refuse them."""
        most = max(design.most_lanes for design in PLANE_DESIGNS.values())
        return [lanes for lanes in super().lanes(options) if lanes <= most]

    def products(self, design: FilterDesign) -> int:
        """See `PlannedForm`."""
        return design.channels * design.plane.length * design.plane.taps


def powers(number: int) -> list[int]:
    """Return powers of 2 that divide ``number``."""
    return [1 << n for n in range(_MOST_HALVINGS + 1) if number % (1 << n) == 0]


def _divisors(number: int) -> list[int]:
    return [n for n in range(1, min(number, _MOST_LANES) + 1) if number % n == 0]


FORMS: Mapping[str, PlannedForm] = {
    "serial": _Axes(),
    "parallel": _Axes(map_in_halves=True),
    "metaformer": _Axes(in_halves=True, map_in_halves=True),
    "dense": _Dense(),
    "linear": _Linear(),
    "global_filter": _Filter(),
    "depthwise": _Filter(),
}
