"""How a target adds, where it chooses what."""

from amaranth.hdl import Module, Mux, Value

from hw.parts.operands import Operands, chosen_before


class AdderRecipe:
    """How a sum of chosen operands is made: this one leaves the cells to synthesis."""

    def chosen_sum(
        self,
        m: Module,
        chosen: Value,
        then: Operands,
        otherwise: Operands,
        *,
        width: int,
        name: str,
    ) -> Value:
        """Return the low ``width`` bits of ``then``'s sum if ``chosen``, else ``otherwise``'s.

        Parameters as of `hw.primitives.adder.chosen_sum`; one of both is no single word.
        """
        del m, name
        if otherwise.single:
            return Mux(chosen, then.sum, otherwise.sum)[:width].as_signed()
        return chosen_before(chosen, then, otherwise).sum[:width].as_signed()

    def gated_sum(
        self, m: Module, a: Value, b: Value, gates: Value, *, name: str, less: bool
    ) -> Value:
        """Return the sum of ``a`` and ``b``, or their difference: see `hw.primitives.adder`."""
        del m, name
        first, second = Mux(gates[0], a, 0), Mux(gates[1], b, 0)
        total: Value = first - second if less else first + second
        return total
