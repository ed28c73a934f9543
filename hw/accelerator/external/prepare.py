"""Descriptors out of memory: put together, completed with products, checked."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from itertools import pairwise

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Kind, Norm, Region, Space, Turning, Weights
from golden.accelerator.external.capacity import (
    HEAD,
    KERNEL_SIDE,
    KERNEL_WORDS,
    PASSES_BITS,
    TABLE,
    Capacity,
)
from golden.accelerator.external.depthwise import groups_of
from golden.accelerator.external.registers import Stop
from hw.accelerator.external.bus import beat_signature
from hw.accelerator.external.layout import (
    ABLE,
    LOOPS,
    common_layout,
    compute_layout,
    layouts_for,
    told_layout,
    transfer_layout,
)
from hw.accelerator.external.products import SerialProduct, times
from hw.accelerator.weights import LARGE_DIAGONAL
from hw.parts.delay import delay, delay_valid
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
    """What is compared is added up, compared, and told of: a cycle each."""
    OFFER = 4


_COMPARING = 2
"""Cycles from products to whether their sums are too large: registers between."""


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
        code = Signal(CODE_BITS)
        compared = Signal(range(_COMPARING + 1))
        # What it drives is to stand in every state.
        why, can = self._code(m)
        # Registers of their own, since what takes a descriptor is large.
        fine, offers = Signal(name="fine"), Signal(name="offers")
        m.d.comb += self.o.valid.eq(offers & fine)
        with m.If(whole):
            m.d.sync += state.eq(_State.FIRST)
        with m.Switch(state):
            with m.Case(_State.FIRST):
                m.d.sync += state.eq(_State.SECOND)
            with m.Case(_State.SECOND), m.If(self._done):
                m.d.sync += [state.eq(_State.CODE), compared.eq(0)]
            with m.Case(_State.CODE), m.If(self._done):
                m.d.sync += [code.eq(why), fine.eq(can), compared.eq(compared + 1)]
                with m.If(compared == _COMPARING):
                    m.d.sync += [state.eq(_State.OFFER), offers.eq(1)]
            with m.Case(_State.OFFER):
                m.d.sync += self.failed.eq(code)
                with m.If(self.o.valid & self.o.ready):
                    m.d.sync += [
                        state.eq(_State.TAKE),
                        offers.eq(0),
                        self.number.eq(self.number + 1),
                    ]
        self._remember(m, self.o.valid & self.o.ready)
        self._give(m)
        return m

    def _assemble(self, m: Module, state: Signal) -> Value:
        """Take a descriptor's beats; return whether this is the last one."""
        capacity = self._capacity
        n_beats = capacity.descriptor_beats
        beats = [
            Signal(capacity.data_bits, name=f"beat_{n}", reset_less=True) for n in range(n_beats)
        ]
        arrived = Signal(range(n_beats))
        taken = self.i.valid & self.i.ready
        whole: Value = taken & (arrived == n_beats - 1)
        takes = Signal(init=1)
        m.d.comb += self.i.ready.eq(takes)
        with m.If(whole):
            m.d.sync += takes.eq(0)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += takes.eq(1)
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
        # In registers: they drive much, and nothing looks at them in the first cycle.
        kind = self._said.kind
        self._brings = delay(m, (kind == Kind.LOAD) | (kind == Kind.STORE), 1, name="brings")
        self._computes = delay(m, kind == Kind.COMPUTE, 1, name="computes")
        self._apart: Value = Const(0)
        if capacity.depthwise:
            apart = kind == Kind.DEPTHWISE
            self._apart = delay(m, apart, 1, name="apart")
            turns = self._compute.turn != Turning.NONE
            self._by_lines = delay(m, apart & turns, 1, name="turns")
            self._turns = self._by_lines
            if capacity.lines is not None:
                # Those that engines do are read likewise.
                self._line = delay(m, apart & turns & self._compute.line, 1, name="line")
                self._turns = self._by_lines & ~self._line
        return whole

    def _multiply(self, m: Module, state: Signal) -> None:
        """Make the products; the passes, a product of three, after the others."""
        capacity, one, moves = self._capacity, self._compute, self._transfer
        side, line = capacity.side_bits, capacity.map_bits + 1
        double = 2 * side + 2
        far = capacity.beats_bits + len(moves.last_block)
        first = Signal()  # products are begun
        second = Signal()
        again = second
        taps = Signal(double)
        pitch = one.pitch.as_unsigned()
        rows, columns = one.last_row, one.last_column
        brings = self._brings
        reach = max(line + side, len(moves.near_stride) + len(moves.last_block) + 1)
        factors: dict[str, tuple[int, Value, Value]] = {
            # Of a transfer, how far the last block is from the first.
            "tile_reach": (
                reach,
                Mux(brings, moves.near_stride, one.plane),
                Mux(brings, moves.last_block, one.last_tile),
            ),
            "passes": (
                max(double + len(one.last_tile) + 1, far),
                Mux(again, taps, Mux(brings, moves.far_stride, one.last_kernel_row + 1)),
                Mux(
                    again,
                    one.last_tile + 1,
                    Mux(brings, moves.last_block, one.last_kernel_column + 1),
                ),
            ),
            "row_reach": (reach, one.pitch, one.height - 1),
            "row_address": (line, one.row, pitch),
            "row_step": (line, one.row_stride, pitch),
            "kernel_row_step": (line, one.row_tap, pitch),
            "positions": (double, rows + 1, columns + 1),
            "bias_row": (len(one.bias_row) + side, one.bias_row, rows),
            "bias_column": (len(one.bias_column) + side, one.bias_column, columns),
            "target_row": (reach, one.target_row, rows),
            "target_column": (reach, one.target_column, columns),
        }
        if capacity.depthwise:
            factors["walked"] = (double, one.column_stride, columns)
        self._products = {}
        for name, (width, a, b) in factors.items():
            self._products[name] = product = SerialProduct(width=width, b_bits=max(side + 1, line))
            m.submodules[name] = product
            # Of a transfer, the others are not made: they would only take their time.
            used = 1 if name in ("tile_reach", "passes") else ~brings
            m.d.comb += [
                product.a.eq(a),
                product.b.eq(b),
                product.start.eq(first & used),
            ]
        done = Signal()  # not in the cycle after a start
        self._done = done
        ended = (state == _State.SECOND) & done
        m.d.sync += [first.eq(state == _State.FIRST), second.eq(ended & ~brings)]
        all_done = Cat(*(product.done for product in self._products.values())).all()
        passes = self._products["passes"]
        m.d.comb += taps.eq(passes.p)
        started = delay(m, (state == _State.FIRST) | ended, 1, name="started")
        m.d.sync += done.eq(all_done & (state != _State.FIRST) & ~ended & ~started)
        with m.If(second):
            m.d.comb += passes.start.eq(1)

    @staticmethod
    def _reach(
        m: Module, first: Value, distances: Sequence[Value], after: Value, *, name: str
    ) -> tuple[Value, Value]:
        """Return the least and the largest of words from ``first`` on, and so far away."""
        signs = [distance.as_signed() for distance in distances]
        low, high = first, delay(m, first + after, 1, name=f"{name}_after")
        for n, one in enumerate(signs):
            low = low + delay(m, Mux(one < 0, one, 0), 1, name=f"{name}_down_{n}")
            high = high + delay(m, Mux(one < 0, 0, one), 1, name=f"{name}_up_{n}")
        return delay(m, low, 1, name=f"{name}_low"), delay(m, high, 1, name=f"{name}_high")

    def _code(self, m: Module) -> tuple[Value, Value]:
        """Return why the descriptor cannot be, or 0, and whether it can."""
        kind = self._said.kind
        computes = self._computes
        self._beyond = self._beyond_target(m)
        wrong = [
            (~(computes | (kind == Kind.GAIN) | self._apart | self._brings), Stop.KIND),
            *((self._brings & bad, stop) for bad, stop in self._wrong_transfer(m)),
            *((self._apart & bad, stop) for bad, stop in self._wrong_apart(m)),
            *((~self._brings & bad, stop) for bad, stop in self._wrong_windows(m)),
            *((computes & bad, stop) for bad, stop in self._wrong_sums(m)),
        ]
        code: Value = Value.cast(Stop.NONE)
        found = [delay(m, bad, 1, name=f"wrong_{n}") for n, (bad, _) in enumerate(wrong)]
        for bad, (_, stop) in reversed(list(zip(found, wrong, strict=True))):
            code = Mux(bad, int(stop), code)
        return code, ~Cat(*found).any()

    def _wrong_windows(self, m: Module) -> list[tuple[Value, Stop]]:
        capacity, one, products = self._capacity, self._compute, self._products
        none = (one.height == 0) | (one.width == 0)
        many = products["positions"].p > capacity.sizes.positions
        long = products["passes"].p > (1 << PASSES_BITS) - 1
        reaches = [products[name].p for name in ("tile_reach", "row_reach")]
        low, high = self._reach(m, one.base, reaches, one.width - 1, name="source")
        half = capacity.map_words // 2
        self._banks = delay(m, Cat(low < half, high >= half), 1, name="banks")
        beyond = (low < 0) | (high >= capacity.map_words)
        return [
            (none | (many & ~self._apart) | long, Stop.POSITIONS),
            (beyond, Stop.SOURCE),
        ]

    def _beyond_target(self, m: Module) -> Value:
        """Whether words are written that are not there."""
        reaches = [self._products[name].p for name in ("target_row", "target_column")]
        low, high = self._reach(m, self._compute.target, reaches, Value.cast(0), name="target")
        beyond: Value = (low < 0) | (high >= self._capacity.map_words)
        return beyond

    def _wrong_apart(self, m: Module) -> list[tuple[Value, Stop]]:
        """Return what is wrong with windows for the depthwise unit."""
        capacity, one = self._capacity, self._compute
        if not capacity.depthwise:
            return []
        rows, columns = one.last_kernel_row, one.last_kernel_column
        large = (rows >= KERNEL_SIDE) | (columns >= KERNEL_SIDE) | (one.last_tile != 0)
        many = (one.turn != Turning.NONE) & (one.last_column >= capacity.sizes.tile)
        unknown = one.turn > max(Turning)
        still = (one.row_stride <= 0) | (one.column_stride <= 0) | one.largest
        walked = delay(m, self._products["walked"].p + columns, 1, name="walked")
        groups = delay(m, self._groups(), 1, name="more_groups")
        more = delay(m, rows + 1, 1, name="more_rows")
        long = walked >= 1 << capacity.side_bits
        deep = groups_of(KERNEL_SIDE, capacity.depthwise)
        again = [Mux(groups >= group, more, 0) for group in range(1, deep)]
        words = delay(m, Value.cast(sum(again, one.kernels + more)), 1, name="kernel_words")
        if capacity.lines is not None:
            many &= ~one.line
            unknown |= one.line & ~self._line | self._wrong_line(m, capacity.lines.length)
            own = delay(m, one.kernels + (capacity.line_words - HEAD), 1, name="line_words")
            words = Mux(self._line, own, words)
        return [
            (large | still | long | many | unknown, Stop.POSITIONS),
            (self._beyond, Stop.TARGET),
            (words + HEAD > KERNEL_WORDS, Stop.CONSTANTS),
        ]

    def _wrong_line(self, m: Module, length: int) -> Value:
        """Return whether a line is longer than the engines', or more of its sums are wanted."""
        one = self._compute
        side = Mux(one.turn == Turning.ROWS, one.height, one.width)
        self._length = delay(m, side - 1, 1, name="line_length")
        self._until = delay(m, one.skips + one.last_column, 1, name="line_until")
        long = delay(m, (side > length) | (side == 0), 1, name="line_long")
        wrong: Value = self._line & (long | (self._until >= length))
        return wrong

    def _groups(self) -> Value:
        """Return how many groups of columns a kernel has, less one."""
        taps = self._capacity.depthwise
        more = [
            self._compute.last_kernel_column >= first for first in range(taps, KERNEL_SIDE, taps)
        ]
        groups: Value = Value.cast(sum(more))
        return groups

    def _wrong_sums(self, m: Module) -> list[tuple[Value, Stop]]:
        capacity, one, products = self._capacity, self._compute, self._products
        parts = Value.cast(capacity.sizes.parts)
        if capacity.abilities.addition:
            parts = parts + (one.single & one.product & ~one.early)
        first = delay(m, one.bias + parts, 1, name="bias_end")
        strides = products["bias_row"].p + products["bias_column"].p
        biases = delay(m, first + delay(m, strides, 1, name="strides"), 1, name="biases")
        depth = capacity.constants
        beyond_constants = (biases > depth) | (one.scale + parts > depth)
        self._known = Signal(len(products["positions"].p))  # windows whose sums are kept
        passes = Mux(one.largest, 1, products["passes"].p)
        self._used = Signal(32)
        full, diagonal = one.weights == Weights.FULL, one.weights != Weights.GAIN
        rows = Mux(full, passes * capacity.sizes.tile, Mux(diagonal, passes, 0))
        rows = delay(m, rows, 1, name="rows_of_weights")
        self._taken = Signal(len(rows) + 1)
        m.d.sync += self._taken.eq(self._used + rows)
        other = ~one.first & (self._known != products["positions"].p)
        final = one.final
        norms: list[tuple[Value, Stop]] = []
        if capacity.abilities.norm:
            statistics, normal = (one.norm == kind for kind in (Norm.STATISTICS, Norm.NORMAL))
            final = one.final & ~statistics
            wide = (one.channels == 0) | (one.channels > capacity.abilities.norm)
            unknown = (one.norm != Norm.NONE) & ~statistics & ~normal
            norms = [(unknown | (one.norm != Norm.NONE) & wide, Stop.NORM)]
        return [
            *norms,
            (final & self._beyond, Stop.TARGET),
            (final & beyond_constants, Stop.CONSTANTS),
            (other, Stop.SUMS),
            (self._taken > self.rows, Stop.WEIGHTS),
        ]

    def _wrong_transfer(self, m: Module) -> list[tuple[Value, Stop]]:
        capacity, moves, products = self._capacity, self._transfer, self._products
        stores = self._said.kind == Kind.STORE
        depth = Signal(32)
        beats = Signal(len(moves.words) + 6)
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
            with m.Case(Space.BIASES, Space.SCALES):
                m.d.comb += [
                    depth.eq(capacity.constants),
                    beats.eq(moves.words * capacity.step_beats),
                ]
        if capacity.depthwise:
            with m.If(moves.space == Space.KERNELS):
                m.d.comb += [
                    depth.eq(KERNEL_WORDS),
                    beats.eq(times(moves.words, capacity.kernel_beats)),
                ]
        near, far = (
            delay(m, Value.cast(one), 1, name=name)
            for name, one in (("near", moves.near + moves.words), ("far", moves.far + beats))
        )
        near_end = delay(m, near + products["tile_reach"].p, 1, name="near_end")
        far_end = delay(m, far + products["passes"].p, 1, name="far_end")
        size = delay(m, self.sizes[moves.region], 1, name="size")
        kept = (moves.region == Region.PROGRAM) | (moves.region == Region.INPUT) | ~maps
        return [
            (moves.words == 0, Stop.POSITIONS),
            (near_end > depth, Stop.TARGET),
            ((far_end > size) | (stores & kept), Stop.REGION),
        ]

    def _remember(self, m: Module, goes: Value) -> None:
        """Count what a descriptor takes, and what it leaves, in the cycle after it goes."""
        one, products = self._compute, self._products
        known = delay(m, Mux(one.final, 0, products["positions"].p), 1, name="known")
        with m.If(delay_valid(m, goes, 1, name="went") & self._computes):
            m.d.sync += [self._used.eq(self._taken), self._known.eq(known)]

    def _give(self, m: Module) -> None:
        """Say all of a descriptor that units are told."""
        one, products, told = self._compute, self._products, self.o.payload
        last = delay(m, self.count - 1, 1, name="last")
        derived: dict[str, Value] = {
            name: Const(0) for name in ABLE if name not in self._capacity.compute
        }
        derived |= {
            "kind": self._said.kind,
            "waits": self._said.waits,
            "ends": delay(m, self.number == last, 1, name="ends"),
            "row_address": products["row_address"].p,
            "last_pass": delay(
                m, Mux(one.largest, 0, products["passes"].p - 1), 1, name="last_pass"
            ),
        }
        windows = {
            "": (one.row_stride, one.column_stride),
            "kernel_": (one.row_tap, one.column_tap),
        }
        for name, other in (LOOPS, LOOPS[::-1]):
            pairs = {
                f"last_{name}row": (one[f"last_{name}row"], one[f"last_{other}row"]),
                f"last_{name}column": (one[f"last_{name}column"], one[f"last_{other}column"]),
                f"{name}row_stride": (windows[name][0], windows[other][0]),
                f"{name}column_stride": (windows[name][1], windows[other][1]),
                f"{name}row_step": tuple(products[f"{n}row_step"].p for n in (name, other)),
            }
            inside_out = one.largest | self._apart
            derived |= {field: Mux(inside_out, b, a) for field, (a, b) in pairs.items()}
        derived |= self._give_apart(m)
        derived |= self._give_turned(m, derived)
        layouts = layouts_for(self._capacity)
        for name, _ in layouts.read:
            value = derived[str(name)] if name in derived else one[name]
            m.d.comb += told.whole.read[name].eq(value)
        for name, _ in layouts.finish:
            value = derived[str(name)] if name in ABLE and name in derived else one[name]
            m.d.comb += told.whole.finish[name].eq(value)
        m.d.comb += [
            told.transfer.eq(self._transfer),
            told.loads.eq(self._said.loads),
            told.stores.eq(self._said.stores),
        ]

    def _give_apart(self, m: Module) -> dict[str, Value]:
        """Say what the depthwise unit is told; return what of it readers are told otherwise.

        For each row of windows it walks through all columns under them, one by one; inside a
        column through the kernel's rows, each as often as there are groups of columns.
        """
        capacity, one, told = self._capacity, self._compute, self.o.payload
        if not capacity.depthwise:
            return {}
        m.d.comb += [
            told.depthwise.eq(self._said.depthwise),
            told.banks.eq(self._banks),
            told.apart.kernels.eq(one.kernels),
            told.apart.before.eq(one.last_kernel_column),
            told.apart.between.eq(one.column_stride - 1),
            told.apart.turns.eq(self._turns),
        ]
        if capacity.lines is not None:
            m.d.comb += [
                told.apart.line.eq(self._line),
                told.apart.place.length.eq(self._length),
                told.apart.place.skips.eq(one.skips),
                told.apart.place.until.eq(self._until),
            ]
        walked = self._products["walked"].p + one.last_kernel_column
        walked = delay(m, walked, 1, name="last_walked")
        groups = delay(m, self._groups(), 1, name="groups")
        columns = {
            "last_column": (groups, one.last_kernel_column, one.last_column),
            "column_stride": (Const(0), one.column_tap, one.column_stride),
            "last_kernel_column": (walked, one.last_column, one.last_kernel_column),
            "kernel_column_stride": (Const(1), one.column_stride, one.column_tap),
        }
        return {
            name: Mux(self._apart, apart, Mux(one.largest, inside_out, plain))
            for name, (apart, inside_out, plain) in columns.items()
        }

    def _give_turned(self, m: Module, others: Mapping[str, Value]) -> dict[str, Value]:
        """Return what readers are told of lines: of those that are turned a tile of positions."""
        if not self._capacity.depthwise:
            return {}
        one = self._compute
        last: Value = Const(self._capacity.sizes.tile - 1)
        if self._capacity.lines is not None:
            last = Mux(self._line, self._length, last)
        below = delay(m, one.turn == Turning.ROWS, 1, name="below")
        turned: dict[str, Value] = {
            "last_row": Mux(below, last, 0),
            "last_column": Mux(below, 0, last),
            "last_kernel_row": Mux(below, 0, one.last_row),
            "last_kernel_column": Mux(below, one.last_row, 0),
            "column_stride": Const(1),
        }
        return {name: Mux(self._by_lines, value, others[name]) for name, value in turned.items()}


assert len(Weights) == LARGE_DIAGONAL
