"""The two-dimensional FFT engine: the line engine's core, with other doors."""

from amaranth.hdl import Module
from amaranth.lib import wiring

from golden.fft.plane import PlaneFft
from hw.fft.bands import MirrorStage, factors_of, meet_spectra
from hw.fft.beats import Beats, BeatSignature
from hw.fft.core import FftCore
from hw.fft.pipeline import SPECTRUM_STAGE
from hw.fft.predict import whole
from hw.parts.delay import delay, delay_valid
from hw.plane.door import PlaneDoor, within_map
from hw.plane.predict import ends
from hw.predict import counter
from hw.targets.cost import Cost


class PlaneFftCore(FftCore):
    """Maps under two-dimensional kernels, in fixed point; see `FftCore`.

    A map takes as many cycles as the transform has points.
    """

    _design: PlaneFft
    _within = staticmethod(within_map)

    def _door(self) -> PlaneDoor:
        return PlaneDoor(self._design)

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
    return whole(design) + spectrum + ends(design)
