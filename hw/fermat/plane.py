"""The two-dimensional Fermat engine: the line engine's core, with other doors."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring

from golden.fermat.plane import PlaneFermat
from hw.fermat.chain import DOOR
from hw.fermat.core import FermatCore
from hw.fermat.predict import predict as predict_engine
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import View, flipped
from hw.parts.streams import Flow, FlowSignature
from hw.plane.door import PlaneDoor, within_map
from hw.plane.predict import ends
from hw.targets.cost import Cost


class PlaneFermatCore(FermatCore):
    """Maps under two-dimensional kernels, exact; see `FermatCore`.

    A map takes as many cycles as the transform has points.
    """

    _design: PlaneFermat

    def _enter(self, m: Module, taken: Signal) -> Flow:
        m.submodules.entry = door = PlaneDoor(self._design)
        wiring.connect(m, flipped(self.i), door.i)
        flow = FlowSignature(self.i.payload.samples.shape()).create(path=("samples",))
        m.d.comb += [
            door.credit.eq(self.credit),
            door.available.eq(self.available),
            taken.eq(door.take),
            self.take.eq(door.take),
            flow.payload[0].eq(delay(m, door.o.z[0].re, DOOR, name="sample")),
            flow.valid.eq(delay_valid(m, door.o.early, DOOR, name="placed")),
        ]
        return flow

    def _leave(self, m: Module, sums: View, valid: Value) -> None:
        super()._leave(m, sums, valid & within_map(m, self._design, valid))


def predict(design: PlaneFermat) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return predict_engine(design) + ends(design)
