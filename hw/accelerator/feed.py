"""Positions on their way to the matrix unit, or to the gains: what both accelerators do."""

from amaranth.hdl import Module, Mux, Value, signed
from amaranth.lib import data

from golden.accelerator.sizes import CENTRED_BITS
from hw.accelerator.sequencer import Sequencer
from hw.accelerator.weights import WeightsLoader
from hw.matrix.unit import MatrixUnit
from hw.parts.ports import Stream, view


def feed(
    m: Module,
    sequencer: Sequencer,
    positions: Stream,
    loader: WeightsLoader,
    matrix: MatrixUnit,
    *,
    ready: Value,
) -> Value:
    """Bring positions to where their descriptor wants them; return whether one is taken.

    Parameters
    ----------
    m
        Where.
    sequencer, positions, loader, matrix
        Between which.
    ready
        Whether one is taken that is not computed with.
    """
    position = positions.payload
    tile = len(position.x)
    gain = view(data.ArrayLayout(signed(CENTRED_BITS), tile), name="gain", reset_less=True)
    m.d.comb += [
        loader.gain.eq(gain),
        matrix.i.valid.eq(positions.valid & position.computes),
        *(
            matrix.i.payload[name].eq(position[name])
            for name in ("x", "first", "final", "raised", "squares", "last")
        ),
        positions.ready.eq(Mux(position.computes, matrix.i.ready, ready)),
    ]
    passes: Value = positions.valid & positions.ready
    m.d.comb += sequencer.kept.eq(passes & position.gains)
    with m.If(sequencer.kept):
        m.d.sync += gain.eq(position.x)
    return passes
