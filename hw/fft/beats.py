"""What travels between the parts of the FFT engine."""

from amaranth.hdl import signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.fixed import SQ

AHEAD = 2
"""Cycles that a beat's `early` is ahead of its parts.

Time enough to read a memory, so no stage waits for a twiddle or a stored sample.
"""


def pair_layout(width: int) -> data.StructLayout:
    """Layout of a complex number: a sample of two lines."""
    return data.StructLayout({"re": signed(width), "im": signed(width)})


CARRY = data.StructLayout({"re": 1, "im": 1})
"""A unit still to be added to each part: cheaper in the next adder than in one of its own."""


class BeatSignature(wiring.Signature):
    """A complex number a pair of lines and beat, in no need of a ready.

    Parameters
    ----------
    shape
        Of a part; the members have its width.
    pairs
        Complex numbers.

    Members
    -------
    early : Out
        A beat is there `AHEAD` cycles later.
    z : Out, array of `pair_layout`
    carry : Out, array of `CARRY`
    """

    def __init__(self, shape: SQ, pairs: int) -> None:
        super().__init__(
            {
                "early": Out(1),
                "z": Out(data.ArrayLayout(pair_layout(shape.width), pairs)),
                "carry": Out(data.ArrayLayout(CARRY, pairs)),
            }
        )
