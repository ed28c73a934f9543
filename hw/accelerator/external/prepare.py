"""Descriptors out of memory: put together, completed with products, checked."""

from enum import IntEnum
from itertools import pairwise

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind, Region, Space, Weights
from golden.accelerator.external.capacity import PASSES_BITS, TABLE, Capacity
from golden.accelerator.external.registers import Stop
from hw.accelerator.external.bus import beat_signature
from hw.accelerator.external.layout import (
    common_layout,
    compute_layout,
    layouts_for,
    told_layout,
    transfer_layout,
)
from hw.accelerator.external.products import SerialProduct
from hw.accelerator.weights import LARGE_DIAGONAL
from hw.parts.ports import Component, Stream, View

CODE_BITS = 5
NUMBER_BITS = 24
"""Of a descriptor's number."""


class _State(IntEnum):
    TAKE = 0
    FIRST = 1
    """Products of what is said are begun."""
    SECOND = 2
    """Products of products are begun when those are there."""
    CODE = 3
    OFFER = 4


class DescriptorCheck(Component):
    """Takes descriptors as they lie in memory, gives those that can be.

    Nothing is said twice in a descriptor: what is products of others is made here, a bit a
    cycle, while the descriptor before is at work.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    i : In, stream of beats
    o : Out, stream of descriptors
    sizes : In
        Of the regions, in beats.
    rows : In
        Rows of weights that there are.
    count : In
        Descriptors that there are; the last one's `ends` is set.
    failed, number : Out
        Why a descriptor cannot be, or 0, and its number; it is the last one then.
    """

    i: Stream
    o: Stream
    sizes: View
    rows: Signal
    count: Signal
    failed: Signal
    number: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        bits = capacity.beats_bits
        super().__init__(
            {
                "i": In(beat_signature(capacity)),
                "o": Out(stream.Signature(told_layout(capacity))),
                "sizes": In(data.ArrayLayout(bits, len(Region))),
                "rows": In(32),
                "count": In(NUMBER_BITS),
                "failed": Out(CODE_BITS),
                "number": Out(NUMBER_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(range(len(_State)))
        whole = self._assemble(m, state)
        self._multiply(m, state)
        done = Cat(*(one.done for one in self._products.values())).all()
        code = Signal(CODE_BITS)
        with m.If(whole):
            m.d.sync += state.eq(_State.FIRST)
        with m.Switch(state):
            with m.Case(_State.FIRST):
                m.d.sync += state.eq(_State.SECOND)
            with m.Case(_State.SECOND), m.If(done):
                m.d.sync += state.eq(_State.CODE)
            with m.Case(_State.CODE), m.If(done):
                m.d.sync += [code.eq(self._code(m)), state.eq(_State.OFFER)]
            with m.Case(_State.OFFER):
                m.d.sync += self.failed.eq(code)
                m.d.comb += self.o.valid.eq(code == 0)
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += [state.eq(_State.TAKE), self.number.eq(self.number + 1)]
                    self._remember(m)
        self._give(m)
        return m

    def _assemble(self, m: Module, state: Signal) -> Value:
        """Take a descriptor's beats; return whether this is the last one."""
        capacity = self._capacity
        n_beats = capacity.descriptor_beats
        beats = [Signal(capacity.data_bits, name=f"beat_{n}") for n in range(n_beats)]
        arrived = Signal(range(n_beats))
        taken = self.i.valid & self.i.ready
        whole: Value = taken & (arrived == n_beats - 1)
        m.d.comb += self.i.ready.eq(state == _State.TAKE)
        with m.If(taken):
            m.d.sync += [
                *(low.eq(high) for low, high in pairwise(beats)),
                beats[-1].eq(self.i.payload),
                arrived.eq(Mux(whole, 0, arrived + 1)),
            ]
        word = Cat(*beats)
        common, compute, transfer = (
            layout(capacity) for layout in (common_layout, compute_layout, transfer_layout)
        )
        body = word[common.size :]
        self._said = common(word[: common.size])
        self._compute = compute(body[: compute.size])
        self._transfer = transfer(body[: transfer.size])
        kind = self._said.kind
        self._brings = (kind == Kind.LOAD) | (kind == Kind.STORE)
        return whole

    def _multiply(self, m: Module, state: Signal) -> None:
        """Make the products; those of products after the others."""
        capacity, one, moves = self._capacity, self._compute, self._transfer
        side = capacity.side_bits
        double = 2 * side + 2
        area = double + len(one.last_tile) + 1
        far = capacity.beats_bits + len(moves.last_block)
        second, brings = state == _State.SECOND, self._brings
        again = second & ~brings
        tiles = one.last_tile + 1
        line = capacity.map_bits + 1
        plane, taps = Signal(double), Signal(double)
        factors: dict[str, tuple[int, Value, Value]] = {
            "span": (
                area,
                Mux(second, plane, Mux(brings, moves.near_stride, one.height)),
                Mux(second, tiles, Mux(brings, moves.last_block, one.width)),
            ),
            "passes": (
                max(area, far),
                Mux(second, taps, Mux(brings, moves.far_stride, one.last_kernel_row + 1)),
                Mux(second, tiles, Mux(brings, moves.last_block, one.last_kernel_column + 1)),
            ),
            "row_address": (line, one.row, one.width),
            "row_step": (line, one.row_stride, one.width),
            "positions": (double, one.last_row + 1, one.last_column + 1),
            "bias_row": (len(one.bias_row) + side, one.bias_row, one.last_row),
            "bias_column": (len(one.bias_column) + side, one.bias_column, one.last_column),
        }
        self._products = {}
        for name, (width, a, b) in factors.items():
            self._products[name] = product = SerialProduct(width=width, b_bits=side + 1)
            m.submodules[name] = product
            m.d.comb += [product.a.eq(a), product.b.eq(b), product.start.eq(state == _State.FIRST)]
        done = Cat(*(product.done for product in self._products.values())).all()
        for name, first in (("span", plane), ("passes", taps)):
            product = self._products[name]
            m.d.comb += first.eq(product.p)
            with m.If(again & done):
                m.d.comb += product.start.eq(1)
                if name == "span":
                    self._plane = Signal(double)
                    m.d.sync += self._plane.eq(product.p)

    def _code(self, m: Module) -> Value:
        """Return why the descriptor cannot be, or 0."""
        kind = self._said.kind
        computes = kind == Kind.COMPUTE
        wrong = [
            (~(computes | (kind == Kind.GAIN) | self._brings), Stop.KIND),
            *((self._brings & bad, stop) for bad, stop in self._wrong_transfer(m)),
            *((~self._brings & bad, stop) for bad, stop in self._wrong_windows()),
            *((computes & bad, stop) for bad, stop in self._wrong_sums(m)),
        ]
        code: Value = Value.cast(Stop.NONE)
        for bad, stop in reversed(wrong):
            code = Mux(bad, int(stop), code)
        return code

    def _wrong_windows(self) -> list[tuple[Value, Stop]]:
        capacity, one, products = self._capacity, self._compute, self._products
        none = (one.height == 0) | (one.width == 0)
        many = products["positions"].p > capacity.sizes.positions
        long = products["passes"].p > (1 << PASSES_BITS) - 1
        beyond = one.base + products["span"].p > capacity.map_words
        return [(none | many | long, Stop.POSITIONS), (beyond, Stop.SOURCE)]

    def _wrong_sums(self, m: Module) -> list[tuple[Value, Stop]]:
        capacity, one, products = self._capacity, self._compute, self._products
        parts = capacity.sizes.parts
        beyond = one.target + products["positions"].p > capacity.map_words
        biases = one.bias + products["bias_row"].p + products["bias_column"].p + parts
        depth = capacity.constants
        beyond_constants = (biases > depth) | (one.scale + parts > depth)
        self._known = Signal(len(products["positions"].p))  # windows whose sums are kept
        passes = products["passes"].p
        self._used = Signal(32)
        full, diagonal = one.weights == Weights.FULL, one.weights != Weights.GAIN
        rows = Mux(full, passes * capacity.sizes.tile, Mux(diagonal, passes, 0))
        self._taken = Signal(len(rows) + 1)
        m.d.comb += self._taken.eq(self._used + rows)
        other = ~one.first & (self._known != products["positions"].p)
        return [
            (one.final & beyond, Stop.TARGET),
            (one.final & beyond_constants, Stop.CONSTANTS),
            (other, Stop.SUMS),
            (self._taken > self.rows, Stop.WEIGHTS),
        ]

    def _wrong_transfer(self, m: Module) -> list[tuple[Value, Stop]]:
        capacity, moves, products = self._capacity, self._transfer, self._products
        stores = self._said.kind == Kind.STORE
        depth, beats = Signal(32), Signal(len(moves.words) + 6)
        maps = moves.space == Space.MAPS
        with m.Switch(moves.space):
            with m.Case(Space.MAPS):
                m.d.comb += [
                    depth.eq(capacity.map_words),
                    beats.eq(moves.words * capacity.word_beats),
                ]
            with m.Case(Space.TABLES):
                m.d.comb += [
                    depth.eq(capacity.tables * TABLE // capacity.beat_bytes),
                    beats.eq(moves.words),
                ]
            with m.Default():
                m.d.comb += [
                    depth.eq(capacity.constants),
                    beats.eq(moves.words * capacity.step_beats),
                ]
        near_end = moves.near + products["span"].p + moves.words
        far_end = moves.far + products["passes"].p + beats
        kept = (moves.region == Region.PROGRAM) | (moves.region == Region.INPUT) | ~maps
        return [
            (moves.words == 0, Stop.POSITIONS),
            (near_end > depth, Stop.TARGET),
            ((far_end > self.sizes[moves.region]) | (stores & kept), Stop.REGION),
        ]

    def _remember(self, m: Module) -> None:
        """Count what a descriptor takes, and what it leaves."""
        one, products = self._compute, self._products
        with m.If(self._said.kind == Kind.COMPUTE):
            m.d.sync += [
                self._used.eq(self._taken),
                self._known.eq(Mux(one.final, 0, products["positions"].p)),
            ]

    def _give(self, m: Module) -> None:
        """Say all of a descriptor that units are told."""
        one, products, told = self._compute, self._products, self.o.payload
        derived: dict[str, Value] = {
            "kind": self._said.kind,
            "waits": self._said.waits,
            "ends": self.number == self.count - 1,
            "plane": self._plane,
            "row_address": products["row_address"].p,
            "row_step": products["row_step"].p,
            "last_pass": products["passes"].p - 1,
        }
        layouts = layouts_for(self._capacity)
        for name, _ in layouts.read:
            value = derived[str(name)] if name in derived else one[name]
            m.d.comb += told.whole.read[name].eq(value)
        m.d.comb += [told.whole.finish[name].eq(one[name]) for name, _ in layouts.finish]
        m.d.comb += [
            told.transfer.eq(self._transfer),
            told.loads.eq(self._said.loads),
            told.stores.eq(self._said.stores),
        ]


assert len(Weights) == LARGE_DIAGONAL
