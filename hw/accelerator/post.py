"""The post unit: from sums to samples, some a cycle, and into a map."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.accelerator.abilities import Abilities
from golden.accelerator.descriptor import Norm
from golden.accelerator.operators.sums import EXPONENT_BITS, FIXED_BITS
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS, SUM_BITS, Sizes
from golden.numbers.interval import Interval
from hw.accelerator import scaler, single
from hw.accelerator.constants import PostConstants, fill_layout
from hw.accelerator.layout import Layouts
from hw.accelerator.sequencer import MOST_PENDING
from hw.accelerator.statistics import Statistics
from hw.matrix.unit import result_layout
from hw.parts.counter import Countdown, Counter
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.fabric_multiplier import FabricMultiplier
from hw.parts.ports import Component, Stream, View, view
from hw.parts.tables import Table

_CLIP = Interval.signed(CENTRED_BITS)
"""What the requantiser clips to: more than any map's words, which the last clip is for."""


def scaled_at(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to its scaled value: the ROMs, the bias, the requantiser."""
    return _multiplied_at(abilities) + max(
        scaler.scaled_in(sizes, abilities), _single_in(sizes, abilities)
    )


def _single_in(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from what is scaled to what float32's roundings make of it, where they do."""
    if not abilities.single:
        return 0
    return single.latency_of(sizes.target, addition=abilities.addition)


def _product_in(abilities: Abilities) -> int:
    """Cycles that products of two samples take, where there are any."""
    return FabricMultiplier.latency_of(single.FACTOR_BITS) + 1 if abilities.product else 0


def interval(sizes: Sizes) -> int:
    """Return the cycles from a descriptor's first sums to the next one's at least.

    The matrix unit's weights for one take as long.
    """
    return sizes.tile + 1


def _multiplied_at(abilities: Abilities) -> int:
    """Cycles from a sum to that with its bias, or to a product of two samples."""
    return Table.latency + 1 + _product_in(abilities)


def latency(sizes: Sizes, abilities: Abilities, *, norm: bool = False) -> int:
    """Cycles from a sum to its sample: scaled, clipped, through a table.

    A layer norm's samples pass the multipliers twice.
    """
    again = scaler.normalised_in(sizes, abilities) if norm else 0
    return scaled_at(sizes, abilities) + 1 + Table.latency + again


def paced(cycle: int, begins: int, pace: int) -> int:
    """Return when sums are taken that are there in a cycle: every ``pace`` ones from the first."""
    return cycle + (begins - cycle) % pace


_Path: TypeAlias = tuple[Value, Value, int]
"""Whether a result is meant, the result, and how late it is."""


def _adds(told: View) -> Value:
    """Return what `Finish.adds` is."""
    adds: Value = told.product & told.single & ~told.early
    return adds


class PostUnit(Component):
    """Adds biases, requantises, clips and looks up `scalers` sums a cycle, and writes words.

    A word is written `latency` cycles after its last sums. The next descriptor's sums follow a
    cycle after the last one's, `interval` cycles after its first at least: what is told of them
    goes along with them, `interval` stages at a time. Around a descriptor of a layer norm, whose
    statistics take their time, and around an addition in float32, the unit runs empty. So a layer
    norm's samples may pass the multipliers twice, every other cycle: all that comes behind those
    is as much later. See `Finish.pace`.

    Parameters
    ----------
    layouts
        Of descriptors.
    more
        Ports of one that looks up elsewhere.

    Members
    -------
    i : In, stream of sums
    told : In, stream
        Fields of a descriptor to finish.
    w_en, w_addr, w_data : Out
        A word of a map.
    done : Out
        Pulse: the last word of a descriptor is written in this cycle.
    fill : In
        Constants that are filled in; only where there is no ROM. See `PostConstants`.
    """

    i: Stream
    told: Stream
    w_en: Signal
    w_addr: Signal
    w_data: Signal
    done: Signal
    fill: View

    def __init__(
        self, layouts: Layouts, more: Mapping[str, wiring.Member] = MappingProxyType({})
    ) -> None:
        self._layouts = layouts
        self._sizes = layouts.sizes
        ports = {
            "i": In(stream.Signature(self._sums_layout())),
            "told": In(stream.Signature(layouts.finish)),
            "w_en": Out(1),
            "w_addr": Out(range(layouts.map_words)),
            "w_data": Out(DATA_BITS * self._sizes.tile),
            "done": Out(1),
            **more,
        }
        if layouts.rom is None:
            ports["fill"] = In(fill_layout(layouts))
        super().__init__(ports)

    sum_bits = SUM_BITS
    """Of sums with their biases."""

    def _sums_layout(self) -> data.StructLayout:
        return result_layout(self._sizes.matrix)

    def _constants(self, m: Module) -> PostConstants:
        """Return what is looked up."""
        m.submodules.constants = constants = PostConstants(self._layouts)
        if self._layouts.rom is None:
            m.d.comb += constants.fill.eq(self.fill)
        return constants

    def _latency(self) -> int:
        """Return the cycles from a sum to its sample."""
        return latency(self._sizes, self._layouts.abilities)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.part = part = Counter(self._sizes.parts)
        open_ = Signal()
        step = Signal()
        ends = Signal()
        load = Signal()
        position_ends = Signal()
        self._now = view(self._layouts.finish, name="now")
        self._normal = self._paced(m, load)
        self._began: list[Value] = [load]
        for cycle in range(self._latency()):
            self._began.append(delay_valid(m, self._began[-1], 1, name=f"began_{cycle}"))
        last = self._count(m, position_ends, load)
        m.d.comb += [
            step.eq(self.i.valid & open_ & self._free),
            part.step.eq(step),
            self.i.ready.eq(open_ & part.last & self._free),
            position_ends.eq(step & part.last),
            ends.eq(position_ends & last),
            load.eq(self.told.valid & ~open_ & self._may(m, load)),
            self.told.ready.eq(load),
        ]
        self._kept = self._statistics(m, step, position_ends, last, open_, load)
        with m.If(ends):
            m.d.sync += open_.eq(0)
        with m.If(load):
            m.d.sync += [open_.eq(1), self._now.eq(self.told.payload)]
        constants = self._constants(m)
        bias = self._bias_address(m, step, position_ends, load, constants.bias_addr)
        m.d.comb += constants.bias_addr.eq(bias)
        late_part = self._late(m, part.value, name="part_late")
        self._addition(m, load, late_part, constants)
        sums = self._begin(m, part.value, constants)
        self._again = self._comes_again(m, step)
        samples = self._scale(m, sums, late_part, constants)
        self._write(m, samples, step, part, ends)
        return m

    def _paced(self, m: Module, load: Value) -> Value:
        """Return whether sums are a layer norm's, which are taken every other cycle."""
        self._free: Value = Const(1)
        if not self._layouts.abilities.norm:
            return Const(0)
        normal = Signal(name="normal")
        turn = Signal()
        m.d.comb += normal.eq(self._now.norm == Norm.NORMAL)
        m.d.sync += turn.eq(~turn | load)
        self._free = turn | ~normal
        return normal

    def _late(self, m: Module, value: Value, *, name: str, more: int = 0) -> Value:
        """Return a value; of a layer norm as late as it comes again, or so much later."""
        cycles = scaler.normalised_in(self._sizes, self._layouts.abilities)
        if not cycles:
            return value
        # A bit may say that something is there.
        late = (delay_valid if len(value) == 1 else delay)(m, value, cycles + more, name=name)
        return Mux(self._normal, late, value)

    def _comes_again(self, m: Module, step: Value) -> Value:
        """Return whether what is normalised is multiplied in the cycle after the next."""
        sizes, abilities = self._sizes, self._layouts.abilities
        if not abilities.norm:
            return Const(0)
        cycles = _multiplied_at(abilities) + scaler.normalised_in(sizes, abilities)
        return delay_valid(m, step & self._normal, cycles - 1, name="again")

    def _may(self, m: Module, load: Value) -> Value:
        """Return whether the next descriptor's sums may be begun with."""
        recent = Signal()
        m.d.sync += recent.eq(Cat(*self._began[: interval(self._sizes) - 1]).any())
        abilities = self._layouts.abilities
        if not (abilities.norm or abilities.addition):
            return ~recent
        under_way = Signal(range(MOST_PENDING + 1))
        m.d.sync += under_way.eq(under_way + load - self.done)
        apart = [Value.cast(0)]
        for told in (self.told.payload, self._now):
            apart.append(told.norm != Norm.NONE)
            if abilities.addition:
                apart.append(_adds(told))
        may: Value = ~recent & ((under_way == 0) | ~Cat(*apart).any())
        return may

    def _told(self, m: Module, names: Sequence[str], cycles: int) -> View:
        """Return what is told of sums that were taken so many cycles ago.

        A copy is made where those of the descriptor before have all gone by, and the one that it
        is made of still stands.
        """
        members = self._layouts.finish.members
        layout = data.StructLayout({name: members[name] for name in names})
        told, stage = self._now, 0
        while stage < cycles:
            stage = min(stage + interval(self._sizes), cycles)
            copy = view(layout, name=f"{names[0]}_{stage}", reset_less=True)
            with m.If(self._began[stage]):
                m.d.sync += [Value.cast(copy[n]).eq(Value.cast(told[n])) for n in names]
            told = copy
        return told

    def _count(self, m: Module, step: Value, load: Value) -> Value:
        """Count positions; return whether this one is the descriptor's last."""
        told, coming = self._now, self.told.payload
        column, row = (Countdown(told[f"last_{name}"], name=name) for name in ("column", "row"))
        self._row_ends = column.last
        column.count(m, step)
        row.count(m, step & column.last)
        with m.If(load):
            column.begin(m, coming.last_column)
            row.begin(m, coming.last_row)
        ends: Value = column.last & row.last
        return ends

    def _statistics(
        self, m: Module, step: Signal, position: Signal, last: Value, open_: Signal, load: Signal
    ) -> View | None:
        """Let positions pass by that are for statistics; return those of the one at hand."""
        self._statistics_done: Value = Const(0)
        if not self._layouts.abilities.norm:
            return None
        m.submodules.statistics = statistics = Statistics(self._layouts)
        place = Signal(range(self._sizes.positions))
        with m.If(position):
            m.d.sync += place.eq(place + 1)
        with m.If(load):
            m.d.sync += place.eq(0)
        starts = self.i.valid & open_ & statistics.ready
        m.d.comb += [
            statistics.told.eq(self._now),
            statistics.place.eq(place),
            statistics.squares.eq(self.i.payload.sums[0]),
            statistics.both.eq(self.i.payload.sums[1]),
            statistics.last.eq(last),
        ]
        with m.If(self._now.norm == Norm.STATISTICS):
            m.d.comb += [
                step.eq(0),
                statistics.start.eq(starts),
                position.eq(starts),
                self.i.ready.eq(open_ & statistics.ready),
            ]
        self._statistics_done = statistics.done
        return statistics.kept

    def _addition(self, m: Module, load: Signal, part: Value, constants: PostConstants) -> None:
        """Address factors; before an addition's first step, what is behind those and biases."""
        self._adds: Value = Const(0)
        m.d.comb += constants.scale_addr.eq(self._now.scale + part)
        if not self._layouts.abilities.addition:
            return
        self._adds = _adds(self._now)
        told, parts = self.told.payload, self._sizes.parts
        with m.If(load & _adds(told)):
            m.d.comb += [
                constants.scale_addr.eq(told.scale + parts),
                constants.bias_addr.eq(told.bias + parts),
            ]
        self._added = added = view(single.addition_layout(self._layouts), name="addition")
        word = Signal(FIXED_BITS + EXPONENT_BITS, name="fixed_word")
        second = Signal.like(constants.scales.shift[0], name="second_shift")
        with m.If(self._began[Table.latency]):
            m.d.sync += [
                word.eq(Value.cast(constants.biases[0])),
                added.second.eq(constants.scales.multiplier[0]),
                second.eq(constants.scales.shift[0]),
            ]
        # All of an addition's factors are alike: what is there stands still.
        first = constants.scales.shift[0]
        m.d.sync += [
            added.adds.eq(self._adds),
            added.fixed.eq(word[:FIXED_BITS].as_signed() << word[FIXED_BITS:]),
            added.up.eq(Mux(first > second, first - second, 0)),
            added.second_up.eq(Mux(first > second, 0, second - first)),
            added.most.eq(Mux(first > second, second, first)),
        ]

    def _bias_address(
        self, m: Module, step: Value, position: Value, load: Value, like: Signal
    ) -> Value:
        """Return the address of the biases of a step: the same again, or others a position."""
        told = self._now
        address, of_position, of_row = (
            Signal.like(like, name=n) for n in ("bias", "bias_of_position", "bias_of_row")
        )
        with m.If(step):
            m.d.sync += address.eq(address + 1)
        with m.If(position):
            following = of_position + told.bias_column
            m.d.sync += [address.eq(following), of_position.eq(following)]
            with m.If(self._row_ends):
                following = of_row + told.bias_row
                m.d.sync += [s.eq(following) for s in (address, of_position, of_row)]
        with m.If(load):
            m.d.sync += [s.eq(self.told.payload.bias) for s in (address, of_position, of_row)]
        sizes, abilities = self._sizes, self._layouts.abilities
        # What a layer norm adds comes behind the second product.
        more = 1 + _product_in(abilities) + scaler.multiplied_in(sizes, abilities)
        return self._late(m, address, name="bias_late", more=more)

    def _begin(self, m: Module, part: Value, constants: PostConstants) -> list[Signal]:
        """Return the sums of a step with their biases."""
        scalers, bias = self._sizes.scalers, constants.biases
        taken = self.i.payload.sums
        sums = []
        for lane in range(scalers):
            of_parts = [taken[p * scalers + lane] for p in range(self._sizes.parts)]
            chosen = of_parts[0]
            for number, value in enumerate(of_parts[1:], start=1):
                chosen = Mux(part == number, value, chosen)
            late = delay(m, Value.cast(chosen).as_signed(), Table.latency, name=f"sum_{lane}")
            total = Signal(signed(self.sum_bits), name=f"total_{lane}", reset_less=True)
            addend = bias[lane]
            if self._kept is not None:
                addend = Mux(self._normal, self._kept.minus, addend)
            m.d.sync += total.eq(late + addend)
            sums.append(total)
        if self._layouts.abilities.product:
            cycles = _multiplied_at(self._layouts.abilities) - 1
            product = self._told(m, ["product"], cycles).product
            return [self._multiply(m, total, product, lane) for lane, total in enumerate(sums)]
        return sums

    def _multiply(self, m: Module, total: Signal, product: Value, lane: int) -> Signal:
        """Return a sum, or the product of the two samples that are in it."""
        bits = single.FACTOR_BITS
        first, second = single.samples_of(total)
        m.submodules[f"product_{lane}"] = multiply = FabricMultiplier(
            lanes=1, a_bits=bits, b_bits=bits, target=self._sizes.target
        )
        m.d.comb += [multiply.a.eq(first), multiply.b[0].eq(second)]
        chosen = Signal(signed(SUM_BITS), name=f"chosen_{lane}", reset_less=True)
        late = delay(m, total, multiply.latency, name=f"total_{lane}_late")
        m.d.sync += chosen.eq(Mux(product & ~self._adds, multiply.p[0], late))
        return chosen

    def _scale(
        self, m: Module, sums: Sequence[Value], part: Value, constants: PostConstants
    ) -> list[Value]:
        """Return the samples of a step's sums."""
        sizes, abilities = self._sizes, self._layouts.abilities
        multiplied, scaled = _multiplied_at(abilities), scaled_at(sizes, abilities)
        rounded = multiplied + scaler.rounded_from(sizes, abilities)
        offset = self._told(m, ["offset"], rounded).offset
        ends = self._told(m, ["low", "high"], scaled)
        table = self._told(m, ["table"], scaled + 1).table
        single_meant = self._told(m, ["single"], scaled).single if abilities.single else None
        zeros = self._zeros(m) if abilities.single else ()
        factors = delay(m, constants.scales, multiplied - Table.latency, name="factors")
        samples = []
        for lane, (total, logic) in enumerate(zip(sums, scaler.logic_of(sizes), strict=True)):
            m.submodules[f"scale_{lane}"] = scales = scaler.Scaler(
                self._layouts, _CLIP, logic=logic
            )
            m.d.comb += [
                scales.y.eq(total),
                scales.multiplier.eq(factors.multiplier[lane]),
                scales.shift.eq(self._own(factors.shift[lane])),
            ]
            if self._layouts.offsets.low != self._layouts.offsets.high:
                m.d.comb += scales.zero_point.eq(offset)
            if self._kept is not None:
                self._normalise(m, scales, lane, constants)
            own = scaler.scaled_in(sizes, abilities)
            paths: list[_Path] = [(Const(1), scales.o, own)]
            if single_meant is not None:
                in_float32 = self._single(m, total, factors, zeros, lane)
                paths.append((single_meant, in_float32, _single_in(sizes, abilities)))
            value = self._choose(m, paths, lane)
            samples.append(self._look_up(m, value, lane, ends, table, constants))
        return samples

    def _normalise(
        self, m: Module, scales: scaler.Scaler, lane: int, constants: PostConstants
    ) -> None:
        """Tell a lane what a layer norm has more than sums."""
        assert self._kept is not None
        late = _multiplied_at(self._layouts.abilities) - Table.latency
        kept = delay(m, self._kept, late, name=f"kept_{lane}")
        m.d.comb += [
            scales.norm.eq(self._normal),
            scales.again.eq(copied(m, self._again, name=f"again_of_{lane}")),
            scales.root.eq(kept.root),
            scales.exponent.eq(kept.exponent),
            scales.offset.eq(constants.biases[lane]),
        ]

    def _own(self, shift: Value) -> Value:
        """Return a shift as what is rounded once has it: less than the largest of those."""
        less: Value = shift - (self._layouts.shifts.high - self._layouts.own_shifts.high)
        return less

    def _choose(self, m: Module, paths: Sequence[_Path], lane: int) -> Value:
        """Return what the last path gives that is meant, all as late as the latest."""
        latest = max(cycles for *_, cycles in paths)
        (_, value, cycles), *others = paths
        scaled = delay(m, value, latest - cycles, name=f"scaled_{lane}")
        for number, (meant, value, cycles) in enumerate(others):
            late = delay(m, value, latest - cycles, name=f"path_{number}_{lane}")
            scaled = Mux(meant, late, scaled)
        return scaled

    def _zeros(self, m: Module) -> Sequence[Value]:
        """Return what float32's roundings add to products, and what to what comes of them."""
        before = _multiplied_at(self._layouts.abilities)
        addition = self._layouts.abilities.addition
        zeros_at = single.zeros_at(self._sizes.target, addition=addition)
        zeros = []
        for early, cycles in enumerate(zeros_at[::-1]):
            told = self._told(m, ["offset", "early"], before + cycles)
            zeros.append(Mux(told.early == early, told.offset, 0))
        return zeros[::-1]

    def _single(
        self, m: Module, total: Value, factors: View, zeros: Sequence[Value], lane: int
    ) -> Value:
        """Return what float32's roundings make of a sum."""
        m.submodules[f"single_{lane}"] = rounds = single.SingleLane(self._layouts, _CLIP)
        m.d.comb += [
            rounds.y.eq(total),
            rounds.multiplier.eq(factors.multiplier[lane]),
            rounds.shift.eq(factors.shift[lane]),
            rounds.early.eq(zeros[0]),
            rounds.late.eq(zeros[1]),
        ]
        if self._layouts.abilities.addition:
            m.d.comb += rounds.addition.eq(self._added)
        return rounds.o

    @staticmethod
    def _look_up(
        m: Module, scaled: Value, lane: int, ends: View, table: Value, constants: PostConstants
    ) -> Value:
        """Return a sample: clipped, then through the descriptor's table."""
        clipped = Signal(signed(CENTRED_BITS), name=f"clipped_{lane}", reset_less=True)
        above = Mux(scaled > ends.high, ends.high, scaled)
        m.d.sync += clipped.eq(Mux(scaled < ends.low, ends.low, above))
        m.d.comb += constants.entry[lane].eq(Cat(clipped[:DATA_BITS], table))
        sample: Value = constants.samples[lane]
        return sample

    def _write(
        self,
        m: Module,
        samples: Sequence[Value],
        step: Value,
        part: Counter,
        ends: Value,
    ) -> None:
        """Put parts together and write a word with the last."""
        cycles = self._latency()
        step = self._late(m, step, name="step_late")
        part_last = self._late(m, part.last, name="part_last_late")
        ends = self._late(m, ends, name="ends_late")
        valid = delay_valid(m, step, cycles, name="valid")
        last = delay(m, part_last, cycles, name="part_last")
        row_ends = self._late(m, self._row_ends, name="row_ends_late")
        row_ends = delay(m, row_ends, cycles, name="row_ends")
        told = self._told(m, ["target_row", "target_column"], cycles)
        target = self._told(m, ["target"], cycles - 1).target
        of_row = Signal.like(self.w_addr, name="w_addr_of_row")
        words = view(
            data.ArrayLayout(unsigned(DATA_BITS * self._sizes.scalers), self._sizes.parts),
            name="parts",
            reset_less=True,
        )
        # Parts move up as others come: the first ends lowest.
        moved = [*[words[p] for p in range(1, self._sizes.parts)], Cat(*samples)]
        with m.If(valid):
            m.d.sync += [words[p].eq(value) for p, value in enumerate(moved)]
            with m.If(last):
                m.d.sync += self.w_addr.eq(self.w_addr + told.target_column)
                with m.If(row_ends):
                    following = of_row + told.target_row
                    m.d.sync += [self.w_addr.eq(following), of_row.eq(following)]
        with m.If(self._began[cycles]):
            m.d.sync += [self.w_addr.eq(target), of_row.eq(target)]
        m.d.comb += [
            self.w_en.eq(delay_valid(m, step & part_last, cycles, name="whole")),
            self.w_data.eq(Cat(*moved)),
            self.done.eq(delay_valid(m, step & ends, cycles, name="done") | self._statistics_done),
        ]
