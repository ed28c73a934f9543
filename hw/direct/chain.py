"""The direct engine's multipliers: a chain that partial sums run down."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.direct.design import DirectDesign
from hw.line.output import OutputStage
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, View
from hw.primitives.multiplier import SharedMultiplier, addend_attributes
from hw.targets.registry import TARGETS


@dataclass
class Broadcast:
    """What every tap of a segment sees: kernel side first, data side a cycle later."""

    new_kernel: Value
    last_kernel: Value
    weight: Value
    new: Value
    old: Value
    x_new: View
    x_old: View

    def next_segment(self, m: Module, tap: int) -> "Broadcast":
        """Return the same a cycle later, for the segment that begins with ``tap``."""
        later: dict[str, Any] = {}
        for field in fields(self):
            waits = delay_valid if field.name in _STEPS else delay
            later[field.name] = waits(
                m, getattr(self, field.name), 1, name=f"{field.name}_at_{tap}"
            )
        return type(self)(**later)


_STEPS = ("new_kernel", "last_kernel", "new", "old")
"""Of what taps see, what must be low from the first cycle of a reset, or decides whose they are."""


class TapChain(Component):
    """P taps; tap k adds ``weight[k] * x`` to what tap k - 1 held, one step a cycle.

    A tap belongs to the new wave from the step that reaches it to the end of the pass, and to the
    old wave otherwise. It takes its weight off a bus shared by all as the new wave reaches it, so
    a store that gives one weight a cycle feeds any number of taps, and channels change without a
    bubble. All lanes share weights and control.

    Nothing stalls: a step is an enable that travels with its samples. Taps stand in segments, each
    a cycle behind the one before, so that no signal crosses the whole chain in a cycle.

    Members
    -------
    new, old : In
        The waves step.
    last : In
        With `new`: the pass ends.
    weight : In
        For the tap that this step reaches, in the same cycle.
    x_new, x_old : In, a sample a lane
        A cycle later.
    sums : Out, a partial sum a lane
    early : Out
        `sums` will be a finished pass `ahead_of` cycles later.
    """

    new: Signal
    old: Signal
    last: Signal
    weight: Signal
    x_new: View
    x_old: View
    sums: View
    early: Signal

    def __init__(self, design: DirectDesign) -> None:
        self._design = design
        self._ranges = design.chain_ranges
        samples = data.ArrayLayout(signed(design.data_bits), design.lanes)
        super().__init__(
            {
                "new": In(1),
                "old": In(1),
                "last": In(1),
                "weight": In(signed(design.weight_bits)),
                "x_new": In(samples),
                "x_old": In(samples),
                "sums": Out(data.ArrayLayout(signed(self._bits), design.lanes)),
                "early": Out(1),
            }
            | self._more_ports()
        )

    @property
    def _bits(self) -> int:
        """Width of what leaves."""
        return self._ranges[-1].bits

    def _more_ports(self) -> dict[str, Any]:
        """Return ports that other kinds of chains have."""
        return {}

    @staticmethod
    def ahead_of(design: DirectDesign) -> int:
        """Cycles that `early` is ahead: what the output stage has use for, if there are as many."""
        product = SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)
        return min(OutputStage.LOOKAHEAD + 1, product + 1)

    @classmethod
    def latency_of(cls, design: DirectDesign) -> int:
        """Cycles from a step on `new` to the last tap's sum."""
        product = SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)
        return 1 + len(segment_starts(design)) + product + 1

    def elaborate(self, platform: object) -> Module:
        m = Module()
        reached: Value = Const(1)  # the new wave has come to this tap
        sums: list[Signal] = []
        starts = segment_starts(self._design)
        bus = self._enter(m)
        for tap in range(self._design.taps):
            if tap in starts:
                bus = bus.next_segment(m, tap)
                sums = [delay(m, s, 1, name=f"sum_into_{tap}_{j}") for j, s in enumerate(sums)]
                if tap:
                    reached = delay_valid(m, reached, 1, name=f"reached_into_{tap}")
            reached, enable, sums = self._tap(m, tap, bus, reached, sums)
        leaving, wait = self._leave(m, sums)
        for lane, total in enumerate(leaving):
            m.d.comb += self.sums[lane].eq(total)
        cycles = self._product_latency + 1 + wait - self.ahead_of(self._design)
        m.d.comb += self.early.eq(delay_valid(m, enable, cycles, name="early"))
        return m

    @property
    def _product_latency(self) -> int:
        design = self._design
        return SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)

    def _leave(self, m: Module, sums: list[Signal]) -> tuple[Sequence[Value], int]:
        """Return the sums that leave, and how many cycles after the last tap's they do."""
        return sums, 0

    def _enter(self, m: Module) -> Broadcast:
        return Broadcast(
            new_kernel=self.new,
            last_kernel=self.last,
            weight=self.weight,
            new=delay_valid(m, self.new, 1, name="new"),
            old=delay_valid(m, self.old, 1, name="old"),
            x_new=self.x_new,
            x_old=self.x_old,
        )

    def _tap(
        self, m: Module, tap: int, bus: Broadcast, reached: Value, sums_in: list[Signal]
    ) -> tuple[Signal, Signal, list[Signal]]:
        """Build one tap; return the next one's `reached`, this one's enable and sums."""
        next_reached, owned, enable = self._own(m, tap, bus, reached)
        weight = self._keep(m, f"weight_{tap}", bus, reached & ~next_reached, bus.weight)
        products = self._multiply(m, tap, bus, owned, weight)
        carried: Sequence[Value] = sums_in or [Const(0)] * self._design.lanes
        width = self._ranges[tap].bits
        return next_reached, enable, self._add(m, tap, enable, carried, products, width)

    def _own(
        self, m: Module, tap: int, bus: Broadcast, reached: Value
    ) -> tuple[Signal, Signal, Signal]:
        """Return the next tap's `reached`, whether the new wave owns this one, and its enable."""
        next_reached = Signal(name=f"reached_{tap + 1}")
        with m.If(bus.new_kernel):
            m.d.sync += next_reached.eq(reached & ~bus.last_kernel)
        owned = Signal(name=f"owned_{tap}")
        enable = Signal(name=f"enable_{tap}")
        m.d.sync += owned.eq(reached)
        m.d.comb += enable.eq(Mux(owned, bus.new, bus.old))
        return next_reached, owned, enable

    def _keep(self, m: Module, name: str, bus: Broadcast, now: Value, weight: Value) -> Signal:
        """Take a weight off the bus in the step that the new wave reaches its tap."""
        kept = Signal(signed(self._design.weight_bits), name=name, reset_less=True)
        with m.If(bus.new_kernel & now):
            m.d.sync += kept.eq(weight)
        return kept

    def _multiply(
        self, m: Module, tap: int, bus: Broadcast, owned: Signal, weight: Signal
    ) -> list[Value]:
        """Return the products of a weight with the samples of the wave that owns its tap."""
        design = self._design
        m.submodules[f"multiply_{tap}"] = multiply = SharedMultiplier(
            lanes=design.lanes,
            a_bits=design.data_bits,
            b_bits=design.weight_bits,
            target=design.target,
        )
        m.d.comb += [
            multiply.a.eq(Mux(owned, bus.x_new.as_value(), bus.x_old.as_value())),
            multiply.b.eq(weight),
        ]
        return [multiply.p[lane] for lane in range(design.lanes)]

    def _add(
        self,
        m: Module,
        tap: int,
        enable: Signal,
        carried: Sequence[Value],
        products: Sequence[Value],
        width: int,
    ) -> list[Signal]:
        """Return a tap's sums, of ``width`` bits."""
        step = delay_valid(m, enable, self._product_latency, name=f"step_{tap}")
        sums = []
        for lane, (before, product) in enumerate(zip(carried, products, strict=True)):
            total = Signal(
                signed(width),
                name=f"sum_{tap}_{lane}",
                reset_less=True,
                attrs=addend_attributes(self._design.target),
            )
            with m.If(step):
                m.d.sync += total.eq(before + product)
            sums.append(total)
        return sums


_TAPS_NEAR = 8
_MAX_SEGMENTS = 8


def segment_starts(design: DirectDesign) -> range:
    """Taps before which the signals that all taps share pass a register.

    A few taps share a copy, so that no net is long; but at most `_MAX_SEGMENTS` copies, since each
    is a cycle of latency. Where nets take no time there are none.
    """
    if not TARGETS[design.target].nets_take_time:
        return range(0)
    return range(0, design.taps, max(_TAPS_NEAR, -(-design.taps // _MAX_SEGMENTS)))
