"""The direct engine's multipliers: a chain that partial sums run down."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.direct import DirectDesign
from hw.delay import delay, delay_valid
from hw.ports import Component, View
from hw.primitives.multiplier import SharedMultiplier, addend_attributes


@dataclass
class _Broadcast:
    """What every tap of a segment sees: kernel side first, data side a cycle later."""

    new_kernel: Value
    last_kernel: Value
    weight: Value
    new: Value
    old: Value
    x_new: View
    x_old: View


class Chain(Component):
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
        `sums` will be a finished pass `EARLY` cycles later.
    """

    new: Signal
    old: Signal
    last: Signal
    weight: Signal
    x_new: View
    x_old: View
    sums: View
    early: Signal

    EARLY = 2

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
                "sums": Out(data.ArrayLayout(signed(self._ranges[-1].bits), design.lanes)),
                "early": Out(1),
            }
        )

    @staticmethod
    def latency_of(design: DirectDesign) -> int:
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
                bus = self._next_segment(m, bus, tap)
                sums = [delay(m, s, 1, name=f"sum_into_{tap}_{j}") for j, s in enumerate(sums)]
                if tap:
                    reached = delay_valid(m, reached, 1, name=f"reached_into_{tap}")
            reached, enable, sums = self._tap(m, tap, bus, reached, sums)
        for lane, total in enumerate(sums):
            m.d.comb += self.sums[lane].eq(total)
        latency = SharedMultiplier.latency_on(self._design.target, a_bits=self._design.data_bits)
        m.d.comb += self.early.eq(delay_valid(m, enable, latency + 1 - self.EARLY, name="early"))
        return m

    def _enter(self, m: Module) -> _Broadcast:
        return _Broadcast(
            new_kernel=self.new,
            last_kernel=self.last,
            weight=self.weight,
            new=delay_valid(m, self.new, 1, name="new"),
            old=delay_valid(m, self.old, 1, name="old"),
            x_new=self.x_new,
            x_old=self.x_old,
        )

    @staticmethod
    def _next_segment(m: Module, bus: _Broadcast, tap: int) -> _Broadcast:
        def later(field: str) -> Any:
            return delay(m, getattr(bus, field), 1, name=f"{field}_at_{tap}")

        return _Broadcast(
            new_kernel=delay_valid(m, bus.new_kernel, 1, name=f"new_kernel_at_{tap}"),
            new=delay_valid(m, bus.new, 1, name=f"new_at_{tap}"),
            old=delay_valid(m, bus.old, 1, name=f"old_at_{tap}"),
            last_kernel=later("last_kernel"),
            weight=later("weight"),
            x_new=later("x_new"),
            x_old=later("x_old"),
        )

    def _tap(
        self, m: Module, tap: int, bus: _Broadcast, reached: Value, sums_in: list[Signal]
    ) -> tuple[Signal, Signal, list[Signal]]:
        """Build one tap; return the next one's `reached`, this one's enable and sums."""
        design = self._design
        next_reached = Signal(name=f"reached_{tap + 1}")
        weight = Signal(signed(design.weight_bits), name=f"weight_{tap}", reset_less=True)
        with m.If(bus.new_kernel):
            m.d.sync += next_reached.eq(reached & ~bus.last_kernel)
            with m.If(reached & ~next_reached):
                m.d.sync += weight.eq(bus.weight)

        owned = Signal(name=f"owned_{tap}", reset_less=True)
        enable = Signal(name=f"enable_{tap}")
        m.submodules[f"multiply_{tap}"] = multiply = SharedMultiplier(
            lanes=design.lanes,
            a_bits=design.data_bits,
            b_bits=design.weight_bits,
            target=design.target,
        )
        m.d.sync += owned.eq(reached)
        m.d.comb += [
            enable.eq(Mux(owned, bus.new, bus.old)),
            multiply.a.eq(Mux(owned, bus.x_new.as_value(), bus.x_old.as_value())),
            multiply.b.eq(weight),
        ]
        step = delay_valid(m, enable, multiply.latency, name=f"step_{tap}")
        sums = []
        for lane in range(design.lanes):
            total = Signal(
                signed(self._ranges[tap].bits),
                name=f"sum_{tap}_{lane}",
                reset_less=True,
                attrs=addend_attributes(design.target),
            )
            carried = sums_in[lane] if sums_in else Const(0)
            with m.If(step):
                m.d.sync += total.eq(carried + multiply.p[lane])
            sums.append(total)
        return next_reached, enable, sums


_TAPS_NEAR = 8
_MAX_SEGMENTS = 6


def segment_starts(design: DirectDesign) -> range:
    """Taps before which the signals that all taps share pass a register.

    A few taps share a copy, so that no net is long; but at most `_MAX_SEGMENTS` copies, since each
    is a cycle of latency. The generic target, whose nets have no length, has none.
    """
    if design.target == "generic":
        return range(0)
    return range(0, design.taps, max(_TAPS_NEAR, -(-design.taps // _MAX_SEGMENTS)))
