"""Delays by cycles."""

from typing import TypeVar, cast

from amaranth.hdl import Module, Signal, Value

from hw.parts.ports import View

AnySignal = TypeVar("AnySignal", bound=Value | View)


def delay(m: Module, signal: AnySignal, cycles: int, *, name: str) -> AnySignal:
    """Return ``signal`` as it was ``cycles`` cycles ago; the registers are ``name_1``, and so on.

    Control and data alike start at the shape's zero and are not reset: what a valid bit guards
    needs no reset, and valid bits themselves are flushed by a reset of ``cycles`` cycles or more.
    """
    for cycle in range(1, cycles + 1):
        later = Signal(signal.shape(), name=f"{name}_{cycle}", reset_less=True)
        m.d.sync += later.eq(signal)
        signal = cast(AnySignal, later)
    return signal


def copied(m: Module, signal: Value, *, name: str) -> Signal:
    """Return ``signal`` as it was a cycle ago, in a register that is made one with no other.

    One for all that look at it would drive a long net.
    """
    copy = Signal(signal.shape(), name=name, attrs={"keep": 1})
    m.d.sync += copy.eq(signal)
    return copy


def delay_valid(m: Module, signal: Value, cycles: int, *, name: str) -> Value:
    """`delay` for a bit that must be low from the first cycle of a reset."""
    for cycle in range(1, cycles + 1):
        later = Signal(name=f"{name}_{cycle}")
        m.d.sync += later.eq(signal)
        signal = later
    return signal
