"""The chain in pairs: two taps share a multiplier; `golden.direct.pairs` has the arithmetic."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.direct.design import DirectDesign
from hw.direct.chain import Broadcast, TapChain, segment_starts
from hw.parts.delay import delay, delay_valid
from hw.parts.operands import ONE, ZERO, Bit, Bits, Operands, bits_of
from hw.parts.ports import Component, View, view
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SeparateMultiplier, SharedMultiplier


@dataclass
class _PairBroadcast(Broadcast):
    """What pairs see beside: the weight, and each wave's samples, of the step before."""

    weight_before: Value
    before_new: View
    before_old: View


class PairChain(TapChain):
    """P taps of which two share a multiplier, P at least 2; otherwise as `TapChain`.

    The pair of taps k - 1 and k stands at tap k and multiplies in its steps, since it needs the
    samples of two steps; tap k - 1 only passes sums on. An odd last tap stands by itself.

    Members
    -------
    As of `TapChain`, and of `MiddleSum`, in the cycle of `x_new`:

    position, old_position, full : In
    """

    position: Signal
    old_position: Signal
    full: Signal

    def _more_ports(self) -> dict[str, Any]:
        return positions(self._design)

    @property
    def _bits(self) -> int:
        return self._design.chain_bits

    @classmethod
    def latency_of(cls, design: DirectDesign) -> int:
        """Cycles from a step on `new` to the sum that leaves."""
        return super().latency_of(design) + MiddleSum.wait(design)

    def _enter(self, m: Module) -> Broadcast:
        bus = super()._enter(m)
        last = delay_valid(m, self.last, 1, name="last")
        weight = Signal.like(self.weight, name="weight_before", reset_less=True)
        samples = data.ArrayLayout(signed(self._design.data_bits), self._design.lanes)
        new = view(samples, name="before_new", reset_less=True)
        old = view(samples, name="before_old", reset_less=True)
        with m.If(self.new):
            m.d.sync += weight.eq(self.weight)
        with m.If(bus.new):
            m.d.sync += new.eq(bus.x_new)
        with m.If(bus.old):
            m.d.sync += old.eq(bus.x_old)
        with m.If(bus.new & last):
            m.d.sync += old.eq(bus.x_new)
        pairs = _PairBroadcast(**vars(bus), weight_before=weight, before_new=new, before_old=old)
        self._subtract(m, pairs, last)
        return pairs

    def _middle(self) -> "MiddleSum":
        return middle_of(self._design)

    def _subtract(self, m: Module, bus: _PairBroadcast, last: Value) -> None:
        """Make the sum of neighbours' products, which sees what the first segment does."""
        design = self._design
        m.submodules.middle = middle = self._middle()
        wait = min(len(segment_starts(design)), 1)

        def later(signal: Any, name: str) -> Any:
            return delay(m, signal, wait, name=f"{name}_in_middle")

        m.d.comb += [
            middle.new.eq(delay_valid(m, bus.new, wait, name="new_in_middle")),
            middle.old.eq(delay_valid(m, bus.old, wait, name="old_in_middle")),
            middle.last.eq(later(last, "last")),
        ]
        for name in ("position", "old_position", "full"):
            m.d.comb += getattr(middle, name).eq(later(getattr(self, name), name))
        for name in middle.seen:
            m.d.comb += getattr(middle, name).eq(later(getattr(bus, name), name))

    def _tap(
        self, m: Module, tap: int, bus: Broadcast, reached: Value, sums_in: list[Signal]
    ) -> tuple[Signal, Signal, list[Signal]]:
        if tap % 2 == 0 and tap == self._design.taps - 1:
            return self._odd_tap(m, tap, bus, reached, sums_in)
        next_reached, owned, enable = self._own(m, tap, bus, reached)
        if tap == 0:
            return next_reached, enable, []
        if tap % 2 == 0:
            nothing = [Const(0)] * self._design.lanes
            return next_reached, enable, self._add(m, tap, enable, sums_in, nothing, self._bits)
        assert isinstance(bus, _PairBroadcast)
        now = reached & ~next_reached
        first = self._keep(m, f"weight_{tap - 1}", bus, now, bus.weight_before)
        second = self._keep(m, f"weight_{tap}", bus, now, bus.weight)
        carried = sums_in or self._given(m)
        products = self._pairs(m, tap, bus, owned, (first, second))
        sums = self._add(m, tap, enable, carried, products, self._bits)
        return next_reached, enable, sums

    def _given(self, m: Module) -> list[Value]:
        middle = m.submodules.middle
        return [middle.given[lane] for lane in range(self._design.lanes)]

    def _odd_tap(
        self, m: Module, tap: int, bus: Broadcast, reached: Value, sums_in: list[Signal]
    ) -> tuple[Signal, Signal, list[Signal]]:
        next_reached, owned, enable = self._own(m, tap, bus, reached)
        weight = self._keep(m, f"weight_{tap}", bus, reached & ~next_reached, bus.weight)
        products = self._multiply(m, tap, bus, owned, weight)
        return next_reached, enable, self._add(m, tap, enable, sums_in, products, self._bits)

    def _pairs(
        self,
        m: Module,
        tap: int,
        bus: _PairBroadcast,
        owned: Signal,
        weights: tuple[Signal, Signal],
    ) -> list[Value]:
        """Return products of sums, each of a sample and the other one's weight, a lane."""
        design = self._design
        multiply = _multiplier(design, design.pair_bits)
        m.submodules[f"multiply_{tap}"] = multiply
        first, second = weights
        for port, into, (new, old, weight) in (
            ("a", multiply.a, (bus.before_new, bus.before_old, second)),
            ("b", multiply.b, (bus.x_new, bus.x_old, first)),
        ):
            for lane in range(design.lanes):
                operand = chosen_sum(
                    m,
                    owned,
                    Operands(bits_of(new[lane], "new"), bits_of(weight, "weight")),
                    Operands(bits_of(old[lane], "old"), bits_of(weight, "weight")),
                    width=design.pair_bits,
                    target=design.target,
                    name=f"sum_{port}_{tap}_{lane}",
                )
                m.d.comb += into[lane].eq(operand)
        return [multiply.p[lane] for lane in range(design.lanes)]

    def _leave(self, m: Module, sums: list[Signal]) -> tuple[list[Value], int]:
        middle = m.submodules.middle
        for lane, total in enumerate(sums):
            m.d.comb += middle.sums[lane].eq(total)
        results = [middle.results[lane] for lane in range(self._design.lanes)]
        return results, MiddleSum.wait(self._design)


def _multiplier(design: DirectDesign, bits: int) -> SeparateMultiplier:
    return SeparateMultiplier(lanes=design.lanes, bits=bits, target=design.target)


def _inverted(word: Value, name: str) -> list[Bit]:
    return [~bit for bit in bits_of(word, name)]


class MiddleSum(Component):
    """Takes every other product of neighbouring samples off the chain's sums.

    ``Q[t] = Q[t - 2] + x[t - 1] x[t]`` is two sums that take turns along the new wave. As its
    first step the old wave multiplies the line's two ends; its later steps' products are the new
    wave's earlier ones.

    Parameters
    ----------
    design
        Of the chain.
    bits
        Width of sums.
    word_bits
        Width of the neighbours' products where they come as `words`; None where they are made here.

    Members
    -------
    new, old : In
        The waves step.
    last : In
        With `new`: the pass ends.
    full : In
        With `new`: the step is the chain's last tap's too.
    position, old_position : In
        Of the steps.
    x_new, x_old, before_new, before_old : In, a sample a lane
        Of the steps, and of those before them.
    words : In, a product a lane
        In their place: of the new wave's step, as many cycles later as a multiplier takes. That of
        the first step is of the line's ends.
    given : Out, a sum a lane
        What the chain's first sum starts with, in the cycle of the first product.
    sums : In, a sum a lane
        The chain's last sums.
    results : Out, a sum a lane
        What is left of them, `wait` cycles later.
    """

    new: Signal
    old: Signal
    last: Signal
    full: Signal
    position: Signal
    old_position: Signal
    x_new: View
    x_old: View
    before_new: View
    before_old: View
    words: View
    given: View
    sums: View
    results: View

    def __init__(self, design: DirectDesign, *, bits: int, word_bits: int | None = None) -> None:
        self._design = design
        self._shape = signed(bits)
        self._product_bits = word_bits or 2 * design.data_bits
        self._latency = SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)
        samples = data.ArrayLayout(signed(design.data_bits), design.lanes)
        words = data.ArrayLayout(signed(self._product_bits), design.lanes)
        sums = data.ArrayLayout(self._shape, design.lanes)
        self.seen: tuple[str, ...] = ()
        if word_bits is None:
            self.seen = ("x_new", "x_old", "before_new", "before_old")
        super().__init__(
            {flag: In(1) for flag in ("new", "old", "last")}
            | {view: In(samples) for view in self.seen}
            | ({} if self.seen else {"words": In(words)})
            | positions(design)
            | {
                "given": Out(sums),
                "sums": In(sums),
                "results": Out(sums),
            }
        )

    @staticmethod
    def wait(design: DirectDesign) -> int:
        """Cycles from the chain's last sum to what is left of it.

        One for the subtraction; where all taps see their samples at once, one more, since what is
        subtracted comes a cycle after the last product.
        """
        return 1 if len(segment_starts(design)) > 1 else 2

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        ends = Signal()  # the old wave's next step is its first
        with m.If(self.old):
            m.d.sync += ends.eq(0)
        with m.If(self.new & self.last):
            m.d.sync += ends.eq(1)
        products = self._multiply(m, ends)
        goes = self._later(m, self.new | (self.old & ends), 0, "goes")
        here, before = self._add_up(m, products, goes)
        late = max(len(segment_starts(design)) - 2, 0)
        sums = delay(m, self.sums, self.wait(design) - 1, name="last_sum")
        leaving = self._leaving(m, products, here, before, ends, late)
        for lane, (chosen, then, otherwise, carry) in enumerate(leaving):
            total = bits_of(sums[lane], "total")
            result = Signal(self._shape, name=f"result_{lane}", reset_less=True)
            m.d.sync += result.eq(
                chosen_sum(
                    m,
                    chosen,
                    Operands(total, then, carry),
                    Operands(total, otherwise, carry),
                    width=self._shape.width,
                    target=design.target,
                    name=f"left_{lane}",
                )
            )
            m.d.comb += self.results[lane].eq(result)
        return m

    def _multiply(self, m: Module, ends: Signal) -> list[Value]:
        """Return neighbours' products: the new wave's, or the one of a line's ends."""
        if not self.seen:
            return self._chosen(m, ends)
        m.submodules.multiply = multiply = _multiplier(self._design, self._design.data_bits)
        for lane in range(self._design.lanes):
            m.d.comb += [
                multiply.a[lane].eq(Mux(ends, self.before_old[lane], self.before_new[lane])),
                multiply.b[lane].eq(Mux(ends, self.x_old[lane], self.x_new[lane])),
            ]
        return [multiply.p[lane] for lane in range(self._design.lanes)]

    def _chosen(self, m: Module, ends: Signal) -> list[Value]:
        """Return products out of `words`: that of the ends is kept until the old wave comes."""
        begins = self._later(m, self.new & (self.position == 0), 0, "begins_line")
        at_ends = delay(m, ends, self._latency, name="at_ends")
        products: list[Value] = []
        for lane, word in enumerate(self.words):
            kept = Signal(signed(self._product_bits), name=f"kept_{lane}", reset_less=True)
            with m.If(begins):
                m.d.sync += kept.eq(word)
            products.append(Mux(at_ends, kept, word))
        return products

    def _later(self, m: Module, step: Value, cycles: int, name: str) -> Value:
        """Return ``step`` as many cycles after its product."""
        return delay_valid(m, step, self._latency + cycles, name=name)

    def _registers(self, name: str) -> list[Signal]:
        return [
            Signal(self._shape, name=f"{name}_{lane}", reset_less=True)
            for lane in range(self._design.lanes)
        ]

    @abstractmethod
    def _add_up(
        self, m: Module, products: Sequence[Value], goes: Value
    ) -> tuple[list[Signal], list[Signal]]:
        """Return sums a lane: of the last step that ``goes``, and of the one before."""

    @abstractmethod
    def _leaving(
        self,
        m: Module,
        products: Sequence[Value],
        here: Sequence[Signal],
        before: Sequence[Signal],
        ends: Value,
        late: int,
    ) -> Iterator[tuple[Value, Bits, Bits, Bit]]:
        """Yield what is added as sums leave, a lane: which of two, the two, and a carry.

        It comes two cycles after a sum's last product, and ``late`` ones more.
        """


class SlidingSum(MiddleSum):
    """Where an output needs part of the line's products, or every other one of an odd line.

    The sums run on from line to line, since only the difference within a line counts. The old wave
    has its products out of a ring.
    """

    def _add_up(
        self, m: Module, products: Sequence[Value], goes: Value
    ) -> tuple[list[Signal], list[Signal]]:
        here, before = self._registers("here"), self._registers("before")
        for lane, product in enumerate(products):
            with m.If(goes):
                m.d.sync += [here[lane].eq(before[lane] + product), before[lane].eq(here[lane])]
            m.d.comb += self.given[lane].eq(before[lane])
        return here, before

    def _leaving(
        self,
        m: Module,
        products: Sequence[Value],
        here: Sequence[Signal],
        before: Sequence[Signal],
        ends: Value,
        late: int,
    ) -> Iterator[tuple[Value, Bits, Bits, Bit]]:
        follows = self._later(m, (self.new & self.full) | (self.old & ends), 1, "follows")
        recalls = self._later(m, self.old & ~ends, 1, "recalls")
        leaving, left = self._registers("leaving"), self._registers("left")
        for lane, product in enumerate(self._recall(m, products)):
            following = chosen_sum(
                m,
                follows,
                Operands(bits_of(here[lane], "here")),
                Operands(bits_of(left[lane], "left"), bits_of(product, "product")),
                width=self._shape.width,
                target=self._design.target,
                name=f"following_{lane}",
            )
            with m.If(follows | recalls):
                m.d.sync += [
                    leaving[lane].eq(following),
                    left[lane].eq(Mux(follows, before[lane], leaving[lane])),
                ]
            # An odd last tap's own product comes a step after the last pair's.
            taken = (left if self._design.taps % 2 else leaving)[lane]
            taken = delay(m, taken, late, name=f"taken_{lane}")
            minus = _inverted(taken, "taken")
            yield Const(1, 1), minus, minus, ONE

    def _recall(self, m: Module, products: Sequence[Value]) -> list[Value]:
        """Keep the products that the old wave comes to; return its step's, a cycle late.

        A word is read a cycle before the next line's is written there at the earliest, as in the
        ring of samples.
        """
        design = self._design
        if design.taps == 2:  # the old wave has no second step
            return [Const(0)] * design.lanes
        words = data.ArrayLayout(signed(self._product_bits), design.lanes)
        m.submodules.ring = ring = Memory(
            depth=design.taps - 1, width=words.size, target=design.target
        )
        read = self._latency + 1 - READ_LATENCY
        kept = view(words, name="kept")
        m.d.comb += [
            *(kept[lane].eq(product) for lane, product in enumerate(products)),
            ring.w_en.eq(self._later(m, self.new & ~self.full, 0, "keep")),
            ring.w_addr.eq(delay(m, self.position, self._latency, name="position")),
            ring.w_data.eq(kept.as_value()),
            ring.r_en.eq(1),
            ring.r_addr.eq(delay(m, self.old_position, read, name="old_position")),
        ]
        return [words(ring.r_data)[lane] for lane in range(design.lanes)]


class WholeSums(MiddleSum):
    """Where all of an even line passes at once: two sums, which outputs need in turn.

    They are kept negative: what is added and one of two fit a carry cell, and an inverter not.
    """

    def _add_up(
        self, m: Module, products: Sequence[Value], goes: Value
    ) -> tuple[list[Signal], list[Signal]]:
        here, before = self._registers("here"), self._registers("before")
        length = self._design.length
        begins = Signal()  # nothing of the line is in the sum to add to
        first = (self.position == 1) | (self.position == 2)
        m.d.comb += begins.eq(first if length > 2 else 1)
        begins = delay(m, begins, self._latency, name="begins")
        for lane, product in enumerate(products):
            minus = _inverted(product, "product")
            total = chosen_sum(
                m,
                begins,
                Operands([ZERO], minus, ONE),
                Operands(bits_of(before[lane], "before"), minus, ONE),
                width=self._shape.width,
                target=self._design.target,
                name=f"total_{lane}",
            )
            with m.If(goes):
                m.d.sync += [here[lane].eq(total), before[lane].eq(here[lane])]
        return here, before

    def _leaving(
        self,
        m: Module,
        products: Sequence[Value],
        here: Sequence[Signal],
        before: Sequence[Signal],
        ends: Value,
        late: int,
    ) -> Iterator[tuple[Value, Bits, Bits, Bit]]:
        first = self._later(m, self.new & self.last, 1 + late, "first")
        second = self._later(m, self.old & ends, 1 + late, "second")
        step = self._later(m, self.old, 1 + late, "leaves")
        odd = Signal()  # the sum that leaves is an odd output's
        with m.If(step):
            m.d.sync += odd.eq(~odd)
        with m.If(first):
            m.d.sync += odd.eq(0)
        even_sums, odd_sums = self._registers("even"), self._registers("odd")
        for lane in range(self._design.lanes):
            now = delay(m, here[lane], late, name=f"here_{lane}")
            with m.If(first):
                m.d.sync += even_sums[lane].eq(now)
            with m.If(second):
                m.d.sync += odd_sums[lane].eq(now)
            yield odd, bits_of(odd_sums[lane], "odd"), bits_of(even_sums[lane], "even"), ZERO


def positions(design: DirectDesign) -> dict[str, Any]:
    """Return the ports that say where the waves stand."""
    return {
        "position": In(range(design.length)),
        "old_position": In(range(max(design.taps - 1, 1))),
        "full": In(1),
    }


def middle_of(
    design: DirectDesign, *, bits: int | None = None, word_bits: int | None = None
) -> MiddleSum:
    """Return what takes neighbours' products off the sums of a chain of ``design``."""
    whole = design.taps == design.length and design.length % 2 == 0
    kind = WholeSums if whole else SlidingSum
    return kind(design, bits=bits or design.chain_bits, word_bits=word_bits)


class BareChain(PairChain):
    """A chain in pairs that leaves neighbours' products in its sums, for another to take off."""

    def _more_ports(self) -> dict[str, Any]:
        return {}

    def _subtract(self, m: Module, bus: _PairBroadcast, last: Value) -> None:
        del m, bus, last

    def _given(self, m: Module) -> list[Value]:
        del m
        return [Const(0)] * self._design.lanes

    def _leave(self, m: Module, sums: list[Signal]) -> tuple[list[Value], int]:
        wait = MiddleSum.wait(self._design)
        late: list[Value] = []
        for lane, total in enumerate(sums):
            late.append(delay(m, total, wait, name=f"late_{lane}"))
        return late, wait


class LeadingChain(PairChain):
    """The one of several chains that takes neighbours' products off the sums of all.

    Members
    -------
    As of `PairChain`, and `words` of `MiddleSum`, which wait for the chain's first segment too.
    """

    words: View

    def __init__(self, design: DirectDesign, *, bits: int, word_bits: int) -> None:
        self._own_bits, self._word_bits = bits, word_bits
        super().__init__(design)

    @property
    def _bits(self) -> int:
        return self._own_bits

    def _more_ports(self) -> dict[str, Any]:
        words = data.ArrayLayout(signed(self._word_bits), self._design.lanes)
        return super()._more_ports() | {"words": In(words)}

    def _middle(self) -> MiddleSum:
        return middle_of(self._design, bits=self._own_bits, word_bits=self._word_bits)

    def _subtract(self, m: Module, bus: _PairBroadcast, last: Value) -> None:
        super()._subtract(m, bus, last)
        m.d.comb += m.submodules.middle.words.eq(self.words)

    @classmethod
    def word_latency(cls, design: DirectDesign) -> int:
        """Cycles from a step's samples to its word."""
        product = SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)
        return min(len(segment_starts(design)), 1) + product


def chain_of(design: DirectDesign) -> type[TapChain]:
    """Return the kind of chain that ``design`` has."""
    return PairChain if design.in_pairs else TapChain
