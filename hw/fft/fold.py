"""Where rows that come one after the other are put together in bands, and taken apart again."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed

from golden.fft.plane import TURNING, PlaneFft
from hw.fft.beats import AHEAD, PARTS, Beats
from hw.fft.product import rounded
from hw.line.core import Core
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.plane.door import PlaneDoor, Side, inside_grid, side, walk_map
from hw.primitives.memory import Memory


class FoldingDoor(PlaneDoor):
    """Takes maps, and fills bands of two rows up to blocks of the transform; see `PlaneDoor`.

    The upper row of a band is taken while the transform goes through the places that a band leaves,
    so the block waits for its lower row alone. The first row of the next map is taken likewise; if
    the map's bands come once more, when the first one has.
    """

    _design: PlaneFft

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        grid, (height, width) = design.grid, design.sizes
        column = side(m, "column", grid.horizontal, width, self.o.early)
        row = side(m, "row", grid.vertical, height, self.o.early & column.last)
        own, alone, kept, lower = (Signal(name=name) for name in ("own", "alone", "kept", "lower"))
        m.submodules.sample = sample = Counter(grid.width)
        if design.plane.height % 2:
            m.d.comb += alone.eq(row.own & row.again)  # the upper row of the last band
        m.d.comb += [
            own.eq(row.own & column.own),
            self.i.ready.eq(self.credit & self.available & Mux(lower, own & ~alone, ~kept)),
            self.take.eq(self.i.valid & self.i.ready),
            self.o.early.eq(~own | lower & (self.take | alone)),
            sample.step.eq(self.take | own & lower & alone),
        ]
        with m.If(sample.step & sample.last):
            m.d.sync += lower.eq(~lower)
        if design.repeats_rows:
            ends = self.take & lower & sample.last & row.again
            m.d.comb += kept.eq(self._keep(m, ends, self.o.early & column.last))
        self._track_frames(m)
        self._fill(m, row, column, own & ~alone, lower, sample)
        return m

    @staticmethod
    def _keep(m: Module, ends: Value, next_row: Value) -> Value:
        """Return whether a map has come whose first band is still to come once more."""
        rows = Signal(2)
        with m.If(next_row & rows.any()):
            m.d.sync += rows.eq(rows - 1)
        with m.If(ends):
            m.d.sync += rows.eq(2)
        return rows.any()

    def _fill(
        self, m: Module, row: Side, column: Side, own: Value, lower: Signal, sample: Counter
    ) -> None:
        """Drive `o` with the band's rows: the upper one out of a memory, the lower one as it comes.

        Where the map wraps, either memory holds all rows, and gives them once more.
        """
        design = self._design
        wraps = design.plane.wraps
        depth = design.grid.length if wraps else design.grid.width
        address = walk_map(m, design, self.o.early, row, column) if wraps else sample.value
        m.submodules.upper_place = place = Counter(depth)
        m.d.comb += place.step.eq(self.take & ~lower)
        filled = delay(m, row.filled & column.filled, AHEAD, name="filled")
        fresh = delay(m, self.i.payload.samples[0], AHEAD, name="fresh")
        upper = self._memory(m, "upper", depth, place.value, self.take & ~lower, address)
        again: Value = Const(0, signed(design.data_bits))
        if wraps:
            again = self._memory(m, "lower", depth, address, self.take & lower, address)
            again = Mux(filled, again, 0)
        m.d.comb += [
            self.o.z[0].re.eq(Mux(filled, upper, 0)),
            self.o.z[0].im.eq(Mux(delay(m, own, AHEAD, name="own"), fresh, again)),
        ]

    def _memory(
        self, m: Module, name: str, depth: int, w_addr: Value, w_en: Value, r_addr: Value
    ) -> Value:
        """Write samples as they are taken; return the one at ``r_addr``, `AHEAD` cycles later."""
        bits, target = self._design.data_bits, self._design.target
        m.submodules[name] = memory = Memory(depth=depth, width=bits, target=target)
        m.d.comb += [
            memory.w_en.eq(w_en),
            memory.w_addr.eq(w_addr),
            memory.w_data.eq(self.i.payload.samples[0]),
            memory.r_en.eq(1),
            memory.r_addr.eq(r_addr),
        ]
        return memory.r_data.as_signed()


def emit_rows(m: Module, design: PlaneFft, beats: Beats, core: Core) -> None:
    """Let through to ``core``'s output the upper rows as they come, and each lower one behind."""
    grid = design.grid
    m.submodules.out_place = place = Odometer(column=design.sizes[1], row=design.sizes[0])
    upper = Signal()
    ends = Signal()
    lower = Signal(name="lower_leaves")
    m.submodules.out_sample = sample = Counter(grid.width)
    m.d.comb += [
        place.step.eq(beats.early),
        upper.eq(beats.early & inside_grid(design, place)),
        ends.eq(upper & (place.column == grid.width - 1)),
        sample.step.eq(lower),
    ]
    if design.plane.height % 2:
        m.d.comb += ends.eq(
            upper & (place.column == grid.width - 1) & (place.row != grid.height - 1)
        )
    with m.If(lower & sample.last):
        m.d.sync += lower.eq(0)
    with m.If(delay_valid(m, ends, TURNING, name="ends")):
        m.d.sync += lower.eq(1)
    m.d.comb += [
        core.early.eq(delay_valid(m, upper, TURNING, name="upper") | lower),
        core.o.valid.eq(delay_valid(m, core.early, AHEAD, name="valid")),
    ]
    shapes, bits = design.formats.sections[-1], design.core_bits
    results = [Signal(signed(bits), name=f"result_{part}") for part in PARTS]
    m.d.comb += [
        y.eq(rounded(beats.z[0][part], shapes)) for y, part in zip(results, PARTS, strict=True)
    ]
    m.submodules.lower_row = memory = Memory(depth=grid.width, width=bits, target=design.target)
    w_addr = Signal(range(grid.width))
    m.d.comb += [
        w_addr.eq(place.column),
        memory.w_en.eq(delay_valid(m, upper, AHEAD, name="write")),
        memory.w_addr.eq(delay(m, w_addr, AHEAD, name="w_addr")),
        memory.w_data.eq(results[1]),
        memory.r_en.eq(1),
        memory.r_addr.eq(sample.value),
        core.o.payload[0].eq(
            Mux(
                delay(m, lower, AHEAD, name="lower_now"),
                memory.r_data.as_signed(),
                delay(m, results[0], TURNING, name="result"),
            )
        ),
    ]
