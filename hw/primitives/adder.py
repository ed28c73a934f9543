"""Additions with a choice of operands.

Operands are lists of bits that are wires, inverted wires or constants: then the choice, the
inverters and the addition itself go into one cell a bit where the device has a look-up table before
its carry, and the target's recipe knows it.
"""

from amaranth.hdl import C, Module, Mux, Value

from hw.parts.operands import Operands
from hw.targets.registry import TARGETS


def chosen_sum(
    m: Module,
    chosen: Value,
    then: Operands,
    otherwise: Operands,
    *,
    width: int,
    target: str,
    name: str,
) -> Value:
    """Return the low ``width`` bits, signed, of ``then``'s sum if ``chosen``, else ``otherwise``'s.

    Parameters
    ----------
    m
        Where cells are added.
    chosen
        A wire.
    then, otherwise
        The operands to choose from.
    width
        Of the result.
    target
        One of `hw.targets.registry.TARGETS`.
    name
        Of the cells.
    """
    if then.single and otherwise.single:
        return Mux(chosen, then.sum, otherwise.sum)[:width].as_signed()
    adder = TARGETS[target].adder
    return adder.chosen_sum(m, chosen, then, otherwise, width=width, name=name)


def plain_sum(m: Module, operands: Operands, *, width: int, target: str, name: str) -> Value:
    """Return the low ``width`` bits, signed, of the operands' sum; see `chosen_sum`."""
    return chosen_sum(m, C(1, 1), operands, operands, width=width, target=target, name=name)


def gated_sum(
    m: Module, a: Value, b: Value, gates: Value, *, target: str, name: str, less: bool = False
) -> Value:
    """Return the sum of ``a`` and ``b``, signed, each where its bit of ``gates`` is set.

    Or what is left of ``a``, ``less`` that of ``b``.
    """
    return TARGETS[target].adder.gated_sum(m, a, b, gates, name=name, less=less)
