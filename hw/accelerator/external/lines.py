"""Line engines in the depthwise unit: circular kernels as long as a line.

A line's words come in all lanes at once, and each engine does some of them, one behind the other;
so lines are kept before the engines and behind them, two each, and one is at work while the next
one comes. They are kept as the engines take and give them, some lanes at a time, which the scalers
behind do too. A line that is shorter than the engines' is read round and round.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.external.capacity import KERNEL_WORDS, Capacity
from golden.accelerator.sizes import BIASED_BITS, CENTRED_BITS, DATA_BITS
from hw.accelerator.external.layout import line_layout
from hw.line.engine import LineEngine
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View
from hw.parts.streams import OutputBuffer
from hw.primitives.memory import READ_LATENCY, Memory

LATENCY = READ_LATENCY
"""Cycles from `take` to the sums of a place."""
_SETTLED = 8
"""More cycles than from a set's last word until it is in effect."""
_FED = OutputBuffer.depth_for(READ_LATENCY)
"""Beats that wait before the engines."""


def kept_words(capacity: Capacity) -> int:
    """Return the words of two lines: a place of each lane of an engine."""
    design = capacity.line_design
    return 2 << (design.length - 1).bit_length() + (design.channels - 1).bit_length()


class _Pair:
    """Two lines that are kept: which is written, which is read, and which are full.

    Parameters
    ----------
    name
        Of its registers.
    """

    def __init__(self, name: str) -> None:
        self.writes = Signal(name=f"{name}_writes")
        self.reads = Signal(name=f"{name}_reads")
        self._full = Signal(2, name=f"{name}_full")
        self.free = Signal(init=1, name=f"{name}_free")
        """Whether the one that is written is not full; a register."""
        self.there = Signal(name=f"{name}_there")
        """Whether the one that is read is full; a register."""

    def follow(self, m: Module, filled: Value, emptied: Value) -> None:
        """Go on: the last word of a line is written, or read."""
        writes, reads = self.writes ^ filled, self.reads ^ emptied
        full: Value = self._full
        full = Mux(filled, full | Cat(~self.writes, self.writes), full)
        full = Mux(emptied, full & Cat(self.reads, ~self.reads), full)
        m.d.sync += [
            self.writes.eq(writes),
            self.reads.eq(reads),
            self._full.eq(full),
            self.free.eq(~full.bit_select(writes, 1)),
            self.there.eq(full.bit_select(reads, 1)),
        ]


class LineUnit(Component):
    """Takes words of lines, gives the sums of all lanes, place by place.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    begin : In
        Pulse: a tile's kernels are to be loaded, and its lines follow. What is told stands from
        then on, and all that was taken before has been given.
    told : In
        `line_layout`.
    first : In
        Address of the kernels' first word.
    k_en, k_addr, k_data : Out, Out, In
        A word of kernels is there `READ_LATENCY` cycles after its address; `k_en` is whether one
        is asked for.
    i : In, stream of words, samples less their zero point
    credit : In
        Whether sums may go out.
    take : Out
        Whether some are on their way, `LATENCY` cycles before they are there.
    o_valid, o : Out
        Sums of all lanes.
    """

    begin: Signal
    told: View
    first: Signal
    k_en: Signal
    k_addr: Signal
    k_data: Signal
    i: Stream
    credit: Signal
    take: Signal
    o_valid: Signal
    o: View

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._design = capacity.line_design
        self._tile = capacity.sizes.tile
        self._engines = capacity.depthwise_scalers
        self._target = capacity.sizes.target
        samples = data.ArrayLayout(signed(CENTRED_BITS), self._tile)
        super().__init__(
            {
                "begin": In(1),
                "told": In(line_layout(capacity)),
                "first": In(range(KERNEL_WORDS)),
                "k_en": Out(1),
                "k_addr": Out(range(KERNEL_WORDS)),
                "k_data": In(DATA_BITS * capacity.depthwise * self._tile),
                "i": In(stream.Signature(samples)),
                "credit": In(1),
                "take": Out(1),
                "o_valid": Out(1),
                "o": Out(data.ArrayLayout(signed(BIASED_BITS), self._tile)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        engines = [LineEngine(self._design) for _ in range(self._engines)]
        for number, engine in enumerate(engines):
            m.submodules[f"engine_{number}"] = engine
        loaded = self._load(m, engines)
        self._feed(m, engines, loaded)
        self._give(m, engines)
        return m

    def _load(self, m: Module, engines: list[LineEngine]) -> Signal:
        """Bring kernels to the engines, lane by lane; return whether they are in effect."""
        design, parts = self._design, self._capacity.line_parts
        m.submodules.loading = place = Odometer(
            beat=parts, word=design.coefficient_words, channel=design.channels
        )
        busy = Signal(name="loads")
        loaded = Signal()
        settling = Signal(range(_SETTLED))
        step = Signal(name="loading_step")
        address = Signal.like(self.k_addr, name="kernel_address")
        m.d.comb += [
            step.eq(busy & Cat(engine.w.ready for engine in engines).all()),
            place.step.eq(step),
            self.k_en.eq(busy),
            self.k_addr.eq(address),
        ]
        with m.If(step):
            m.d.sync += address.eq(Mux(place.last_word, self.first, address + 1))
            with m.If(place.last_channel):
                m.d.sync += busy.eq(0)
        ends = delay_valid(m, step & place.last_channel, READ_LATENCY, name="kernels_end")
        with m.If(ends):
            m.d.sync += settling.eq(_SETTLED - 1)
        with m.If(settling != 0):
            m.d.sync += [settling.eq(settling - 1), loaded.eq(settling == 1)]
        with m.If(self.begin):
            m.d.sync += [busy.eq(1), loaded.eq(0), address.eq(self.first)]
        whole = delay_valid(m, step & place.last_beat, READ_LATENCY, name="word_whole")
        came = delay_valid(m, step, READ_LATENCY, name="part_came")
        channel = delay(m, place.channel, READ_LATENCY, name="channel_loaded")
        bits = DATA_BITS * self._capacity.depthwise
        fields = {"start": design.added_bits, **design.coefficient_fields}
        for number, engine in enumerate(engines):
            own = Cat(
                self.k_data.word_select(n * self._engines + number, bits)
                for n in range(design.channels)
            ).word_select(channel, bits)
            before = Signal(bits * (parts - 1), name=f"before_{number}", reset_less=True)
            word = Cat(before, own)
            with m.If(came):
                m.d.sync += before.eq(word[bits:])
            at = 0
            beat = engine.w.payload
            for name, width in fields.items():
                m.d.comb += Value.cast(beat[name]).eq(word[at : at + width])
                at += width
            m.d.comb += [engine.w.valid.eq(whole), beat.last.eq(ends)]
        return loaded

    def _feed(self, m: Module, engines: list[LineEngine], loaded: Value) -> None:
        """Keep two lines; bring lanes of one to the engines, some behind the others."""
        design, told = self._design, self.told
        pair = _Pair("in")
        width = CENTRED_BITS * self._engines
        m.submodules.keeping = part = Counter(design.channels)
        place = Signal(range(design.length), name="place_in")
        m.submodules.kept = kept = self._memory(width)
        step = Signal(name="keeping_step")
        taken = step & part.last
        filled = taken & (place == told.length)
        m.d.comb += [
            step.eq(self.i.valid & pair.free),
            part.step.eq(step),
            self.i.ready.eq(taken),
            kept.w_en.eq(step),
            kept.w_addr.eq(Cat(place, part.value, pair.writes)),
            kept.w_data.eq(Value.cast(self.i.payload).word_select(part.value, width)),
        ]
        with m.If(taken):
            m.d.sync += place.eq(Mux(filled, 0, place + 1))
        shape = data.StructLayout(
            {"x": data.ArrayLayout(signed(CENTRED_BITS), self._engines), "last": 1}
        )
        m.submodules.fed = fed = OutputBuffer(shape=shape, depth=_FED, target=self._target)
        m.submodules.feeding = feeding = Odometer(position=design.length, channel=design.channels)
        step = Signal(name="feeding_step")
        turn = Signal.like(place, name="place_fed")
        m.d.comb += [
            step.eq(pair.there & fed.credit & loaded),
            feeding.step.eq(step),
            fed.take.eq(step),
            kept.r_en.eq(1),
            kept.r_addr.eq(Cat(turn, feeding.channel, pair.reads)),
        ]
        with m.If(step):
            over = feeding.last_position | (turn == told.length)
            m.d.sync += turn.eq(Mux(over, 0, turn + 1))
        pair.follow(m, filled, step & feeding.last_channel)
        ready = Cat(engine.i.ready for engine in engines).all()
        m.d.comb += [
            fed.i.valid.eq(delay_valid(m, step, READ_LATENCY, name="fed_step")),
            Value.cast(fed.i.payload.x).eq(kept.r_data),
            fed.i.payload.last.eq(delay(m, feeding.last_position, READ_LATENCY, name="fed_last")),
            fed.o.ready.eq(ready),
        ]
        for number, engine in enumerate(engines):
            m.d.comb += [
                engine.i.valid.eq(fed.o.valid & ready),
                engine.i.payload.samples[0].eq(fed.o.payload.x[number]),
                engine.i.payload.last.eq(fed.o.payload.last),
            ]

    def _give(self, m: Module, engines: list[LineEngine]) -> None:
        """Keep two lines of sums; give those of all lanes, place by place."""
        design, told = self._design, self.told
        pair = _Pair("out")
        m.submodules.gathering = place = Odometer(position=design.length, channel=design.channels)
        come = Signal(name="sums_come")
        m.d.comb += [
            come.eq(Cat(engine.o.valid for engine in engines).all() & pair.free),
            place.step.eq(come),
            *(engine.o.ready.eq(come) for engine in engines),
        ]
        wanted = Signal(range(design.length), name="place_out")
        m.submodules.giving = part = Counter(design.channels)
        step = Signal(name="giving_step")
        ends = self.take & (wanted == told.until)
        m.d.comb += [
            step.eq(pair.there & self.credit),
            part.step.eq(step),
            self.take.eq(step & part.last),
            self.o_valid.eq(delay_valid(m, self.take, LATENCY, name="gives")),
        ]
        with m.If(self.take):
            m.d.sync += wanted.eq(Mux(ends, told.skips, wanted + 1))
        with m.If(self.begin):
            m.d.sync += wanted.eq(told.skips)
        pair.follow(m, come & place.last_channel, ends)
        width = BIASED_BITS * self._engines
        m.submodules.sums = sums = self._memory(width)
        m.d.comb += [
            sums.w_en.eq(come),
            sums.w_addr.eq(Cat(place.position, place.channel, pair.writes)),
            sums.w_data.eq(Cat(engine.o.payload.samples[0][:BIASED_BITS] for engine in engines)),
            sums.r_en.eq(1),
            sums.r_addr.eq(Cat(wanted, part.value, pair.reads)),
        ]
        before = Signal(width * (design.channels - 1), name="lanes_before", reset_less=True)
        word = Cat(before, sums.r_data)
        with m.If(delay_valid(m, step, READ_LATENCY, name="giving_came")):
            m.d.sync += before.eq(word[width:])
        m.d.comb += Value.cast(self.o).eq(word)

    def _memory(self, width: int) -> Memory:
        """Return a memory of two lines, of some lanes a word."""
        return Memory(depth=kept_words(self._capacity), width=width, target=self._target)
