"""Layers of lines: corner turns and line engines in a row."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from golden.layer_axes import AxesDesign, Axis, Section
from golden.layer_forms import MetaFormerDesign
from hw.counter import Counter
from hw.layer.base import W_EVENTS, LayerComponent
from hw.layer.residual import Residual
from hw.layer.shared import SharedPasses
from hw.layer.split import SplitPass
from hw.layer.turn import CornerTurn, Run
from hw.line import LineEngine, weights_layout
from hw.streams import connect_streams

Stage: TypeAlias = Any
"""A component with `i` and `o`: a `CornerTurn`, or something around `LineEngine`s."""


class AxesLayer(LayerComponent):
    """A layer as `design` describes it.

    Planes pass through one stage after the other, a corner turn wherever lines of the next stage
    run along the other axis. Each stage works on a plane while the next one works on the plane
    before.

    Members
    -------
    See `LayerComponent`; a `w` takes beats of `hw.line.weights_layout`.
    """

    def __init__(self, design: AxesDesign) -> None:
        self._design = design
        self._stages: list[Stage] = list(_stages(design))
        self._residual: Any = None
        if isinstance(design, MetaFormerDesign) and design.residual:
            self._residual = Residual(design, wait=self._wait)
        engines = design.engines.values()
        loads = zip(design.weight_streams, map(weights_layout, engines), strict=False)
        super().__init__(design, dict(loads))

    @property
    def _chain_latency(self) -> int:
        """Cycles from the first sample to the last stage's first result, unstalled."""
        first, last = 0, plane_beats(self._design) - 1
        for stage in self._stages:
            if isinstance(stage, CornerTurn):
                first = last + stage.latency
                last = first + plane_beats(self._design) - 1
            else:
                first += stage.latency
                engine = _engines_of(stage)[0].design
                last = first + (engine.groups_per_channel - 1) * engine.cycles_per_group
                last += engine.length - 1
        return first

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

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._check_framing(m)
        source = self._keep(m) if self._residual else wiring.flipped(self.i)
        loads = iter(self._design.weight_streams)
        for number, stage in enumerate(self._stages):
            m.submodules[f"stage_{number}"] = stage
            connect_streams(m, source, stage.i)
            source = stage.o
            if self._design.loaded:
                for engine in _engines_of(stage):
                    self._load(m, next(loads), engine)
        if self._residual:
            connect_streams(m, source, self._residual.y)
            source = self._residual.o
        connect_streams(m, source, wiring.flipped(self.o))
        if not isinstance(self._stages[-1], CornerTurn):
            self._mark_frames(m, source)
        return m

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

    def _load(self, m: Module, port: str, engine: LineEngine) -> None:
        connect_streams(m, wiring.flipped(getattr(self, port)), engine.w)
        for event in W_EVENTS:
            m.d.comb += getattr(self, f"event_{port}_{event}").eq(
                getattr(engine, f"event_w_{event}")
            )

    def _mark_frames(self, m: Module, source: wiring.PureInterface) -> None:
        """Take `last` off all ends of groups but a frame's."""
        groups_of_plane = self._design.passes[-1][0].design.groups_per_channel
        m.submodules.groups = groups = Counter(self._design.channels * groups_of_plane)
        ends = Signal()
        m.d.comb += [
            ends.eq(self.o.valid & self.o.ready & source.payload.last),
            groups.step.eq(ends),
            self.o.payload.last.eq(source.payload.last & groups.last),
        ]


def _engines_of(stage: Stage) -> list[LineEngine]:
    if isinstance(stage, SharedPasses):
        return [stage.engine]
    if isinstance(stage, SplitPass):
        return stage.engines
    return [stage] if isinstance(stage, LineEngine) else []


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
