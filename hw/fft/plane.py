"""The two-dimensional FFT engine: the line engine's core, with other doors."""

from golden.fft.plane import PlaneFft
from hw.fft.core import FftCore
from hw.fft.predict import whole
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


def predict(design: PlaneFft) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    spectrum = counter(design.size) + counter(design.channels)
    return whole(design) + spectrum + ends(design)
