"""Layers of lines: corner turns and line engines in a row."""

from collections.abc import Iterator
from typing import Any, TypeAlias

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring

from golden.layer_axes import AxesDesign, Axis, Section
from hw.counter import Counter
from hw.layer.base import W_EVENTS, LayerComponent
from hw.layer.turn import CornerTurn, Run
from hw.line import LineEngine, weights_layout
from hw.streams import connect_streams

Stage: TypeAlias = Any
"""A component with `i` and `o`: a `CornerTurn` or a `LineEngine`."""


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
        engines = design.engines.values()
        loads = zip(design.weight_streams, map(weights_layout, engines), strict=False)
        super().__init__(design, dict(loads))

    @property
    def latency(self) -> int:
        """Cycles from the first input handshake to the first output handshake, unstalled."""
        first, last = 0, plane_beats(self._design) - 1
        for stage in self._stages:
            if isinstance(stage, CornerTurn):
                first = last + stage.latency
                last = first + plane_beats(self._design) - 1
            else:
                first += stage.latency
                groups = stage.design.groups_per_channel
                last = first + (groups - 1) * stage.design.cycles_per_group
                last += stage.design.length - 1
        return first

    @property
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled."""
        engines = self._design.engines.values()
        slowest = max(engine.groups_per_channel * engine.cycles_per_group for engine in engines)
        return self._design.channels * slowest

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        self._check_framing(m)
        source = wiring.flipped(self.i)
        loads = iter(design.weight_streams)
        for number, stage in enumerate(self._stages):
            m.submodules[f"stage_{number}"] = stage
            connect_streams(m, source, stage.i)
            source = stage.o
            if isinstance(stage, LineEngine) and design.loaded:
                self._load(m, next(loads), stage)
        connect_streams(m, source, wiring.flipped(self.o))
        if isinstance(self._stages[-1], LineEngine):
            self._mark_frames(m, source)
        return m

    def _load(self, m: Module, port: str, engine: LineEngine) -> None:
        connect_streams(m, wiring.flipped(getattr(self, port)), engine.w)
        for event in W_EVENTS:
            m.d.comb += getattr(self, f"event_{port}_{event}").eq(
                getattr(engine, f"event_w_{event}")
            )

    def _mark_frames(self, m: Module, source: wiring.PureInterface) -> None:
        """Take `last` off all ends of groups but a frame's."""
        engine = self._design.passes[-1][0].design
        m.submodules.groups = groups = Counter(engine.channels * engine.groups_per_channel)
        ends = Signal()
        m.d.comb += [
            ends.eq(self.o.valid & self.o.ready & source.payload.last),
            groups.step.eq(ends),
            self.o.payload.last.eq(source.payload.last & groups.last),
        ]


def plane_beats(design: AxesDesign) -> int:
    """Return the beats of a channel."""
    return design.height * design.width // design.lanes


def _stages(design: AxesDesign) -> Iterator["CornerTurn | LineEngine"]:
    """Yield what planes pass, with corner turns where they are needed."""
    sections = design.sections(0)
    axes: list[Axis] = ["width" for _ in sections]
    bits = design.data_bits
    for number, part in enumerate(design.passes):
        sections = design.sections(number)
        wanted = [section.axis for section in sections]
        yield from _turn(design, sections, axes, wanted, bits)
        (engine,) = part
        yield LineEngine(engine.design)
        axes, bits = wanted, engine.design.output_bits
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
