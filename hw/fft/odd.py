"""Transforms of an odd number of points in the FFT engine, a few multipliers in turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from golden.fft.format import SectionFormat
from golden.fft.odd import OddTransform
from hw.fft.beats import AHEAD, Beats, BeatSignature
from hw.fft.product import rounded, rounds_up
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.operands import ONE, ZERO, Operands, bits_of
from hw.parts.ports import Component, View
from hw.primitives.adder import chosen_sum
from hw.primitives.multiplier import SharedMultiplier

_GATHERED = 7
"""Cycles from the announcement of a block's last sample to the first step of the multipliers."""


@dataclass(frozen=True)
class Row:
    """Sums of products that one multiplier makes in steps that follow each other.

    Parameters
    ----------
    kind
        "cos" where it is an A, "sin" where it is a B.
    number
        Which one, from 1.
    constants
        Raw integers; operand n belongs to constant n.
    """

    kind: str
    number: int
    constants: tuple[int, ...]


@dataclass(frozen=True)
class MultiplierStep:
    """A multiplier's step: which operand, and whether a row begins or ends with it."""

    row: Row
    operand: int
    first: bool
    last: bool


Rows = dict[tuple[str, int], list[Signal]]
"""Sums by their row's kind and number, for each part."""


class Schedule:
    """What every multiplier does in each of the cycles that a block takes.

    Rows go to the first multiplier that has room for them, the longest first.
    """

    def __init__(self, odd: OddTransform) -> None:
        self._odd = odd

    @cached_property
    def units(self) -> list[list[Row]]:
        """The rows of each multiplier."""
        rows = [Row("sin", q + 1, tuple(row)) for q, row in enumerate(self._odd.sines.tolist())]
        units: list[list[Row]] = []
        for row in rows:
            self._place(units, row)
        cosines = [Row("cos", q + 1, tuple(r)) for q, r in enumerate(self._odd.cosines.tolist())]
        if self._odd.derives:
            # One after the other: what is made of them takes one a time.
            room = [u for u in units if self._room(u) >= sum(len(c.constants) for c in cosines)]
            if cosines and not room:
                units.append([])
            (room or units)[-1][:0] = cosines
            return units
        for row in cosines:
            self._place(units, row)
        return units

    def _place(self, units: list[list[Row]], row: Row) -> None:
        unit = next((u for u in units if self._room(u) >= len(row.constants)), None)
        if unit is None:
            unit = []
            units.append(unit)
        unit.append(row)

    def _room(self, unit: list[Row]) -> int:
        return self._odd.points - sum(len(row.constants) for row in unit)

    def steps(self, unit: int) -> list[MultiplierStep]:
        """Return a multiplier's steps; it rests in the cycles behind them."""
        return [
            MultiplierStep(row, n, first=n == 0, last=n == len(row.constants) - 1)
            for row in self.units[unit]
            for n in range(len(row.constants))
        ]


class OddStage(Component):
    """Transforms of blocks of samples, each a few products a cycle; see `golden.fft.odd`.

    A block's samples are gathered, and pairs of them added and subtracted as the second comes.
    Then `Schedule.units` multipliers a part go through the block's products while the next block
    comes, and its results leave one a cycle, `latency` cycles after its last sample, come what may.

    Parameters
    ----------
    odd
        What to do.
    before, after
        Of the sections in front and behind.
    pairs
        Complex numbers a beat.
    target
        Device family.

    Members
    -------
    i : In, `BeatSignature`
        With half a unit added where `before` drops bits.
    o : Out, `BeatSignature` of the entry of `after`
    """

    i: Beats
    o: Beats

    def __init__(
        self,
        odd: OddTransform,
        *,
        before: SectionFormat,
        after: SectionFormat,
        pairs: int,
        target: str,
    ) -> None:
        self._odd = odd
        self._before = before
        self._after = after
        self._pairs = pairs
        self._target = target
        self._schedule = Schedule(odd)
        self._whole = not after.ranks
        self._dropped = before.operand.f_bits + odd.f_bits - after.entry.f_bits
        self._width = after.entry.width + self._dropped
        super().__init__(
            {
                "i": In(BeatSignature(before.leaves, pairs)),
                "o": Out(BeatSignature(after.entry, pairs)),
            }
        )

    @staticmethod
    def latency_on(
        target: str, odd: OddTransform, before: SectionFormat, after: SectionFormat
    ) -> int:
        """Cycles from a block's last sample to its first result."""
        multiplying = OddStage._multiplying_on(target, odd, before)
        return _GATHERED + 3 + odd.points + multiplying + (not after.ranks)

    @property
    def latency(self) -> int:
        """Cycles from a block's last sample to its first result."""
        return self.latency_on(self._target, self._odd, self._before, self._after)

    @staticmethod
    def _multiplying_on(target: str, odd: OddTransform, before: SectionFormat) -> int:
        """Cycles from a step to its products: operands are chosen in one of its own."""
        bits = before.operand.width + odd.growth
        return 1 + SharedMultiplier.latency_on(target, a_bits=bits)

    @property
    def _parts(self) -> list[tuple[int, str]]:
        return [(pair, part) for pair in range(self._pairs) for part in ("re", "im")]

    @property
    def _multiplying(self) -> int:
        return self._multiplying_on(self._target, self._odd, self._before)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        gathered, complete = self._gather(m)
        working = self._work(m, gathered, complete)
        step = self._count(m, complete, _GATHERED - 1, name="step")
        rows = self._multiply(m, working, step)
        results = self._combine(m, working, rows, complete)
        self._leave(m, results, complete)
        return m

    def _count(self, m: Module, complete: Value, cycles: int, *, name: str) -> Signal:
        """Return a count of a block's cycles that begins ``cycles`` after it is ``complete``."""
        count = Signal(range(self._odd.points), name=name, reset_less=True)
        last = self._odd.points - 1
        m.d.sync += count.eq(Mux(count == last, last, count + 1))
        with m.If(delay_valid(m, complete, cycles - 1, name=f"{name}_begins")):
            m.d.sync += count.eq(0)
        return count

    def _turns(self, m: Module, step: Value, *, name: str) -> Value | None:
        """Return the right angles that the sample of a ``step`` turns by; None where none does."""
        turns = self._odd.turns.tolist()
        if not any(turns):
            return None
        period = next(
            n
            for n in range(self._odd.points, len(turns) + 1, self._odd.points)
            if turns == turns[:n] * (len(turns) // n)
        )
        m.submodules[name] = place = Counter(period)
        m.d.comb += place.step.eq(step)
        return Array(Const(t, 2) for t in turns[:period])[place.value]

    def _gather(self, m: Module) -> tuple["Gathered", Signal]:
        """Add and subtract pairs of samples; return them, and when a block's last is announced."""
        points, half = self._odd.points, self._odd.half
        m.submodules.place = place = Counter(points)
        complete = Signal()
        m.d.comb += [place.step.eq(self.i.early), complete.eq(self.i.early & place.last)]
        number = delay(m, place.value, AHEAD + 2, name="number")
        # When the operand of each sample of a block is there.
        times = [
            delay_valid(m, self.i.early & (place.value == n), AHEAD + 2, name=f"time_{n}")
            for n in range(points)
        ]
        met = [delay_valid(m, times[points - k - 1], 1, name=f"met_{k}") for k in range(half)]
        begun = delay_valid(m, times[0], 2, name="begun")
        added = delay_valid(m, Cat(met).any(), 1, name="added")
        turns = None
        if not self._odd.inverse:
            turns = self._turns(m, self.i.early, name="turning")
        if turns is not None:
            turns = delay(m, turns, AHEAD, name="turns")
        gathered = Gathered([], [], [], [])
        for pair, part in self._parts:
            name = f"{pair}_{part}"
            x = self._operand(m, pair, part, turns)
            first, *early = (self._kept(m, x, times[n], f"x_{n}_{name}") for n in range(half + 1))
            # Sample n meets sample points - n.
            places = [early[(points - n - 1) % half] for n in range(points)]
            partner = delay(m, _sized(Array(places)[number], len(x)), 1, name=f"partner_{name}")
            later = delay(m, x, 1, name=f"later_{name}")
            total = Signal(signed(len(x) + 1), name=f"sum_{name}")
            difference = Signal(signed(len(x) + 1), name=f"difference_{name}")
            m.d.comb += [total.eq(partner + later), difference.eq(partner - later)]
            full = Signal(
                signed(len(x) + half.bit_length() + 1), name=f"full_{name}", reset_less=True
            )
            latest = delay(m, total, 1, name=f"latest_{name}")
            with m.If(begun):
                m.d.sync += full.eq(first)
            with m.If(added):
                m.d.sync += full.eq(full + latest)
            gathered.first.append(self._kept(m, first, begun, f"head_{name}"))
            gathered.sums.append(
                [self._kept(m, total, met[k], f"s_{k}_{name}") for k in range(half)]
            )
            gathered.differences.append(
                [self._kept(m, difference, met[k], f"d_{k}_{name}") for k in range(half)]
            )
            gathered.full.append(full)
        return gathered, complete

    @staticmethod
    def _kept(m: Module, value: Value, when: Value, name: str) -> Signal:
        """Return ``value`` as it was when ``when`` was high last."""
        kept = Signal(value.shape(), name=name, reset_less=True)
        with m.If(when):
            m.d.sync += kept.eq(value)
        return kept

    def _operand(self, m: Module, pair: int, part: str, turns: Value | None) -> Signal:
        """Return a part of a sample, rounded to an operand and turned, a cycle later."""
        z, carry = self.i.z[pair], self.i.carry[pair]
        own, other = part, "im" if part == "re" else "re"
        width = self._before.operand.width
        x = Signal(signed(width), name=f"x_{pair}_{part}", reset_less=True)
        value, up = rounded(z[own], self._before), carry[own]
        if turns is not None:
            # -j * (re + j * im) = im - j * re; of two or three turns the negative.
            value = Mux(turns[0], rounded(z[other], self._before), value).as_signed()
            negative = turns[1] ^ (turns[0] if part == "im" else Const(0, 1))
            value = (value ^ negative.replicate(len(value))).as_signed()
            up = Mux(turns[0], carry[other], carry[own]) ^ negative
        name = f"{pair}_{part}"
        turned = Signal(signed(width), name=f"turned_{name}", reset_less=True)
        added = Signal(name=f"added_{name}", reset_less=True)
        m.d.sync += [turned.eq(value), added.eq(up), x.eq(turned + added)]
        return x

    def _work(self, m: Module, gathered: "Gathered", complete: Signal) -> "Workload":
        """Keep a block's operands while the next block is gathered."""
        odd = self._odd
        go = delay_valid(m, complete, _GATHERED - 1, name="go")
        then = delay_valid(m, go, 1, name="then")
        working = Workload([], [], [], [], [])
        for number, (pair, part) in enumerate(self._parts):
            name = f"{pair}_{part}"
            sums, first = gathered.sums[number], gathered.first[number]
            bits = self._before.operand.width + odd.growth
            # Twice the first sample, less the last sum: in half units.
            base = Signal(signed(len(sums[-1]) + 1), name=f"base_{name}", reset_less=True)
            many = Signal(
                signed(len(first) + odd.points.bit_length()), name=f"many_{name}", reset_less=True
            )
            full = Signal(gathered.full[number].shape(), name=f"all_{name}", reset_less=True)
            rest = Signal(signed(len(many) + 1), name=f"rest_of_{name}", reset_less=True)
            meets, differs = [], []
            with m.If(go):
                m.d.sync += [base.eq((first << 1) - sums[-1]), many.eq(_times(first, odd.points))]
                for k in range(odd.half - 1):
                    p = Signal(signed(bits), name=f"p_{k}_{name}", reset_less=True)
                    m.d.sync += p.eq(sums[k] - sums[-1])
                    meets.append(p)
                for k in range(odd.half):
                    d = Signal(signed(bits), name=f"q_{k}_{name}", reset_less=True)
                    m.d.sync += d.eq(gathered.differences[number][k])
                    differs.append(d)
            with m.If(then):
                m.d.sync += full.eq(gathered.full[number])
            m.d.sync += rest.eq(delay(m, many, 1, name=f"many_late_{name}") - full)
            working.meets.append(meets)
            working.differs.append(differs)
            working.base.append(base)
            working.full.append(full)
            working.rest.append(rest)
        return working

    def _multiply(self, m: Module, working: "Workload", step: Signal) -> Rows:
        """Return the rows' sums, a register each: "cos" with their first part, "sin"."""
        rows: Rows = {}
        for unit in range(len(self._schedule.units)):
            rows |= self._run(m, unit, working, step)
        return rows

    def _run(self, m: Module, unit: int, working: "Workload", step: Signal) -> Rows:
        """Return the rows of a multiplier."""
        steps = self._schedule.steps(unit)
        sums = self._accumulate(m, unit, working, step, self._products(m, unit, working, step))
        ends = {
            index: delay(
                m,
                _decoded(m, step, _only({index}, self._odd.points), f"ends_{index}", unit),
                self._multiplying + 1,
                name=f"ended_{index}_{unit}",
            )
            for index, s in enumerate(steps)
            if s.last
        }
        rows: Rows = {}
        for index, when in ends.items():
            row = steps[index].row
            rows[row.kind, row.number] = self._keep(m, sums, when, row)
        cosines = {index: when for index, when in ends.items() if steps[index].row.kind == "cos"}
        if self._odd.derives and cosines:
            rows["cos", self._odd.half] = self._derive(m, working, sums, cosines)
        return rows

    def _products(self, m: Module, unit: int, working: "Workload", step: Signal) -> View:
        """Multiply what is worked on by its constants, step by step."""
        odd, steps = self._odd, self._schedule.steps(unit)
        m.submodules[f"multiplier_{unit}"] = multiplier = SharedMultiplier(
            lanes=2 * self._pairs,
            a_bits=self._before.operand.width + odd.growth,
            b_bits=odd.constant_bits,
            target=self._target,
        )
        places = [(s.row.kind, s.operand) for s in steps]
        chosen = list(dict.fromkeys(places))
        select = _decoded(m, step, list(map(chosen.index, places)), "select", unit)
        constants = [s.row.constants[s.operand] for s in steps]
        constant = _decoded(m, step, constants, "constant", unit, shape=signed(odd.constant_bits))
        m.d.comb += multiplier.b.eq(delay(m, constant, 1, name=f"constant_{unit}"))
        for number, (pair, part) in enumerate(self._parts):
            operands = [
                (working.meets if kind == "cos" else working.differs)[number][operand]
                for kind, operand in chosen
            ]
            operand = _sized(Array(operands)[select], len(multiplier.a[number]))
            name = f"operand_{unit}_{pair}_{part}"
            m.d.comb += multiplier.a[number].eq(delay(m, operand, 1, name=name))
        return multiplier.p

    def _accumulate(
        self, m: Module, unit: int, working: "Workload", step: Signal, products: View
    ) -> list[Signal]:
        """Add up a multiplier's products, row after row."""
        odd, multiplying = self._odd, self._multiplying
        steps = self._schedule.steps(unit)
        begins = _decoded(m, step, [s.first for s in steps], "begins", unit)
        first = delay(m, begins, multiplying, name=f"first_{unit}")
        based = {i for i, s in enumerate(steps) if s.first and s.row.kind == "cos"}
        if based:
            # What a row begins with is chosen a cycle before its first product comes.
            starts = _decoded(m, step, _only(based, len(steps)), "based", unit)
            starts = delay(m, starts, multiplying - 1, name=f"starts_{unit}")
            late = max(0, max(based) + multiplying - odd.points)
        sums: list[Signal] = []
        for number, (pair, part) in enumerate(self._parts):
            name = f"{unit}_{pair}_{part}"
            total = Signal(signed(self._width), name=f"total_{name}", reset_less=True)
            start = [ZERO]
            if based:
                base = delay(m, working.base[number], late, name=f"base_late_{name}")
                begun = Signal(base.shape(), name=f"start_{name}", reset_less=True)
                m.d.sync += begun.eq(Mux(starts, base, 0))
                start = [ZERO] * (odd.f_bits - 1) + bits_of(begun, "start")
            product = bits_of(products[number], "product")
            added = chosen_sum(
                m,
                first,
                Operands(product, start),
                Operands(product, bits_of(total, "total")),
                width=self._width,
                target=self._target,
                name=f"added_{name}",
            )
            m.d.sync += total.eq(added)
            sums.append(total)
        return sums

    def _keep(self, m: Module, sums: Sequence[Signal], when: Value, row: Row) -> list[Signal]:
        return [
            self._kept(m, total, when, f"{row.kind}_{row.number}_{pair}_{part}")
            for (pair, part), total in zip(self._parts, sums, strict=True)
        ]

    def _derive(
        self, m: Module, working: "Workload", sums: Sequence[Value], ends: Mapping[int, Value]
    ) -> list[Signal]:
        """Return the last A: what the first sample and all sums leave of the others."""
        odd = self._odd
        begins = min(ends)
        late = max(0, begins + self._multiplying - odd.points)
        ended = Signal()
        m.d.comb += ended.eq(Cat(*ends.values()).any())
        kept: list[Signal] = []
        for number, (pair, part) in enumerate(self._parts):
            base = delay(m, working.rest[number], late, name=f"rest_late_{pair}_{part}")
            left = Signal(signed(self._width), name=f"left_{pair}_{part}", reset_less=True)
            taken = [~bit for bit in bits_of(sums[number], "sum")]
            start = [ZERO] * (odd.f_bits - 1) + bits_of(base, "base")
            rest = chosen_sum(
                m,
                ends[begins],
                Operands(start, taken, ONE),
                Operands(bits_of(left, "left"), taken, ONE),
                width=self._width,
                target=self._target,
                name=f"rest_{pair}_{part}",
            )
            with m.If(ended):
                m.d.sync += left.eq(rest)
            kept.append(left)
        return kept

    def _combine(self, m: Module, working: "Workload", rows: Rows, complete: Signal) -> list[Value]:
        """Return the results' parts one after the other, not rounded yet."""
        points, half = self._odd.points, self._odd.half
        wait = _GATHERED + points + self._multiplying + 1
        copies = delay_valid(m, complete, wait, name="copies")
        q = self._count(m, complete, wait, name="q")
        which = _decoded(m, q, [min(k, points - k) for k in range(points)], "which", 0)
        # A - j * B for the first results, A + j * B for the last; on the way back the other way.
        adds = _decoded(m, q, [(k > half) == self._odd.inverse for k in range(points)], "adds", 0)
        a: list[Value] = []
        b: list[Value] = []
        for number, (pair, part) in enumerate(self._parts):
            name = f"{pair}_{part}"
            terms = [rows["sin", k][number] for k in range(1, half + 1)]
            sums = self._sums(m, working, rows, number)
            held = [self._kept(m, v, copies, f"a_{k}_{name}") for k, v in enumerate(sums)]
            turned = [self._kept(m, v, copies, f"b_{k + 1}_{name}") for k, v in enumerate(terms)]
            a.append(Array(held)[which])
            b.append(Array([Const(0, 1), *turned])[which])
        return self._joined(m, a, b, delay(m, adds, 1, name="adding"))

    def _sums(self, m: Module, working: "Workload", rows: Rows, number: int) -> list[Value]:
        """Return every A of a part, as wide as results."""
        odd, multiplying = self._odd, self._multiplying
        pair, part = self._parts[number]
        name = f"{pair}_{part}"
        full = delay(m, working.full[number], multiplying + 1, name=f"full_late_{name}")
        sums: list[Value] = [_sized(full << odd.f_bits, self._width)]
        if odd.half > 1:
            return sums + [rows["cos", k][number] for k in range(1, odd.half + 1)]
        base = delay(m, working.base[number], multiplying + 2, name=f"base_late_{name}")
        return [*sums, _sized(base << odd.f_bits - 1, self._width)]

    def _joined(
        self, m: Module, a: Sequence[Value], b: Sequence[Value], adds: Value
    ) -> list[Value]:
        """Return A - j * B where ``adds``, else A + j * B: the parts, two cycles later."""
        results: list[Value] = []
        for number, (pair, part) in enumerate(self._parts):
            name = f"{pair}_{part}"
            own = delay(m, _sized(a[number], self._width), 1, name=f"own_{name}")
            other = b[number + 1 if part == "re" else number - 1]
            other = delay(m, _sized(other, self._width), 1, name=f"other_{name}")
            added = Operands(bits_of(own, "own"), bits_of(other, "other"))
            taken = Operands(added.a, [~bit for bit in added.b], ONE)
            then, otherwise = (added, taken) if part == "re" else (taken, added)
            total = chosen_sum(
                m,
                adds,
                then,
                otherwise,
                width=self._width,
                target=self._target,
                name=f"combined_{name}",
            )
            results.append(delay(m, total, 1, name=f"result_{name}"))
        return results

    def _leave(self, m: Module, results: Sequence[Value], complete: Signal) -> None:
        """Round the results, turn them, and let them leave."""
        points = self._odd.points
        begins = delay_valid(m, complete, self.latency, name="begins")
        left = Signal(range(points))
        m.d.comb += self.o.early.eq(begins | left.any())
        with m.If(begins):
            m.d.sync += left.eq(points - 1)
        with m.Elif(left.any()):
            m.d.sync += left.eq(left - 1)
        turns = self._turns(m, self.o.early, name="turning") if self._odd.inverse else None
        if turns is not None:
            turns = delay(m, turns, AHEAD, name="turns")
        wholes: list[Value] = []
        carries: list[Value] = []
        for (pair, part), result in zip(self._parts, results, strict=True):
            name = f"{pair}_{part}"
            whole = (result >> self._dropped)[: self._after.entry.width].as_signed()
            up = rounds_up(result, self._dropped)
            wholes.append(delay(m, _sized(whole, len(whole)), 1, name=f"whole_{name}"))
            carries.append(delay(m, up | Const(0, 1), 1, name=f"carry_{name}"))
        for number, (pair, part) in enumerate(self._parts):
            whole, carry = wholes[number], carries[number]
            if self._whole:
                value = Signal(signed(len(whole)), name=f"rounded_{pair}_{part}", reset_less=True)
                m.d.sync += value.eq(whole + carry)
                m.d.comb += self.o.z[pair][part].eq(value)
                continue
            if turns is not None:
                # j * (re + j * im) = -im + j * re; what is inverted with its carry is the negative.
                partner = number + (1 if part == "re" else -1)
                negative = turns[1] ^ (turns[0] if part == "re" else Const(0, 1))
                whole = Mux(turns[0], wholes[partner], whole) ^ negative.replicate(len(whole))
                carry = Mux(turns[0], carries[partner], carry) ^ negative
            m.d.comb += [
                self.o.z[pair][part].eq(whole.as_signed()),
                self.o.carry[pair][part].eq(carry),
            ]


@dataclass(frozen=True)
class Gathered:
    """A block's samples as they are gathered, for each part."""

    first: list[Signal]
    sums: list[list[Signal]]
    differences: list[list[Signal]]
    full: list[Signal]


@dataclass(frozen=True)
class Workload:
    """What the multipliers work on, for each part: operands, and what sums begin with."""

    meets: list[list[Signal]]
    differs: list[list[Signal]]
    base: list[Signal]
    full: list[Signal]
    rest: list[Signal]


def _times(value: Value, points: int) -> Value:
    """Return ``value`` an odd number of times, by shifting."""
    bits = points.bit_length()
    if points == (1 << bits) - 1:
        return (value << bits) - value
    parts = [value << bit for bit in range(bits) if points >> bit & 1]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _only(places: set[int], size: int) -> list[bool]:
    """Return which of ``size`` steps are among ``places``."""
    return [place in places for place in range(size)]


def _decoded(
    m: Module,
    count: Signal,
    values: Sequence[int],
    name: str,
    unit: int,
    shape: Shape | None = None,
) -> Signal:
    """Return what ``count`` stands for, a cycle later; the last value beyond the end."""
    kind = unsigned(max(max(values), 1).bit_length()) if shape is None else shape
    decoded = Signal(kind, name=f"{name}_{unit}", reset_less=True)
    m.d.sync += decoded.eq(Array(Const(int(value), kind) for value in values)[count])
    return decoded


def _sized(value: Value, width: int) -> Value:
    """Return ``value`` with ``width`` bits, signed."""
    return (value + Const(0, signed(width)))[:width].as_signed()
