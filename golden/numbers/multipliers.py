"""How wide the multipliers of a target are, and how many its products take."""

from collections.abc import Mapping

OPERAND_BITS: Mapping[str, int] = {"ecp5": 18, "ice40": 16, "xc7": 18, "xcup": 18}
"""Narrower operand of a target's multiplier; the generic one's is as wide as it needs to be."""

DSP48_BITS: Mapping[str, int] = {"xc7": 25, "xcup": 27}
"""Wider operand of a DSP48E1 and a DSP48E2."""


def two_share(target: str, *, a_bits: int, b_bits: int) -> bool:
    """Return whether one multiplier does two products of ``a_bits`` with the same ``b_bits``.

    The upper operand stands above a whole product of the lower one, and a borrow may pass.
    """
    return 2 * a_bits + b_bits + 1 <= DSP48_BITS.get(target, 0)


def for_lanes(target: str, *, lanes: int, a_bits: int, b_bits: int) -> int:
    """Return the multipliers that products of ``lanes`` operands with a common one take."""
    return -(-lanes // 2) if two_share(target, a_bits=a_bits, b_bits=b_bits) else lanes


def takes(target: str, bits: int) -> bool:
    """Return whether a multiplier takes two operands of ``bits``."""
    return bits <= OPERAND_BITS.get(target, bits)
