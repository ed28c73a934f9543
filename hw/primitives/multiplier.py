"""Multipliers."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.inputs.errors import ParameterError
from golden.targets import FACTS
from hw.parts.ports import Component, View
from hw.targets.registry import TARGETS


class SharedMultiplier(Component):
    """Products of one operand with `lanes` others, in registered multipliers that never stall.

    One product a lane and cycle, `latency` cycles after its operands. Every register that a DSP
    block offers around its multiplier is in here, so that a block's own ones are used: by instances
    or by inference, as the target's recipe has it. Where a block is wide enough, two lanes share
    one.

    Parameters
    ----------
    lanes
        Number of products.
    a_bits
        Width of each lane's operand, two's complement.
    b_bits
        Width of the shared operand, two's complement.
    target
        One of `hw.targets.registry.TARGETS`.

    Members
    -------
    a : In, array of `lanes` signed
    b : In, signed
    p : Out, array of `lanes` signed of `a_bits + b_bits`

    Raises
    ------
    ParameterError
        Where `b_bits` is wider than the target's multiplier.
    """

    a: View
    b: Signal
    p: View

    def __init__(self, *, lanes: int, a_bits: int, b_bits: int, target: str) -> None:
        widest = FACTS[target].factor_bits
        if widest is not None and b_bits > widest:
            raise ParameterError("weight_bits", f"at most {widest} on {target}", b_bits)
        self._lanes = lanes
        self._target = target
        self._a_shape = signed(a_bits)
        super().__init__(
            {
                "a": In(data.ArrayLayout(self._a_shape, lanes)),
                "b": In(signed(b_bits)),
                "p": Out(data.ArrayLayout(signed(a_bits + b_bits), lanes)),
            }
        )

    @staticmethod
    def latency_on(target: str, *, a_bits: int = 1) -> int:
        """Cycles from operands to product on ``target``, for lanes' operands of ``a_bits``."""
        return TARGETS[target].multiplier.latency(a_bits=a_bits)

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return self.latency_on(self._target, a_bits=self._a_shape.width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        operands = [self.a[lane] for lane in range(self._lanes)]
        products = TARGETS[self._target].multiplier.products(m, operands, self.b)
        for lane, product in enumerate(products):
            m.d.comb += self.p[lane].eq(product)
        return m


class SeparateMultiplier(Component):
    """Products of two operands a lane, as `SharedMultiplier` has them, none in common.

    Where a block is wide enough, two lanes share one: `golden.targets.TargetFacts.two_meet`.

    Parameters
    ----------
    lanes
        Number of products.
    bits
        Width of all operands, two's complement.
    target
        One of `hw.targets.registry.TARGETS`.

    Members
    -------
    a, b : In, arrays of `lanes` signed
    p : Out, array of `lanes` signed of twice as many bits
    """

    a: View
    b: View
    p: View

    def __init__(self, *, lanes: int, bits: int, target: str) -> None:
        self._lanes = lanes
        self._bits = bits
        self._target = target
        operands = data.ArrayLayout(signed(bits), lanes)
        products = data.ArrayLayout(signed(2 * bits), lanes)
        super().__init__({"a": In(operands), "b": In(operands), "p": Out(products)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        meet = self._lanes // 2 * 2 if FACTS[self._target].two_meet(bits=self._bits) else 0
        for lane in range(0, meet, 2):
            two = (lane, lane + 1)
            products = TARGETS[self._target].multiplier.two_apart(
                m, lane, tuple(self.a[k] for k in two), tuple(self.b[k] for k in two)
            )
            m.d.comb += [self.p[k].eq(p) for k, p in zip(two, products, strict=True)]
        for lane in range(meet, self._lanes):
            m.submodules[f"lane_{lane}"] = multiply = SharedMultiplier(
                lanes=1, a_bits=self._bits, b_bits=self._bits, target=self._target
            )
            m.d.comb += [
                multiply.a[0].eq(self.a[lane]),
                multiply.b.eq(self.b[lane]),
                self.p[lane].eq(multiply.p[0]),
            ]
        return m


def multipliers_on(target: str, *, a_bits: int) -> int:
    """Multiplier blocks that a product of ``a_bits`` takes on ``target``."""
    return TARGETS[target].multiplier.blocks(a_bits=a_bits)


def addend_attributes(target: str) -> dict[str, int]:
    """Return the attributes of a register that is added to a product."""
    return dict(TARGETS[target].multiplier.addend_attributes)
