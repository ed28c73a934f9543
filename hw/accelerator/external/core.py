"""The units of the accelerator between its memory's ports; all that is reset between frames."""

from amaranth.hdl import Cat, Const, DomainRenamer, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind, Region
from golden.accelerator.external.capacity import Capacity
from hw.accelerator.external.blocks import BlockReader
from hw.accelerator.external.bus import ReadId, beat_signature, block_layout, burst_layout
from hw.accelerator.external.depthwise import DepthwiseUnit
from hw.accelerator.external.layout import depthwise_layout, layouts_for
from hw.accelerator.external.prepare import CODE_BITS, NUMBER_BITS, DescriptorCheck
from hw.accelerator.external.sequencer import ProgramSequencer
from hw.accelerator.external.transfers import BASE, Loads, Stores, task_layout
from hw.accelerator.feed import feed
from hw.accelerator.largest import Largest
from hw.accelerator.maps import MAPS_LATENCY, Maps
from hw.accelerator.post import PostUnit
from hw.accelerator.reader import Reader
from hw.accelerator.weights import WeightsLoader, row_of_bytes
from hw.matrix.unit import MatrixUnit
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.ports import Component, Stream, View, flipped, view
from hw.parts.streams import (
    Flow,
    FlowSignature,
    OutputBuffer,
    StreamPair,
    connect_streams,
)

CLEARED = ("cleared", "cleared_matrix", "cleared_depthwise", "cleared_post", "cleared_transfers")
"""Clock domains of all that is reset between frames: of large units their own, so that each has its
register of the reset beside it."""
_AHEAD = 8
"""Descriptors that are fetched ahead at least, where a shallow buffer is to hold them."""
LOADS_DEPTH = 128
"""Beats of loads that are under way: what a memory of some 100 cycles' latency needs."""
_TASKS = 3
"""Transfers that wait for the one before."""


def program_depth(capacity: Capacity) -> int:
    """Return the beats of descriptors that are fetched ahead: few need no block RAM."""
    few = max(2 * capacity.burst, _AHEAD * capacity.descriptor_beats) < OutputBuffer.SHALLOW
    return OutputBuffer.SHALLOW if few else 64


class RowGather(Component):
    """Puts beats together to rows of weights, the first lowest; two rows wait at most.

    Members
    -------
    i : In, stream of beats
    o : Out, stream of rows
    """

    i: Stream
    o: Stream

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        rows = stream.Signature(row_of_bytes(capacity.sizes))
        super().__init__({"i": In(beat_signature(capacity)), "o": Out(rows)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self._capacity
        have = Signal(range(capacity.word_beats))
        last = have == capacity.word_beats - 1
        taken = self.i.valid & self.i.ready
        m.submodules.pair = pair = StreamPair(shape=row_of_bytes(capacity.sizes))
        connect_streams(m, pair.o, flipped(self.o))
        m.d.comb += [self.i.ready.eq(pair.i.ready), pair.i.valid.eq(self.i.valid & last)]
        before = Signal(capacity.data_bits * (capacity.word_beats - 1), reset_less=True)
        row = Cat(before, self.i.payload)
        m.d.comb += Value.cast(pair.i.payload).eq(row)
        with m.If(taken):
            m.d.sync += [before.eq(row[capacity.data_bits :]), have.eq(Mux(last, 0, have + 1))]
        return m


class ExternalCore(Component):
    """Descriptors, weights and words of maps in, words of maps out.

    Parameters
    ----------
    capacity
        How large it is.

    Members
    -------
    program, weights : In, streams of blocks
    program_address, weights_address, loads_address : Out, streams of bursts
    program_r, weights_r, loads_r : In, flows of beats
    header : Out, stream of beats
        Of the program, while `taking`.
    taking, halt, running : In
    bases, sizes, rows, count : In
        As of `Control`.
    store_block, store : Out, streams of blocks and of beats
    written : In
        All that was stored is answered for.
    failed, number, failed_number, goes, waits, ends : Out
    """

    program: Stream
    weights: Stream
    program_address: Stream
    weights_address: Stream
    loads_address: Stream
    program_r: Flow
    weights_r: Flow
    loads_r: Flow
    header: Stream
    taking: Signal
    halt: Signal
    running: Signal
    bases: View
    sizes: View
    rows: Signal
    count: Signal
    store_block: Stream
    store: Stream
    written: Signal
    failed: Signal
    number: Signal
    failed_number: Signal
    goes: Signal
    waits: Signal
    ends: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        blocks = stream.Signature(block_layout(capacity))
        bursts = stream.Signature(burst_layout(capacity))
        beats = FlowSignature(capacity.data_bits)
        regions = data.ArrayLayout(capacity.beats_bits, len(Region))
        super().__init__(
            {
                "program": In(blocks),
                "weights": In(blocks),
                **{f"{one.name.lower()}_address": Out(bursts) for one in ReadId},
                **{f"{one.name.lower()}_r": In(beats) for one in ReadId},
                "header": Out(beat_signature(capacity)),
                **{name: In(1) for name in ("taking", "halt", "running", "written")},
                "bases": In(regions),
                "sizes": In(regions),
                "rows": In(32),
                "count": In(NUMBER_BITS),
                "store_block": Out(blocks),
                "store": Out(beat_signature(capacity)),
                "failed": Out(CODE_BITS),
                "number": Out(NUMBER_BITS),
                "failed_number": Out(NUMBER_BITS),
                **{name: Out(1) for name in ("goes", "waits", "ends")},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self._capacity
        layouts = layouts_for(capacity)
        m.submodules.check = check = DescriptorCheck(capacity)
        m.submodules.sequencer = sequencer = ProgramSequencer(capacity)
        m.submodules.reader = reader = Reader(layouts)
        m.submodules.largest = largest = Largest(layouts)
        m.submodules.loader = loader = WeightsLoader(layouts)
        matrix, post = MatrixUnit(capacity.sizes.matrix), PostUnit(layouts)
        m.submodules.matrix = DomainRenamer("cleared_matrix")(matrix)
        m.submodules.post = DomainRenamer("cleared_post")(post)
        told = sequencer.told
        self._fetch(m, check, loader)
        connect_streams(m, check.o, sequencer.i)
        connect_streams(m, reader.o, largest.i)
        connect_streams(m, loader.o, matrix.w)
        connect_streams(m, matrix.o, post.i)
        connect_streams(m, sequencer.finish, post.told)
        m.d.comb += [
            *(unit.told.eq(told) for unit in (reader, loader)),
            reader.go.eq(sequencer.go & self._begins(m, told.kind, Kind.COMPUTE, Kind.GAIN)),
            loader.go.eq(sequencer.bring),
            sequencer.free.eq(reader.free),
            sequencer.loader_free.eq(loader.free),
            sequencer.done.eq(post.done),
        ]
        feed(m, sequencer, largest.o, loader, matrix, ready=Const(1))
        loads, stores = self._transfer(m, sequencer, post)
        goes: list[Value] = [
            sequencer.go,
            reader.o.valid & reader.o.ready,
            post.done,
            self.store.valid & self.store.ready,
        ]
        if capacity.depthwise:
            unit = self._depthwise(m, sequencer, loads)
            self._share_halves(m, sequencer, reader, post, loads, stores, unit)
            goes += [unit.r_en, unit.w_en & unit.w_ready]
        else:
            self._share(m, reader, post, loads, stores)
        # They are far from each other.
        moved = [delay(m, one, 1, name=f"goes_{number}") for number, one in enumerate(goes)]
        self._tell(m, check, sequencer, loader, Cat(*moved).any())
        return m

    @staticmethod
    def _begins(m: Module, kind: Value, *kinds: Kind) -> Signal:
        """Return whether a descriptor that begins is of these kinds: it has been there a cycle."""
        begins = Signal(name=f"begins_{kinds[0].name.lower()}")
        m.d.sync += begins.eq(Cat(*(kind == one for one in kinds)).any())
        return begins

    def _fetch(self, m: Module, check: DescriptorCheck, loader: WeightsLoader) -> None:
        """Read descriptors, or the header, and weights ahead."""
        capacity = self._capacity
        m.submodules.program_reader = program = BlockReader(capacity, depth=program_depth(capacity))
        depth = capacity.weight_bytes // capacity.beat_bytes
        m.submodules.weights_reader = weights = BlockReader(capacity, depth=depth)
        m.submodules.gather = gather = RowGather(capacity)
        self._reads(m, ReadId.PROGRAM, program, flipped(self.program))
        self._reads(m, ReadId.WEIGHTS, weights, flipped(self.weights))
        connect_streams(m, weights.o, gather.i)
        connect_streams(m, gather.o, loader.rows)
        m.d.comb += [
            check.i.payload.eq(program.o.payload),
            check.i.valid.eq(program.o.valid & ~self.taking),
            self.header.payload.eq(program.o.payload),
            self.header.valid.eq(program.o.valid & self.taking),
            program.o.ready.eq(Mux(self.taking, self.header.ready, check.i.ready)),
        ]

    def _reads(self, m: Module, one: ReadId, reader: BlockReader, blocks: Stream) -> None:
        name = one.name.lower()
        address: Stream = getattr(self, f"{name}_address")
        connect_streams(m, blocks, reader.block)
        connect_streams(m, reader.address, flipped(address))
        connect_streams(m, flipped(getattr(self, f"{name}_r")), reader.r)
        m.d.comb += reader.halt.eq(copied(m, self.halt, name=f"halt_{name}"))

    def _transfer(
        self, m: Module, sequencer: ProgramSequencer, post: PostUnit
    ) -> tuple[Loads, Stores]:
        """Bring words in and out."""
        capacity = self._capacity
        loads, stores = Loads(capacity), Stores(capacity)
        block_reader = BlockReader(capacity, depth=LOADS_DEPTH)
        units = {"loads": loads, "stores": stores, "loads_reader": block_reader}
        for name, unit in units.items():
            m.submodules[name] = DomainRenamer("cleared_transfers")(unit)
        self._reads(m, ReadId.LOADS, block_reader, loads.block)
        connect_streams(m, block_reader.o, loads.i)
        connect_streams(m, stores.block, flipped(self.store_block))
        connect_streams(m, stores.o, flipped(self.store))
        for kind, unit, ready in (
            (Kind.LOAD, loads, sequencer.load_ready),
            (Kind.STORE, stores, sequencer.store_ready),
        ):
            self._queue(m, kind, unit, ready, sequencer)
        m.d.comb += [
            sequencer.loaded.eq(loads.done),
            sequencer.stored.eq(stores.done),
            stores.written.eq(self.written),
            post.fill.eq(loads.fill),
        ]
        return loads, stores

    def _share(
        self, m: Module, reader: Reader, post: PostUnit, loads: Loads, stores: Stores
    ) -> None:
        """Share the maps' ports: results go before what is loaded, stores before windows."""
        m.submodules.maps = maps = Maps(self._capacity.sizes, self._capacity.map_words)
        m.d.comb += [
            reader.hold.eq(stores.hold),
            maps.r_addr.eq(Mux(stores.r_en, stores.r_addr, reader.r_addr)),
            reader.r_data.eq(delay(m, maps.r_data, 1, name="word_read")),
            stores.r_data.eq(delay(m, maps.r_data, 1, name="word_stored")),
            loads.w_ready.eq(~post.w_en),
            maps.w_en.eq(post.w_en | loads.w_en),
            maps.w_addr.eq(Mux(post.w_en, post.w_addr, loads.w_addr)),
            maps.w_data.eq(Mux(post.w_en, post.w_data, loads.w_data)),
        ]

    def _share_halves(
        self,
        m: Module,
        sequencer: ProgramSequencer,
        reader: Reader,
        post: PostUnit,
        loads: Loads,
        stores: Stores,
        unit: DepthwiseUnit,
    ) -> None:
        """Share the ports of two halves of the maps; only who wants the same one waits.

        Results of the matrix unit go before those of the depthwise unit, and these before what is
        loaded; stores before windows of the matrix unit, and these before the depthwise unit's.
        A reader is held by all that its descriptor's source may meet, since its address is known
        too late.
        """
        at = self._capacity.map_bits - 1
        banks = Signal(2)
        free = Signal(2)
        meet = Signal()
        coming = Mux(reader.go, sequencer.banks, banks)
        # The unit's stand before it reads.
        m.d.sync += [banks.eq(coming), meet.eq((coming & unit.banks).any())]
        # Known a cycle ahead: what a reader's step hangs on drives much.
        stored = Mux(stores.next_ahead[at], 0b10, 0b01) & stores.next_hold.replicate(2)
        unit_held = Signal()
        m.d.sync += [
            reader.hold.eq((stored & coming).any()),
            unit_held.eq((stored & unit.banks).any()),
        ]
        m.d.comb += [
            unit.hold.eq(unit_held | (meet & reader.wants)),
            unit.w_ready.eq(1),
            loads.w_ready.eq(Mux(loads.w_addr[at], free[1], free[0])),
        ]
        writers: tuple[PostUnit | DepthwiseUnit | Loads, ...] = (post, unit, loads)
        readers: tuple[Reader | Stores | DepthwiseUnit, ...] = (reader, stores, unit)
        words = []
        # Who writes is chosen a cycle later than who may; whether the others write, whom what is
        # loaded gives way to, is known a cycle before.
        words_in = {
            port: [
                delay(m, getattr(writer, port), late, name=f"{port}_{number}")
                for number, (writer, late) in enumerate(zip(writers, (2, 2, 1), strict=True))
            ]
            for port in ("w_addr", "w_data")
        }
        for half in range(2):
            maps = Maps(self._capacity.sizes, self._capacity.map_words // 2)
            m.submodules[f"maps_{half}"] = maps
            words.append(maps.r_data)
            m.d.comb += maps.r_addr.eq(reader.r_addr)
            with m.If(unit.r_en & (unit.r_addr[at] == half)):
                m.d.comb += maps.r_addr.eq(unit.r_addr)
            with m.If(stores.r_en & (stores.r_addr[at] == half)):
                m.d.comb += maps.r_addr.eq(stores.r_addr)
            writes = [writer.w_en & (writer.w_addr[at] == half) for writer in writers]
            with m.If(writes[0] & (unit.w_addr[at] == half)):
                m.d.comb += unit.w_ready.eq(0)
            m.d.sync += free[half].eq(~(writes[0] | writes[1]))
            first, second = (
                delay_valid(m, one, 2, name=f"writes_{half}_{number}")
                for number, one in enumerate(writes[:2])
            )
            loaded = delay_valid(m, loads.w_ready & writes[2], 1, name=f"loads_{half}")
            m.d.comb += maps.w_en.eq(first | second | loaded)
            for port, offered in words_in.items():
                port_of: Signal = getattr(maps, port)
                m.d.comb += port_of.eq(Mux(first, offered[0], Mux(second, offered[1], offered[2])))
        for number, one in enumerate(readers):
            upper = delay(m, one.r_addr[at], MAPS_LATENCY - 1, name=f"upper_{number}")
            word = Mux(upper, words[1], words[0])
            m.d.comb += one.r_data.eq(delay(m, word, 1, name=f"word_{number}"))

    def _depthwise(self, m: Module, sequencer: ProgramSequencer, loads: Loads) -> DepthwiseUnit:
        """Let descriptors of kernels a channel go on by themselves."""
        capacity = self._capacity
        unit = DepthwiseUnit(capacity)
        m.submodules.depthwise = DomainRenamer("cleared_depthwise")(unit)
        m.submodules.depthwise_queue = queue = OutputBuffer(
            shape=depthwise_layout(capacity), depth=_TASKS, target=capacity.sizes.target
        )
        goes = sequencer.go & self._begins(m, sequencer.told.kind, Kind.DEPTHWISE)
        fill = unit.fill
        m.d.comb += [
            sequencer.depthwise_ready.eq(queue.credit),
            sequencer.slid.eq(unit.done),
            queue.take.eq(goes),
            unit.kernels.eq(loads.kernels),
            fill.tables.eq(loads.fill.tables),
            fill.addr.eq(loads.fill.addr),
            fill.word.eq(loads.fill.word),
        ]
        self._queued(m, Kind.DEPTHWISE, goes, sequencer.task, queue.i)
        connect_streams(m, queue.o, unit.task)
        return unit

    @staticmethod
    def _queued(m: Module, kind: Kind, goes: Value, task: View, flow: Flow) -> None:
        """Give a unit's task to its queue a cycle late: all of them begin in one place."""
        name = kind.name.lower()
        m.d.comb += [
            flow.valid.eq(delay_valid(m, goes, 1, name=f"{name}_goes")),
            Value.cast(flow.payload).eq(delay(m, Value.cast(task), 1, name=f"{name}_told")),
        ]

    def _queue(
        self,
        m: Module,
        kind: Kind,
        unit: Loads | Stores,
        ready: Signal,
        sequencer: ProgramSequencer,
    ) -> None:
        """Keep transfers until the one before is done."""
        layout = task_layout(self._capacity)
        queue = OutputBuffer(shape=layout, depth=_TASKS, target=self._capacity.sizes.target)
        m.submodules[f"{kind.name.lower()}_queue"] = queue
        goes = sequencer.go & self._begins(m, sequencer.told.kind, kind)
        task = view(layout, name=f"{kind.name.lower()}_task")
        m.d.comb += [
            ready.eq(queue.credit),
            queue.take.eq(goes),
            task.transfer.eq(sequencer.transfer),
            task[BASE].eq(self.bases[sequencer.transfer.region]),
            unit.halt.eq(copied(m, self.halt, name=f"halt_{kind.name.lower()}")),
        ]
        self._queued(m, kind, goes, task, queue.i)
        connect_streams(m, queue.o, unit.task)

    def _tell(
        self,
        m: Module,
        check: DescriptorCheck,
        sequencer: ProgramSequencer,
        loader: WeightsLoader,
        moves: Value,
    ) -> None:
        counted = Signal()
        m.d.comb += [
            check.sizes.eq(self.sizes),
            check.rows.eq(self.rows),
            check.count.eq(self.count),
            self.failed.eq(check.failed),
            self.failed_number.eq(check.number),
            self.waits.eq(sequencer.waits | loader.waits),
        ]
        m.d.sync += [
            self.goes.eq(moves),
            counted.eq(self.number == self.count),
            self.ends.eq(sequencer.idle & counted),
        ]
        with m.If(sequencer.go):
            m.d.sync += self.number.eq(self.number + 1)
