"""A group of the matrix unit's outputs: weights, products, and sums that are kept."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.matrix.design import RAISED_BITS, MatrixDesign
from hw.parts.delay import copied, delay, delay_valid
from hw.parts.ports import Component, View, view
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SharedMultiplier

WEIGHTS_STAGE = 2
"""Cycles from a position to its first addition: its way in, and the change of weights."""
READ_AHEAD = 2
"""Cycles from the address of a sum to the position's products, added up."""
ADD_STAGE = 4
"""Cycles from the address of a sum to the sum with the position in it."""


def row_layout(design: MatrixDesign) -> data.ArrayLayout:
    """Return the layout of an output's weights."""
    return data.ArrayLayout(signed(design.weight_bits), design.inputs)


def samples_layout(design: MatrixDesign) -> data.ArrayLayout:
    """Return the layout of a position."""
    return data.ArrayLayout(signed(design.data_bits), design.inputs)


def sums_layout(design: MatrixDesign, outputs: int) -> data.ArrayLayout:
    """Return the layout of so many sums."""
    return data.ArrayLayout(signed(design.sum_bits), outputs)


def place_layout(design: MatrixDesign) -> data.StructLayout:
    """Return the layout of what is known of a position: where its sum is kept, and of its pass."""
    return data.StructLayout(
        {
            "address": range(design.positions),
            "first": 1,
            "final": 1,
            "raised": 1,
            "squares": 1,
            "last": 1,
        }
    )


def tree_latency(design: MatrixDesign) -> int:
    """Cycles that the sum of a position's products takes: a register a level."""
    return (design.inputs // 2 - 1).bit_length()


def products_latency(design: MatrixDesign) -> int:
    """Cycles from a position's first addition to its products, added up."""
    multiply = SharedMultiplier.latency_on(design.target, a_bits=design.pair_bits)
    return multiply + tree_latency(design)


def add_tree(m: Module, terms: Sequence[Value], *, name: str) -> Value:
    """Return the sum of ``terms``, `tree_latency` cycles later: a register a level."""
    level = 0
    while len(terms) > 1:
        added = []
        for index in range(0, len(terms), 2):
            term = terms[index] if index + 1 == len(terms) else terms[index] + terms[index + 1]
            later = Signal(signed(len(term)), name=f"{name}_{level}_{index // 2}", reset_less=True)
            m.d.sync += later.eq(term)
            added.append(later)
        terms = added
        level += 1
    return terms[0]


class MatrixGroup(Component):
    """Some of the outputs. What it takes it hands on a cycle later, to the next group.

    Weights come a row of inputs at a time: each output takes its neighbour's, so the first row that
    comes ends at the last output. They wait beside those at work until ``change``.

    A position's place comes `WEIGHTS_STAGE` + `products_latency` - `READ_AHEAD` cycles after it.

    Parameters
    ----------
    design
        Of the unit.

    Members
    -------
    x, change : In
        A position, and whether it is the first that meets the waiting weights.
    load, row : In
        Weights come.
    valid, place, middle : In
        What a position's sum begins with or goes on, and what is taken off.
    x_on, change_on, load_on, row_on, valid_on, place_on, middle_on : Out
        For the next group.
    sums, last, given : Out
        A pass's sums, `ADD_STAGE` cycles after their place.
    """

    x: View
    change: Signal
    load: Signal
    row: View
    valid: Signal
    place: View
    middle: Signal
    x_on: View
    change_on: Signal
    load_on: Signal
    row_on: View
    valid_on: Signal
    place_on: View
    middle_on: Signal
    sums: View
    last: Signal
    given: Signal

    def __init__(self, design: MatrixDesign) -> None:
        self._design = design
        self._rows = row_layout(design)
        taken = {
            "x": samples_layout(design),
            "change": 1,
            "load": 1,
            "row": self._rows,
            "valid": 1,
            "place": place_layout(design),
            "middle": signed(design.product_bits),
        }
        super().__init__(
            {name: In(shape) for name, shape in taken.items()}
            | {f"{name}_on": Out(shape) for name, shape in taken.items()}
            | {
                "sums": Out(sums_layout(design, design.group)),
                "last": Out(1),
                "given": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name in ("x", "place", "middle"):
            m.d.comb += getattr(self, f"{name}_on").eq(delay(m, getattr(self, name), 1, name=name))
        for name in ("change", "load", "valid"):
            later = delay_valid(m, getattr(self, name), 1, name=name)
            m.d.comb += getattr(self, f"{name}_on").eq(later)
        weights = self._weights(m)
        x = delay(m, self.x, WEIGHTS_STAGE, name="x_at_pairs")
        totals = [self._multiply(m, output, x, row) for output, row in enumerate(weights)]
        self._accumulate(m, totals)
        return m

    def _weights(self, m: Module) -> list[View]:
        """Return each output's weights at work, those that wait beside them."""
        before = delay(m, self.row, 1, name="row_in")
        working = []
        for output in range(self._design.group):
            # Each output has its own copies of the enables.
            loads, changes = (
                copied(m, getattr(self, name), name=f"{name}_{output}")
                for name in ("load", "change")
            )
            waiting = view(self._rows, name=f"waiting_{output}", reset_less=True)
            works = view(self._rows, name=f"weights_{output}", reset_less=True)
            with m.If(loads):
                m.d.sync += waiting.eq(before)
            with m.If(changes):
                m.d.sync += works.eq(waiting)
            working.append(works)
            before = waiting
        m.d.comb += self.row_on.eq(before)
        return working

    def _multiply(self, m: Module, output: int, x: View, weights: View) -> Value:
        """Return the sum of an output's pairs of products."""
        products = []
        bits = self._design.pair_bits
        for pair in range(self._design.inputs // 2):
            multiply = SharedMultiplier(
                lanes=1, a_bits=bits, b_bits=bits, target=self._design.target
            )
            m.submodules[f"multiply_{output}_{pair}"] = multiply
            m.d.comb += [
                multiply.a[0].eq(x[2 * pair] + weights[2 * pair + 1]),
                multiply.b.eq(x[2 * pair + 1] + weights[2 * pair]),
            ]
            products.append(multiply.p[0])
        return add_tree(m, products, name=f"sum_{output}")

    def _accumulate(self, m: Module, totals: Sequence[Value]) -> None:
        """Add a position's products to what its sum has come to, and keep it or give it."""
        design = self._design
        layout = sums_layout(design, design.group)
        m.submodules.kept = memory = Memory(
            depth=design.positions, width=layout.size, target=design.target
        )
        middle = delay(m, self.middle, READ_AHEAD, name="middle_at_sums")
        place = delay(m, self.place, ADD_STAGE, name="place_at_write")
        valid = delay_valid(m, self.valid, ADD_STAGE, name="valid_at_write")
        first = delay(m, self.place.first, READ_LATENCY, name="first_at_add")
        raised = delay(m, self.place.raised, READ_LATENCY, name="raised_at_add")
        squares = delay(m, self.place.squares, READ_LATENCY, name="squares_at_add")
        before = layout(memory.r_data)
        sums = view(layout, name="sums_now", reset_less=True)
        for output, total in enumerate(totals):
            fresh = Signal(signed(design.product_bits + 1), name=f"fresh_{output}", reset_less=True)
            known = Signal(signed(design.sum_bits), name=f"known_{output}", reset_less=True)
            kept = before[output]
            m.d.sync += [
                fresh.eq(total - Mux(squares, 0, middle)),
                known.eq(Mux(first, 0, Mux(raised, kept << RAISED_BITS, kept))),
                sums[output].eq(fresh + known),
            ]
        m.d.comb += [
            memory.r_en.eq(1),
            memory.r_addr.eq(self.place.address),
            memory.w_en.eq(valid),
            memory.w_addr.eq(place.address),
            memory.w_data.eq(Cat(sums.as_value())),
            self.sums.eq(sums),
            self.last.eq(place.last),
            self.given.eq(valid & place.final),
        ]
