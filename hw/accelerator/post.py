"""The post unit: from sums to samples, some a cycle, and into a map."""

from collections.abc import Callable, Mapping, Sequence
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
from hw.accelerator import single
from hw.accelerator.constants import PostConstants, fill_layout
from hw.accelerator.layout import Layouts
from hw.accelerator.normal import NormalLane, latency_of
from hw.accelerator.sequencer import MOST_PENDING
from hw.accelerator.statistics import Statistics
from hw.matrix.unit import result_layout
from hw.parts.counter import Countdown, Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.fabric_multiplier import FabricMultiplier
from hw.parts.ports import Component, Stream, View, view
from hw.parts.requantize import Requantizer
from hw.parts.tables import Table
from hw.primitives.multiplier import SharedMultiplier

_CLIP = Interval.signed(CENTRED_BITS)
"""What the requantiser clips to: more than any map's words, which the last clip is for."""


def scaled_at(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to its scaled value: the ROMs, the bias, the requantiser."""
    return _summed_at() + max(
        requantised_at(sizes, abilities),
        normal_at(sizes, abilities),
        single_at(sizes, abilities),
    )


def requantised_at(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum with its bias to its scaled value."""
    latencies = [_requantised_in(sizes, logic=logic) for logic in set(_logic(sizes))]
    return product_latency(sizes, abilities) + max(latencies)


def _logic(sizes: Sizes) -> list[bool]:
    """Return of each scaler whether it multiplies in look-up tables."""
    return [lane < sizes.logic_scalers for lane in range(sizes.scalers)]


def _requantised_in(sizes: Sizes, *, logic: bool) -> int:
    """Cycles that such a requantiser takes."""
    if logic:
        return Requantizer.logic_latency(sizes.factor_bits)
    return Requantizer.latency_on(sizes.target, y_bits=SUM_BITS)


def single_at(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum with its bias to what float32's roundings make of it, where they do."""
    if not abilities.single:
        return 0
    return product_latency(sizes, abilities) + single.latency_of(
        sizes.target, addition=abilities.addition
    )


def normal_at(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a difference to what a layer norm makes of it, where there are any."""
    return latency_of(sizes.target, abilities.norm) if abilities.norm else 0


def product_latency(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles that products of two samples take, where there are any."""
    if not abilities.product:
        return 0
    block = SharedMultiplier.latency_on(sizes.target, a_bits=single.FACTOR_BITS)
    fabric = FabricMultiplier.latency_of(single.FACTOR_BITS) if sizes.logic_scalers else 0
    return max(block, fabric) + 1


def interval(sizes: Sizes) -> int:
    """Return the cycles from a descriptor's first sums to the next one's at least.

    The matrix unit's weights for one take as long.
    """
    return sizes.tile + 1


def _summed_at() -> int:
    """Cycles from a sum to that with its bias."""
    return Table.latency + 1


def latency(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to its sample: scaled, clipped, through a table."""
    return scaled_at(sizes, abilities) + 1 + Table.latency


_Path: TypeAlias = tuple[Value, Value, Callable[[Sizes, Abilities], int]]
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
    statistics take their time, and around an addition in float32, the unit runs empty.

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
        self._began: list[Value] = [load]
        for cycle in range(self._latency()):
            self._began.append(delay_valid(m, self._began[-1], 1, name=f"began_{cycle}"))
        last = self._count(m, position_ends, load)
        m.d.comb += [
            step.eq(self.i.valid & open_),
            part.step.eq(step),
            self.i.ready.eq(open_ & part.last),
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
        self._addition(m, load, part.value, constants)
        sums = self._begin(m, part.value, constants)
        samples = self._scale(m, sums, part.value, constants)
        self._write(m, samples, step, part, ends)
        return m

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
    ) -> Signal:
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
        return address

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
                normal = self._now.norm == Norm.NORMAL
                addend = Mux(normal, self._kept.minus, addend)
            m.d.sync += total.eq(late + addend)
            sums.append(total)
        self._totals = sums
        if self._layouts.abilities.product:
            cycles = _summed_at() + product_latency(self._sizes, self._layouts.abilities) - 1
            product = self._told(m, ["product"], cycles).product
            return [self._multiply(m, total, product, lane) for lane, total in enumerate(sums)]
        return sums

    def _multiply(self, m: Module, total: Signal, product: Value, lane: int) -> Signal:
        """Return a sum, or the product of the two samples that are in it."""
        bits, sizes = single.FACTOR_BITS, self._sizes
        first, second = single.samples_of(total)
        multiply: FabricMultiplier | SharedMultiplier
        if _logic(sizes)[lane]:
            multiply = FabricMultiplier(lanes=1, a_bits=bits, b_bits=bits, target=sizes.target)
            m.d.comb += [multiply.a.eq(first), multiply.b[0].eq(second)]
        else:
            multiply = SharedMultiplier(lanes=1, a_bits=bits, b_bits=bits, target=sizes.target)
            m.d.comb += [multiply.a[0].eq(first), multiply.b.eq(second)]
        m.submodules[f"product_{lane}"] = multiply
        chosen = Signal(signed(SUM_BITS), name=f"chosen_{lane}", reset_less=True)
        cycles = product_latency(sizes, self._layouts.abilities) - 1
        late = delay(m, total, cycles, name=f"total_{lane}_late")
        made = delay(m, multiply.p[0], cycles - multiply.latency, name=f"product_{lane}_late")
        m.d.sync += chosen.eq(Mux(product & ~self._adds, made, late))
        return chosen

    def _scale(
        self, m: Module, sums: Sequence[Value], part: Value, constants: PostConstants
    ) -> list[Value]:
        """Return the samples of a step's sums."""
        sizes, abilities = self._sizes, self._layouts.abilities
        shifts, offsets = self._layouts.own_shifts, self._layouts.offsets
        late = 1 + product_latency(sizes, abilities)
        offset = self._told(m, ["offset"], Table.latency + late).offset
        scaled = scaled_at(sizes, abilities)
        ends = self._told(m, ["low", "high"], scaled)
        table = self._told(m, ["table"], scaled + 1).table
        single_meant = self._told(m, ["single"], scaled).single if abilities.single else None
        zeros = self._zeros(m) if abilities.single else ()
        factors = delay(m, constants.scales, late, name="factors")
        samples = []
        for lane, (total, logic) in enumerate(zip(sums, _logic(sizes), strict=True)):
            m.submodules[f"requantize_{lane}"] = requantize = Requantizer(
                lanes=1,
                accumulator=Interval.signed(SUM_BITS),
                shifts=shifts,
                clip=_CLIP,
                zero_points=offsets,
                output_bits=CENTRED_BITS,
                target=sizes.target,
                right=True,
                factor_bits=sizes.factor_bits,
                logic=logic,
            )
            m.d.comb += [
                requantize.i.payload[0].eq(total),
                requantize.multiplier.eq(factors.multiplier[lane]),
                requantize.shift.eq(self._own(factors.shift[lane])),
            ]
            if offsets.low != offsets.high:
                m.d.comb += requantize.zero_point.eq(offset)
            late = requantised_at(sizes, abilities) - product_latency(sizes, abilities)
            own = delay(
                m,
                requantize.o.payload[0],
                late - _requantised_in(sizes, logic=logic),
                name=f"requantised_{lane}",
            )
            paths: list[_Path] = [(Const(1), own, requantised_at)]
            if single_meant is not None:
                rounded = self._single(m, total, factors, zeros, lane)
                paths.append((single_meant, rounded, single_at))
            if self._kept is not None:
                chosen = self._now.norm == Norm.NORMAL
                paths.append((chosen, self._normal(m, lane, constants), normal_at))
            value = self._choose(m, paths, lane)
            samples.append(self._look_up(m, value, lane, ends, table, constants))
        return samples

    def _own(self, shift: Value) -> Value:
        """Return a shift as what is rounded once has it: less than the largest of those."""
        less: Value = shift - (self._layouts.shifts.high - self._layouts.own_shifts.high)
        return less

    def _choose(self, m: Module, paths: Sequence[_Path], lane: int) -> Value:
        """Return what the last path gives that is meant, all as late as the latest."""
        sizes, abilities = self._sizes, self._layouts.abilities
        latest = max(latency_on(sizes, abilities) for *_, latency_on in paths)
        (_, scaled, latency_on), *others = paths
        late = latest - latency_on(sizes, abilities)
        scaled = delay(m, scaled, late, name=f"scaled_{lane}")
        for number, (meant, value, latency_on) in enumerate(others):
            late = latest - latency_on(sizes, abilities)
            scaled = Mux(meant, delay(m, value, late, name=f"path_{number}_{lane}"), scaled)
        return scaled

    def _zeros(self, m: Module) -> Sequence[Value]:
        """Return what float32's roundings add to products, and what to what comes of them."""
        before = _summed_at() + product_latency(self._sizes, self._layouts.abilities)
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

    def _normal(self, m: Module, lane: int, constants: PostConstants) -> Value:
        """Return what a layer norm makes of a sum."""
        assert self._kept is not None
        m.submodules[f"normal_{lane}"] = normal = NormalLane(self._layouts, _CLIP)
        kept = delay(m, self._kept, 1, name=f"kept_{lane}")
        m.d.comb += [
            normal.difference.eq(self._totals[lane]),
            normal.root.eq(kept.root),
            normal.exponent.eq(kept.exponent),
            normal.gain.eq(delay(m, constants.scales.multiplier[lane], 1, name=f"gain_{lane}")),
            normal.shift.eq(
                self._own(delay(m, constants.scales.shift[lane], 1, name=f"shift_{lane}"))
            ),
            normal.offset.eq(delay(m, constants.biases[lane], 1, name=f"offset_{lane}")),
            normal.zero_point.eq(self._now.offset),
        ]
        return normal.o

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
        valid = delay_valid(m, step, cycles, name="valid")
        last = delay(m, part.last, cycles, name="part_last")
        row_ends = delay(m, self._row_ends, cycles, name="row_ends")
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
            self.w_en.eq(delay_valid(m, step & part.last, cycles, name="whole")),
            self.w_data.eq(Cat(*moved)),
            self.done.eq(delay_valid(m, step & ends, cycles, name="done") | self._statistics_done),
        ]
