"""The dense FFT engine: products added up between the transforms, in fixed point."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import data, wiring

from golden.fft.dense import DenseFftDesign
from hw.dense.predict import shared, tree
from hw.dense.store import GroupStore
from hw.dense.units import (
    Order,
    UnitTables,
    dense_ports,
    hold_and_order,
    sum_tree,
    tree_latency,
)
from hw.fft import predict as fft
from hw.fft.beats import AHEAD, Beats, BeatSignature, complexes, pair_layout
from hw.fft.door import Door, door_latency
from hw.fft.pipeline import SPECTRUM_STAGE, Registers, transform_latency
from hw.fft.product import ExactProduct, operands, round_sum
from hw.fft.sections import Sections, emit, factor_of, spectra_words
from hw.line.core import Core
from hw.parts.accumulate import accumulate_turns
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import flipped
from hw.parts.tables import Table
from hw.predict import accumulation, adder, output_stage
from hw.targets.cost import Cost

_ROUNDING = 1
"""Cycles for the rounding of a sum of products."""


def latency_ahead(design: DenseFftDesign) -> int:
    """Cycles from a line's first sample taken to its first bin's writing."""
    numbers = range(design.flow.middle + 1)
    return door_latency(design) + transform_latency(design, Registers.everywhere(design), numbers)


def latency_behind(design: DenseFftDesign) -> int:
    """Cycles from a step to the sum of its place, of a line's first."""
    multiplied = Table.latency + SPECTRUM_STAGE + _multiplying(design)
    numbers = range(design.flow.middle + 1, len(design.flow.sections))
    back = transform_latency(design, Registers.everywhere(design), numbers)
    return multiplied + tree_latency(design.products) + 1 + _ROUNDING + back


def _multiplying(design: DenseFftDesign) -> int:
    return ExactProduct.latency_on(design.target, operand_bits=design.operand.width)


class DenseFftCore(Core):
    """Correlations of the lines of all input channels, added up for each output channel.

    Each pair of input lines is transformed once, and its bins are held. A pair of output lines
    takes as many cycles as the transform has points for each input channel of a unit, and one
    transform back. `golden.dense.design.DenseFftDesign.accumulate` gives the results bit for bit.

    Members
    -------
    As of `hw.line.core.Core`.
    """

    def __init__(self, design: DenseFftDesign, pace: int = 0) -> None:
        self._pace = pace
        self._design = design
        self._sections = Sections(design, Registers.everywhere(design))
        super().__init__(dense_ports(design, coefficient_bits=2 * design.spectrum_bits))

    @property
    def pipeline_latency(self) -> int:
        """Most cycles from a step to the sum of its place, at full rate."""
        return latency_behind(self._design)

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        design = self._design
        held = design.cycles_of_input + latency_ahead(design)
        return held + (design.turns - 1) * design.size + latency_behind(design)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        width = 2 * design.pairs * design.operand.width
        store, order = hold_and_order(m, design, self, width=width, pace=self._pace)
        self._hold(m, store)
        beats = self._add_up(m, self._multiply(m, order, store), order)
        emit(m, design, self._sections.behind(m, beats), self)
        return m

    def _hold(self, m: Module, store: GroupStore) -> None:
        """Transform lines as they come, and hold their bins as operands."""
        design = self._design
        m.submodules.door = door = Door(design)
        wiring.connect(m, flipped(self.i), door.i)
        m.d.comb += [door.credit.eq(store.open), door.available.eq(1), store.take.eq(door.take)]
        beats = self._sections.ahead(m, door.o)
        shapes = design.formats.sections[design.flow.middle]
        m.d.comb += [
            store.w_en.eq(delay_valid(m, beats.early, AHEAD, name="bin")),
            store.w_data.eq(operands(m, complexes(beats.z), shapes)),
        ]

    def _multiply(self, m: Module, order: Order, store: GroupStore) -> Sequence[Any]:
        """Return every unit's products."""
        design = self._design
        words = spectra_words(design)
        bits = 2 * design.spectrum_bits
        m.submodules.spectra = tables = UnitTables(design, words=words, width=bits)
        if words is None:
            wiring.connect(m, flipped(self.coefficients), tables.load)
        tables.walk(m, order)
        layout = data.ArrayLayout(pair_layout(design.operand.width), design.pairs)
        products = []
        for unit in range(design.products):
            m.submodules[f"product_of_unit_{unit}"] = product = ExactProduct(
                operand=design.operand,
                total=design.total,
                factor_bits=design.spectrum_bits,
                pairs=design.pairs,
                target=design.target,
            )
            held = delay(m, store.x[unit], SPECTRUM_STAGE, name=f"held_{unit}")
            factor = factor_of(m, tables.data[unit], design.spectrum_bits)
            m.d.comb += [product.i.eq(layout(held)), product.factor.eq(factor)]
            products.append(product.o)
        return products

    def _add_up(self, m: Module, products: Sequence[Any], order: Order) -> Beats:
        """Return the sums of all products, rounded for the transform back."""
        design = self._design
        places = [(pair, part) for pair in range(design.pairs) for part in ("re", "im")]
        words = [
            sum_tree(m, [product[pair][part] for product in products], name=f"tree_{pair}_{part}")
            for pair, part in places
        ]
        cycles = SPECTRUM_STAGE + _multiplying(design) + tree_latency(design.products)
        early = delay_valid(m, order.step, Table.latency - AHEAD + cycles, name="product")
        finished, totals = accumulate_turns(
            m,
            early,
            words,
            ahead=AHEAD,
            width=design.total.width,
            length=design.size,
            turns=design.turns,
            target=design.target,
            prefix="bin_",
        )
        entry = design.formats.sections[design.flow.middle + 1].entry
        beats = BeatSignature(entry, design.pairs).create(path=("sums",))
        m.d.comb += beats.early.eq(delay_valid(m, finished, 1 + _ROUNDING, name="sums"))
        dropped = design.total.f_bits - entry.f_bits
        for number, (pair, part) in enumerate(places):
            round_sum(m, totals[number], dropped, beats.z[pair][part], beats.carry[pair][part])
        return beats


def predict(design: DenseFftDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    parts = 2 * design.pairs
    cost = shared(
        design,
        held=parts * design.operand.width,
        coefficient=2 * design.spectrum_bits,
    )
    cost += output_stage(design, in_flight=latency_behind(design))
    cost += fft.transforms(design) + fft.door(design)
    total = design.total.width
    unit = fft.multipliers(
        design, design.formats.sections[design.flow.middle], design.spectrum_bits
    )
    unit += fft.spectrum_sums(design) + adder(total).times(parts)
    cost += unit.times(design.products)
    cost += tree(design, width=total, words=parts)
    return cost + accumulation(length=design.size, width=total, words=parts)
