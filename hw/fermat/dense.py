"""The dense Fermat engine: products added up between the transforms."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fermat.dense import DenseFermatDesign
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
from hw.fermat.chain import DOOR, latency_of, run_chain, steps_after, words_of
from hw.fermat.predict import products, transforms
from hw.fermat.product import Product
from hw.fermat.rotation import Fold
from hw.fermat.words import LEAD, words_layout
from hw.line.core import Core
from hw.line.output import OutputStage
from hw.parts.accumulate import accumulate_turns
from hw.parts.delay import delay_valid
from hw.parts.ports import flipped
from hw.parts.streams import Flow
from hw.parts.tables import Table
from hw.predict import accumulation, output_stage
from hw.targets.cost import Cost


def latency_ahead(design: DenseFermatDesign) -> int:
    """Cycles from a line's first sample taken to its first word's writing."""
    return DOOR + LEAD + latency_of((*design.forward.steps, design.fold))


def latency_behind(design: DenseFermatDesign) -> int:
    """Cycles from a step to the sum of its place."""
    multiplied = LEAD + Product.latency_of(design.product, design.target)
    added_up = tree_latency(design.products) + 1 + (design.n_parts > 1)
    return multiplied + added_up + latency_of((design.bin_sum, *steps_after(design)))


class DenseFermatCore(Core):
    """Correlations of the lines of all input channels, added up for each output channel; exact.

    Each input line is transformed once, and its bins are held. An output line takes N cycles for
    each input channel of a unit, and one transform back, or ``parts`` of them.

    Members
    -------
    As of `hw.line.core.Core`.
    """

    def __init__(self, design: DenseFermatDesign, pace: int = 0) -> None:
        self._pace = pace
        self._design = design
        super().__init__(dense_ports(design, coefficient_bits=design.product.h.bits))

    @property
    def pipeline_latency(self) -> int:
        """Cycles from taking a step to the sum of its place, at full rate."""
        return latency_behind(self._design)

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        design = self._design
        held = design.cycles_of_input + latency_ahead(design)
        return held + (design.turns - 1) * design.length + latency_behind(design)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        width = words_layout(design.fold.o, design.lanes).size
        store, order = hold_and_order(m, design, self, width=width, pace=self._pace)
        self._hold(m, store)
        sums = self._add_up(m, self._multiply(m, order, store), order)
        self._emit(m, sums)
        return m

    def _hold(self, m: Module, store: GroupStore) -> None:
        """Transform samples as they come, and hold their bins."""
        design = self._design
        taken = Signal()
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            self.i.ready.eq(store.open),
            store.take.eq(taken),
        ]
        samples = words_of(m, self.i.payload.samples, taken, design.data)
        bins = run_chain(m, "forward", (*design.forward.steps, design.fold), samples, design)
        m.d.comb += [
            store.w_en.eq(delay_valid(m, bins.valid, LEAD, name="bins_valid")),
            store.w_data.eq(bins.payload.as_value()),
        ]

    def _multiply(self, m: Module, order: Order, store: GroupStore) -> Sequence[Any]:
        """Return every unit's products."""
        design = self._design
        weights = design.weights
        spectra = None if weights is None else design.coefficients(weights)["spectrum"]
        words = None if spectra is None else [int(word) for word in spectra.flat]
        m.submodules.spectra = tables = UnitTables(design, words=words, width=design.product.h.bits)
        if words is None:
            wiring.connect(m, flipped(self.coefficients), tables.load)
        tables.walk(m, order)
        step = delay_valid(m, order.step, Table.latency - LEAD, name="multiply")
        flows = []
        for unit in range(design.products):
            product = Product(design.product, lanes=design.lanes, target=design.target)
            m.submodules[f"product_{unit}"] = product
            m.d.comb += [
                product.i.valid.eq(step),
                product.i.payload.eq(store.x[unit]),
                product.h.eq(tables.data[unit]),
            ]
            flows.append(product.o)
        return flows

    def _add_up(self, m: Module, products: Sequence[Any], order: Order) -> Flow:
        """Return the sums of a part's products, folded."""
        design = self._design
        lanes = range(design.lanes)
        levels = tree_latency(design.products)
        by_lane = [
            sum_tree(m, [flow.payload[lane] for flow in products], name=f"tree_{lane}")
            for lane in lanes
        ]
        finished, totals = accumulate_turns(
            m,
            delay_valid(m, products[0].valid, levels, name="tree_valid"),
            by_lane,
            ahead=LEAD,
            width=design.bin_sum.i.bits,
            length=design.length,
            turns=design.turns // design.n_parts,
            target=design.target,
            prefix="bin_",
        )
        m.submodules.bin_sum = fold = Fold(design.bin_sum, lanes=design.lanes, target=design.target)
        m.d.comb += [
            fold.i.valid.eq(delay_valid(m, finished, 1, name="bin_valid")),
            fold.i.payload.eq(totals),
        ]
        return fold.o

    def _emit(self, m: Module, bins: Flow) -> None:
        """Transform sums of bins back, and add up the parts."""
        design = self._design
        sums = run_chain(m, "inverse", steps_after(design), bins, design)
        finished: Value = sums.valid
        totals = sums.payload
        ahead = LEAD
        if design.n_parts > 1:
            finished, totals = accumulate_turns(
                m,
                sums.valid,
                [sums.payload[lane] for lane in range(design.lanes)],
                ahead=LEAD,
                width=design.sum_range.bits,
                length=design.length,
                turns=design.n_parts,
                target=design.target,
                prefix="part_",
            )
            ahead += 1
        early = ahead - OutputStage.LOOKAHEAD
        m.d.comb += [
            self.o.payload.eq(totals),
            self.o.valid.eq(delay_valid(m, finished, ahead, name="sums_valid")),
            self.early.eq(delay_valid(m, finished, early, name="early")),
        ]


def predict(design: DenseFermatDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    cost = shared(
        design,
        held=design.lanes * design.fold.o.bits,
        coefficient=design.product.h.bits,
    )
    cost += output_stage(design, in_flight=latency_behind(design))
    cost += transforms(design, design.fold, design.bin_sum)
    cost += products(design).times(design.products)
    bins = design.bin_sum.i.bits
    cost += tree(design, width=bins, words=design.lanes)
    cost += accumulation(length=design.length, width=bins, words=design.lanes)
    if design.n_parts > 1:
        y = design.sum_range.bits
        cost += accumulation(length=design.length, width=y, words=design.lanes)
    return cost
