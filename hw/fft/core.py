"""The FFT engine between its streams: samples in, correlation sums out."""

from collections.abc import Callable
from typing import Any, ClassVar

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fft.design import FftDesign
from hw.fft.beats import Beats
from hw.fft.door import Door
from hw.fft.pipeline import SPECTRUM_STAGE, Registers, pipeline_latency
from hw.fft.sections import Sections, emit, factor_of, spectra_words, within_line
from hw.line.core import Core, core_ports
from hw.line.weights_port import BankFollower
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import flipped
from hw.parts.tables import Table, walk_channels


class FftCore(Core):
    """Circular cross-correlation of every line with its channel's kernel, in fixed point.

    `golden.fft.design.FftDesign.accumulate` gives its results bit for bit. A group takes as many
    cycles as the transform has points. Nothing stalls and nothing waits for what comes next: a
    line's sums leave once the line is in.

    Members
    -------
    As of `hw.line.core.Core`; the spectra are read when a line has passed the forward
    transform, but those in effect when its frame began.
    """

    _within: ClassVar[Callable[..., Value]] = staticmethod(within_line)

    def __init__(self, design: FftDesign) -> None:
        self._design = design
        self._sections = Sections(design, Registers.of(design))
        super().__init__(core_ports(design, depth=self._depth, coefficient_bits=self._word_bits))

    @property
    def _depth(self) -> int:
        return self._design.channels * self._design.size

    @property
    def _word_bits(self) -> int:
        return sum(self._design.coefficient_fields.values())

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
        wiring.connect(m, flipped(self.i), door.i)
        m.d.comb += [
            door.credit.eq(self.credit),
            door.available.eq(self.available),
            self.take.eq(door.take),
            self.frame.eq(door.frame),
            self.idle.eq(door.idle),
        ]
        beats = self._multiply_by_spectrum(m, self._sections.ahead(m, door.o))
        self._emit(m, self._sections.behind(m, beats))
        return m

    def _door(self) -> Any:
        """Return where lines enter."""
        return Door(self._design)

    def _emit(self, m: Module, beats: Beats) -> None:
        """Let results through to `o`."""
        emit(m, self._design, beats, self, self._within)

    def _multiply_by_spectrum(self, m: Module, beats: Beats) -> Beats:
        """Multiply a cycle later than by twiddles: a word's sums are made in the meantime."""
        design = self._design
        m.submodules.spectrum_product = product = self._sections.product(design.flow.middle)
        bits = design.spectrum_bits
        m.d.comb += [
            product.factor.eq(factor_of(m, self._read_spectra(m, beats.early), bits)),
            product.i.early.eq(delay_valid(m, beats.early, SPECTRUM_STAGE, name="bin_early")),
            product.i.z.eq(delay(m, beats.z, SPECTRUM_STAGE, name="bin")),
        ]
        return product.o

    def _read_spectra(self, m: Module, early: Value) -> Value:
        """Return the spectra's word of each bin, `AHEAD` cycles after its ``early``."""
        design = self._design
        m.submodules.spectrum_place = place = Odometer(
            position=design.size, group=design.groups_per_channel, channel=design.channels
        )
        m.submodules.spectra = table = Table(
            words=spectra_words(design),
            depth=self._depth,
            width=self._word_bits,
            target=design.target,
        )
        address = Signal.like(table.addr)
        m.d.comb += [place.step.eq(early), table.addr.eq(address)]
        walk_channels(m, address, place)
        if design.weights is None:
            self._follow(m, table, place)
        return table.data

    def _follow(self, m: Module, table: Table, place: Odometer) -> None:
        """Read the bank that was in effect when the frame came in."""
        m.submodules.bank = bank = BankFollower()
        m.d.comb += [
            bank.leader.eq(self.coefficients.read_bank),
            bank.leader_frame.eq(self.frame),
            bank.frame.eq(place.step & place.last_channel),
        ]
        wiring.connect(m, flipped(self.coefficients), table.load)
        m.d.comb += table.load.read_bank.eq(bank.bank)
