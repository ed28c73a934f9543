"""The depthwise unit: windows of channels that keep to themselves, while the matrix unit works.

For each column of a map, the words of all rows under a kernel are read behind each other. A word is
multiplied by some of its row's weights at once, and each product goes into the sum of another
window, of those side by side that have this column in common; then the sums move on by a column.
So no rows are kept, and windows that are not wanted, where a stride is more than 1, are left out
at the end.
"""

from collections.abc import Sequence
from dataclasses import replace

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.abilities import NONE
from golden.accelerator.external.capacity import (
    HEAD,
    KERNEL_SIDE,
    KERNEL_WORDS,
    OWN_SCALES,
    Capacity,
)
from golden.accelerator.external.depthwise import (
    KEPT_BITS,
    SCALE_BITS,
    groups_of,
)
from golden.accelerator.sizes import BIASED_BITS, CENTRED_BITS, DATA_BITS
from golden.numbers.interval import Interval
from golden.numbers.quantize import MULTIPLIER_BITS
from hw.accelerator.constants import PostConstants, fill_layout
from hw.accelerator.external.layout import depthwise_layout, kernels_layout, layouts_for
from hw.accelerator.external.lines import LineUnit
from hw.accelerator.external.turn import LineTurn
from hw.accelerator.layout import Layouts
from hw.accelerator.post import PostUnit
from hw.accelerator.reader import Reader
from hw.parts.counter import Nest
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.fabric_multiplier import FabricMultiplier
from hw.parts.operands import Operands, bits_of
from hw.parts.ports import Component, Stream, View, view
from hw.parts.requantize import Requantizer
from hw.parts.streams import OutputBuffer, taken_late
from hw.parts.tables import Table
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SharedMultiplier, multipliers_on

_SKEWED = 4
"""Lanes that are told something in the same cycle: the next ones are a cycle later."""
_PRODUCT_BITS = BIASED_BITS + MULTIPLIER_BITS
_SUMS = 17
"""Sums that wait to be scaled: at least those on their way."""
_WAY = 16
"""More descriptors than are on their way from where they begin to their last word."""
WORDS = 17
"""Words that wait to be written."""
LOW_BITS = 17
"""Of a sum, unsigned, that one multiplier takes; the others are multiplied in carry chains."""


def depthwise_layouts(capacity: Capacity) -> Layouts:
    """Return what the unit's parts must know: as the matrix unit's, with scalers of its own."""
    layouts = layouts_for(capacity)
    sizes = replace(capacity.sizes, scalers=capacity.depthwise_scalers, logic_scalers=0)
    return replace(
        layouts,
        sizes=sizes,
        shifts=OWN_SCALES.shifts,
        own_shifts=OWN_SCALES.own,
        abilities=NONE,
        constants=sizes.parts,
    )


def head_layout(tile: int) -> data.StructLayout:
    """Return the layout of a tile's biases, and factors with their shifts."""
    return data.StructLayout(
        {
            "biases": data.ArrayLayout(signed(BIASED_BITS), tile),
            "scales": data.ArrayLayout(unsigned(SCALE_BITS), tile),
        }
    )


class HeadConstants(PostConstants):
    """Biases and factors of the lanes of a step; only tables are filled in.

    Parameters
    ----------
    layouts
        Of `depthwise_layouts`.

    Members
    -------
    head : In
        Of all lanes; an address is the number of a step.
    """

    head: View

    def __init__(self, layouts: Layouts) -> None:
        super().__init__(layouts, {"head": In(head_layout(layouts.sizes.tile))})

    def _filled(self, m: Module) -> None:
        sizes = self._sizes
        biases, scales = self.head.biases, self.head.scales
        for lane in range(sizes.scalers):
            lanes = [part * sizes.scalers + lane for part in range(sizes.parts)]
            bias = self._chosen(m, [biases[k] for k in lanes], self.bias_addr, f"bias_{lane}")
            scale = self._chosen(m, [scales[k] for k in lanes], self.scale_addr, f"scale_{lane}")
            m.d.comb += [
                self.biases[lane].eq(bias.as_signed()),
                self.scales.multiplier[lane].eq(scale[:MULTIPLIER_BITS]),
                self.scales.shift[lane].eq(scale[MULTIPLIER_BITS:]),
            ]

    @staticmethod
    def _chosen(m: Module, values: list[Value], address: Value, name: str) -> Value:
        """Return one of ``values``, as late as a memory would."""
        chosen = Signal(len(values[0]), name=name, reset_less=True)
        with m.Switch(address):
            for number, value in enumerate(values):
                with m.Case(number):
                    m.d.sync += chosen.eq(value)
        return delay(m, chosen, READ_LATENCY - 1, name=name)


class DepthwisePost(PostUnit):
    """A `PostUnit` of narrower sums, with a multiplier a scaler and a tile's own factors.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    head : In
        Of the descriptor whose sums are taken.
    """

    head: View
    sum_bits = BIASED_BITS

    def __init__(self, capacity: Capacity) -> None:
        layouts = depthwise_layouts(capacity)
        super().__init__(layouts, {"head": In(head_layout(layouts.sizes.tile))})

    def _sums_layout(self) -> data.StructLayout:
        return sums_layout(self._sizes.tile)

    def _constants(self, m: Module) -> PostConstants:
        m.submodules.constants = constants = HeadConstants(self._layouts)
        m.d.comb += [constants.fill.eq(self.fill), constants.head.eq(self.head)]
        return constants

    @staticmethod
    def product_latency_on(target: str) -> int:
        """Cycles from a sum with its bias to its product."""
        if multipliers_on(target, a_bits=BIASED_BITS) == 1:
            return SharedMultiplier.latency_on(target, a_bits=BIASED_BITS)
        low = SharedMultiplier.latency_on(target, a_bits=LOW_BITS + 1)
        return max(low, FabricMultiplier.latency_of(BIASED_BITS - LOW_BITS)) + 1

    @classmethod
    def latency_on(cls, target: str) -> int:
        """Cycles from a sum to its sample."""
        scaled = Table.latency + 1 + cls.product_latency_on(target) + Requantizer.ROUNDING
        return scaled + 1 + Table.latency

    def _latency(self) -> int:
        return self.latency_on(self._sizes.target)

    def _scale(
        self, m: Module, sums: Sequence[Value], part: Value, constants: PostConstants
    ) -> list[Value]:
        m.d.comb += constants.scale_addr.eq(part)
        factors = delay(m, constants.scales, 1, name="factors")
        late = self.product_latency_on(self._sizes.target)
        multiplied = Table.latency + 1 + late
        scaled = multiplied + Requantizer.ROUNDING
        offset = self._told(m, ["offset"], multiplied).offset
        ends = self._told(m, ["low", "high"], scaled)
        table = self._told(m, ["table"], scaled + 1).table
        samples = []
        for lane, total in enumerate(sums):
            m.submodules[f"requantize_{lane}"] = requantize = Requantizer(
                lanes=1,
                accumulator=Interval.signed(_PRODUCT_BITS),
                shifts=self._layouts.own_shifts,
                clip=Interval.signed(CENTRED_BITS),
                zero_points=self._layouts.offsets,
                output_bits=CENTRED_BITS,
                target=self._sizes.target,
                multiplies=False,
                right=True,
            )
            m.d.comb += [
                requantize.i.payload[0].eq(self._product(m, total, factors.multiplier[lane], lane)),
                requantize.shift.eq(delay(m, factors.shift[lane], late, name=f"shift_{lane}")),
                requantize.zero_point.eq(offset),
            ]
            value = requantize.o.payload[0]
            samples.append(self._look_up(m, value, lane, ends, table, constants))
        return samples

    def _product(self, m: Module, total: Value, multiplier: Value, lane: int) -> Value:
        """Return a sum times its factor."""
        target, late = self._sizes.target, self.product_latency_on(self._sizes.target)
        whole = multipliers_on(target, a_bits=BIASED_BITS) == 1
        m.submodules[f"multiply_{lane}"] = multiply = SharedMultiplier(
            lanes=1,
            a_bits=BIASED_BITS if whole else LOW_BITS + 1,
            b_bits=MULTIPLIER_BITS + 1,
            target=target,
        )
        m.d.comb += [multiply.a[0].eq(total if whole else total[:LOW_BITS])]
        m.d.comb += multiply.b.eq(multiplier)
        if whole:
            product: Value = multiply.p[0]
            return product
        m.submodules[f"multiply_high_{lane}"] = high = FabricMultiplier(
            lanes=1, a_bits=MULTIPLIER_BITS + 1, b_bits=BIASED_BITS - LOW_BITS, target=target
        )
        m.d.comb += [high.a.eq(multiplier), high.b[0].eq(total[LOW_BITS:].as_signed())]
        lower = delay(m, multiply.p[0], late - 1 - multiply.latency, name=f"lower_{lane}")
        upper = delay(m, high.p[0], late - 1 - high.latency, name=f"upper_{lane}")
        both = Signal(signed(_PRODUCT_BITS - LOW_BITS), name=f"both_{lane}", reset_less=True)
        m.d.sync += both.eq((lower >> LOW_BITS) + upper)
        below = delay(m, lower[:LOW_BITS], 1, name=f"below_{lane}")
        return Cat(below, both).as_signed()


def sums_layout(tile: int) -> data.StructLayout:
    """Return the layout of a window's sums; `last` is not looked at."""
    return data.StructLayout({"sums": data.ArrayLayout(signed(BIASED_BITS), tile), "last": 1})


class SlidingSums(Component):
    """Sums of windows side by side, of some lanes: each product goes into another's.

    Of kernels with more columns than are multiplied at once, a word comes once for each group of
    columns, the last ones first; sums of all groups go round in a ring.

    Parameters
    ----------
    capacity
        Of the accelerator.
    lanes
        How many.

    Members
    -------
    x, w : In, arrays
        Of a step: samples, and of each lane the weights of a group.
    valid : In
        Whether there is a step.
    fresh : In
        It is the first of a column for its group: sums move on by a column.
    opens : In
        Its column is the first.
    deeper : In
        A group of columns follows.
    groups : In
        How many less one.
    o : Out, array
        The sums in which the step was a window's last, `latency` cycles later.
    """

    x: View
    w: View
    valid: Signal
    fresh: Signal
    opens: Signal
    deeper: Signal
    groups: Signal
    o: View

    latency = FabricMultiplier.latency_of(DATA_BITS) + 1

    def __init__(self, capacity: Capacity, lanes: int) -> None:
        self._taps = capacity.depthwise
        self._lanes = lanes
        self._target = capacity.sizes.target
        self._places = groups_of(KERNEL_SIDE, self._taps)
        weights = data.ArrayLayout(signed(DATA_BITS), self._taps)
        super().__init__(
            {
                "x": In(data.ArrayLayout(signed(CENTRED_BITS), lanes)),
                "w": In(data.ArrayLayout(weights, lanes)),
                **{name: In(1) for name in ("valid", "fresh", "opens", "deeper")},
                "groups": In(range(self._places)),
                "o": Out(data.ArrayLayout(signed(KEPT_BITS), lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        late = self.latency - 2
        before = {
            name: delay(m, getattr(self, name), late, name=name)
            for name in ("fresh", "opens", "deeper", "groups", "valid")
        }
        for lane in range(self._lanes):
            m.submodules[f"multiply_{lane}"] = multiply = FabricMultiplier(
                lanes=self._taps, a_bits=CENTRED_BITS, b_bits=DATA_BITS, target=self._target
            )
            m.d.comb += [multiply.a.eq(self.x[lane]), multiply.b.eq(self.w[lane])]
            told = {n: copied(m, one, name=f"{n}_of_{lane}") for n, one in before.items()}
            self._add(m, lane, multiply.p, told)
        return m

    def _add(self, m: Module, lane: int, products: View, told: dict[str, Signal]) -> None:
        """Add products to the sums at the ring's head, and move the ring on."""
        taps, places = self._taps, self._places
        ring = [
            [
                Signal(signed(KEPT_BITS), name=f"sum_{lane}_{place}_{tap}", reset_less=True)
                for tap in range(taps)
            ]
            for place in range(places)
        ]
        head = ring[0]
        behind: Value = Value.cast(0)
        if places > 1:
            # The columns before these are the next group's, which is next in the ring.
            behind = Mux(told["deeper"], ring[1][-1], 0)
        totals = []
        for tap in range(taps):
            moved = Mux(told["opens"], 0, head[tap - 1] if tap else behind)
            product = bits_of(products[tap], "product")
            total = chosen_sum(
                m,
                told["fresh"],
                Operands(product, bits_of(moved, "moved")),
                Operands(product, bits_of(head[tap], "head")),
                width=KEPT_BITS,
                target=self._target,
                name=f"total_{lane}_{tap}",
            )
            totals.append(total)
        with m.If(told["valid"]):
            for place in range(places):
                for tap, total in enumerate(totals):
                    following = ring[place + 1][tap] if place + 1 < places else total
                    last = told["groups"] == place if place + 1 < places else 1
                    m.d.sync += ring[place][tap].eq(Mux(last, total, following))
        m.d.comb += self.o[lane].eq(delay(m, totals[-1], 1, name=f"o_{lane}"))


class DepthwiseUnit(Component):
    """Windows of a tile of channels, each with a kernel of its own: from maps into maps.

    A word is read in a cycle, ``K_h * groups`` for each column of each row of windows; words that
    are finished wait until they can be written.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    task : In, stream of descriptors
    hold, wants, r_en, r_addr, r_data : In, Out, Out, Out, In
        As of the `Reader`.
    banks : Out
        Which halves of the buffer of maps its source is in, while `wants`.
    w_en, w_addr, w_data, w_ready : Out, In
        A word of a map; it is written where `w_ready` is high.
    fill, kernels : In
        Entries of tables, and words of kernels, that are filled in.
    done : Out
        Pulse: all of a descriptor is written.
    """

    task: Stream
    hold: Signal
    wants: Signal
    r_en: Signal
    r_addr: Signal
    r_data: Signal
    banks: Signal
    w_en: Signal
    w_addr: Signal
    w_data: Signal
    w_ready: Signal
    fill: View
    kernels: View
    done: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._tile = capacity.sizes.tile
        self._target = capacity.sizes.target
        layouts = depthwise_layouts(capacity)
        word = DATA_BITS * self._tile
        self._word = data.StructLayout(
            {"addr": range(layouts.map_words), "data": word, "last": unsigned(1)}
        )
        super().__init__(
            {
                "task": In(stream.Signature(depthwise_layout(capacity))),
                "hold": In(1),
                "wants": Out(1),
                "r_en": Out(1),
                "r_addr": Out(range(layouts.map_words)),
                "r_data": In(word),
                "banks": Out(2),
                "w_en": Out(1),
                "w_addr": Out(range(layouts.map_words)),
                "w_data": Out(word),
                "w_ready": In(1),
                "fill": In(fill_layout(layouts)),
                "kernels": In(kernels_layout(capacity)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = Reader(layouts_for(self._capacity))
        now = view(self.task.payload.shape(), name="now", reset_less=True)
        may = Signal()
        starts = taken_late(m, self.task, may)
        began = Signal()
        busy = Signal()
        opened = Signal()  # heads have been read
        m.d.comb += [
            reader.told.eq(now.read),
            reader.go.eq(began),
            reader.hold.eq(self.hold),
            reader.r_data.eq(self.r_data),
            self.wants.eq(reader.wants),
            self.r_en.eq(reader.r_en),
            self.r_addr.eq(reader.r_addr),
            self.banks.eq(now.banks),
        ]
        m.d.sync += began.eq(starts)
        with m.If(starts):
            m.d.sync += [now.eq(self.task.payload), busy.eq(1)]
        m.submodules.sums = sums = OutputBuffer(
            shape=sums_layout(self._tile), depth=_SUMS, target=self._target
        )
        step = Signal()
        turns = now.apart.turns
        emits = self._count(m, now, reader, step, began)
        kernels, headed = self._kernels(m, now, reader, step, began & ~turns)
        m.submodules.turn = turn = LineTurn(self._capacity)
        adds = opened & (~emits | sums.credit)
        m.d.comb += [
            reader.o.ready.eq(Mux(turns, turn.i.ready, adds)),
            step.eq(reader.o.valid & adds & ~turns),
            sums.take.eq(step & emits),
        ]
        with m.If(headed):
            m.d.sync += opened.eq(1)
        with m.If(reader.o.valid & reader.o.ready & reader.o.payload.ends):
            m.d.sync += [busy.eq(0), opened.eq(0)]
        self._add(m, now, reader, kernels, step, emits, sums)
        if self._capacity.lines is not None:
            self._do_lines(m, now, reader, kernels, headed, step, sums)
        self._turn(m, now, reader, turn, began)
        owed = self._finish(m, now, kernels, starts, sums, turn)
        # Words are written in order: none may be on its way from what is added up to a turn, and
        # line engines have kernels and memories of their own.
        told = self.task.payload.apart
        apart = told.turns | told.line if self._capacity.lines is not None else told.turns
        way = Signal(range(_WAY))
        alone = way == 0
        turning = Signal()
        m.d.sync += way.eq(way + starts - self.done)
        with m.If(self.done):
            m.d.sync += turning.eq(0)
        with m.If(starts):
            m.d.sync += turning.eq(apart)
        others = alone | ~apart
        m.d.comb += may.eq(~busy & ~owed & ~turning & others)
        return m

    def _do_lines(
        self,
        m: Module,
        now: View,
        reader: Reader,
        kernels: Memory,
        headed: Value,
        step: Signal,
        sums: OutputBuffer,
    ) -> None:
        """Bring words and kernels to the line engines, and what they give to the sums."""
        m.submodules.lines = lines = LineUnit(self._capacity)
        line = now.apart.line
        m.d.comb += [
            lines.begin.eq(delay_valid(m, headed & line, 1, name="lines_begin")),
            lines.told.eq(now.apart.place),
            lines.first.eq(now.apart.kernels + HEAD),
            lines.k_data.eq(kernels.r_data),
            lines.i.valid.eq(reader.o.valid & line),
            lines.i.payload.eq(reader.o.payload.x),
            lines.credit.eq(sums.credit),
        ]
        with m.If(lines.k_en):
            m.d.comb += kernels.r_addr.eq(lines.k_addr)
        with m.If(line):
            m.d.comb += [
                reader.o.ready.eq(lines.i.ready),
                step.eq(0),
                sums.take.eq(lines.take),
                sums.i.valid.eq(lines.o_valid),
                sums.i.payload.sums.eq(lines.o),
            ]

    def _turn(self, m: Module, now: View, reader: Reader, turn: LineTurn, began: Value) -> None:
        """Bring words to the corner turn."""
        lanes = (reader.o.payload.x[lane] for lane in range(self._tile))
        m.d.comb += [
            turn.begin.eq(began & now.apart.turns),
            turn.told.eq(now.finish),
            turn.i.valid.eq(reader.o.valid & now.apart.turns),
            turn.i.payload.word.eq(Cat(*(Value.cast(lane)[:DATA_BITS] for lane in lanes))),
            turn.i.payload.ends.eq(reader.o.payload.ends),
        ]

    def _count(self, m: Module, now: View, reader: Reader, step: Value, began: Value) -> Value:
        """Follow the reader's steps; return whether one is the last of a window."""
        told, apart, taps = now.read, now.apart, self._capacity.depthwise
        begun = delay_valid(m, began, 1, name="begun")  # what is told has stood for a cycle
        limits = {
            "group": told.last_column[: (groups_of(KERNEL_SIDE, taps) - 1).bit_length()],
            "row": told.last_row[: (KERNEL_SIDE - 1).bit_length()],
            "column": told.last_kernel_column,
        }
        loops = Nest(limits)
        group, row, column = loops.lasts.values()
        until = Signal(len(apart.between))  # columns until a window ends
        first_group = Signal()
        first_row = Signal()
        opens = Signal()
        closes = Signal()
        at_once = Signal()  # no columns until the first
        always = Signal()  # nor until others
        self._fresh, self._opens, self._deeper = first_row, opens, ~group
        emits: Value = closes & first_group & row
        loops.count(m, step)
        loops.begin(m, begun, limits)
        with m.If(step):
            m.d.sync += first_group.eq(group)
            with m.If(group):
                m.d.sync += first_row.eq(row)
            with m.If(reader.o.payload.last):
                m.d.sync += [
                    opens.eq(column),
                    until.eq(until - 1),
                    closes.eq(until == 1),
                ]
                with m.If(closes):
                    m.d.sync += [until.eq(apart.between), closes.eq(always)]
                with m.If(column):
                    m.d.sync += [until.eq(apart.before), closes.eq(at_once)]
        with m.If(begun):
            m.d.sync += [
                *(first.eq(1) for first in (first_group, first_row, opens)),
                until.eq(apart.before),
                *(one.eq(apart.before == 0) for one in (closes, at_once)),
                always.eq(apart.between == 0),
            ]
        return emits

    def _kernels(
        self, m: Module, now: View, reader: Reader, step: Value, began: Value
    ) -> tuple[Memory, Value]:
        """Keep kernels; return their memory, and whether the last head is read."""
        fill = self.kernels
        m.submodules.kernels = kernels = Memory(
            depth=KERNEL_WORDS, width=len(fill.word), target=self._target
        )
        address = Signal.like(now.apart.kernels, name="address")
        first = Signal.like(address, name="first")
        head = Signal(range(HEAD + 1), init=HEAD)
        heading = head != HEAD
        m.d.comb += [
            kernels.r_en.eq(1),
            kernels.r_addr.eq(address),
            kernels.w_en.eq(fill.en),
            kernels.w_addr.eq(fill.addr),
            kernels.w_data.eq(fill.word),
        ]
        with m.If(step):
            m.d.sync += address.eq(Mux(reader.o.payload.last, first, address + 1))
        with m.If(heading):
            m.d.sync += [head.eq(head + 1), address.eq(address + 1), first.eq(address + 1)]
        with m.If(began):
            m.d.sync += [head.eq(0), address.eq(now.apart.kernels)]
        self._heads = [
            delay_valid(m, heading & (head == part), READ_LATENCY, name=f"head_{part}")
            for part in range(HEAD)
        ]
        return kernels, head == HEAD - 1

    def _add(
        self,
        m: Module,
        now: View,
        reader: Reader,
        kernels: Memory,
        step: Value,
        emits: Value,
        sums: OutputBuffer,
    ) -> None:
        """Bring steps and weights to the sums, some lanes a cycle after others."""
        taps, tile = self._capacity.depthwise, self._tile
        count = tile // _SKEWED
        flags = {"fresh": self._fresh, "opens": self._opens, "deeper": self._deeper}
        flags["groups"] = now.read.last_column
        flags = {name: delay(m, value, READ_LATENCY, name=name) for name, value in flags.items()}
        valid = delay_valid(m, step, READ_LATENCY, name="step")
        lane_bits = DATA_BITS * taps * _SKEWED
        for part in range(count):
            m.submodules[f"sliding_{part}"] = sliding = SlidingSums(self._capacity, _SKEWED)
            lanes = range(part * _SKEWED, (part + 1) * _SKEWED)
            x = Cat(*(reader.o.payload.x[lane] for lane in lanes))
            w = kernels.r_data[part * lane_bits : (part + 1) * lane_bits]
            if part:
                flags = {
                    name: delay(m, value, 1, name=f"{name}_{part}") for name, value in flags.items()
                }
                valid = delay_valid(m, valid, 1, name=f"step_{part}")
            m.d.comb += [
                Value.cast(sliding.x).eq(delay(m, x, READ_LATENCY + part, name=f"x_{part}")),
                Value.cast(sliding.w).eq(delay(m, w, part, name=f"w_{part}")),
                sliding.valid.eq(valid),
                *(getattr(sliding, name).eq(value) for name, value in flags.items()),
            ]
            for place, lane in enumerate(lanes):
                late = delay(m, sliding.o[place], count - 1 - part, name=f"o_{lane}")
                m.d.comb += sums.i.payload.sums[lane].eq(late)
        late = READ_LATENCY + SlidingSums.latency + count - 1
        m.d.comb += sums.i.valid.eq(delay_valid(m, step & emits, late, name="emits"))

    def _finish(
        self,
        m: Module,
        now: View,
        kernels: Memory,
        starts: Value,
        sums: OutputBuffer,
        turn: LineTurn,
    ) -> Value:
        """Scale sums and write words; return whether a descriptor is not handed over yet."""
        m.submodules.post = post = DepthwisePost(self._capacity)
        m.submodules.words = words = OutputBuffer(
            shape=self._word, depth=WORDS, target=self._target
        )
        shape = head_layout(self._tile)
        coming, head = (view(shape, name=name, reset_less=True) for name in ("coming", "head"))
        there = Signal()
        owed = Signal()
        hands = there & post.told.ready
        bits = DATA_BITS * self._capacity.depthwise
        lanes = [kernels.r_data.word_select(lane, bits) for lane in range(self._tile)]
        with m.If(self._heads[0]):
            m.d.sync += [coming.biases[k].eq(lane[:BIASED_BITS]) for k, lane in enumerate(lanes)]
        with m.If(self._heads[1]):
            m.d.sync += [coming.scales[k].eq(lane[:SCALE_BITS]) for k, lane in enumerate(lanes)]
            m.d.sync += there.eq(1)
        with m.If(hands):
            m.d.sync += [head.eq(coming), there.eq(0), owed.eq(0)]
        with m.If(starts):
            m.d.sync += owed.eq(~self.task.payload.apart.turns)
        told = post.told.payload
        m.d.comb += [
            told.eq(now.finish),
            *(told[name].eq(0) for name in ("bias", "bias_row", "bias_column", "scale")),
            post.told.valid.eq(there),
            post.head.eq(head),
            post.fill.eq(self.fill),
            post.i.payload.eq(sums.o.payload),
            post.i.valid.eq(sums.o.valid & words.credit),
            sums.o.ready.eq(post.i.ready & words.credit),
            turn.credit.eq(words.credit),
            words.take.eq((post.i.valid & post.i.ready) | turn.take),
            words.i.valid.eq(post.w_en | turn.o_valid),
            words.i.payload.addr.eq(Mux(turn.o_valid, turn.o_addr, post.w_addr)),
            words.i.payload.data.eq(Mux(turn.o_valid, turn.o_data, post.w_data)),
            words.i.payload.last.eq(Mux(turn.o_valid, turn.o_last, post.done)),
            self.w_en.eq(words.o.valid),
            self.w_addr.eq(words.o.payload.addr),
            self.w_data.eq(words.o.payload.data),
            words.o.ready.eq(self.w_ready),
            self.done.eq(self.w_en & self.w_ready & words.o.payload.last),
        ]
        return owed
