"""Two-dimensional engines between their streams: the line engines' cores, with other doors."""

from typing import cast

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.fixed import SQ
from golden.plane_fermat import PlaneFermat
from golden.plane_fft import PlaneFft
from hw.delay import delay, delay_valid
from hw.fermat.chain import DOOR
from hw.fermat.core import FermatCore
from hw.fermat.words import LEAD
from hw.fft.beats import AHEAD, BeatSignature
from hw.fft.core import FftCore
from hw.plane.door import PlaneDoor, within_map
from hw.primitives.memory import READ_LATENCY
from hw.streams import FlowSignature

assert AHEAD == READ_LATENCY == LEAD


class ComplexDoor(wiring.Component):
    """A `PlaneDoor` that gives complex samples, with nothing in their imaginary parts.

    Members
    -------
    As of `hw.fft.door.Door`.
    """

    def __init__(self, design: PlaneFft) -> None:
        self._door = PlaneDoor(design)
        members = {
            name: member
            for name, member in self._door.signature.members.items()
            if name not in ("early", "sample")
        }
        super().__init__(members | {"o": Out(BeatSignature(SQ(design.data_bits, 0), 1))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.door = door = self._door
        wiring.connect(m, wiring.flipped(self.i), door.i)
        m.d.comb += [
            door.credit.eq(self.credit),
            door.available.eq(self.available),
            self.take.eq(door.take),
            self.frame.eq(door.frame),
            self.idle.eq(door.idle),
            self.o.early.eq(door.early),
            self.o.z[0].re.eq(door.sample),
        ]
        return m


class PlaneFftCore(FftCore):
    """Maps under two-dimensional kernels, in fixed point; see `FftCore`.

    A map takes as many cycles as the transform has points.
    """

    _design: PlaneFft
    _within = staticmethod(within_map)

    def _door(self) -> ComplexDoor:
        return ComplexDoor(self._design)


class PlaneFermatCore(FermatCore):
    """Maps under two-dimensional kernels, exact; see `FermatCore`.

    A map takes as many cycles as the transform has points.
    """

    _design: PlaneFermat

    def _enter(self, m: Module, taken: Signal) -> wiring.PureInterface:
        m.submodules.entry = door = PlaneDoor(self._design)
        wiring.connect(m, wiring.flipped(self.i), door.i)
        flow = FlowSignature(self.i.payload.samples.shape()).create(path=("samples",))
        m.d.comb += [
            door.credit.eq(self.credit),
            door.available.eq(self.available),
            taken.eq(door.take),
            self.take.eq(door.take),
            flow.payload[0].eq(delay(m, door.sample, DOOR, name="sample")),
            flow.valid.eq(delay_valid(m, door.early, DOOR, name="placed")),
        ]
        return cast(wiring.PureInterface, flow)

    def _leave(self, m: Module, sums: data.View, valid: Value) -> None:
        super()._leave(m, sums, valid & within_map(m, self._design, valid))
