"""Counting: the place of a step in nested loops."""

from collections.abc import Mapping

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component, View, view

_DIGIT_BITS = 4


def counted_layout(bits: int) -> data.StructLayout:
    """Layout of a number of ``bits`` that is counted up, for `one_more`; all bits 0, it is 0."""
    return data.StructLayout({"value": bits, "full": max(-(-bits // _DIGIT_BITS) - 1, 0)})


def one_more(number: View) -> Value:
    """Return a number of `counted_layout` and one more, modulo its size.

    It counts in digits, each of which but the last has a register that says whether it is full.
    So no carry chain is needed, which would have a wire of its own, and look-up tables behind it
    for whatever else is chosen.
    """
    value, digits, fulls = number.value, [], []
    carry: Value = Const(1, 1)
    for place, low in enumerate(range(0, len(value), _DIGIT_BITS)):
        digit = value[low : low + _DIGIT_BITS]
        after = (digit + carry)[: len(digit)]
        digits.append(after)
        if place < len(number.full):
            fulls.append(after.all())
            carry &= number.full[place]
    return Cat(*digits, *fulls)


class Counter(Component):
    """Counts steps from 0 to `size - 1` and over again; both outputs are registers.

    Members
    -------
    step : In
        Move on at the end of this cycle.
    value : Out
    last : Out
        High while `value` is `size - 1`.
    """

    step: Signal
    value: Signal
    last: Signal

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"Size must be at least 1, not {size}")
        self._size = size
        super().__init__({"step": In(1), "value": Out(range(size)), "last": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._size == 1:
            m.d.comb += self.last.eq(1)
            return m
        count = view(counted_layout(len(self.value)), name="count")
        m.d.comb += self.value.eq(count.value)
        with m.If(self.step):
            m.d.sync += [count.eq(one_more(count)), self.last.eq(self.value == self._size - 2)]
            with m.If(self.last):
                m.d.sync += count.eq(0)
        return m


class Countdown:
    """A loop whose number of steps is told when it begins; whether one is the last is a register.

    Parameters
    ----------
    limit
        Steps less one, and ``lowest``: it stands from the cycle after `begin` on.
    lowest
        What is counted down to.
    name
        Of its registers.

    Attributes
    ----------
    last
        Whether the step at hand is the last one.
    """

    def __init__(self, limit: Value, *, lowest: int = 0, name: str) -> None:
        self._limit = limit
        self._lowest = lowest
        self._left = Signal(len(limit), name=f"left_{name}")
        self._single = Signal(name=f"single_{name}")
        self.last = Signal(name=f"is_last_{name}")

    def count(self, m: Module, step: Value) -> None:
        """Go on with ``step``."""
        with m.If(step):
            m.d.sync += [
                self._left.eq(Mux(self.last, self._limit, self._left - 1)),
                self.last.eq(Mux(self.last, self._single, self._left == self._lowest + 1)),
            ]

    def begin(self, m: Module, limit: Value) -> None:
        """Begin, after `count` in the order of statements, with steps told in this cycle."""
        single = limit == self._lowest
        m.d.sync += [self._left.eq(limit), self._single.eq(single), self.last.eq(single)]


class Nest:
    """Nested loops whose numbers of steps are told when they begin.

    Whether a step is the last inside a loop is a register: what moves on with a loop waits for no
    other loop's end to be known.

    Parameters
    ----------
    limits
        Steps of each loop by name, less one, the innermost first: they stand from the cycle after
        `begin` on.

    Attributes
    ----------
    ends
        Whether the step at hand is the last one of a loop and of all inside it.
    lasts
        Whether it is the last one of a loop.
    """

    def __init__(self, limits: Mapping[str, Value]) -> None:
        self._limits = dict(limits)
        self._left = {n: Signal(len(limit), name=f"left_{n}") for n, limit in limits.items()}
        self.lasts, self._next, self._few, self.ends = (
            {name: Signal(name=f"{what}_{name}") for name in limits}
            for what in ("is_last", "next_is_last", "few", "ends")
        )

    def count(self, m: Module, step: Value) -> None:
        """Go on with ``step``."""
        inner: Value = Const(1, 1)
        all_last: Value = Const(1, 1)
        for name, left in self._left.items():
            last, following = self.lasts[name], self._next[name]
            third = left == 2 if len(left) > 1 else Const(0, 1)  # of the steps, from the end
            with m.If(step & inner):
                m.d.sync += [
                    left.eq(Mux(last, self._limits[name], left - 1)),
                    last.eq(following),
                    following.eq(Mux(last, self._few[name], ~following & third)),
                ]
            all_last = all_last & Mux(inner, following, last)
            with m.If(step):
                m.d.sync += self.ends[name].eq(all_last)
            inner = self.ends[name]

    def begin(self, m: Module, begins: Value, limits: Mapping[str, Value]) -> None:
        """Begin, after `count` in the order of statements, with what has stood for a cycle."""
        all_single: Value = Const(1, 1)
        for name, limit in limits.items():
            single, few = (Signal(name=f"{what}_{name}_ahead") for what in ("single", "few"))
            m.d.sync += [single.eq(limit == 0), few.eq(~limit[1:].any() if len(limit) > 1 else 1)]
            all_single = all_single & single
            with m.If(begins):
                m.d.sync += [
                    self._left[name].eq(limit),
                    self.lasts[name].eq(single),
                    *(one[name].eq(few) for one in (self._next, self._few)),
                    self.ends[name].eq(all_single),
                ]


class Odometer(Component):
    """Nested counters: each moves on when all inside it are at their last value.

    Parameters
    ----------
    sizes
        Steps of each counter by name, the innermost first.

    Members
    -------
    step : In
    NAME : Out
        Value of the counter NAME for the step of this cycle.
    last_NAME : Out
        Whether this step is the last one inside NAME: it and all inside it are at their ends.
    """

    step: Signal
    # The loops that the house counts, for mypy; any other is counted as well.
    beat: Signal
    last_beat: Signal
    channel: Signal
    last_channel: Signal
    column: Signal
    last_column: Signal
    frame: Signal
    last_frame: Signal
    group: Signal
    last_group: Signal
    half: Signal
    last_half: Signal
    line: Signal
    last_line: Signal
    output: Signal
    last_output: Signal
    plane: Signal
    last_plane: Signal
    point: Signal
    last_point: Signal
    position: Signal
    last_position: Signal
    row: Signal
    last_row: Signal
    turn: Signal
    last_turn: Signal
    unit: Signal
    last_unit: Signal
    word: Signal
    last_word: Signal

    def __init__(self, **sizes: int) -> None:
        self._sizes = sizes
        super().__init__(
            {"step": In(1)}
            | {name: Out(range(size)) for name, size in sizes.items()}
            | {f"last_{name}": Out(1) for name in sizes}
        )

    @classmethod
    def port_type(cls, name: str) -> type:  # noqa: ARG003 - whatever it is called
        """See `hw.parts.ports.Component`."""
        return Signal

    def elaborate(self, platform: object) -> Module:
        m = Module()
        inner_last = Signal(init=1)
        m.d.comb += inner_last.eq(1)
        for name, size in self._sizes.items():
            m.submodules[name] = counter = Counter(size)
            last = getattr(self, f"last_{name}")
            m.d.comb += [
                counter.step.eq(self.step & inner_last),
                getattr(self, name).eq(counter.value),
                last.eq(inner_last & counter.last),
            ]
            inner_last = last
        return m
