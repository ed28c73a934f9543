"""Statistics of positions for layer norms: a bit a cycle, and no multiplier."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS, Sizes
from golden.network.layer_norm import SPREAD_BITS
from hw.accelerator.layout import Layouts
from hw.parts.operands import ONE, ZERO, Operands, bits_of
from hw.parts.ports import Component, View
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import Memory

ROOT_BITS = 17
EXPONENT_BITS = 6
_SPREAD_BITS = 62
"""Of what is normalised: its top two bits are not both 0."""
_VALUE_BITS = 32
_STEPS = (32, 16, 8, 4, 2)
"""By which it is shifted to that, each or not."""
_REST_BITS = 55
"""Of what is left of 2^62, at a bit of the root, less what that would take off it."""


def total_bits(channels: int) -> int:
    """Return the width of a sum over so many channels, without its sign."""
    return (channels << CENTRED_BITS - 1).bit_length()


def cycles_of(channels: int) -> int:
    """Cycles from a position's sums to its statistics, for layer norms of so many channels."""
    return total_bits(channels) + len(_STEPS) + ROOT_BITS + 5


INTERVAL = 1
"""Cycles from a position's statistics to those sums that may be the next in their place."""


def units_of(tile: int) -> int:
    """Return how many positions are under way at a time: few channels take few passes."""
    return max(tile // 4, 1)


def starts_of(there: Sequence[int], sizes: Sizes, channels: int) -> list[int]:
    """Return when positions begin whose sums are ``there``, of which the first waits for none."""
    each, units = cycles_of(channels) + INTERVAL, units_of(sizes.tile)
    starts: list[int] = []
    for number, when in enumerate(there):
        free = starts[number - units] + each if number >= units else when
        starts.append(max(when, free, starts[-1] + 1 if starts else when))
    return starts


def statistics_layout(channels: int) -> data.StructLayout:
    """Return the layout of a position's statistics: its sum, negative, and root and exponent."""
    return data.StructLayout(
        {
            "minus": signed(total_bits(channels) + 1),
            "root": unsigned(ROOT_BITS),
            "exponent": signed(EXPONENT_BITS),
        }
    )


class Statistics(Component):
    """Makes statistics of positions, of some at a time, and keeps them: see `LayerNorm`.

    Parameters
    ----------
    layouts
        Of descriptors.

    Members
    -------
    told : In
        Fields of the descriptor that is finished.
    start, squares, both : In
        A position's sum of squares, and that and the sum of samples; only while it is ready.
    last : In
        Whether it is the descriptor's last.
    place : In
        Which position it is, or is asked for.
    ready : Out
    done : Out
        Pulse: those of the last position are kept.
    kept : Out
        Statistics of the position asked for, `READ_LATENCY` cycles later.
    """

    told: View
    start: Signal
    squares: Signal
    both: Signal
    last: Signal
    place: Signal
    ready: Signal
    done: Signal
    kept: View

    def __init__(self, layouts: Layouts) -> None:
        self._sizes = layouts.sizes
        self._channels = layouts.abilities.norm
        self._layout = statistics_layout(self._channels)
        self._units = units_of(self._sizes.tile)
        super().__init__(
            {
                "told": In(layouts.finish),
                "start": In(1),
                "squares": In(SUM_BITS),
                "both": In(SUM_BITS),
                "last": In(1),
                "place": In(range(layouts.sizes.positions)),
                "ready": Out(1),
                "done": Out(1),
                "kept": Out(self._layout),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            depth=self._sizes.positions, width=self._layout.size, target=self._sizes.target
        )
        units = [PositionStatistics(self._sizes, self._channels) for _ in range(self._units)]
        turn = Signal(range(self._units))
        with m.If(self.start):
            m.d.sync += turn.eq(Mux(turn == self._units - 1, 0, turn + 1))
        lasts, places = (
            [Signal.like(told, name=f"{name}_{number}") for number in range(self._units)]
            for name, told in (("last", self.last), ("place", self.place))
        )
        m.d.comb += [
            self.ready.eq(Cat(unit.ready for unit in units).bit_select(turn, 1)),
            self.done.eq(
                Cat(unit.ends & last for unit, last in zip(units, lasts, strict=True)).any()
            ),
            memory.r_en.eq(1),
            memory.r_addr.eq(self.place),
            Value.cast(self.kept).eq(memory.r_data),
            memory.w_en.eq(Cat(unit.ends for unit in units).any()),
        ]
        for number, unit in enumerate(units):
            m.submodules[f"unit_{number}"] = unit
            m.d.comb += [
                unit.channels.eq(self.told.channels),
                unit.epsilon.eq(self.told.epsilon),
                unit.start.eq(self.start & (turn == number)),
                unit.squares.eq(self.squares),
                unit.both.eq(self.both),
            ]
            with m.If(unit.start):
                m.d.sync += [places[number].eq(self.place), lasts[number].eq(self.last)]
            # They began one after the other, and end so.
            with m.If(unit.ends):
                m.d.comb += [
                    memory.w_addr.eq(places[number]),
                    memory.w_data.eq(Value.cast(unit.found)),
                ]
        return m


class PositionStatistics(Component):
    """Makes the statistics of a position.

    Parameters
    ----------
    sizes
        Of the accelerator.
    channels
        Of a layer norm at most.

    Members
    -------
    channels, epsilon : In
        Of the layer norm.
    start, squares, both : In
        As of `Statistics`.
    ready : Out
    ends : Out
        Pulse: `found` holds the statistics, `cycles_of` cycles after the start.
    """

    channels: Signal
    epsilon: Signal
    start: Signal
    squares: Signal
    both: Signal
    ready: Signal
    ends: Signal
    found: View

    def __init__(self, sizes: Sizes, channels: int) -> None:
        self._sizes = sizes
        self._channels = channels
        super().__init__(
            {
                "channels": In(channels.bit_length()),
                "epsilon": In(SPREAD_BITS),
                "start": In(1),
                "squares": In(SUM_BITS),
                "both": In(SUM_BITS),
                "ready": Out(1),
                "ends": Out(1),
                "found": Out(statistics_layout(channels)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        count = Signal(range(cycles_of(self._channels)))
        busy = Signal()
        m.d.comb += [
            self.ready.eq(~busy),
            self.ends.eq(busy & (count == cycles_of(self._channels) - 1)),
        ]
        m.d.sync += count.eq(count + 1)
        with m.If(self.ends):
            m.d.sync += busy.eq(0)
        with m.If(self.start):
            m.d.sync += [busy.eq(1), count.eq(0)]
        self._root(m, count, self._spread(m, count, self.found), self.found)
        return m

    def _spread(self, m: Module, count: Signal, found: View) -> Signal:
        """Return the spread, normalised: products bit by bit, their difference, its place."""
        bits = total_bits(self._channels)
        squares = Signal(SUM_BITS)
        total = Signal(signed(bits + 1))
        magnitude, digits, counts = (
            Signal(bits, name=n) for n in ("magnitude", "digits", "counts")
        )
        first, second, spread = (
            Signal(_SPREAD_BITS, name=n) for n in ("first", "second", "spread")
        )
        with m.If(self.start):
            m.d.sync += [squares.eq(self.squares), total.eq(self.both - self.squares)]
        with m.If(count == 0):
            size = abs(total)
            m.d.sync += [
                magnitude.eq(size),
                digits.eq(size),
                counts.eq(self.channels),
                first.eq(0),
                second.eq(0),
                found.minus.eq(-total),
                found.exponent.eq(_VALUE_BITS // 2 - 1),
            ]
        with m.Elif(count <= bits):
            m.d.sync += [
                first.eq((first << 1) + Mux(counts[-1], squares, 0)),
                second.eq((second << 1) + Mux(digits[-1], magnitude, 0)),
                counts.eq(counts << 1),
                digits.eq(digits << 1),
            ]
        with m.Elif(count == bits + 1):
            m.d.sync += spread.eq(first - second)
        with m.Elif(count == bits + 2):
            m.d.sync += spread.eq(spread + self.epsilon)
        for number, amount in enumerate(_STEPS):
            with m.If((count == bits + 3 + number) & ~spread[-amount:].any()):
                m.d.sync += [
                    spread.eq(spread << amount),
                    found.exponent.eq(found.exponent - amount // 2),
                ]
        return spread

    def _root(self, m: Module, count: Signal, spread: Signal, found: View) -> None:
        """Find the largest r with ``r^2 v <= 2^62``, a bit a cycle, one carry chain each.

        At bit k, with R found above it, ``rest`` is ``(2^62 - (R + 2^k)^2 v) / 4^k``, and its sign
        tells the bit. The next one goes on from it, right or wrong, so no bit waits for a choice:
        with ``t = v (2 R / 2^k + 1)`` in it, four times that less ``above = 2 t + 3 v`` where the
        bit is 1, and ``below = 2 t + v`` more where it is 0.
        """
        begin = cycles_of(self._channels) - 1 - ROOT_BITS
        rest, above, below, threefold, fivefold = (
            Signal(signed(_REST_BITS), name=name)
            for name in ("rest", "above", "below", "threefold", "fivefold")
        )
        value = spread[-_VALUE_BITS:]
        fits = ~rest[-1]
        with m.If(count == 0):
            m.d.sync += found.root.eq(0)
        with m.Elif(count == begin - 1):
            m.d.sync += [
                rest.eq((1 << _VALUE_BITS - 2) - value),
                *(times.eq((value << 1) + value) for times in (threefold, below)),
                *(times.eq((value << 2) + value) for times in (fivefold, above)),
            ]
        with m.Elif((count >= begin) & (count < begin + ROOT_BITS)):
            m.d.sync += [
                rest.eq(self._grown(m, rest, 2, fits, minus=above, plus=below)),
                above.eq(self._grown(m, above, 1, ~fits, minus=fivefold, plus=threefold)),
                below.eq(self._grown(m, below, 1, ~fits, minus=threefold, plus=fivefold)),
                found.root.eq((found.root << 1) | fits),
            ]

    def _grown(
        self, m: Module, word: Signal, places: int, takes: Value, *, minus: Signal, plus: Signal
    ) -> Value:
        """Return ``word`` so many places up, less ``minus`` if it ``takes``, else plus ``plus``."""
        grown = [*[ZERO] * places, *bits_of(word, word.name)]
        taken = [~bit for bit in bits_of(minus, minus.name)]
        return chosen_sum(
            m,
            takes,
            Operands(grown, taken, ONE),
            Operands(grown, bits_of(plus, plus.name)),
            width=_REST_BITS,
            target=self._sizes.target,
            name=f"{word.name}_next",
        )
