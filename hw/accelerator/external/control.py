"""From a start to an end: header, frames, and how all that is under way comes to rest."""

from collections.abc import Sequence
from enum import IntEnum

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Region
from golden.accelerator.external.capacity import HEADER_WORDS, VERSION, Capacity
from golden.accelerator.external.format import MAGIC
from golden.accelerator.external.registers import Stop
from hw.accelerator.external.bus import beat_signature, block_layout
from hw.accelerator.external.prepare import CODE_BITS, NUMBER_BITS
from hw.accelerator.external.registers import region_layout
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View, view

_CLEARS = 4
"""Cycles of the reset between frames, of which the units see one less."""
_CHECKS = 4
"""Cycles after which it is known whether anything is wrong with what has been there before them."""

_HEADER = {
    "magic": 32,
    "version": 32,
    "hash": 64,
    "descriptors": 32,
    "descriptors_at": 32,
    "weights_at": 32,
    "weights": 32,
    "program": 32,
    "input": 32,
    "output": 32,
    "scratch": 32,
    "rows": 32,
    "others": 32 * (HEADER_WORDS - 13),
}


class _State(IntEnum):
    IDLE = 0
    ASK = 1
    TAKE = 2
    CHECK = 3
    BEGIN = 4
    RUN = 5
    DRAIN = 6
    CLEAR = 7


class Control(Component):
    """Runs a program, frame after frame, and stops with a code where anything is wrong.

    Whatever the reason, nothing new is asked of memory then, all that was asked for is waited for,
    and all units are reset: the next start finds them as the first one did. Where nothing goes on
    for ``2^patience`` cycles it stops, and where memory does not answer for as long again it says
    so: the stop comes without those answers, but no start is taken until they have come.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    start, abort, frames, regions : In
        Of the driver.
    header : Out, stream of blocks
        What is read first, and the descriptors.
    i : In, stream of beats
        Of the header.
    taking : Out
        Whether beats are the header's.
    weights : Out, stream of blocks
    bases, sizes : Out
        Of regions, for this frame, in beats.
    rows, count : Out
        Of weights and of descriptors.
    failed : In
        A code, or 0: a descriptor cannot be.
    number : In
        Of the descriptor at work.
    failed_number : In
        Of that which cannot be.
    read_failed, write_failed : In
        Pulses.
    goes : In
        Something went on.
    ends : In
        All of a program is done.
    quiet : In
        Nothing is asked of memory any more.
    running, halt, clear : Out
        A program runs; nothing new may be asked of memory; units are reset.
    busy, stuck, stopped, code, stopped_at, frames_done : Out
        Stuck is what has stopped and still waits for memory.
    ended, broke : Out
        Pulses.
    """

    start: Signal
    abort: Signal
    frames: Signal
    regions: View
    header: Stream
    i: Stream
    taking: Signal
    weights: Stream
    bases: View
    sizes: View
    rows: Signal
    count: Signal
    failed: Signal
    number: Signal
    failed_number: Signal
    read_failed: Signal
    write_failed: Signal
    goes: Signal
    ends: Signal
    quiet: Signal
    running: Signal
    halt: Signal
    clear: Signal
    busy: Signal
    stuck: Signal
    stopped: Signal
    code: Signal
    stopped_at: Signal
    frames_done: Signal
    ended: Signal
    broke: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        bits = capacity.beats_bits
        regions = len(Region)
        blocks = stream.Signature(block_layout(capacity))
        numbers = {"number": In(NUMBER_BITS), "failed_number": In(NUMBER_BITS)}
        pulses = ("read_failed", "write_failed", "goes", "ends", "quiet", "start", "abort")
        tells = ("taking", "running", "halt", "clear", "busy", "stuck", "stopped", "ended")
        super().__init__(
            {
                "frames": In(32),
                "regions": In(data.ArrayLayout(region_layout(capacity), regions)),
                "header": Out(blocks),
                "i": In(beat_signature(capacity)),
                "weights": Out(blocks),
                "bases": Out(data.ArrayLayout(bits, regions)),
                "sizes": Out(data.ArrayLayout(bits, regions)),
                "rows": Out(32),
                "count": Out(NUMBER_BITS),
                "failed": In(CODE_BITS),
                "code": Out(CODE_BITS),
                "stopped_at": Out(NUMBER_BITS),
                "frames_done": Out(32),
                **numbers,
                **{name: In(1) for name in pulses},
                **{name: Out(1) for name in (*tells, "broke")},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(range(len(_State)))
        self._state = state
        self._said = view(data.StructLayout(_HEADER), name="said")
        self._asks = Signal()  # a cycle late
        self._take(m)
        waited = Signal(range(_CLEARS + 1))  # in the state
        self._waited = waited
        self._checked = Signal()
        self._rests = Signal()  # the reset between frames ends
        self._ends_well = Signal()  # it ended, of a frame that is done
        self._regions(m)
        # What they are made of has stood for long when a frame ends.
        self._done = Signal.like(self.frames_done, name="done")
        self._last = Signal(name="last")
        m.d.sync += [
            self._done.eq(self.frames_done + 1),
            self._last.eq(self._done >= self.frames),
        ]
        self._beats = delay(m, self._program_beats(), 1, name="program_beats")
        code = self._why(m)
        m.d.comb += [
            self._checked.eq(waited == _CHECKS),
            self.busy.eq(state != _State.IDLE),
            self.running.eq(state == _State.RUN),
        ]
        halt = Signal()
        # They go far.
        m.d.sync += [
            self.taking.eq(state == _State.TAKE),  # as many beats come as are asked for
            halt.eq((state == _State.DRAIN) | (state == _State.CLEAR)),
            self.halt.eq(halt),
            self.clear.eq((state == _State.CLEAR) & ~self._rests),
            self._rests.eq((state == _State.CLEAR) & (waited == _CLEARS - 1)),
            self._asks.eq(state == _State.ASK),
            self._ends_well.eq(0),
            waited.eq(0),
        ]
        with m.If(self._ends_well):
            m.d.sync += self.frames_done.eq(self._done)
        # Units know of it in registers beside them, and may still ask for a burst in that cycle, of
        # which it is known in the next one, and here a cycle later.
        halted = delay_valid(m, self.halt, 3, name="halted")
        number = delay(m, self.number, 1, name="number")  # as it was when ``code`` was made
        offers = Signal(2)  # blocks: of the header or descriptors, of weights
        self._ask(m, offers)
        arrived = Signal(range(self._capacity.header_beats + 1))
        with m.Switch(state):
            with m.Case(_State.IDLE), m.If(self.start):
                self._start(m, arrived)
            with m.Case(_State.ASK):
                m.d.sync += waited.eq(Mux(self._checked, waited, waited + 1))
                with m.If(waited == _CHECKS - 1):
                    m.d.sync += offers.eq(0b01)
                with m.If(self.header.valid & self.header.ready):
                    m.d.sync += [state.eq(_State.TAKE), waited.eq(0)]
            with m.Case(_State.TAKE), m.If(arrived == self._capacity.header_beats):
                m.d.sync += state.eq(_State.CHECK)
            with m.Case(_State.CHECK):
                m.d.sync += waited.eq(waited + 1)
                with m.If(self._checked):
                    m.d.sync += [state.eq(_State.BEGIN), offers.eq(0b11)]
            with m.Case(_State.BEGIN), m.If(offers == 0):
                m.d.sync += state.eq(_State.RUN)
            with m.Case(_State.RUN), m.If(self.ends):
                m.d.sync += state.eq(_State.DRAIN)
            with m.Case(_State.DRAIN), m.If(self.quiet & halted):
                m.d.sync += state.eq(_State.CLEAR)
            with m.Case(_State.CLEAR):
                m.d.sync += waited.eq(waited + 1)
                with m.If(self._rests):
                    self._end(m, code)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += arrived.eq(arrived + 1)
        with m.If((state == _State.DRAIN) & self._late & ~self.quiet & ~self.stuck):
            m.d.sync += [self.stuck.eq(1), self.stopped.eq(1)]
            m.d.comb += self.broke.eq(1)
        with m.If((code != 0) & (self.code == 0) & (state != _State.IDLE)):
            failed = (self.failed != 0) & (code == self.failed)
            m.d.sync += [
                self.code.eq(code),
                self.stopped_at.eq(Mux(failed, self.failed_number, number)),
                offers.eq(0),
            ]
            with m.If(state != _State.CLEAR):
                m.d.sync += state.eq(_State.DRAIN)
        return m

    def _ask(self, m: Module, offers: Signal) -> None:
        """Offer the header's block, then the descriptors' and the weights'."""
        capacity, said, state = self._capacity, self._said, self._state
        program = self.regions[Region.PROGRAM].base
        header, weights = self.header, self.weights
        # Which block is offered is known long before it is.
        headed = state >= _State.CHECK
        descriptors, rows = (
            delay(m, Value.cast(program + at), 1, name=name)
            for name, at in (("descriptors_at", said.descriptors_at), ("rows_at", said.weights_at))
        )
        m.d.comb += [
            Cat(header.valid, weights.valid).eq(offers),
            # A block of no beats is none: it is taken and does nothing.
            weights.payload.address.eq(rows),
            weights.payload.beats.eq(said.weights),
            self.rows.eq(said.rows),
            self.count.eq(said.descriptors),
        ]
        m.d.sync += [
            header.payload.address.eq(Mux(headed, descriptors, program)),
            header.payload.beats.eq(Mux(headed, self._beats, capacity.header_beats)),
        ]
        for stream_, offer in zip((header, weights), offers, strict=True):
            with m.If(stream_.valid & stream_.ready):
                m.d.sync += offer.eq(0)

    def _program_beats(self) -> Value:
        # Shifted and added: synthesis would take multipliers for a product.
        count, beats = self._said.descriptors[:NUMBER_BITS], self._capacity.descriptor_beats
        terms = [count << bit for bit in range(beats.bit_length()) if beats >> bit & 1]
        total: Value = sum(terms[1:], terms[0])
        return total

    def _start(self, m: Module, arrived: Signal) -> None:
        m.d.sync += [
            self._state.eq(_State.ASK),
            self.code.eq(Stop.NONE),
            self.stopped.eq(0),
            self.stopped_at.eq(0),
            self.frames_done.eq(0),
            arrived.eq(0),
        ]

    def _end(self, m: Module, code: Signal) -> None:
        """Go on to the next frame, or come to rest."""
        well = (self.code == Stop.NONE) & (code == 0)
        last = self._last
        m.d.sync += self._state.eq(Mux(well & ~last, _State.CHECK, _State.IDLE))
        m.d.sync += self._ends_well.eq(well)
        m.d.sync += self.stuck.eq(0)
        with m.If(~well | last):
            m.d.sync += self.stopped.eq(1)
            m.d.comb += [self.ended.eq(well), self.broke.eq(~well & ~self.stuck)]

    def _take(self, m: Module) -> None:
        """Keep the header, the first beat lowest in the end, and add up its words."""
        said = Value.cast(self._said)
        bits = self._capacity.data_bits
        m.d.comb += self.i.ready.eq(self.taking)
        sum_ = Signal(32, name="sum")
        self._sum = sum_
        with m.If(self.i.valid & self.i.ready):
            words = [self.i.payload.word_select(word, 32) for word in range(bits // 32)]
            m.d.sync += [said.eq(Cat(said, self.i.payload)[bits:]), sum_.eq(sum_ + sum(words))]
        with m.If(self._asks):
            m.d.sync += sum_.eq(0)

    def _regions(self, m: Module) -> None:
        """Move input and output on, a frame's size a frame."""
        said = self._said
        sizes = (said.program, said.input, said.output, said.scratch)
        self._at = []
        for region, size in zip(Region, sizes, strict=True):
            at = Signal(34, name=f"at_{region.name.lower()}")
            self._at.append(at)
            m.d.comb += self.sizes[region].eq(size)
            m.d.sync += self.bases[region].eq(self.regions[region].base + at)
            with m.If(self._asks):
                m.d.sync += at.eq(0)
            if region in (Region.INPUT, Region.OUTPUT):
                with m.If(self._rests):
                    m.d.sync += at.eq(at + size)

    def _why(self, m: Module) -> Signal:
        """Return why it must stop, or 0, a cycle later; sizes are added up two cycles before."""
        state = self._state
        patience = Signal(self._capacity.patience)
        before = Signal.like(state, name="before")
        moves = delay(m, self.goes, 1, name="goes") | (state != before) | (state == _State.IDLE)
        m.d.sync += [before.eq(state), patience.eq(Mux(moves, 0, patience + 1))]
        self._late = Signal()
        m.d.sync += self._late.eq(patience.all() & ~moves)
        checks = (state == _State.CHECK) & (self._waited == _CHECKS - 1)

        def found(when: Value, bad: Sequence[tuple[Value, Stop]]) -> list[tuple[Value, Value]]:
            return [
                (when & delay(m, one, 1, name=f"wrong_{stop.name.lower()}"), Value.cast(int(stop)))
                for one, stop in bad
            ]

        wrong: list[tuple[Value, Value]] = [
            *found(self._asks, self._wrong_regions()),
            (self.read_failed, Value.cast(int(Stop.READ))),
            (self.write_failed, Value.cast(int(Stop.WRITE))),
            *found(checks, [*self._wrong_header(m), (self._wrong_frame(m), Stop.SIZE)]),
            (state == _State.RUN, self.failed),
            (self._late, Value.cast(int(Stop.WATCHDOG))),
            (self.abort, Value.cast(int(Stop.ABORT))),
        ]
        why: Value = Value.cast(0)
        for bad, code in reversed(wrong):
            why = Mux(bad & (code != 0), code, why)
        code = Signal(CODE_BITS, name="why")
        m.d.sync += code.eq(Mux(state == _State.IDLE, 0, why))
        return code

    def _wrong_regions(self) -> list[tuple[Value, Stop]]:
        odd = Cat(*(self.regions[region].odd for region in Region)).any()
        short = self.regions[Region.PROGRAM].size < self._capacity.header_beats
        return [(odd, Stop.ALIGNMENT), (short, Stop.SIZE)]

    def _wrong_header(self, m: Module) -> list[tuple[Value, Stop]]:
        said, capacity = self._said, self._capacity
        sizes = (said.program, said.input, said.output, said.scratch)
        sums = (
            said.descriptors_at + self._beats,
            said.weights_at + said.weights,
        )
        descriptors_end, weights_end = (
            delay(m, Value.cast(one), 1, name=f"end_{number}") for number, one in enumerate(sums)
        )
        shorts = [
            *(self.regions[region].size < size for region, size in zip(Region, sizes, strict=True)),
            descriptors_end > said.program,
            weights_end > said.program,
            said.rows * capacity.word_beats > said.weights,
            said.descriptors == 0,
            said.descriptors >> NUMBER_BITS != 0,
        ]
        short = delay(m, Cat(*shorts), 1, name="short").any()
        return [
            (said.magic != MAGIC, Stop.MAGIC),
            (said.version != VERSION, Stop.VERSION),
            (said.hash != capacity.hash, Stop.HASH),
            (self._sum != 0, Stop.HEADER),
            (short, Stop.SIZE),
        ]

    def _wrong_frame(self, m: Module) -> Value:
        """Return whether this frame's input or output is not within its region."""
        beyond = []
        for region in (Region.INPUT, Region.OUTPUT):
            end = Value.cast(self._at[region] + self.sizes[region])
            end = delay(m, end, 1, name=f"{region.name.lower()}_end")
            bad = end > self.regions[region].size
            beyond.append(delay(m, bad, 1, name=f"{region.name.lower()}_beyond"))
        wrong: Value = Cat(*beyond).any()
        return wrong
