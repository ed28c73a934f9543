"""The matrix unit: positions and weights in, sums out."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.matrix.design import MatrixDesign
from hw.matrix.group import (
    ADD_STAGE,
    READ_AHEAD,
    WEIGHTS_STAGE,
    MatrixGroup,
    add_tree,
    place_layout,
    products_latency,
    row_layout,
    samples_layout,
    sums_layout,
)
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Stream, StreamComponent, flipped
from hw.parts.streams import OutputBuffer, connect_streams
from hw.primitives.multiplier import SharedMultiplier


def position_layout(design: MatrixDesign) -> data.StructLayout:
    """Return the layout of a position: its samples, and of which pass it is; `last` ends that."""
    flags = dict.fromkeys(("first", "final", "raised", "squares", "last"), 1)
    return data.StructLayout({"x": samples_layout(design)} | flags)


def result_layout(design: MatrixDesign) -> data.StructLayout:
    """Return the layout of a position's sums; `last` ends a pass."""
    return data.StructLayout({"sums": sums_layout(design, design.outputs), "last": 1})


def weights_layout(design: MatrixDesign) -> data.StructLayout:
    """Return the layout of an output's weights; `last` is not looked at."""
    return data.StructLayout({"row": row_layout(design), "last": 1})


def _place_at(design: MatrixDesign) -> int:
    """Cycles from the position at the first group to its place there."""
    return WEIGHTS_STAGE + products_latency(design) - READ_AHEAD


def in_flight(design: MatrixDesign) -> int:
    """Cycles from a position taken to its sums before the buffer."""
    return 1 + _place_at(design) + ADD_STAGE + design.groups


def buffer_depth(design: MatrixDesign) -> int:
    """Return how many sums wait: a pass of them, so that the next ones add up meanwhile."""
    deep = 1 << (max(design.positions, design.results) - 1).bit_length()
    least = OutputBuffer.depth_for(in_flight(design))
    return max(least, deep) if deep > OutputBuffer.SHALLOW else least


def latency(design: MatrixDesign) -> int:
    """Return the cycles from a position of a final pass to its sums, unstalled."""
    return in_flight(design) + OutputBuffer.latency_of(buffer_depth(design))


class MatrixUnit(StreamComponent):
    """`golden.matrix.design.MatrixDesign` in hardware: a position a cycle.

    The first position of a pass waits until its weights are there, a row a cycle for ``outputs``
    cycles, last output first, which come while the pass before is under way. Positions are taken
    while the buffer at the end has room for their sums; nothing inside stalls.

    Parameters
    ----------
    design
        What it computes.

    Members
    -------
    i : In, stream of positions
    w : In, stream of rows of weights
    o : Out, stream of sums, `latency` cycles after their position of a final pass
    """

    w: Stream

    def __init__(self, design: MatrixDesign) -> None:
        self._design = design
        super().__init__(
            {
                "i": In(stream.Signature(position_layout(design))),
                "w": In(stream.Signature(weights_layout(design))),
                "o": Out(stream.Signature(result_layout(design))),
            }
        )

    @property
    def latency(self) -> int:
        """Return the cycles from a position of a final pass to its sums, unstalled."""
        return latency(self._design)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.buffer = buffer = OutputBuffer(
            shape=result_layout(design), depth=buffer_depth(design), target=design.target
        )
        begins = Signal(init=1)
        taken = Signal()
        # Whether a position may be taken, of registers alone: units far away look at it.
        opened = Signal()
        address, written = self._count(m, taken)
        there = self._load(m, taken & begins)
        begins_next = Mux(taken, self.i.payload.last, begins)
        m.d.comb += [
            self.i.ready.eq(buffer.credit & opened),
            taken.eq(self.i.valid & self.i.ready),
            buffer.take.eq(taken & self.i.payload.final),
        ]
        m.d.sync += [begins.eq(begins_next), opened.eq((there & written) | ~begins_next)]
        groups = self._chain(m)
        head = groups[0]
        m.d.comb += [
            head.x.eq(delay(m, self.i.payload.x, 1, name="x")),
            head.change.eq(delay_valid(m, taken & begins, 1, name="change")),
        ]
        self._place(m, taken, address, head)
        self._middle(m, head)
        self._collect(m, groups, buffer)
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _load(self, m: Module, used: Value) -> Value:
        """Take rows of weights while there is room; return whether a pass's will be there."""
        m.submodules.rows = rows = Counter(self._design.outputs)
        there = Signal()
        there_next: Value = (there | (rows.step & rows.last)) & ~used
        m.d.sync += there.eq(there_next)
        m.d.comb += [self.w.ready.eq(~there), rows.step.eq(self.w.valid & ~there)]
        return there_next

    def _count(self, m: Module, taken: Value) -> tuple[Signal, Value]:
        """Return a position's place in its pass, and whether the next pass's sums may be written.

        The latter in the next cycle; not after passes shorter than it takes to write a sum, whose
        last positions came late.
        """
        address = Signal(range(self._design.positions))
        waits = Signal(range(ADD_STAGE + 1))
        late = Signal()
        m.d.comb += late.eq(taken & self.i.payload.last & (address < ADD_STAGE))
        with m.If(waits != 0):
            m.d.sync += waits.eq(waits - 1)
        with m.If(taken):
            m.d.sync += address.eq(Mux(self.i.payload.last, 0, address + 1))
        with m.If(late):
            m.d.sync += waits.eq(ADD_STAGE - address)
        return address, (waits <= 1) & ~late

    def _chain(self, m: Module) -> list[MatrixGroup]:
        groups: list[MatrixGroup] = []
        for index in range(self._design.groups):
            group = MatrixGroup(self._design)
            m.submodules[f"group_{index}"] = group
            if groups:
                names = ("x", "change", "load", "row", "valid", "place", "middle")
                before = groups[-1]
                m.d.comb += [getattr(group, n).eq(getattr(before, f"{n}_on")) for n in names]
            groups.append(group)
        m.d.comb += [
            groups[0].load.eq(delay_valid(m, self.w.valid & self.w.ready, 1, name="load")),
            groups[0].row.eq(delay(m, self.w.payload.row, 1, name="row")),
        ]
        return groups

    def _place(self, m: Module, taken: Value, address: Value, head: MatrixGroup) -> None:
        """Tell the groups of a position, when its products are there."""
        place = place_layout(self._design)
        now = self.i.payload
        flags = Cat(address, now.first, now.final, now.raised, now.squares, now.last)
        cycles = 1 + _place_at(self._design)
        m.d.comb += [
            head.place.eq(place(delay(m, flags, cycles, name="place"))),
            head.valid.eq(delay_valid(m, taken, cycles, name="valid")),
        ]

    def _middle(self, m: Module, head: MatrixGroup) -> None:
        """Add up the products of neighbouring inputs, which every output has too much."""
        design = self._design
        products = []
        for pair in range(design.inputs // 2):
            multiply = SharedMultiplier(
                lanes=1, a_bits=design.data_bits, b_bits=design.data_bits, target=design.target
            )
            m.submodules[f"middle_{pair}"] = multiply
            m.d.comb += [multiply.a[0].eq(head.x[2 * pair]), multiply.b.eq(head.x[2 * pair + 1])]
            products.append(multiply.p[0])
        total = add_tree(m, products, name="middle")
        early = _place_at(design) - products_latency(design)
        m.d.comb += head.middle.eq(delay(m, total, early, name="middle_late"))

    def _collect(self, m: Module, groups: list[MatrixGroup], buffer: OutputBuffer) -> None:
        """Bring the groups' sums together: each is a cycle later than the one before.

        Into registers beside the groups: the buffer may lie across the device.
        """
        size = self._design.group
        for index, group in enumerate(groups):
            late = len(groups) - index
            sums = delay(m, group.sums, late, name=f"sums_{index}")
            for output in range(size):
                m.d.comb += buffer.i.payload.sums[index * size + output].eq(sums[output])
        m.d.comb += [
            buffer.i.payload.last.eq(delay(m, groups[-1].last, 1, name="last")),
            buffer.i.valid.eq(delay_valid(m, groups[-1].given, 1, name="given")),
        ]
