"""What a target's multiplier takes: the plain facts that designs and models need of a device."""

from dataclasses import dataclass

from golden.inputs.errors import ParameterError
from golden.numbers.quantize import MULTIPLIER_BITS

LEAST_FACTOR_BITS = MULTIPLIER_BITS + 1
"""A requantiser's multiplier and its sign."""


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """What is known of a target without a line of hardware.

    Parameters
    ----------
    name
        As ``--target`` has it.
    operand_bits
        Narrower operand of its multiplier; None where that is as wide as it needs to be.
    wide_bits
        Wider operand of a multiplier that two products may share; None where they never do.
    factor_bits
        Widest operand that products have in common; None where it is as wide as it needs to be. A
        requantiser's has `LEAST_FACTOR_BITS`.

    Raises
    ------
    ValueError
        Where nothing could be requantised.
    """

    name: str
    operand_bits: int | None = None
    wide_bits: int | None = None
    factor_bits: int | None = None

    def __post_init__(self) -> None:
        if self.factor_bits is not None and self.factor_bits < LEAST_FACTOR_BITS:
            rule = f"at least {LEAST_FACTOR_BITS}, which a requantiser has"
            raise ValueError(f"Factor bits must be {rule}, not {self.factor_bits}")

    def takes(self, bits: int) -> bool:
        """Return whether a multiplier takes two operands of ``bits``."""
        return self.operand_bits is None or bits <= self.operand_bits

    def two_share(self, *, a_bits: int, b_bits: int) -> bool:
        """Return whether one multiplier does two products of ``a_bits`` with the same ``b_bits``.

        The upper operand stands above a whole product of the lower one, and a borrow may pass.
        """
        return self.wide_bits is not None and 2 * a_bits + b_bits + 1 <= self.wide_bits

    def two_meet(self, *, bits: int) -> bool:
        """Return whether one multiplier does two products of ``bits`` with no common operand.

        In ``(a + b 2^s) (c + d 2^t)``, ``t`` being a product's width and ``s`` one more, ``b d``
        stands above ``a c`` and above both ``a d`` and ``b c``, whose sum may borrow from it. An
        operand has a bit more than its places, since ``a`` and ``c`` may borrow too.
        """
        if self.wide_bits is None or self.operand_bits is None:
            return False
        return 3 * bits + 1 <= self.operand_bits and 3 * bits + 2 <= self.wide_bits

    def multipliers_apart(self, *, lanes: int, bits: int) -> int:
        """Return the multipliers that ``lanes`` products of ``bits``, none in common, take."""
        return -(-lanes // 2) if self.two_meet(bits=bits) else lanes

    def multipliers(self, *, lanes: int, a_bits: int, b_bits: int) -> int:
        """Return the multipliers that products of ``lanes`` operands with a common one take."""
        return -(-lanes // 2) if self.two_share(a_bits=a_bits, b_bits=b_bits) else lanes


FACTS: dict[str, TargetFacts] = {
    facts.name: facts
    for facts in (
        TargetFacts(name="generic"),
        TargetFacts(name="ecp5", operand_bits=18, factor_bits=18),
        TargetFacts(name="ice40", operand_bits=16),
        TargetFacts(name="xc7", operand_bits=18, wide_bits=25),
        TargetFacts(name="xcup", operand_bits=18, wide_bits=27),
    )
}
"""By name. `hw.targets.registry.register` adds to them, so that no target is known in part."""


def check_target(name: str) -> None:
    """Raise `ParameterError` unless there is a target ``name``."""
    if name not in FACTS:
        raise ParameterError("target", f"one of {', '.join(FACTS)}", repr(name))
