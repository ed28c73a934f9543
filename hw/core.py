"""The ports of an engine's core, whatever the engine."""

from typing import Any

from amaranth.hdl import Module, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.design import LineDesign
from hw.output import beat_layout
from hw.streams import FlowSignature
from hw.tables import LoadSignature


def core_ports(design: LineDesign, *, depth: int, coefficient_bits: int) -> dict[str, Any]:
    """Return the members of a core; `hw.direct.core.DirectCore` says what they are.

    Parameters
    ----------
    design
        What the engine was told.
    depth, coefficient_bits
        Coefficients of a set, and their width, where weights are loaded.
    """
    ports: dict[str, Any] = {
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
