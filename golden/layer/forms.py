"""The forms of layers that lead every channel through line engines."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from golden.engines import EngineChoice
from golden.graph.graph import Node
from golden.graph.tensor import AXES, Axis
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError, check_range
from golden.layer.axes import AXES_ARRAYS, AxesDesign
from golden.layer.design import SOURCE, take_requantization
from golden.line.design import Requantization
from golden.line.weights import Arrays, checked_scalars
from golden.numbers.interval import Integers
from golden.stages.line import Section
from golden.stages.residual import SKIP_ARRAYS, SLOT, WIDER, ResidualSum, Skip


def check_even(channels: int) -> None:
    """Raise `ParameterError` unless half of the channels can go another way."""
    if channels % 2:
        raise ParameterError("channels", "even", channels)


@dataclass(frozen=True, kw_only=True, eq=False)
class SerialDesign(AxesDesign):
    """All channels along one axis, then along the other, or along one alone.

    Parameters
    ----------
    order
        The axes in the order of the passes.
    """

    form: ClassVar[str] = "serial"

    order: tuple[Axis, ...] = AXES

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        order = tuple(table.strings("order", list(AXES)))
        if not order or not set(order) <= set(AXES) or len(set(order)) != len(order):
            raise refusal("order", '"height" and "width" in any order, or one of them', list(order))
        if len(order) == 1:
            choice = EngineChoice.take(table.table("engines").table(order[0]), port=port)
            # The other axis has no lines, so its engine is never made.
            return {"order": order, "height_engine": choice, "width_engine": choice}
        options = super().take_options(table, port=port)
        options["between"] = take_requantization(table, "between", port=port)
        return options | {"order": order, "shared_engine": table.take("shared_engine", bool, False)}

    @property
    def n_passes(self) -> int:
        """See `AxesDesign`."""
        return len(self.order)

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

    def __post_init__(self) -> None:
        check_even(self.channels)
        super().__post_init__()

    @property
    def n_passes(self) -> int:
        """See `AxesDesign`."""
        return 1

    def sections(self, number: int) -> tuple[Section, ...]:  # noqa: ARG002 - there is one pass
        """See `AxesDesign`."""
        half = self.channels // 2
        return (
            Section("height", range(half), 0),
            Section("width", range(half, self.channels), 0),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class MetaFormerDesign(AxesDesign):
    """The first half of the channels along height, then width; the second half the other way.

    Parameters
    ----------
    residual
        Whether the map that goes in is added to the result, each with its own scale, before the
        clip: ``clip(round(y * multiplier / 2^shift) + zero_point + skipped, low, high)``.
    skip
        How the map is scaled, where weights arrive on ports; else the weights hold it.
    skip_port
        Whether that is loaded too, a channel each, on a port of its own.
    """

    form: ClassVar[str] = "metaformer"
    array_names: ClassVar[tuple[str, ...]] = (*AXES_ARRAYS, *SKIP_ARRAYS)

    residual: bool = False
    skip: Skip | None = None
    skip_port: bool = False

    def __post_init__(self) -> None:
        check_even(self.channels)
        if self.residual:
            if self.output is None:
                raise refusal("residual", "false where sums leave whole (without output)", "true")
            if self.shared_engine:
                raise refusal("residual", "false with shared_engine = true", "true")
            check_range("output.bits", self.output.bits, 2, 32 - WIDER)
        super().__post_init__()
        if self.output is not None and self.residual and self.weights is not None:
            checked_scalars(self.weights, "output.zero_point", self.channels, self.output.clip)
            self.skip_of(self.weights)

    @classmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """See `LayerDesign`."""
        options = super().take_options(table, port=port)
        options["between"] = take_requantization(table, "between", port=port)
        options["shared_engine"] = table.take("shared_engine", bool, False)
        if table.is_table("residual"):
            if not port:
                rule = "true or false without weights_port = true: the weights file has its scale"
                raise refusal("residual", rule, "a table")
            own = table.table("residual")
            if own.take("port", bool, False):
                return options | {"residual": True, "skip_port": True}
            return options | {"residual": True, "skip": Skip.take(own)}
        residual = table.take("residual", bool, False)
        if port and residual:
            rule = "a table of multiplier, shift and zero_point with weights_port = true"
            raise refusal("residual", rule, "true")
        return options | {"residual": residual}

    @property
    def skipped(self) -> Skip | None:
        """How the map that goes in is scaled, or None where that is loaded."""
        if self.weights is None:
            return self.skip
        return self.skip_of(self.weights)

    def skip_of(self, arrays: Arrays) -> Skip:
        """Return how ``arrays`` scale the map that goes in."""
        return Skip.of(arrays, self.channels, self.data)

    def stages(self) -> Iterator[Node]:
        """See `LayerDesign`."""
        for last in super().stages():
            yield last
        if not self.residual:
            return
        assert self.output is not None
        rows = last.stage.output.along()
        total = replace(rows, range=self.output.clip, format_bits=self.output.bits)
        stage = ResidualSum(self.taken, rows, total, self.skipped)
        yield Node(SLOT, stage, (SOURCE, last.name))

    def sets(self, arrays: Arrays) -> dict[str, Any]:
        """See `LayerDesign`."""
        return super().sets(arrays) | ({SLOT: self.skip_of(arrays)} if self.skip_port else {})

    def _requantization(self, number: int) -> Requantization | None:
        if not self.residual or number == 0:
            return super()._requantization(number)
        # Wide enough that no clip before the sum shows after it.
        assert self.output is not None
        return Requantization(
            bits=self.output.bits + WIDER,
            zero_point=self.output.zero_point,
            zero_point_port=self.output.zero_point_port,
        )

    def _make_up(self, arrays: dict[str, Integers]) -> None:
        super()._make_up(arrays)
        if self.residual:
            assert self.output is not None
            arrays |= Skip.example(self.data_bits, self.output.bits)

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LayerDesign`."""
        residual = self.skipped.entry() if self.residual and self.skipped else self.residual or None
        return {"residual": residual} | super().own_parameters

    def sections(self, number: int) -> tuple[Section, ...]:
        """See `AxesDesign`."""
        half = self.channels // 2
        first, second = AXES if number == 0 else AXES[::-1]
        return (
            Section(first, range(half), 0),
            Section(second, range(half, self.channels), half),
        )
