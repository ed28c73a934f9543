"""A stage of one's own: how far a sample is from 0, without a table."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Mux, Signal, signed

from golden.stages.elementwise import AFTER, After, Elementwise
from hw.stages.elementwise import ElementwiseHardware
from hw.stages.registry import HARDWARE
from hw.targets.cost import Cost


@dataclass(frozen=True, eq=False)
class Magnitude(Elementwise):
    """The magnitude of every sample."""

    def of(self, samples):
        return np.abs(samples)


class MagnitudeHardware(ElementwiseHardware):
    """A sample or its negative, a register later."""

    in_flight = 1

    def result(self, m, sample, lane):
        bits = self.stage.output.bits
        result = Signal(signed(bits), name=f"result_{lane}", reset_less=True)
        m.d.sync += result.eq(Mux(sample < 0, -sample, sample))
        return result

    @property
    def cost(self):
        lanes, bits = self.place.lanes, self.stage.taken.bits
        return super().cost + Cost(luts=2 * lanes * bits)


def register():
    """Enter it under its name."""
    AFTER["magnitude"] = After(lambda taken, _: Magnitude(taken))
    HARDWARE[Magnitude] = MagnitudeHardware


def forget():
    """Take it out again."""
    AFTER.pop("magnitude", None)
    HARDWARE.pop(Magnitude, None)
