"""Multipliers. The only file that knows a device's multiplier primitives."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out


class SharedMultiplier(wiring.Component):
    """Products of one operand with `lanes` others, in registered multipliers that never stall.

    One product a lane and cycle, `latency` cycles after its operands. Every register that a DSP
    block offers around its multiplier is in here, so that a block's own ones are used.

    Parameters
    ----------
    lanes
        Number of products.
    a_bits
        Width of each lane's operand, two's complement.
    b_bits
        Width of the shared operand, two's complement.
    target
        Device family, one of `golden.design.TARGETS`.

    Members
    -------
    a : In, array of `lanes` signed
    b : In, signed
    p : Out, array of `lanes` signed of `a_bits + b_bits`
    """

    def __init__(self, *, lanes: int, a_bits: int, b_bits: int, target: str) -> None:
        self._lanes = lanes
        self._target = target
        self._a_shape = signed(a_bits)
        self._b_shape = signed(b_bits)
        self._p_shape = signed(a_bits + b_bits)
        super().__init__(
            {
                "a": In(data.ArrayLayout(self._a_shape, lanes)),
                "b": In(self._b_shape),
                "p": Out(data.ArrayLayout(self._p_shape, lanes)),
            }
        )

    @staticmethod
    def latency_on(target: str) -> int:  # noqa: ARG004 - one target so far, the signature is for all
        """Cycles from operands to product on ``target``: an input and an output register."""
        return 2

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return self.latency_on(self._target)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        b = Signal(self._b_shape, reset_less=True)
        m.d.sync += b.eq(self.b)
        for lane in range(self._lanes):
            a = Signal(self._a_shape, name=f"a_{lane}", reset_less=True)
            p = Signal(self._p_shape, name=f"p_{lane}", reset_less=True)
            m.d.sync += [a.eq(self.a[lane]), p.eq(a * b)]
            m.d.comb += self.p[lane].eq(p)
        return m
