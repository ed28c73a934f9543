"""The dense direct engine: chains side by side, and the sums of all input channels added up."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring

from golden.direct.dense import DenseDirectDesign
from hw.dense.predict import shared, tree
from hw.dense.store import GroupStore
from hw.dense.units import UnitTables, dense_ports, sum_tree, tree_latency, unspent_set
from hw.direct.chain import TapChain
from hw.direct.core import DATA_STAGE, KERNEL_STAGE, DirectCore, pipeline_latency
from hw.direct.neighbours import BEHIND, NeighbourSums, places_of
from hw.direct.neighbours import predict as predict_neighbours
from hw.direct.pairs import BareChain, LeadingChain, chain_of
from hw.direct.predict import bare_chain, middle
from hw.direct.predict import chain as predict_chain
from hw.direct.sequencer import Sequencer
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, View, flipped
from hw.predict import accumulation, counter, output_stage, ram
from hw.primitives.memory import READ_LATENCY
from hw.targets.cost import Cost


def in_flight(design: DenseDirectDesign) -> int:
    """Cycles from the decision to take a step to the sum on `o` that it finishes."""
    return pipeline_latency(design) + tree_latency(design.products)


def latency_ahead(design: DenseDirectDesign) -> int:
    """Cycles from a sample taken to its writing."""
    return BEHIND if design.shares_middle else 0


def latency_behind(design: DenseDirectDesign) -> int:
    """Cycles from an output channel's last step to its last sum: the old wave is behind."""
    return in_flight(design) + design.taps - 1


class DenseDirectCore(DirectCore):
    """Correlations of the lines of all input channels, added up for each output channel; exact.

    An output line takes N * ceil(N/P) cycles for each input channel of a unit.

    Members
    -------
    As of `hw.line.core.Core`.
    """

    def __init__(self, design: DenseDirectDesign, pace: int = 0) -> None:
        self._pace = pace
        self._design: DenseDirectDesign = design
        self._unspent = Signal()
        Component.__init__(self, dense_ports(design, coefficient_bits=design.weight_bits))

    @property
    def pipeline_latency(self) -> int:
        """Cycles from the decision to take a step to the sum on `o` that it finishes."""
        return in_flight(self._design)

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        design = self._design
        steps = (design.turns - 1) * design.length + design.taps - 1
        return design.cycles_of_input + latency_ahead(design) + steps + self.pipeline_latency

    def _idle(self, sequence: Sequencer) -> Value:
        return sequence.idle & ~self._unspent

    def _take_in(self, m: Module) -> View:
        """Let whole groups of channels step the engine; return every unit's sample."""
        design = self._design
        sequence = m.submodules.sequence
        width = design.lanes * design.data_bits
        m.submodules.store = store = GroupStore(
            design, width=width, taps=design.taps, passes=design.passes, pace=self._pace
        )
        m.submodules.channel = channel = Counter(design.channels_per_group)
        m.d.comb += self._unspent.eq(unspent_set(m, design, self))
        taken = Signal()
        ahead = latency_ahead(design)
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            self.i.ready.eq(store.open),
            store.take.eq(taken),
            store.w_en.eq(delay_valid(m, taken, ahead, name="taken")),
            store.w_data.eq(delay(m, self.i.payload.samples.as_value(), ahead, name="held")),
            sequence.available.eq(
                store.available & (self._unspent if design.streamed else self.available)
            ),
            store.step.eq(sequence.new),
            store.last_position.eq(sequence.last_position),
            store.last_turn.eq(sequence.last_line),
            store.last_line.eq(sequence.last_channel),
            channel.step.eq(sequence.new & sequence.last_channel),
            store.last_channel.eq(sequence.last_channel & channel.last),
        ]
        return store.x

    def _correlate(
        self, m: Module, sequence: Sequencer, samples: View
    ) -> tuple[Value, Sequence[Value]]:
        """Run a chain for each unit, and add up their sums."""
        design = self._design
        weights = design.weights
        words = None if weights is None else design.coefficients(weights)["weight"].ravel().tolist()
        m.submodules.kernels = kernels = UnitTables(design, words=words, width=design.weight_bits)
        if words is None:
            wiring.connect(m, flipped(self.coefficients), kernels.load)
        self._walk_kernels(m, sequence, kernels.addr)
        new = delay_valid(m, sequence.new, KERNEL_STAGE, name="new")
        old = delay_valid(m, sequence.old, KERNEL_STAGE, name="old")
        last = delay_valid(m, sequence.last_position, KERNEL_STAGE, name="last")
        x_new = delay(m, samples, DATA_STAGE - READ_LATENCY, name="x_new")
        x_old = self._remember(m, sequence, samples) if design.taps > 1 else None
        chains = self._chains(m)
        for unit, chain in enumerate(chains):
            m.submodules[f"chain_{unit}"] = chain
            place = slice(
                unit * len(chain.x_new.as_value()), (unit + 1) * len(chain.x_new.as_value())
            )
            m.d.comb += [
                chain.new.eq(new),
                chain.old.eq(old),
                chain.last.eq(last),
                chain.weight.eq(kernels.data[unit]),
                chain.x_new.eq(x_new[unit]),
            ]
            if x_old is not None:
                m.d.comb += chain.x_old.eq(x_old[place])
        self._lead(m, sequence, chains[:1] if design.shares_middle else chains)
        sums = [
            sum_tree(m, [chain.sums[lane] for chain in chains], name=f"tree_{lane}")
            for lane in range(design.lanes)
        ]
        early = delay_valid(m, chains[0].early, tree_latency(design.products), name="tree_early")
        return early, sums

    def _chains(self, m: Module) -> list[TapChain]:
        """Return the units' chains; where they share the middle, the first one takes it off."""
        design = self._design
        if not design.shares_middle:
            return [chain_of(design)(design) for _ in range(design.products)]
        leading = LeadingChain(design, bits=design.core_bits, word_bits=design.neighbours.bits)
        self._add_neighbours(m, leading)
        return [leading, *(BareChain(design) for _ in range(1, design.products))]

    def _add_neighbours(self, m: Module, chain: LeadingChain) -> None:
        """Add up neighbours' products at the door; lead them to ``chain`` in its first turn."""
        design, store = self._design, m.submodules.store
        m.submodules.neighbours = sums = NeighbourSums(design)
        wait = DATA_STAGE + LeadingChain.word_latency(design) - NeighbourSums.latency
        first = delay(m, store.address < places_of(design), wait, name="first_turn")
        known = delay(m, first, NeighbourSums.latency, name="of_first_turn")
        m.d.comb += [
            sums.take.eq(self.i.valid & self.i.ready),
            sums.samples.eq(self.i.payload.samples),
            sums.half.eq(delay(m, store.half, wait, name="half_read")),
            sums.place.eq(delay(m, store.address, wait, name="place_read")),
        ]
        for lane, word in enumerate(sums.words):
            m.d.comb += chain.words[lane].eq(Mux(known, word, 0))


def predict(design: DenseDirectDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    samples = design.lanes * design.data_bits
    y = design.core_bits
    cost = shared(design, held=samples, coefficient=design.weight_bits)
    cost += output_stage(design, in_flight=in_flight(design))
    cost += _chains(design)
    cost += tree(design, width=y, words=design.lanes)
    if design.taps > 1:
        cost += ram(depth=design.taps - 1, width=design.products * samples)
        cost += counter(design.taps - 1)
    if design.turns > 1:
        cost += accumulation(length=design.length, width=y, words=design.lanes)
    return cost


def _chains(design: DenseDirectDesign) -> Cost:
    """Return what the units' chains take, with what takes the middle off."""
    if not design.shares_middle:
        return predict_chain(design).times(design.products)
    leading = bare_chain(design, bits=design.core_bits)
    leading += middle(design, bits=design.core_bits, word_bits=design.neighbours.bits)
    others = bare_chain(design, bits=design.chain_bits).times(design.products - 1)
    return leading + others + predict_neighbours(design)
