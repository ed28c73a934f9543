"""Layers of linear convolutions: kernels of any length, zeros at the borders, a stride of 1 or 2.

See `golden.stages.linear` for what a pass computes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from golden.engines import EngineChoice
from golden.graph.graph import Node
from golden.graph.tensor import AXES, Axis, Tensor
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError, check_range
from golden.layer.axes import AXES_ARRAYS
from golden.layer.design import SOURCE, LayerDesign, take_requantization
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.weights import Arrays, LineWeights, check_weights
from golden.numbers.interval import Integers, Interval
from golden.operator.parc import circular_length
from golden.stages.linear import LinearPass, Taps, around, reduced


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
        self._take_example()
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
                design = choice.design(length=length, weights=own and around(own, length), **shared)
                design.certificate()  # what is chosen for the formats alone, is chosen now
            else:
                design = self._least(choice, least, own, shared)
        taken = Tensor(self.channels, *shape, range=data, format_bits=bits)
        return LinearPass(taken, axis, kernel, design)

    def _least(
        self, choice: EngineChoice, least: int, own: LineWeights | None, shared: dict[str, Any]
    ) -> LineDesign:
        """Return the engine of the least circle from ``least`` on that it does."""
        length = choice.described.least_circle(least)
        while True:
            try:
                design = choice.design(length=length, weights=own and around(own, length), **shared)
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

    def stages(self) -> Iterator[Node]:
        """See `LayerDesign`."""
        source = SOURCE
        for part in self.passes:
            yield Node(f"along_{part.axis}", part, (source,))
            source = f"along_{part.axis}"

    def sets(self, arrays: Arrays) -> dict[str, LineWeights]:
        """See `LayerDesign`."""
        return {
            part.axis: around(
                self._weights(number, part.design.data_bits, arrays), part.design.length
            )
            for number, part in enumerate(self.passes)
        }

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
