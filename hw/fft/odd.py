"""Transforms of an odd number of points in the FFT engine, a few multipliers in turn."""

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib.wiring import In, Out

from golden.fft.format import SectionFormat
from golden.fft.odd import OddTransform
from hw.fft.beats import AHEAD, Beats, BeatSignature
from hw.fft.product import rounded, rounds_up
from hw.fft.schedule import COS, SIN, BlockTimes, Row, Schedule
from hw.parts.counter import Counter
from hw.parts.delay import delay
from hw.parts.operands import ONE, ZERO, Bits, Operands, bits_of
from hw.parts.ports import Component
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SharedMultiplier


class Ages:
    """A signal as it was some cycles ago, in one chain of registers."""

    def __init__(self, m: Module, signal: Value, name: str, *, resets: bool = True) -> None:
        self._m = m
        self._name = name
        self._resets = resets
        self._values = [signal]

    def __getitem__(self, cycles: int) -> Value:
        while len(self._values) <= cycles:
            later = Signal(
                self._values[-1].shape(),
                name=f"{self._name}_{len(self._values)}",
                reset_less=not self._resets,
            )
            self._m.d.sync += later.eq(self._values[-1])
            self._values.append(later)
        return self._values[cycles]

    def any(self, cycles: Sequence[int], name: str) -> Signal:
        """Return whether it was high some of so many cycles ago, out of a register."""
        found = Signal(name=name)
        self._m.d.sync += found.eq(Cat(self[cycle - 1] for cycle in cycles).any())
        return found


@dataclass(frozen=True)
class Arriving:
    """Samples on their way, and what of a block they are.

    Parameters
    ----------
    x
        Parts of a sample, `AHEAD` + 2 cycles after it was announced.
    valid, zero, second, first_pair, begins
        Ages of announcements: of any sample; of number 0; of one that completes a pair; of the
        first that does; of one that another one completes.
    pair
        Ages of the pair's place in the order in which they meet.
    complete
        Ages of a block's last sample.
    """

    x: list[Signal]
    valid: Ages
    zero: Ages
    second: Ages
    first_pair: Ages
    begins: Ages
    pair: Ages
    complete: Ages


class OddStage(Component):
    """Transforms of blocks of samples, each a few products a cycle; see `golden.fft.odd`.

    Pairs of samples are added and subtracted as the second comes, and go into a memory. From there
    multipliers go through the block's products while the next block comes, see `Schedule`; a pair
    of results is made when its rows have ended, one a cycle, whatever comes next. On the way back
    another memory brings them in order. The first leaves `latency` cycles after the last sample.

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
        self._times = self._times_on(target, odd, before, after)
        self._dropped = before.operand.f_bits + odd.f_bits - after.entry.f_bits
        self._width = after.entry.width + self._dropped
        super().__init__(
            {
                "i": In(BeatSignature(before.leaves, pairs)),
                "o": Out(BeatSignature(after.entry, pairs)),
            }
        )

    @staticmethod
    def _times_on(
        target: str, odd: OddTransform, before: SectionFormat, after: SectionFormat
    ) -> BlockTimes:
        bits = before.operand.width + odd.growth
        multiplying = SharedMultiplier.latency_on(target, a_bits=bits)
        return BlockTimes(odd, multiplying, whole=not after.ranks)

    @staticmethod
    def latency_on(
        target: str, odd: OddTransform, before: SectionFormat, after: SectionFormat
    ) -> int:
        """Cycles from a block's last sample to its first result."""
        return OddStage._times_on(target, odd, before, after).latency

    @property
    def latency(self) -> int:
        """Cycles from a block's last sample to its first result."""
        return self._times.latency

    @property
    def _parts(self) -> list[tuple[int, str]]:
        return [(pair, part) for pair in range(self._pairs) for part in ("re", "im")]

    @property
    def _names(self) -> list[str]:
        return [f"{pair}_{part}" for pair, part in self._parts]

    @property
    def _bits(self) -> int:
        """Width of a multiplier's operand."""
        return self._before.operand.width + self._odd.growth

    def elaborate(self, platform: object) -> Module:
        m = Module()
        samples = self._enter(m)
        since = samples.complete
        base, operands = self._operands(m, samples)
        totals = self._multiply(m, since, base, operands)
        first = self._load(m, since, base, totals, self._all(m, samples))
        values, carries = self._rounded(m, self._joined(m, since, *first))
        if self._odd.inverse:
            values, carries = self._in_order(m, since, values, carries)
        self._leave(m, since, values, carries)
        return m

    def _enter(self, m: Module) -> Arriving:
        """Round samples to operands, turned, and tell what they are."""
        odd = self._odd
        points, half = odd.points, odd.half
        m.submodules.place = place = Counter(points)
        m.d.comb += place.step.eq(self.i.early)
        turns = None if odd.inverse else self._turns(m, self.i.early, name="turning")
        if turns is not None:
            turns = delay(m, turns, AHEAD, name="turns")

        def announced(name: str, numbers: Sequence[int]) -> Ages:
            chosen = Array(Const(n in numbers, 1) for n in range(points))[place.value]
            return Ages(m, self.i.early & chosen, name)

        seconds = range(2, points, 2) if odd.inverse else range(half + 1, points)
        pairs = [seconds.index(n) if n in seconds else 0 for n in range(points)]
        pair = Array(Const(k, (half - 1).bit_length()) for k in pairs)[place.value]
        return Arriving(
            x=[self._operand(m, pair, part, turns) for pair, part in self._parts],
            valid=announced("valid", range(points)),
            zero=announced("zero", [0]),
            second=announced("second", seconds),
            first_pair=announced("first_pair", seconds[:1]),
            begins=announced("begins", [n for n in range(points) if n not in seconds]),
            pair=Ages(m, pair, "pair", resets=False),
            complete=announced("complete", [points - 1]),
        )

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

    def _all(self, m: Module, samples: Arriving) -> list[Value]:
        """Return the sum of all samples of a block, when it is `BlockTimes.loaded`."""
        there = AHEAD + 2
        made: list[Value] = []
        for name, x in zip(self._names, samples.x, strict=True):
            width = len(x) + self._odd.points.bit_length()
            full = Signal(signed(width), name=f"full_{name}", reset_less=True)
            own, total = bits_of(x, "x"), bits_of(full, "full")
            added = chosen_sum(
                m,
                samples.zero[there],
                Operands(own),
                Operands(own, total),
                width=width,
                target=self._target,
                name=f"more_{name}",
            )
            with m.If(samples.valid[there]):
                m.d.sync += full.eq(added)
            when = self._times.loaded(0)
            made.append(
                self._held(m, full, samples.complete, there + 1, (when, when), f"all_{name}")
            )
        return made

    def _held(
        self,
        m: Module,
        value: Value,
        since: Ages,
        there: int,
        wanted: tuple[int, int],
        name: str,
    ) -> Value:
        """Return ``value``, of cycle ``there`` of a block, in the cycles ``wanted``."""
        first, last = wanted
        lasts = 1
        while not there <= first <= last < there + lasts:
            taken = min(first, there + lasts) - 1
            held = Signal(value.shape(), name=f"{name}_from_{taken + 1}", reset_less=True)
            with m.If(since[taken]):
                m.d.sync += held.eq(value)
            value, there, lasts = held, taken + 1, self._odd.points
        return value

    def _meet(self, m: Module, samples: Arriving) -> tuple[list[Value], list[Value]]:
        """Return what is to be added, and subtracted from the first: two of a pair, or 0 twice."""
        there = AHEAD + 2
        if self._odd.inverse:
            # Two of a pair follow each other.
            firsts: list[Value] = []
            for name, x in zip(self._names, samples.x, strict=True):
                first = Signal(x.shape(), name=f"first_{name}", reset_less=True)
                with m.If(samples.begins[there]):
                    m.d.sync += first.eq(x)
                firsts.append(first)
            named = zip(self._names, samples.x, strict=True)
            return firsts, [delay(m, x, 1, name=f"second_{name}") for name, x in named]
        half, points = self._odd.half, self._odd.points
        m.submodules.firsts = memory = Memory(
            depth=half + 1, width=len(Cat(samples.x)), target=self._target
        )
        places = [points - n if n > half else 0 for n in range(points)]
        place = m.submodules.place.value
        read = Array(Const(k, range(half + 1)) for k in places)[place]
        m.d.comb += [
            memory.r_en.eq(1),
            memory.r_addr.eq(delay(m, read, there, name="read")),
            memory.w_en.eq(samples.begins[there]),
            memory.w_addr.eq(delay(m, place[: len(memory.w_addr)], there, name="written")),
            memory.w_data.eq(Cat(samples.x)),
        ]
        seconds: list[Value] = []
        for name, x in zip(self._names, samples.x, strict=True):
            later = delay(m, x, READ_LATENCY - 1, name=f"later_{name}")
            second = Signal(x.shape(), name=f"second_{name}", reset_less=True)
            # Number 0 stays for the cycle in which it comes out of the memory as well.
            with m.If(~samples.zero[there + READ_LATENCY]):
                m.d.sync += second.eq(later)
            seconds.append(second)
        return _split(memory.r_data, len(samples.x)), seconds

    def _pairs_of(self, m: Module, samples: Arriving) -> list[Value]:
        """Return for each part what is left of a pair's sum, and of its difference.

        A sum is subtracted from the first pair's, and that from twice number 0.
        """
        added, inverse = self._times.added, self._odd.inverse
        left: list[Value] = []
        for name, first, second in zip(self._names, *self._meet(m, samples), strict=True):
            total = Signal(signed(len(first) + 1), name=f"sum_{name}", reset_less=True)
            held = Signal.like(total, name=f"held_sum_{name}", reset_less=True)
            sums = Signal(signed(len(first) + 2), name=f"sums_{name}", reset_less=True)
            apart = Signal(signed(len(first) + 1), name=f"difference_{name}", reset_less=True)
            m.d.sync += [
                total.eq(first + second),
                apart.eq(first - second),
                sums.eq(held - total),
            ]
            with m.If(samples.zero[added + (not inverse)] | samples.first_pair[added]):
                m.d.sync += held.eq(total)
            left += [sums, self._less_shared(m, samples, apart, name)]
        return left

    def _less_shared(self, m: Module, samples: Arriving, apart: Value, name: str) -> Value:
        """Return a pair's difference a cycle later, less the first pair's where all share that."""
        kept = Signal(signed(self._bits), name=f"differences_{name}", reset_less=True)
        if not self._odd.shares:
            m.d.sync += kept.eq(apart)
            return kept
        added = self._times.added
        begins, fresh = samples.first_pair[added], samples.zero[added]
        # 0 until the first pair has passed.
        shared = Signal(apart.shape(), name=f"shared_{name}", reset_less=True)
        with m.If(begins):
            m.d.sync += shared.eq(apart)
        with m.Elif(fresh):
            m.d.sync += shared.eq(0)
        m.d.sync += kept.eq(apart - shared if self._odd.inverse else apart + shared)
        return kept

    def _operands(self, m: Module, samples: Arriving) -> tuple[list[Value], dict[str, list[Value]]]:
        """Return for each part what A begins with, and operands of the rows, step by step."""
        times, since = self._times, samples.complete
        left = self._pairs_of(m, samples)
        written = Signal()  # which of two blocks
        read = Signal(init=1)
        with m.If(since[times.added + 1]):
            m.d.sync += written.eq(~written)
        with m.If(since[times.read - 1]):
            m.d.sync += read.eq(~read)
        pair = samples.pair[times.added + 1]
        step = self._count(m, since, times.read - 1, name="step")
        place = _decoded(m, step, self._schedule.operands, "place")[: len(pair)]
        m.submodules.operands = memory = Memory(
            depth=2 << len(pair), width=len(Cat(left)), target=self._target
        )
        m.d.comb += [
            memory.w_en.eq(samples.second[times.added + 1]),
            memory.w_addr.eq(Cat(pair, written)),
            memory.w_data.eq(Cat(left)),
            memory.r_en.eq(1),
            memory.r_addr.eq(Cat(place, read)),
        ]
        words = _words(memory.r_data, [len(word) for word in left])
        return words[::2], {COS: words[::2], SIN: words[1::2]}

    def _count(self, m: Module, since: Ages, begins: int, *, name: str) -> Signal:
        """Return a count of a block's steps that is 0 in cycle ``begins``."""
        count = Signal(range(self._odd.points), name=name, reset_less=True)
        last = self._odd.points - 1
        m.d.sync += count.eq(Mux(count == last, last, count + 1))
        with m.If(since[begins - 1]):
            m.d.sync += count.eq(0)
        return count

    def _multiply(
        self, m: Module, since: Ages, base: list[Value], operands: dict[str, list[Value]]
    ) -> list[list[Signal]]:
        """Return every multiplier's sums, for each part."""
        times = self._times
        step = Ages(
            m, self._count(m, since, times.operand - 2, name="step_of"), "step", resets=False
        )
        begins = [row.first for row in self._schedule.rows if row.kind == COS]
        if begins:
            wanted = (times.product + min(begins) - 1, times.product + max(begins))
            base = [
                self._held(m, w, since, times.operand, wanted, f"base_{n}")
                for n, w in zip(self._names, base, strict=True)
            ]
        return [
            self._accumulate(m, unit, since, step, base, self._products(m, unit, step, operands))
            for unit in range(self._schedule.n_units)
        ]

    def _products(
        self, m: Module, unit: int, step: Ages, operands: dict[str, list[Value]]
    ) -> list[Value]:
        """Multiply what a unit's rows take by their constants, step by step."""
        odd = self._odd
        m.submodules[f"multiplier_{unit}"] = multiplier = SharedMultiplier(
            lanes=2 * self._pairs, a_bits=self._bits, b_bits=odd.constant_bits, target=self._target
        )
        rows = self._schedule.of_unit(unit)
        constants = [0] * odd.points
        if odd.shares and rows[0].kind == SIN:
            constants[0] = self._schedule.share
        for row in rows:
            constants[row.first : row.last + 1] = row.constants
        shape = signed(odd.constant_bits)
        m.d.comb += multiplier.b.eq(
            _decoded(m, step[1], constants, f"constant_{unit}", shape=shape)
        )
        takes = operands[rows[0].kind]
        if len({row.kind for row in rows}) > 1:
            kinds = _decoded(m, step[1], _only(rows, SIN, odd.points), f"kind_{unit}")
            takes = [Mux(kinds, *both) for both in zip(operands[SIN], operands[COS], strict=True)]
        for number, word in enumerate(takes):
            m.d.comb += multiplier.a[number].eq(word.as_signed())
        return [multiplier.p[number] for number in range(len(takes))]

    def _accumulate(
        self,
        m: Module,
        unit: int,
        since: Ages,
        step: Ages,
        base: list[Value],
        products: list[Value],
    ) -> list[Signal]:
        """Add up a multiplier's products, row after row."""
        rows = self._schedule.of_unit(unit)
        multiplied = step[self._times.multiplying + 1]
        firsts = {row.first for row in rows}
        flags = [n in firsts for n in range(self._odd.points)]
        first = _decoded(m, multiplied, flags, f"first_{unit}")
        starts = self._starts(m, unit, since, step, base, products)
        sums: list[Signal] = []
        for name, word, start in zip(self._names, products, starts, strict=True):
            total = Signal(signed(self._width), name=f"total_{unit}_{name}", reset_less=True)
            product = bits_of(word, "product")
            added = chosen_sum(
                m,
                first,
                Operands(product, start),
                Operands(product, bits_of(total, "total")),
                width=self._width,
                target=self._target,
                name=f"added_{unit}_{name}",
            )
            m.d.sync += total.eq(added)
            sums.append(total)
        return sums

    def _starts(
        self,
        m: Module,
        unit: int,
        since: Ages,
        step: Ages,
        base: list[Value],
        products: list[Value],
    ) -> list[Bits]:
        """Return what a unit's rows begin with, for each part."""
        odd, times = self._odd, self._times
        rows = self._schedule.of_unit(unit)
        kinds = {row.kind for row in rows}
        if kinds == {COS}:
            return [self._in_half_units(bits_of(word, "base")) for word in base]
        if kinds == {SIN} and not odd.shares:
            return [[ZERO]] * len(products)
        starts: list[Bits] = []
        for name, word, own in zip(self._names, products, base, strict=True):
            if odd.shares:
                start = Signal(word.shape(), name=f"start_{unit}_{name}", reset_less=True)
                with m.If(since[times.product]):
                    m.d.sync += start.eq(word)
                starts.append(bits_of(start, "start"))
                continue
            start = Signal(own.shape(), name=f"start_{unit}_{name}", reset_less=True)
            m.d.sync += start.eq(own)
            cosines = [n for row in rows if row.kind == COS for n in [row.first]]
            flags = [n in cosines for n in range(odd.points)]
            with m.If(~_decoded(m, step[times.multiplying], flags, f"based_{unit}_{name}")):
                m.d.sync += start.eq(0)
            starts.append(self._in_half_units(bits_of(start, "start")))
        return starts

    def _in_half_units(self, bits: Bits) -> Bits:
        """Return ``bits`` of half a sample's unit where results have them."""
        return [ZERO] * (self._odd.f_bits - 1) + list(bits)

    def _load(
        self,
        m: Module,
        since: Ages,
        base: list[Value],
        totals: list[list[Signal]],
        full: list[Value],
    ) -> tuple[list[Signal], list[Signal]]:
        """Return A and B of a pair of results when both are there, for as long as they take.

        Before the first pair comes the sum of all samples, with no B.
        """
        odd, times = self._odd, self._times
        pairs = range(1, odd.half + 1)
        index = self._count(m, since, times.loaded(0) - 1, name="index")
        turn = [0, *(q for q in pairs for _ in range(2))]
        loads = _decoded(m, index, [k == 0 or k % 2 for k in range(odd.points)], "loads")
        zero = _decoded(m, index, [q == 0 for q in turn], "zero")
        made: list[list[Signal]] = []
        for kind, alone in (
            (COS, [_sized(f << odd.f_bits, self._width) for f in full]),
            (SIN, None),
        ):
            sources, chosen = self._sources(m, since, kind, base, totals)
            select = _decoded(m, index, [0, *(chosen[q - 1] for q in turn[1:])], f"select_{kind}")
            words: list[Signal] = []
            for number, name in enumerate(self._names):
                word = Signal(signed(self._width), name=f"{kind}_{name}", reset_less=True)
                source = Array(own[number] for own in sources)[select]
                with m.If(loads):
                    m.d.sync += word.eq(Mux(zero, alone[number] if alone else 0, source))
                words.append(word)
            made.append(words)
        return made[0], made[1]

    def _sources(
        self, m: Module, since: Ages, kind: str, base: list[Value], totals: list[list[Signal]]
    ) -> tuple[list[list[Value]], list[int]]:
        """Return where the rows of a kind are to be had, and which one of them each is in."""
        odd, times = self._odd, self._times
        rows = [self._schedule.row(kind, q) for q in range(1, odd.half + 1)]
        units = list(dict.fromkeys(row.unit for row in rows if row))
        if not units:
            # No products: one pair of samples.
            when = times.loaded(1)
            words = [
                self._held(m, w, since, times.operand, (when, when), f"base_{n}")
                for n, w in zip(self._names, base, strict=True)
            ]
            return [[_sized(w << odd.f_bits - 1, self._width) for w in words]], [0]
        sources: list[list[Value]] = []
        for unit in units:
            own: list[Value] = list(totals[unit])
            if times.kept:
                ends = [times.total(row) for row in rows if row and row.unit == unit]
                ended = since.any(ends, f"keep_{kind}_{unit}")
                own = [
                    self._kept(m, v, ended, f"{kind}_{unit}_{n}")
                    for n, v in zip(self._names, own, strict=True)
                ]
            sources.append(own)
        return sources, [units.index(row.unit) for row in rows if row]

    @staticmethod
    def _kept(m: Module, value: Value, when: Value, name: str) -> Signal:
        """Return ``value`` as it was when ``when`` was high last."""
        kept = Signal(value.shape(), name=name, reset_less=True)
        with m.If(when):
            m.d.sync += kept.eq(value)
        return kept

    def _joined(
        self, m: Module, since: Ages, a: Sequence[Value], b: Sequence[Value]
    ) -> list[Signal]:
        """Return A - j * B or A + j * B: a pair's results one after the other, not rounded yet."""
        index = self._count(m, since, self._times.loaded(0), name="joining")
        subtracts = self._schedule.subtracts
        # Each in a register: with an inverter the way to the carry was the longest of all, 194 MHz.
        takes = {
            "re": _decoded(m, index, [not k for k in subtracts], "takes_re"),
            "im": _decoded(m, index, subtracts, "takes_im"),
        }
        results: list[Signal] = []
        for number, (name, (_, part)) in enumerate(zip(self._names, self._parts, strict=True)):
            other = b[number + 1 if part == "re" else number - 1]
            added = Operands(bits_of(a[number], "own"), bits_of(other, "other"))
            total = chosen_sum(
                m,
                takes[part],
                Operands(added.a, [~bit for bit in added.b], ONE),
                added,
                width=self._width,
                target=self._target,
                name=f"combined_{name}",
            )
            result = Signal(signed(self._width), name=f"result_{name}", reset_less=True)
            m.d.sync += result.eq(total)
            results.append(result)
        return results

    def _rounded(self, m: Module, results: Sequence[Value]) -> tuple[list[Value], list[Value]]:
        """Round results: down, with carries to be added, or to the end where no adder follows."""
        wholes: list[Value] = []
        carries: list[Value] = []
        for name, result in zip(self._names, results, strict=True):
            width = self._after.entry.width
            whole = Signal(signed(width), name=f"whole_{name}", reset_less=True)
            carry = Signal(name=f"carry_{name}", reset_less=True)
            m.d.sync += [
                whole.eq(result >> self._dropped),
                carry.eq(rounds_up(result, self._dropped)),
            ]
            if self._times.whole:
                value = Signal(signed(width), name=f"rounded_{name}", reset_less=True)
                m.d.sync += value.eq(whole + carry)
                wholes.append(value)
                carries.append(Const(0, 1))
                continue
            wholes.append(whole)
            carries.append(carry)
        return wholes, carries

    def _in_order(
        self, m: Module, since: Ages, values: list[Value], carries: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        """Bring results in order, by a memory for two blocks."""
        times, points = self._times, self._odd.points
        word = Cat(*values, *carries)
        m.submodules.results = memory = Memory(
            depth=2 << (points - 1).bit_length(), width=len(word), target=self._target
        )
        # which of two blocks
        written = Signal(init=1)
        read = Signal(init=1)
        for bank, when in ((written, times.rounded), (read, times.reread)):
            with m.If(since[when - 1]):
                m.d.sync += bank.eq(~bank)
        index = self._count(m, since, times.rounded - 1, name="made")
        place = self._count(m, since, times.reread, name="leaving")
        m.d.comb += [
            memory.w_en.eq(self._during(m, since, times.rounded, name="comes")),
            memory.w_addr.eq(Cat(_decoded(m, index, self._schedule.made, "made_place"), written)),
            memory.w_data.eq(word),
            memory.r_en.eq(1),
            memory.r_addr.eq(Cat(place, read)),
        ]
        words = _words(memory.r_data, [len(v) for v in (*values, *carries)])
        return words[: len(values)], words[len(values) :]

    def _during(self, m: Module, since: Ages, begins: int, *, name: str) -> Signal:
        """Return a signal that is high in as many cycles as a block has, from ``begins`` on."""
        left = Signal(range(self._odd.points), name=f"{name}_left")
        during = Signal(name=name)
        m.d.comb += during.eq(since[begins] | left.any())
        with m.If(since[begins]):
            m.d.sync += left.eq(self._odd.points - 1)
        with m.Elif(left.any()):
            m.d.sync += left.eq(left - 1)
        return during

    def _leave(self, m: Module, since: Ages, wholes: list[Value], carries: list[Value]) -> None:
        """Turn results, and let them leave."""
        m.d.comb += self.o.early.eq(self._during(m, since, self.latency, name="leaves"))
        turns = self._turns(m, self.o.early, name="turning") if self._odd.inverse else None
        if turns is not None:
            turns = delay(m, turns, AHEAD, name="turns")
        for number, (pair, part) in enumerate(self._parts):
            whole, carry = wholes[number], carries[number]
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


def _split(word: Value, parts: int) -> list[Value]:
    """Return a memory's word in as many equal signed parts."""
    return _words(word, [len(word) // parts] * parts)


def _words(word: Value, widths: Sequence[int]) -> list[Value]:
    """Return a memory's word in signed parts of ``widths``."""
    ends = [sum(widths[: n + 1]) for n in range(len(widths))]
    return [word[e - w : e].as_signed() for e, w in zip(ends, widths, strict=True)]


def _only(rows: Sequence[Row], kind: str, points: int) -> list[bool]:
    """Return in which steps rows of a kind take operands."""
    steps = {n for row in rows if row.kind == kind for n in range(row.first, row.last + 1)}
    return [n in steps for n in range(points)]


def _decoded(
    m: Module, count: Value, values: Sequence[int], name: str, *, shape: Shape | None = None
) -> Signal:
    """Return what ``count`` stands for, a cycle later; the last value beyond the end."""
    kind = unsigned(max(max(values), 1).bit_length()) if shape is None else shape
    decoded = Signal(kind, name=name, reset_less=True)
    m.d.sync += decoded.eq(Array(Const(int(value), kind) for value in values)[count])
    return decoded


def _sized(value: Value, width: int) -> Value:
    """Return ``value`` with ``width`` bits, signed."""
    return (value + Const(0, signed(width)))[:width].as_signed()
