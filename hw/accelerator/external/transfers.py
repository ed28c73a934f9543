"""Transfers: blocks of words from external memory into memories inside, and maps' words back."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Space
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import DATA_BITS
from hw.accelerator.constants import fill_layout
from hw.accelerator.external.bus import beat_signature, block_layout
from hw.accelerator.external.layout import kernels_layout, layouts_for, transfer_layout
from hw.accelerator.external.products import times
from hw.accelerator.maps import MAPS_LATENCY
from hw.accelerator.reader import ADDRESS_STAGES
from hw.parts.counter import Countdown, Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View, flipped
from hw.parts.streams import OutputBuffer, connect_streams, taken_late

BASE = "base"


def task_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a transfer, and of where its region begins, in beats."""
    return data.StructLayout({"transfer": transfer_layout(capacity), BASE: capacity.beats_bits})


def beats_of(capacity: Capacity, moves: View) -> Value:
    """Return the beats of a block."""
    maps = moves.words * capacity.word_beats
    steps = moves.words * capacity.step_beats
    tables = moves.space == Space.TABLES
    others = Mux(tables, moves.words, steps)
    if capacity.depthwise:
        kernels = times(moves.words, capacity.kernel_beats)
        others = Mux(moves.space == Space.KERNELS, kernels, others)
    beats: Value = Mux(moves.space == Space.MAPS, maps, others)
    return beats


class BlockWalk(Component):
    """Gives the blocks of a transfer.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    task : In, stream of transfers
    halt : In
        No more blocks.
    o : Out, stream of blocks
    """

    task: Stream
    halt: Signal
    o: Stream

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        super().__init__(
            {
                "task": In(stream.Signature(task_layout(capacity))),
                "halt": In(1),
                "o": Out(stream.Signature(block_layout(capacity))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        moves = self.task.payload.transfer
        busy = Signal()
        left = Signal.like(moves.last_block, name="left")
        stride = Signal.like(moves.far_stride, name="stride")
        address, beats = self.o.payload.address, self.o.payload.beats
        m.d.comb += [self.task.ready.eq(~busy), self.o.valid.eq(busy)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [left.eq(left - 1), address.eq(address + stride)]
            with m.If(left == 0):
                m.d.sync += busy.eq(0)
        with m.If(self.task.valid & self.task.ready):
            m.d.sync += [
                busy.eq(1),
                left.eq(moves.last_block),
                stride.eq(moves.far_stride),
                address.eq(self.task.payload.base + moves.far),
                beats.eq(beats_of(self._capacity, moves)),
            ]
        with m.If(self.halt):
            m.d.sync += busy.eq(0)
        return m


class WordWalk(Component):
    """Counts through the words of a transfer inside the accelerator.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    start, transfer : In
    step : In
        Go on to the next word.
    address : Out
    last : Out
        Whether it is the last one.
    """

    start: Signal
    transfer: View
    step: Signal
    address: Signal
    last: Signal

    def __init__(self, capacity: Capacity) -> None:
        layout = transfer_layout(capacity)
        super().__init__(
            {
                "start": In(1),
                "transfer": In(layout),
                "step": In(1),
                "address": Out(layout["near"].shape),
                "last": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        moves = self.transfer
        kept, last_block = (Signal.like(moves[name], name=name) for name in ("words", "last_block"))
        words, blocks = Countdown(kept, lowest=1, name="word"), Countdown(last_block, name="block")
        stride = Signal.like(moves.near_stride, name="stride")
        begins = Signal.like(self.address, name="begins")
        m.d.comb += self.last.eq(words.last & blocks.last)
        words.count(m, self.step)
        blocks.count(m, self.step & words.last)
        with m.If(self.step):
            m.d.sync += self.address.eq(self.address + 1)
            with m.If(words.last):
                following = begins + stride
                m.d.sync += [self.address.eq(following), begins.eq(following)]
        with m.If(self.start):
            words.begin(m, moves.words)
            blocks.begin(m, moves.last_block)
            m.d.sync += [
                kept.eq(moves.words),
                last_block.eq(moves.last_block),
                *(signal.eq(moves.near) for signal in (self.address, begins)),
                stride.eq(moves.near_stride),
            ]
        return m


class Loads(Component):
    """Brings words from external memory, one transfer after another.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    task : In, stream of transfers
    halt : In
    block : Out, stream of blocks
    i : In, stream of beats
    w_en, w_addr, w_data, w_ready : Out, In
        A word of a map; it is written where `w_ready` is high.
    fill : Out
        A constant that is written.
    kernels : Out
        A word of kernels that is written; only where there is a depthwise unit.
    done : Out
        Pulse: all of a transfer is written.
    """

    task: Stream
    halt: Signal
    block: Stream
    i: Stream
    w_en: Signal
    w_addr: Signal
    w_data: Signal
    w_ready: Signal
    fill: View
    kernels: View
    done: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        kernels = {"kernels": Out(kernels_layout(capacity))} if capacity.depthwise else {}
        super().__init__(
            {
                "task": In(stream.Signature(task_layout(capacity))),
                "halt": In(1),
                **kernels,
                "block": Out(stream.Signature(block_layout(capacity))),
                "i": In(beat_signature(capacity)),
                "w_en": Out(1),
                "w_addr": Out(range(capacity.map_words)),
                "w_data": Out(DATA_BITS * capacity.sizes.tile),
                "w_ready": In(1),
                "fill": Out(fill_layout(layouts_for(capacity))),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self._capacity
        m.submodules.blocks = blocks = BlockWalk(capacity)
        m.submodules.walk = words = WordWalk(capacity)
        busy = Signal()
        space = Signal(range(len(Space)))
        starts = taken_late(m, self.task, ~busy & blocks.task.ready)
        m.d.comb += [
            blocks.halt.eq(self.halt),
            blocks.task.payload.eq(self.task.payload),
            blocks.task.valid.eq(starts),
            words.start.eq(starts),
            words.transfer.eq(self.task.payload.transfer),
        ]
        connect_streams(m, blocks.o, flipped(self.block))
        with m.If(self.done):
            m.d.sync += busy.eq(0)
        with m.If(starts):
            m.d.sync += [busy.eq(1), space.eq(self.task.payload.transfer.space)]
        self._write(m, words, space, busy, starts)
        return m

    def _write(
        self, m: Module, words: WordWalk, space: Signal, busy: Signal, starts: Value
    ) -> None:
        """Put beats together, and write a word with the last; of a table, each byte."""
        capacity = self._capacity
        counts = {Space.MAPS: capacity.word_beats, Space.TABLES: 1}
        if capacity.depthwise:
            counts[Space.KERNELS] = capacity.kernel_beats
        n_beats = max(capacity.step_beats, *counts.values())
        beats = Signal(capacity.data_bits * n_beats, reset_less=True)  # the last one highest
        more, need = (Signal(range(n_beats), name=name) for name in ("more", "need"))
        maps = Signal()
        tables = Signal()
        full = Signal()  # a word is there
        m.submodules.byte = byte = Counter(capacity.beat_bytes)
        wrote = Signal()
        used = Signal()
        goes = self.w_ready | ~maps
        over = byte.last | ~tables
        m.d.comb += [
            wrote.eq(full & goes),
            used.eq(full & goes & over),
            self.i.ready.eq(busy & (~full | (goes & over))),
            self.done.eq(used & words.last),
            words.step.eq(used),
            byte.step.eq(full & tables),
        ]
        with m.If(used):
            m.d.sync += full.eq(0)
        # With a transfer's last word no beat comes: the next one's are not asked for yet.
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                beats.eq(Cat(beats, self.i.payload)[capacity.data_bits :]),
                full.eq(more == 0),
                more.eq(Mux(more == 0, need, more - 1)),
            ]
        with m.If(starts):
            coming = self.task.payload.transfer.space
            others: Value = Const(capacity.step_beats - 1)
            for one, count in counts.items():
                others = Mux(coming == one, count - 1, others)
            m.d.sync += [
                *(signal.eq(others) for signal in (more, need)),
                maps.eq(coming == Space.MAPS),
                tables.eq(coming == Space.TABLES),
            ]
        self._drive(m, words, space, beats, byte.value, wrote)

    def _drive(
        self,
        m: Module,
        words: WordWalk,
        space: Signal,
        beats: Signal,
        byte: Value,
        wrote: Signal,
    ) -> None:
        capacity = self._capacity
        fill = self.fill
        entry = Cat(beats)[-capacity.data_bits :].word_select(byte, DATA_BITS)
        tables = space == Space.TABLES
        byte_bits = (capacity.beat_bytes - 1).bit_length()
        step = beats[-capacity.data_bits * capacity.step_beats :]
        m.d.comb += [
            self.w_en.eq(wrote & (space == Space.MAPS)),
            self.w_addr.eq(words.address),
            self.w_data.eq(beats[-capacity.data_bits * capacity.word_beats :]),
        ]
        # Nobody looks up what is filled in a cycle after that.
        m.d.sync += [
            fill.biases.eq(wrote & (space == Space.BIASES)),
            fill.scales.eq(wrote & (space == Space.SCALES)),
            fill.tables.eq(wrote & tables),
            fill.addr.eq(Mux(tables, Cat(byte[:byte_bits], words.address), words.address)),
            fill.word.eq(Mux(tables, entry, step)),
        ]
        if capacity.depthwise:
            word = beats[-capacity.data_bits * capacity.kernel_beats :]
            m.d.sync += [
                self.kernels.en.eq(wrote & (space == Space.KERNELS)),
                self.kernels.addr.eq(words.address),
            ]
            m.d.comb += self.kernels.word.eq(delay(m, word, 1, name="kernels_word"))


class Stores(Component):
    """Takes words of maps to external memory, one transfer after another.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    task : In, stream of transfers
    halt : In
    block : Out, stream of blocks
    o : Out, stream of beats
    written : In
        All that was to be written is answered for.
    next_hold, next_ahead : Out
        A map's word will be read `ADDRESS_STAGES` + 1 cycles later: no other; its address.
    hold : Out
        `next_hold`, a cycle later: a register.
    r_en, r_addr, r_data : Out, In
        Then.
    done : Out
        Pulse: all of a transfer is written.
    """

    task: Stream
    halt: Signal
    block: Stream
    o: Stream
    written: Signal
    next_hold: Signal
    next_ahead: Signal
    hold: Signal
    r_en: Signal
    r_addr: Signal
    r_data: Signal
    done: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        super().__init__(
            {
                "task": In(stream.Signature(task_layout(capacity))),
                "halt": In(1),
                "block": Out(stream.Signature(block_layout(capacity))),
                "o": Out(beat_signature(capacity)),
                "written": In(1),
                "next_hold": Out(1),
                "next_ahead": Out(range(capacity.map_words)),
                "hold": Out(1),
                "r_en": Out(1),
                "r_addr": Out(range(capacity.map_words)),
                "r_data": In(DATA_BITS * capacity.sizes.tile),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self._capacity
        late = 1 + ADDRESS_STAGES + MAPS_LATENCY
        m.submodules.blocks = blocks = BlockWalk(capacity)
        m.submodules.walk = words = WordWalk(capacity)
        m.submodules.buffer = buffer = OutputBuffer(
            shape=DATA_BITS * capacity.sizes.tile,
            depth=OutputBuffer.depth_for(late),
            target=capacity.sizes.target,
        )
        busy = Signal()
        reads = Signal()
        wanted = Signal()
        left = Signal(len(self.task.payload.transfer.words) + 10)  # words that are not out yet
        starts = taken_late(m, self.task, ~busy & blocks.task.ready)
        connect_streams(m, blocks.o, flipped(self.block))
        m.d.comb += [
            blocks.halt.eq(self.halt),
            blocks.task.payload.eq(self.task.payload),
            blocks.task.valid.eq(starts),
            words.start.eq(starts),
            words.transfer.eq(self.task.payload.transfer),
            wanted.eq(reads & buffer.credit),
            buffer.take.eq(wanted),
            words.step.eq(wanted),
            self.r_en.eq(delay_valid(m, self.hold, ADDRESS_STAGES, name="reads")),
            self.next_hold.eq(wanted),
            self.next_ahead.eq(words.address),
            self.r_addr.eq(delay(m, words.address, 1 + ADDRESS_STAGES, name="address")),
            buffer.i.valid.eq(delay_valid(m, wanted, late, name="there")),
            buffer.i.payload.eq(self.r_data),
        ]
        m.d.sync += self.hold.eq(wanted)
        with m.If(wanted & words.last):
            m.d.sync += reads.eq(0)
        with m.If(starts):
            m.d.sync += [busy.eq(1), reads.eq(1)]
        with m.If(self.done):
            m.d.sync += busy.eq(0)
        gone = self._split(m, buffer)
        # Once all of this is so it stays so.
        over = busy & ~reads & (left == 0) & blocks.task.ready & self.written
        gone = delay_valid(m, gone, 1, name="gone")
        m.d.sync += [left.eq(left + wanted - gone), self.done.eq(over & ~self.done)]
        return m

    def _split(self, m: Module, buffer: OutputBuffer) -> Value:
        """Give words beat by beat, the lowest first; return whether one is out."""
        n_beats = self._capacity.word_beats
        beat = Signal(range(max(n_beats, 2)))
        word = buffer.o.payload
        gives = self.o.valid & self.o.ready
        last = beat == n_beats - 1
        m.d.comb += [
            self.o.valid.eq(buffer.o.valid),
            self.o.payload.eq(word.word_select(beat, self._capacity.data_bits)),
            buffer.o.ready.eq(self.o.ready & last),
        ]
        with m.If(gives):
            m.d.sync += beat.eq(Mux(last, 0, beat + 1))
        gone: Value = gives & last
        return gone
