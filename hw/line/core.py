"""What every engine's core is outside, whatever the engine."""

from abc import abstractmethod
from typing import Any

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign
from hw.line.output import OutputStage, beat_layout
from hw.parts.ports import Component, Stream
from hw.parts.streams import Flow, FlowSignature
from hw.parts.tables import Load, LoadSignature


class Core(Component):
    """An engine between its streams: samples in, correlation sums out.

    It takes a beat only while it has credit, gives a sum for every beat that it took, and never
    stalls inside.

    Members
    -------
    i : In, stream of beats
    o : Out, flow of a sum a lane
    early : Out
        `o.valid` as it will be `ahead` cycles later.
    take, credit : see `OutputStage`
    coefficients : In, `LoadSignature`
        Where weights are loaded.
    available : In
        A set of weights is in effect. Nothing starts without it.
    frame, idle : Out
        The kernels' reader ends a frame; has begun none.
    """

    i: Stream
    o: Flow
    early: Signal
    take: Signal
    credit: Signal
    coefficients: Load
    available: Signal
    frame: Signal
    idle: Signal

    @property
    def ahead(self) -> int:
        """Cycles that `early` is ahead; see `OutputStage`."""
        return OutputStage.LOOKAHEAD

    @property
    @abstractmethod
    def pipeline_latency(self) -> int:
        """Most cycles from a pulse on `take` to its sum on `o`."""

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""


def core_ports(design: LineDesign, *, depth: int, coefficient_bits: int) -> dict[str, Any]:
    """Return the members of a core; `Core` says what they are.

    Parameters
    ----------
    design
        What the engine was told.
    depth, coefficient_bits
        Coefficients of a set, and their width, where weights are loaded.
    """
    ports: dict[str, Any] = {
        "i": In(stream.Signature(beat_layout(design.data_bits, design.lanes))),
        "o": Out(FlowSignature(data.ArrayLayout(signed(design.core_bits), design.lanes))),
        "early": Out(1),
        "take": Out(1),
        "credit": In(1),
        "available": In(1),
        "frame": Out(1),
        "idle": Out(1),
    }
    if design.weights is None:
        ports["coefficients"] = In(LoadSignature(depth=depth, width=coefficient_bits))
    return ports


def between_frames(m: Module, step: Value, last: Value) -> Value:
    """Return whether no frame has begun and none begins in this cycle.

    ``step`` is high as a frame goes on, and ``last`` with its last step.
    """
    fresh = Signal(init=1)  # no frame has begun
    with m.If(step):
        m.d.sync += fresh.eq(last)
    return fresh & ~step
