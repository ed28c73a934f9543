"""How a target makes products."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from amaranth.hdl import Module, Signal, Value, signed


class MultiplierRecipe(ABC):
    """How products of lanes' operands with a common one are made, one a lane and cycle.

    Attributes
    ----------
    registers
        Cycles from operands to product, where one block takes both operands.
    addend_attributes
        Of a register that is added to a product.
    """

    registers: int
    addend_attributes: Mapping[str, int]

    def blocks(self, *, a_bits: int) -> int:
        """Return the multiplier blocks in a row that an operand of ``a_bits`` takes."""
        del a_bits
        return 1

    def latency(self, *, a_bits: int = 1) -> int:
        """Return the cycles from operands to product, for lanes' operands of ``a_bits``."""
        return self.registers + self.blocks(a_bits=a_bits) - 1

    @abstractmethod
    def products(self, m: Module, a: Sequence[Value], b: Value) -> Iterator[Value]:
        """Yield each lane's product of two signed operands, as wide as both together."""

    def two_apart(
        self, m: Module, lane: int, a: tuple[Value, Value], b: tuple[Value, Value]
    ) -> tuple[Value, Value]:
        """Return ``a[0] b[0]`` and ``a[1] b[1]`` of one multiplier, for lanes from ``lane`` on.

        Only where `golden.targets.TargetFacts.two_meet`.
        """
        raise NotImplementedError(f"{type(self).__name__} must have two_apart where two may meet")


@dataclass(frozen=True)
class InferredMultiplier(MultiplierRecipe):
    """Synthesis finds the block: registers before and behind it are its own."""

    registers: int = field(default=2, init=False)
    addend_attributes: Mapping[str, int] = field(default_factory=dict)

    def products(self, m: Module, a: Sequence[Value], b: Value) -> Iterator[Value]:
        for lane, operand in enumerate(a):
            a_in = Signal(operand.shape(), name=f"a_{lane}", reset_less=True)
            b_in = Signal(b.shape(), name=f"b_{lane}", reset_less=True)
            p = Signal(signed(len(operand) + len(b)), name=f"p_{lane}", reset_less=True)
            m.d.sync += [a_in.eq(operand), b_in.eq(b), p.eq(a_in * b_in)]
            yield p
