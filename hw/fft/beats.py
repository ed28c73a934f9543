"""What travels between the parts of the FFT engine."""

from amaranth.hdl import Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from golden.numbers.fixed import SQ
from hw.parts.ports import Interface, Path, View

AHEAD = 2
"""Cycles that a beat's `early` is ahead of its parts.

Time enough to read a memory, so no stage waits for a twiddle or a stored sample.
"""


PARTS = ("re", "im")
"""Of a complex number."""


def pair_layout(width: int) -> data.StructLayout:
    """Layout of a complex number: a sample of two lines."""
    return data.StructLayout({"re": signed(width), "im": signed(width)})


def complexes(array: View) -> list[View]:
    """Return the complex numbers of an array of `pair_layout`, one by one."""
    return [array[pair] for pair in range(len(array))]


CARRY = data.StructLayout({"re": 1, "im": 1})
"""A unit still to be added to each part: cheaper in the next adder than in one of its own."""


class Beats(Interface):
    """See `BeatSignature`."""

    early: Signal
    z: View
    carry: View


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

    def create(self, *, path: Path = (), src_loc_at: int = 0) -> Beats:
        """See `amaranth.lib.wiring.Signature`."""
        return Beats(self, path=path, src_loc_at=1 + src_loc_at)
