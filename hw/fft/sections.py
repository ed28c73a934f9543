"""The FFT engine's transforms, forward and back, as chains of stages in a module."""

from collections.abc import Callable

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fft.design import FftDesign
from hw.fft.beats import AHEAD, Beats
from hw.fft.odd import OddStage
from hw.fft.pipeline import Registers
from hw.fft.product import FactorProduct, factor_layout, factor_words, rounded
from hw.fft.rank import RankStage, rank_parts
from hw.line.core import Core
from hw.parts.counter import Counter
from hw.parts.delay import delay_valid
from hw.parts.ports import View, view
from hw.parts.tables import Table, encode


class Sections:
    """Makes the stages of ``design``, with registers where ``registers`` has them."""

    def __init__(self, design: FftDesign, registers: Registers) -> None:
        self._design = design
        self._registers = registers

    def ahead(self, m: Module, beats: Beats) -> Beats:
        """Lead ``beats`` through the forward transform."""
        return self._through(m, beats, range(self._design.flow.middle + 1))

    def behind(self, m: Module, beats: Beats) -> Beats:
        """Lead products through the transform back."""
        sections = self._design.flow.sections
        return self._through(m, beats, range(self._design.flow.middle + 1, len(sections)))

    def _through(self, m: Module, beats: Beats, numbers: range) -> Beats:
        for number in numbers:
            for place in range(len(self._design.flow.sections[number].ranks)):
                rank = m.submodules[f"rank_{number}_{place}"] = self._rank(number, place)
                wiring.connect(m, beats, rank.i)
                beats = rank.o
            if number != numbers[-1]:
                beats = self._between(m, number, beats)
        return beats

    def _between(self, m: Module, number: int, beats: Beats) -> Beats:
        """Lead ``beats`` through what stands behind a section."""
        design = self._design
        odd = design.flow.odd_transform(number)
        if odd is None:
            return self._multiply_by_twiddles(m, number, beats)
        before, after = design.formats.sections[number : number + 2]
        m.submodules[f"odd_{number}"] = stage = OddStage(
            odd,
            before=before,
            after=after,
            pairs=design.pairs,
            target=design.target,
        )
        wiring.connect(m, beats, stage.i)
        return stage.o

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

    def product(self, number: int) -> FactorProduct:
        """Return the multipliers between two sections."""
        design = self._design
        before, after = design.formats.sections[number : number + 2]
        middle = number == design.flow.middle
        return FactorProduct(
            before=before,
            after=after,
            factor_bits=design.spectrum_bits if middle else design.twiddle_bits + 1,
            factor_f_bits=design.spectrum_f_bits if middle else design.flow.twiddle_f_bits,
            pairs=design.pairs,
            operand_registered=self._registers.operand(number),
            total_registered=self._registers.total(number),
            registered=self._registers.carry(number),
            target=design.target,
        )

    def _multiply_by_twiddles(self, m: Module, number: int, beats: Beats) -> Beats:
        design = self._design
        product = m.submodules[f"product_{number}"] = self.product(number)
        layout = factor_layout(design.twiddle_bits + 1)
        words = list(factor_words(design.flow.twiddles(number).tolist(), design.twiddle_bits + 1))
        table = m.submodules[f"twiddles_{number}"] = Table(
            words=words, depth=len(words), width=layout.size, target=design.target
        )
        unit = design.flow.unit(number)
        address = Signal(range(len(words) * unit), name=f"twiddle_{number}")
        with m.If(beats.early):
            m.d.sync += address.eq(address + 1)
            if len(words) & (len(words) - 1):
                with m.If(address == len(words) * unit - 1):
                    m.d.sync += address.eq(0)
        factor = address[unit.bit_length() - 1 :] if unit > 1 else address
        m.d.comb += [table.addr.eq(factor), product.factor.eq(layout(table.data))]
        wiring.connect(m, beats, product.i)
        return product.o


def spectra_words(design: FftDesign) -> list[int] | None:
    """Return the spectra as a table's words; None where they are loaded."""
    if design.weights is None:
        return None
    bits = design.spectrum_bits
    parts = design.coefficients(design.weights)
    fields = [encode(parts[name].ravel().tolist(), bits) for name in design.coefficient_fields]
    return [
        sum(value << place * bits for place, value in enumerate(word))
        for word in zip(*fields, strict=True)
    ]


def factor_of(m: Module, word: Value, bits: int) -> View:
    """Return a spectrum's ``word`` as the multipliers take it, a cycle later."""
    re, im = word[:bits].as_signed(), word[bits:].as_signed()
    factor = view(factor_layout(bits), name="factor", reset_less=True)
    m.d.sync += [factor.re.eq(re), factor.difference.eq(im - re), factor.total.eq(re + im)]
    return factor


def within_line(m: Module, design: FftDesign, step: Value) -> Value:
    """Return whether the place that each ``step`` leaves behind is one of the line's own."""
    m.submodules.out_place = place = Counter(design.size)
    m.d.comb += place.step.eq(step)
    return place.value < design.length


def emit(
    m: Module,
    design: FftDesign,
    beats: Beats,
    core: Core,
    within: Callable[..., Value] = within_line,
) -> None:
    """Let through to ``core``'s output what is ``within`` the line, rounded to integers."""
    belongs = within(m, design, beats.early)
    m.d.comb += [
        core.early.eq(beats.early & belongs),
        core.o.valid.eq(delay_valid(m, core.early, AHEAD, name="valid")),
    ]
    shapes = design.formats.sections[-1]
    for lane in range(design.lanes):
        part = beats.z[lane // 2]["im" if lane % 2 else "re"]
        m.d.comb += core.o.payload[lane].eq(rounded(part, shapes))
