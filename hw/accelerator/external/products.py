"""Products of numbers that there is time for: a bit a cycle, no multiplier."""

from amaranth.hdl import C, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component


def times(value: Value, factor: int) -> Value:
    """Return ``value`` times a constant, as a sum: synthesis would take a multiplier."""
    places = [place for place in range(factor.bit_length()) if factor >> place & 1]
    product: Value = sum((value << place for place in places), C(0, 1))
    return product


class SerialProduct(Component):
    """Multiplies modulo ``2^width``, a bit of ``b`` a cycle, until none is left.

    Parameters
    ----------
    width
        Of the product, and of ``a``, which may be negative.
    b_bits
        Of the other factor.

    Members
    -------
    start : In
        Take `a` and `b`.
    a, b : In
    p : Out
        From the cycle on in which `done` is high after `start`.
    done : Out
    """

    start: Signal
    a: Signal
    b: Signal
    p: Signal
    done: Signal

    def __init__(self, *, width: int, b_bits: int) -> None:
        super().__init__(
            {
                "start": In(1),
                "a": In(width),
                "b": In(b_bits),
                "p": Out(width),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        term, product = (
            Signal(len(self.p), name=name, reset_less=True) for name in ("term", "product")
        )
        left = Signal.like(self.b, name="left")
        m.d.comb += [self.done.eq(left == 0), self.p.eq(product)]
        m.d.sync += [
            term.eq(term << 1),
            left.eq(left >> 1),
            product.eq(product + Mux(left[0], term, 0)),
        ]
        with m.If(self.start):
            m.d.sync += [term.eq(self.a), left.eq(self.b), product.eq(0)]
        return m
