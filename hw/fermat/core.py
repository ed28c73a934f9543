"""The Fermat engine between its streams: samples in, correlation sums out."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fermat.design import FermatDesign
from golden.line.weights import LineWeights
from hw.fermat.branches import add_flows, held, latency_before, latency_behind
from hw.fermat.chain import DOOR, latency_of, run_chain, steps_after, words_of
from hw.fermat.latency import step_latency
from hw.fermat.product import Product
from hw.fermat.rotation import Fold
from hw.fermat.words import LEAD
from hw.line.core import Core, core_ports
from hw.line.output import OutputStage
from hw.line.weights_port import FRAMES_IN_FLIGHT_BITS
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import View, flipped
from hw.parts.streams import Flow, connect_streams
from hw.parts.tables import Table, encode, walk_channels

FAR = 1 << 14
"""Words from which a table fills so many blocks that there are registers before and behind it."""


def is_far(design: FermatDesign) -> bool:
    """Whether the spectrum has registers on the way to it and back, a cycle each."""
    return design.channels * design.coefficient_words >= FAR


def pipeline_latency(design: FermatDesign) -> int:
    """Cycles from taking a sample to the sum of its place, at full rate."""
    steps = (*design.forward.steps, design.fold, *steps_after(design))
    multiplied = Product.latency_of(design.product, design.target) + is_far(design)
    between = latency_before(design) + multiplied + latency_behind(design)
    return DOOR + LEAD + between + latency_of(steps)


class FermatCore(Core):
    """Circular cross-correlation of every line with its channel's kernel, exact.

    A sample enters and a sum leaves every cycle. Samples drive the first halves of blocks; whatever
    is then complete leaves by itself, so a line comes out without further input.

    Members
    -------
    As of `hw.line.core.Core`.
    """

    def __init__(self, design: FermatDesign) -> None:
        self._design = design
        super().__init__(
            core_ports(design, depth=self._depth, coefficient_bits=self._coefficient_bits)
        )

    @property
    def _depth(self) -> int:
        return self._design.channels * self._design.coefficient_words

    @property
    def _coefficient_bits(self) -> int:
        return sum(self._design.coefficient_fields.values())

    @property
    def pipeline_latency(self) -> int:
        """Cycles from taking a sample to the sum of its place, at full rate."""
        return pipeline_latency(self._design)

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        return self.pipeline_latency

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        taken = Signal()
        samples = self._enter(m, taken)
        bins = run_chain(m, "forward", design.forward.steps, samples, design)
        products = self._multiply(m, bins)
        sums = run_chain(m, "inverse", steps_after(design), products, design)
        self._leave(m, sums.payload, sums.valid)
        if design.weights is None:
            self._track_frames(m, taken)
        return m

    def _enter(self, m: Module, taken: Signal) -> Flow:
        """Return the samples as a flow of words, away from the door's gates."""
        m.d.comb += [
            taken.eq(self.i.valid & self.i.ready),
            self.i.ready.eq(self.credit & self.available),
            self.take.eq(taken),
        ]
        return words_of(m, self.i.payload.samples, taken, self._design.data)

    def _leave(self, m: Module, sums: View, valid: Value) -> None:
        """Send out sums; as everywhere inside, ``valid`` is ahead of them."""
        ahead = LEAD - OutputStage.LOOKAHEAD
        m.d.comb += [
            self.o.payload.eq(sums),
            self.o.valid.eq(delay_valid(m, valid, LEAD, name="sums_valid")),
            self.early.eq(delay_valid(m, valid, ahead, name="early")),
        ]

    def _multiply(self, m: Module, bins: Flow) -> Flow:
        """Fold bins and multiply them with the spectrum, in every branch; return the sum."""
        design = self._design
        waits = [latency_before(design) - latency_of(b.before.steps) for b in design.branches]
        flows = []
        for number, (branch, wait) in enumerate(zip(design.branches, waits, strict=True)):
            flow = held(m, bins, wait, name=f"waiting_{number}")
            flows.append(run_chain(m, f"before_{number}", branch.before.steps, flow, design))
        far = is_far(design)
        folds = [self._fold(m, number, flow, far) for number, flow in enumerate(flows)]
        asks = flows[0] if far else folds[0]
        step = delay_valid(m, asks.valid, LEAD - Table.latency, name="look_up")
        words = delay(m, self._look_up(m, step), far * step_latency(design.fold), name="word")
        products = [self._product(m, number, flow, words) for number, flow in enumerate(folds)]
        return add_flows(m, products, design)

    def _fold(self, m: Module, number: int, flow: Flow, late: bool) -> Flow:
        """Fold the words of a branch, a cycle later than they could be if ``late``."""
        design = self._design
        fold = Fold(design.branches[number].fold, lanes=design.lanes, target=design.target)
        m.submodules[f"fold_{number}"] = fold
        connect_streams(m, held(m, flow, int(late), name=f"held_{number}"), fold.i)
        return fold.o

    def _product(self, m: Module, number: int, flow: Flow, words: Value) -> Flow:
        """Multiply in a branch with its part of the spectra's ``words``, and go on to its end."""
        design = self._design
        branch = design.branches[number]
        product = Product(branch.product, lanes=design.lanes, target=design.target)
        m.submodules[f"product_{number}"] = product
        connect_streams(m, flow, product.i)
        m.d.comb += product.h.eq(words.word_select(number, branch.product.h.bits))
        products = run_chain(m, f"after_{number}", branch.after.steps, product.o, design)
        longest = max(latency_of(other.after.steps) for other in design.branches)
        wait = longest - latency_of(branch.after.steps)
        return held(m, products, wait, name=f"done_{number}")

    def _look_up(self, m: Module, step: Value) -> Signal:
        """Return the spectrum's words, `Table.latency` cycles after ``step`` asks for each."""
        design = self._design
        weights = design.weights
        m.submodules.spectrum = table = Table(
            words=None if weights is None else self._stored(weights),
            depth=self._depth,
            width=self._coefficient_bits,
            target=design.target,
        )
        if weights is None:
            wiring.connect(m, flipped(self.coefficients), table.load)
        m.submodules.place = place = Odometer(
            position=design.coefficient_words,
            group=design.groups_per_channel,
            channel=design.channels,
        )
        address = Signal.like(table.addr)
        m.d.comb += [
            place.step.eq(step),
            table.addr.eq(delay(m, address, int(is_far(design)), name="address")),
            self.frame.eq(step & place.last_channel),
        ]
        walk_channels(m, address, place)
        return table.data

    def _stored(self, weights: LineWeights) -> list[int]:
        """Return the words of the table, which hold those of every branch, the first one lowest."""
        spectra = self._design.spectra(weights.weight)
        width = self._design.product.h.bits
        return [
            sum(part << width * place for place, part in enumerate(encode(words, width)))
            for words in zip(*(spectrum.flat for spectrum in spectra), strict=True)
        ]

    def _track_frames(self, m: Module, taken: Signal) -> None:
        """Count the frames that have begun at the door and not ended at the spectrum's reader."""
        design = self._design
        lines = design.groups_per_channel * design.channels
        m.submodules.door = door = Odometer(position=design.length, group=lines)
        fresh = Signal(init=1)
        begun = Signal(FRAMES_IN_FLIGHT_BITS)
        with m.If(taken):
            m.d.sync += fresh.eq(door.last_group)
        m.d.sync += begun.eq(begun + (taken & fresh) - self.frame)
        m.d.comb += [door.step.eq(taken), self.idle.eq((begun == 0) & ~taken)]
