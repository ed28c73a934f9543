"""The Fermat engine between its streams: samples in, correlation sums out."""

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fermat.design import FermatDesign
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
from hw.parts.streams import Flow, FlowSignature, connect_streams
from hw.parts.tables import Table, walk_channels

FAR = 1 << 14
"""Words from which a table fills so many blocks that there are registers before and behind it."""


def is_far(design: FermatDesign) -> bool:
    """Whether the spectrum has registers on the way to it and back, a cycle each."""
    return design.channels * design.coefficient_words >= FAR


def pipeline_latency(design: FermatDesign) -> int:
    """Cycles from taking a sample to the sum of its place, at full rate."""
    steps = (*design.forward.steps, design.fold, *steps_after(design))
    multiplied = Product.latency_of(design.product, design.target) + is_far(design)
    return DOOR + LEAD + multiplied + latency_of(steps)


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
            core_ports(design, depth=self._depth, coefficient_bits=design.product.h.bits)
        )

    @property
    def _depth(self) -> int:
        return self._design.channels * self._design.coefficient_words

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
        """Fold bins and multiply them with the spectrum."""
        design = self._design
        options: dict[str, Any] = {"lanes": design.lanes, "target": design.target}
        m.submodules.fold = fold = Fold(design.fold, **options)
        m.submodules.product = product = Product(design.product, **options)
        early, bins = bins, self._held(m, bins) if is_far(design) else bins
        connect_streams(m, bins, fold.i)
        connect_streams(m, fold.o, product.i)
        far = is_far(design)
        wait = LEAD - Table.latency
        asks: Any = early if far else fold.o
        step = delay_valid(m, asks.valid, wait, name="look_up")
        word = self._look_up(m, step)
        m.d.comb += product.h.eq(delay(m, word, far * step_latency(design.fold), name="word"))
        return product.o

    @staticmethod
    def _held(m: Module, bins: Flow) -> Flow:
        """Return ``bins`` a cycle later."""
        flow = FlowSignature(bins.payload.shape()).create(path=("held",))
        m.d.comb += [
            flow.payload.eq(delay(m, bins.payload, 1, name="bin")),
            flow.valid.eq(delay_valid(m, bins.valid, 1, name="bin_valid")),
        ]
        return flow

    def _look_up(self, m: Module, step: Value) -> Signal:
        """Return the spectrum's words, `Table.latency` cycles after ``step`` asks for each."""
        design = self._design
        weights = design.weights
        words = None if weights is None else design.spectrum(weights.weight).flat
        m.submodules.spectrum = table = Table(
            words=None if words is None else [int(word) for word in words],
            depth=self._depth,
            width=design.product.h.bits,
            target=design.target,
        )
        if words is None:
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
