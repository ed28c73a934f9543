"""Layers of linear convolutions: kernels of any length, zeros at the borders, a stride of 1 or 2.

    y[c, i] = bias[c] + sum_k weight[c, k] * x[c, stride * i + k - origin],  0 outside the line

A circular engine does it: on a circle of L positions the line stands ``origin`` positions on, with
zeros around it, and the results wanted are the first ones. The least L is that of
`golden.operator.parc.circular_length`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, cast

import numpy as np

from golden.engines import EngineChoice
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError, check_range
from golden.layer.axes import AXES, AXES_ARRAYS, Axis, oriented
from golden.layer.design import Arrays, LayerDesign, take_requantization
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.weights import LineWeights, check_weights
from golden.numbers.certificate import certified
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import circular_length

STRIDES = (1, 2)


@dataclass(frozen=True, kw_only=True)
class Taps:
    """A kernel's shape along an axis.

    Parameters
    ----------
    taps
        K, any.
    origin
        The tap that sits on the sample that a result belongs to; None takes K // 2.
    stride
        Samples from one result to the next, 1 or 2; the first result belongs to sample 0.
    """

    taps: int
    origin: int | None = None
    stride: int = 1

    def __post_init__(self) -> None:
        check_range("taps", self.taps, 1, 4096)
        if self.origin is not None:
            check_range("origin", self.origin, 0, self.taps - 1)
        if self.stride not in STRIDES:
            raise ParameterError("stride", "1 or 2", self.stride)

    @property
    def before(self) -> int:
        """Taps before the origin: zeros that stand ahead of a line."""
        return self.taps // 2 if self.origin is None else self.origin

    def n_results(self, n_samples: int) -> int:
        """Return the results of a line."""
        return -(-n_samples // self.stride)


@dataclass(frozen=True, eq=False)
class LinearPass:
    """Linear convolutions of all lines along an axis.

    Parameters
    ----------
    axis
        Along which lines run.
    shape
        Height and width of a plane that comes.
    kernel
        Its shape.
    design
        The circular engine.
    """

    axis: Axis
    shape: tuple[int, int]
    kernel: Taps
    design: LineDesign

    @property
    def n_samples(self) -> int:
        """Samples of a line that comes."""
        return self.shape[AXES.index(self.axis)]

    @property
    def n_results(self) -> int:
        """Results of a line."""
        return self.kernel.n_results(self.n_samples)

    @property
    def out_shape(self) -> tuple[int, int]:
        """Height and width of a plane that leaves."""
        return reduced(self.shape, self.axis, self.kernel)

    def model(self, maps: Integers, weights: LineWeights) -> Integers:
        """Return what the hardware makes of ``maps`` ``[F, C, H, W]``."""
        planes = oriented(maps, self.axis)
        lines = planes.reshape(-1, self.n_samples)
        behind = self.design.length - self.n_samples - self.kernel.before
        circles = np.pad(lines, ((0, 0), (self.kernel.before, behind)))
        kept = self.design.model(circles, weights)[:, : self.n_samples : self.kernel.stride]
        return oriented(kept.reshape(*planes.shape[:-1], self.n_results), self.axis)


def reduced(shape: tuple[int, int], axis: Axis, kernel: Taps) -> tuple[int, int]:
    """Return height and width of what a pass makes of planes of ``shape``."""
    height, width = shape
    if axis == "height":
        return kernel.n_results(height), width
    return height, kernel.n_results(width)


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearLayerDesign(LayerDesign):
    """Depthwise linear convolutions along one axis, or along one and then the other.

    Parameters
    ----------
    order
        The axes, one or both, in the order of the passes.
    choices
        The engine of each pass.
    kernels
        The kernels' shape of each pass.
    lengths
        Circular length of each pass; None takes the least that the engine does.
    between
        Output format of the first of two passes, or None where every bit passes on.
    """

    form: ClassVar[str] = "linear"
    array_names: ClassVar[tuple[str, ...]] = AXES_ARRAYS

    order: tuple[Axis, ...] = AXES
    choices: tuple[EngineChoice, ...]
    kernels: tuple[Taps, ...]
    lengths: tuple[int | None, ...]
    between: Requantization | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.between is not None and len(self.order) == 1:
            raise ParameterError("between", "left out where there is one pass", "given")
        if self.example:
            made: dict[str, Integers] = {}
            object.__setattr__(self, "weights", made)
            self._make_up(made)
        self.passes  # noqa: B018 - raises where an engine cannot do its part

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        order = tuple(table.strings("order", list(AXES)))
        if order not in (AXES, AXES[::-1], *((axis,) for axis in AXES)):
            rule = 'one or both of "height" and "width" in a list'
            raise refusal("order", rule, list(order))
        engines, kernels = table.table("engines"), table.table("kernels")
        choices, shapes, lengths = [], [], []
        for axis in order:
            choices.append(EngineChoice.take(engines.table(axis), port=port))
            entries = kernels.table(axis)
            with entries.naming():
                shape = Taps(
                    taps=entries.take("taps", int),
                    origin=entries.take("origin", int, None),
                    stride=entries.take("stride", int, 1),
                )
            shapes.append(shape)
            lengths.append(entries.take("length", int, None))
        return {
            "order": order,
            "choices": tuple(choices),
            "kernels": tuple(shapes),
            "lengths": tuple(lengths),
            "between": take_requantization(table, "between", port=port),
        }

    @cached_property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Height and width of a plane ahead of each pass, and behind the last."""
        shapes = [(self.height, self.width)]
        for axis, kernel in zip(self.order, self.kernels, strict=True):
            shapes.append(reduced(shapes[-1], axis, kernel))
        return tuple(shapes)

    @cached_property
    def passes(self) -> tuple[LinearPass, ...]:
        """The passes in the order in which a map takes them."""
        return tuple(self._passes(self.weights))

    def _passes(self, arrays: Arrays | None) -> list[LinearPass]:
        passes: list[LinearPass] = []
        bits, data = self.data_bits, self.data
        for number in range(len(self.order)):
            passes.append(self._pass(number, bits, data, arrays))
            data, bits = passes[-1].design.output_range, passes[-1].design.output_bits
        return passes

    @staticmethod
    def _with_borders(data: Interval, bits: int) -> Interval | None:
        """Return what samples of ``bits`` bits in ``data`` and zeros around them keep to.

        None where that is all of the format.
        """
        samples = Interval.union([data, Interval(0, 0)])
        return samples if samples != Interval.signed(bits) else None

    def _requantization(self, number: int) -> Requantization | None:
        return self.output if number == len(self.order) - 1 else self.between

    def _pass(self, number: int, bits: int, data: Interval, arrays: Arrays | None) -> LinearPass:
        axis, choice, kernel = self.order[number], self.choices[number], self.kernels[number]
        shape = self.shapes[number]
        for side, size in zip(AXES, self.shapes[number + 1], strict=True):
            if size % self.lanes:
                rule = f"such that {size} results are a multiple of lanes ({self.lanes})"
                raise ParameterError(side, rule, getattr(self, side))
        if bits > choice.max_data_bits:
            rule = f"given where sums of {bits} bits pass on (at most {choice.max_data_bits})"
            raise refusal("between", rule, "left out")
        n_samples = shape[AXES.index(axis)]
        least = circular_length(n_samples, kernel.taps, kernel.before)
        shared: dict[str, Any] = {
            "name": f"{self.name}_{axis}",
            "channels": self.channels,
            "rows": shape[1 - AXES.index(axis)],
            "lanes": self.lanes,
            "data_bits": bits,
            "weight_bits": self.weight_bits,
            "requantization": self._requantization(number),
            "data_range": self._with_borders(data, bits),
            "target": self.target,
        }
        shared |= choice.described.with_taps(kernel.taps)
        own = None if arrays is None else self._weights(number, bits, arrays)
        common = ("channels", "lanes", "data_bits", "weight_bits", "target", "name", "weights")
        with Table({}, f"engines.{axis}.").naming(
            {"length": f"kernels.{axis}.length"} | {key: key for key in common}
        ):
            if (length := self.lengths[number]) is not None:
                check_range("length", length, least, 4096)
                design = choice.design(length=length, weights=_around(own, length), **shared)
                design.certificate()  # what is chosen for the formats alone, is chosen now
            else:
                design = self._least(choice, least, own, shared)
        return LinearPass(axis, shape, kernel, design)

    def _least(
        self, choice: EngineChoice, least: int, own: LineWeights | None, shared: dict[str, Any]
    ) -> LineDesign:
        """Return the engine of the least circle from ``least`` on that it does."""
        length = choice.described.least_circle(least)
        while True:
            try:
                design = choice.design(length=length, weights=_around(own, length), **shared)
                design.certificate()  # where no ring holds the formats' sums, it is known now
                return design
            except ParameterError as error:
                reaches = choice.described.length_range[1]
                if error.parameter != "length" or length >= reaches:
                    raise
                refused = error
            length += 1
            if length > reaches:
                raise refused

    def _weights(self, number: int, bits: int, arrays: Arrays) -> LineWeights:
        """Return the kernels of a pass, held to their formats."""
        requantization = self._requantization(number)
        axis, kernel = self.order[number], self.kernels[number]
        if f"{axis}.pe" in arrays:
            rule = f"no '{axis}.pe': embeddings are no part of linear convolutions"
            raise ParameterError("weights", rule, "one", verb="must hold")
        return check_weights(
            arrays,
            length=kernel.taps,
            channels=self.channels,
            data_bits=bits,
            weight_bits=self.weight_bits,
            requantized=requantization.clip if requantization else None,
            key=lambda name: self._key(number, axis, name),
        )

    def _key(self, number: int, axis: Axis, name: str) -> str:
        if name == "zero_point":
            return "output.zero_point" if number == len(self.order) - 1 else "between.zero_point"
        return f"{axis}.{name}"

    def _make_up(self, arrays: dict[str, Integers]) -> None:
        """Fill ``arrays`` with an example, pass by pass: formats follow from the pass before."""
        bits, data = self.data_bits, self.data
        for number, axis in enumerate(self.order):
            requantization = self._requantization(number)
            made = example_weights(
                length=self.kernels[number].taps,
                channels=self.channels,
                data_bits=bits,
                weight_bits=self.weight_bits,
                requantized=requantization.clip if requantization else None,
                seed=number,
            )
            for name, values in made.arrays().items():
                if name != "pe":
                    key = self._key(number, axis, name)
                    arrays[key] = np.asarray(values, dtype=np.int64)
            design = self._pass(number, bits, data, arrays).design
            bits, data = design.output_bits, design.output_range

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """See `LayerDesign`."""
        return self.channels, *self.shapes[-1]

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """See `LayerDesign`."""
        return {part.axis: part.design for part in self.passes}

    @property
    def output_range(self) -> Interval:
        """See `LayerDesign`."""
        return self.passes[-1].design.output_range

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        between = self.between and {
            "bits": self.between.bits,
            "low": self.between.clip.low,
            "high": self.between.clip.high,
            "zero_point": self.stated_zero_point("between"),
        }
        return {
            "between": between,
            "passes": [
                {
                    "axis": part.axis,
                    "taps": part.kernel.taps,
                    "origin": part.kernel.before,
                    "stride": part.kernel.stride,
                    "circle": part.design.length,
                    "engine": part.axis,
                }
                for part in self.passes
            ],
        }

    def certificate(self, weights: Arrays | None = None) -> dict[str, object]:
        """See `LayerDesign`."""
        sets = [
            None if weights is None else self.engine_weights(number, weights)
            for number in range(len(self.passes))
        ]
        designs = [part.design for part in self.passes]
        errors = designs[0].errors(sets[0])
        for design, known in zip(designs[1:], sets[1:], strict=True):
            errors = design.errors(known, samples=errors.results)
        own = {
            part.axis: part.design.certificate(known)
            for part, known in zip(self.passes, sets, strict=True)
        }
        return certified(errors, designs[-1].accumulator) | {"engines": own}

    def model(self, maps: Integers, weights: Arrays | None = None) -> Integers:
        """See `LayerDesign`."""
        arrays = weights if weights is not None else self.weights
        if arrays is None:
            raise ValueError("Model must be given the weights that the ports were")
        for number, part in enumerate(self.passes):
            maps = part.model(maps, self.engine_weights(number, arrays))
        return maps

    def port_tables(self, weights: Arrays) -> Mapping[str, Mapping[str, Integers]]:
        """See `LayerDesign`."""
        return {
            port: part.design.port_tables(self.engine_weights(number, weights))
            for number, (port, part) in enumerate(
                zip(self.weight_streams, self.passes, strict=True)
            )
        }

    def engine_weights(self, number: int, arrays: Arrays) -> LineWeights:
        """Return the set of a pass's engine that ``arrays`` hold, for ROM or port."""
        design = self.passes[number].design
        own = self._weights(number, design.data_bits, arrays)
        return cast(LineWeights, _around(own, design.length))


def _around(weights: LineWeights | None, length: int) -> LineWeights | None:
    """Return kernels on a circle, tap 0 at position 0 and zeros behind the last."""
    if weights is None:
        return None
    behind = ((0, 0), (0, length - weights.length))
    return replace(weights, weight=np.pad(weights.weight, behind), pe=np.pad(weights.pe, behind))
