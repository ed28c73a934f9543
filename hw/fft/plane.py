"""The two-dimensional FFT engine: the line engine's core, with other doors."""

from amaranth.hdl import Module
from amaranth.lib import wiring

from golden.fft.plane import PlaneFft
from hw.fft.bands import MirrorStage, factors_of, meet_spectra
from hw.fft.beats import Beats, BeatSignature
from hw.fft.core import FftCore
from hw.fft.fold import FoldingDoor, emit_rows
from hw.fft.pipeline import SPECTRUM_STAGE
from hw.fft.predict import whole
from hw.parts.delay import delay, delay_valid
from hw.plane.door import PlaneDoor, within_map
from hw.plane.predict import ends, walk
from hw.predict import counter, ram
from hw.targets.cost import Cost


class PlaneFftCore(FftCore):
    """Maps under two-dimensional kernels, in fixed point; see `FftCore`.

    A map takes as many cycles as the transform has points.
    """

    _design: PlaneFft
    _within = staticmethod(within_map)

    def _door(self) -> PlaneDoor:
        return (FoldingDoor if self._design.folded else PlaneDoor)(self._design)

    def _emit(self, m: Module, beats: Beats) -> None:
        if self._design.folded:
            emit_rows(m, self._design, beats, self)
        else:
            super()._emit(m, beats)

    def _multiply_by_spectrum(self, m: Module, beats: Beats) -> Beats:
        design = self._design
        if not design.banded:
            return super()._multiply_by_spectrum(m, beats)
        m.submodules.mirror = mirror = MirrorStage(design)
        wiring.connect(m, beats, mirror.i)
        word = self._read_spectra(m, mirror.o.early)
        bins = BeatSignature(design.formats.sections[design.flow.middle].operand, 2)
        later = bins.create(path=("bins",))
        m.d.comb += [
            later.early.eq(delay_valid(m, mirror.o.early, SPECTRUM_STAGE, name="bin_early")),
            later.z.eq(delay(m, mirror.o.z, SPECTRUM_STAGE, name="bin")),
        ]
        return meet_spectra(m, design, later, factors_of(m, word, design.spectrum_bits))


def predict(design: PlaneFft) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    spectrum = counter(design.size) + counter(design.channels)
    return whole(design) + spectrum + (_folding(design) if design.folded else ends(design))


def _folding(design: PlaneFft) -> Cost:
    """Return what puts rows together in bands, and takes them apart again."""
    width, bits = design.plane.width, design.data_bits
    cost = Cost(luts=40) + counter(design.length * design.channels)
    for size in (*design.sizes, *design.sizes, width, width):
        cost += counter(size)
    if design.plane.wraps:
        cost += ram(depth=design.grid.length, width=bits).times(2) + walk(design)
        cost += counter(design.grid.length) + Cost(luts=bits)
    else:
        cost += ram(depth=width, width=bits)
    lower = ram(depth=width, width=design.core_bits) + Cost(luts=design.core_bits)
    return cost + lower + Cost(luts=2 * bits)
