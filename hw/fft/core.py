"""The FFT engine between its streams: samples in, correlation sums out."""

from typing import Any

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from golden.fft import FftDesign
from hw.counter import Counter, Odometer
from hw.delay import delay, delay_valid
from hw.fft.beats import AHEAD
from hw.fft.door import Door
from hw.fft.pipeline import SPECTRUM_STAGE, Registers, pipeline_latency
from hw.fft.product import Product, factor_layout, factor_words, rounded
from hw.fft.rank import RankStage, rank_parts
from hw.output import beat_layout
from hw.streams import FlowSignature
from hw.tables import LoadSignature, Table, encode, walk_channels
from hw.weights_port import BankFollower


class FftCore(wiring.Component):
    """Circular cross-correlation of every line with its channel's kernel, in fixed point.

    `golden.fft.FftDesign.accumulate` gives its results bit for bit. A group takes as many cycles as
    the transform has points. Nothing stalls and nothing waits for what comes next: a line's sums
    leave once the line is in.

    Members
    -------
    As of `hw.direct.core.DirectCore`; the spectra are read when a line has passed the forward
    transform, but those in effect when its frame began.
    """

    def __init__(self, design: FftDesign) -> None:
        self._design = design
        self._registers = Registers.of(design)
        self._ranks = [
            [self._rank(number, place) for place in range(len(section.ranks))]
            for number, section in enumerate(design.flow.sections)
        ]
        self._products = [self._product(number) for number in range(design.flow.n_products)]
        ports = {
            "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
            "o": Out(FlowSignature(data.ArrayLayout(signed(design.sum_range.bits), design.lanes))),
            "early": Out(1),
            "take": Out(1),
            "credit": In(1),
            "available": In(1),
            "frame": Out(1),
            "idle": Out(1),
        }
        if design.weights is None:
            ports["coefficients"] = In(LoadSignature(depth=self._depth, width=self._word_bits))
        super().__init__(ports)

    @property
    def _depth(self) -> int:
        return self._design.channels * self._design.size

    @property
    def _word_bits(self) -> int:
        return 2 * self._design.spectrum_bits

    def _rank(self, number: int, place: int) -> RankStage:
        design = self._design
        shapes = design.formats.sections[number]
        last = place == len(shapes.ranks) - 1
        return RankStage(
            design.flow.sections[number].ranks[place],
            entry=shapes.ranks[place - 1] if place else shapes.entry,
            shape=shapes.ranks[place],
            half=1 << shapes.dropped - 1 if last and shapes.dropped > 0 else 0,
            pairs=design.pairs,
            registered=self._registers.rank(number, place),
            target=design.target,
            parts=rank_parts(design, number, place),
        )

    def _product(self, number: int) -> Product:
        design = self._design
        before, after = design.formats.sections[number : number + 2]
        middle = number == design.flow.middle
        return Product(
            before=before,
            after=after,
            factor_bits=design.spectrum_bits if middle else design.twiddle_bits + 1,
            factor_f_bits=design.spectrum_f_bits if middle else design.flow.twiddle_f_bits,
            pairs=design.pairs,
            total_registered=self._registers.total(number),
            registered=self._registers.carry(number),
            target=design.target,
        )

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        return pipeline_latency(self._design)

    @property
    def pipeline_latency(self) -> int:
        """Most cycles from a sample taken to its sum."""
        return pipeline_latency(self._design)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.door = door = self._door()
        wiring.connect(m, wiring.flipped(self.i), door.i)
        m.d.comb += [
            door.credit.eq(self.credit),
            door.available.eq(self.available),
            self.take.eq(door.take),
            self.frame.eq(door.frame),
            self.idle.eq(door.idle),
        ]
        beats = door.o
        for number, ranks in enumerate(self._ranks):
            for place, rank in enumerate(ranks):
                m.submodules[f"rank_{number}_{place}"] = rank
                wiring.connect(m, beats, rank.i)
                beats = rank.o
            if number == self._design.flow.middle:
                beats = self._multiply_by_spectrum(m, beats)
            elif number < self._design.flow.n_products:
                beats = self._multiply_by_twiddles(m, number, beats)
        self._emit(m, beats)
        return m

    def _door(self) -> Any:
        """Return where lines enter."""
        return Door(self._design)

    def _multiply_by_twiddles(
        self, m: Module, number: int, beats: wiring.PureInterface
    ) -> wiring.PureInterface:
        design = self._design
        product = m.submodules[f"product_{number}"] = self._products[number]
        layout = factor_layout(design.twiddle_bits + 1)
        words = list(factor_words(design.flow.twiddles(number).tolist(), design.twiddle_bits + 1))
        table = m.submodules[f"twiddles_{number}"] = Table(
            words=words, depth=len(words), width=layout.size, target=design.target
        )
        unit = design.flow.unit(number)
        address = Signal(range(len(words) * unit), name=f"twiddle_{number}")
        with m.If(beats.early):
            m.d.sync += address.eq(address + 1)
        factor = address[unit.bit_length() - 1 :] if unit > 1 else address
        m.d.comb += [table.addr.eq(factor), product.factor.eq(layout(table.data))]
        wiring.connect(m, beats, product.i)
        return product.o

    def _multiply_by_spectrum(self, m: Module, beats: wiring.PureInterface) -> wiring.PureInterface:
        """Multiply a cycle later than by twiddles: a word's sums are made in the meantime."""
        design = self._design
        m.submodules.spectrum_product = product = self._products[design.flow.middle]
        m.submodules.spectrum_place = place = Odometer(
            position=design.size, group=design.groups_per_channel, channel=design.channels
        )
        m.submodules.spectra = table = Table(
            words=self._spectra(), depth=self._depth, width=self._word_bits, target=design.target
        )
        address = Signal.like(table.addr)
        m.d.comb += [place.step.eq(beats.early), table.addr.eq(address)]
        walk_channels(m, address, place)
        if design.weights is None:
            self._follow(m, table, place)
        bits = design.spectrum_bits
        re, im = table.data[:bits].as_signed(), table.data[bits:].as_signed()
        factor = Signal(factor_layout(bits), reset_less=True)
        m.d.sync += [factor.re.eq(re), factor.difference.eq(im - re), factor.total.eq(re + im)]
        m.d.comb += [
            product.factor.eq(factor),
            product.i.early.eq(delay_valid(m, beats.early, SPECTRUM_STAGE, name="bin_early")),
            product.i.z.eq(delay(m, beats.z, SPECTRUM_STAGE, name="bin")),
        ]
        return product.o

    def _spectra(self) -> list[int] | None:
        design = self._design
        if design.weights is None:
            return None
        bits = design.spectrum_bits
        re, im = (encode(part.flat, bits) for part in design.words(design.weights).swapaxes(0, 1))
        return [a | b << bits for a, b in zip(re, im, strict=True)]

    def _follow(self, m: Module, table: Table, place: Odometer) -> None:
        """Read the bank that was in effect when the frame came in."""
        m.submodules.bank = bank = BankFollower()
        m.d.comb += [
            bank.leader.eq(self.coefficients.read_bank),
            bank.leader_frame.eq(self.frame),
            bank.frame.eq(place.step & place.last_channel),
        ]
        wiring.connect(m, wiring.flipped(self.coefficients), table.load)
        m.d.comb += table.load.read_bank.eq(bank.bank)

    def _emit(self, m: Module, beats: wiring.PureInterface) -> None:
        """Let through what belongs to the line, rounded to integers."""
        design = self._design
        belongs = self._belongs(m, beats.early)
        m.d.comb += [
            self.early.eq(beats.early & belongs),
            self.o.valid.eq(delay_valid(m, self.early, AHEAD, name="valid")),
        ]
        shapes = design.formats.sections[-1]
        for lane in range(design.lanes):
            part = beats.z[lane // 2]["im" if lane % 2 else "re"]
            m.d.comb += self.o.payload[lane].eq(rounded(part, shapes))

    def _belongs(self, m: Module, step: Value) -> Value:
        """Return whether the place that each ``step`` leaves behind has a result."""
        m.submodules.out_place = place = Counter(self._design.size)
        m.d.comb += place.step.eq(step)
        return place.value < self._design.length
