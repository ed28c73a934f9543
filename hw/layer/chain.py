"""Layers of lines: corner turns and line engines in a row."""

from collections.abc import Iterator
from typing import Any, cast

from amaranth.hdl import Module
from amaranth.lib import wiring

from golden.layer_axes import AxesDesign, Axis, Section
from golden.layer_forms import MetaFormerDesign
from hw.layer.residual import Residual
from hw.layer.shared import SharedPasses
from hw.layer.split import SplitPass
from hw.layer.staged import Stage, StagedLayer
from hw.layer.turn import CornerTurn, Run
from hw.line import LineEngine
from hw.streams import connect_streams


class AxesLayer(StagedLayer):
    """A layer as `design` describes it: a corner turn wherever lines run along another axis.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._design = design
        self._residual: Any = None
        super().__init__(design, list(_stages(design)))
        if isinstance(design, MetaFormerDesign) and design.residual:
            self._residual = Residual(design, wait=self._wait)

    @property
    def _cycles_per_plane(self) -> int:
        """Cycles that the slowest stage takes for a plane."""
        engines = self._design.engines.values()
        return max(engine.groups_per_channel * engine.cycles_per_group for engine in engines)

    @property
    def _wait(self) -> int:
        """Most beats between a sample and its result, as long as nothing stalls.

        At less than full rate planes still come as fast as the door takes them, each some time
        after the one before.
        """
        planes = self._chain_latency // self._cycles_per_plane + 2
        return min(self._chain_latency, planes * plane_beats(self._design))

    @property
    def latency(self) -> int:
        """See `LayerComponent`."""
        return self._chain_latency + (self._residual.latency if self._residual else 0)

    @property
    def cycles_per_frame(self) -> int:
        """See `LayerComponent`."""
        for stage in self._stages:
            if isinstance(stage, SharedPasses):
                return stage.cycles_per_frame
        return self._design.channels * self._cycles_per_plane

    def _begin(self, m: Module) -> wiring.PureInterface:
        return self._keep(m) if self._residual else super()._begin(m)

    def _finish(self, m: Module, source: wiring.PureInterface) -> wiring.PureInterface:
        if self._residual is None:
            return source
        connect_streams(m, source, self._residual.y)
        return cast(wiring.PureInterface, self._residual.o)

    def _keep(self, m: Module) -> wiring.PureInterface:
        """Give every sample to the residual sum too; return the stream to the first stage."""
        m.submodules.residual = residual = self._residual
        samples = self.i.signature.create(path=("samples",))
        m.d.comb += [
            samples.payload.eq(self.i.payload),
            residual.i.payload.eq(self.i.payload),
            samples.valid.eq(self.i.valid & residual.i.ready),
            residual.i.valid.eq(self.i.valid & samples.ready),
            self.i.ready.eq(samples.ready & residual.i.ready),
        ]
        return samples


def plane_beats(design: AxesDesign) -> int:
    """Return the beats of a channel."""
    return design.height * design.width // design.lanes


def _stages(design: AxesDesign) -> Iterator[Stage]:
    """Yield what planes pass, with corner turns where they are needed."""
    sections = design.sections(0)
    axes: list[Axis] = ["width" for _ in sections]
    bits = design.data_bits
    if design.shared_engine:
        first, second = ([s.axis for s in design.sections(n)] for n in range(design.n_passes))
        yield from _turn(design, sections, axes, first, bits)
        yield SharedPasses(design)
        bits = design.output_bits
        yield from _turn(design, sections, second, ["width" for _ in axes], bits)
        return
    for number, part in enumerate(design.passes):
        sections = design.sections(number)
        wanted = [section.axis for section in sections]
        yield from _turn(design, sections, axes, wanted, bits)
        bits = max(engine.design.output_bits for engine in part)
        designs = [engine.design for engine in part]
        if len(designs) > 1:
            yield SplitPass(designs, output_bits=bits)
        else:
            yield LineEngine(designs[0])
        axes = wanted
    yield from _turn(design, sections, axes, ["width" for _ in axes], bits)


def _turn(
    design: AxesDesign,
    sections: tuple[Section, ...],
    have: list[Axis],
    want: list[Axis],
    bits: int,
) -> Iterator[CornerTurn]:
    if have == want:
        return
    runs = [
        Run(
            planes=len(section.channels),
            rows=design.height if axis == "width" else design.width,
            columns=design.width if axis == "width" else design.height,
            turned=axis != wanted,
        )
        for section, axis, wanted in zip(sections, have, want, strict=True)
    ]
    yield CornerTurn(runs=runs, bits=bits, lanes=design.lanes, target=design.target)
