"""A lane of the post unit: sums times factors, rounded once; or what a layer norm makes of them."""

import math
from collections.abc import Iterator

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib.wiring import In, Out

from golden.accelerator.abilities import Abilities
from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS, Sizes
from golden.network.layer_norm import GAIN_BITS, NORMAL_F_BITS
from golden.numbers.interval import Interval
from hw.accelerator.layout import Layouts
from hw.accelerator.statistics import EXPONENT_BITS, ROOT_BITS, total_bits
from hw.parts.delay import delay
from hw.parts.fabric_multiplier import FabricMultiplier
from hw.parts.ports import Component
from hw.parts.requantize import Requantizer
from hw.primitives.multiplier import SharedMultiplier

_LEAST_SHIFT = 3
"""An exponent of -16, which is none's, would shift by so much."""
_FINE = 2
"""Bits of the shift that come second."""
_SHIFTED = 2
"""Cycles from a product to what is normalised."""


def factor_bits(sizes: Sizes, abilities: Abilities) -> int:
    """Return the width of factors, signed: a layer norm's gains have a sign."""
    return max(sizes.factor_bits + 1, GAIN_BITS if abilities.norm else 0)


def normal_bits(channels: int) -> int:
    """Return the width of what is normalised: at most ``2^12 sqrt(channels - 1)``, and two."""
    return (math.isqrt((channels - 1) << 2 * NORMAL_F_BITS) + 2).bit_length() + 1


def multiplied_in(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to its product, whichever lane's."""
    return max(_multiplied_in(sizes, abilities, logic=logic) for logic in set(logic_of(sizes)))


def _multiplied_in(sizes: Sizes, abilities: Abilities, *, logic: bool) -> int:
    if logic:
        # Where factors have no sign, no adder is made for it.
        return FabricMultiplier.latency_of(factor_bits(sizes, abilities) - (not abilities.norm))
    return SharedMultiplier.latency_on(sizes.target, a_bits=SUM_BITS)


def scaled_in(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to its scaled value: the product, an offset, the requantiser."""
    return rounded_from(sizes, abilities) + Requantizer.ROUNDING


def rounded_from(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a sum to what is rounded."""
    return multiplied_in(sizes, abilities) + bool(abilities.norm)


def normalised_in(sizes: Sizes, abilities: Abilities) -> int:
    """Cycles from a difference to the same normalised, which then passes as a sum does.

    An odd number: where a difference comes every other cycle, the multiplier is free between.
    """
    return (multiplied_in(sizes, abilities) + _SHIFTED) | 1 if abilities.norm else 0


class Scaler(Component):
    """``clip(round(y * multiplier / 2^shift) + zero_point)``, a sum a cycle, which never stalls.

    Or a layer norm's ``clip(round((u * gain + offset) / 2^shift) + zero_point)``, u as of
    `LayerNorm`: a difference times its position's root, normalised, comes back to the multiplier
    `normalised_in` cycles later.

    Parameters
    ----------
    layouts
        Of descriptors.
    clip
        Of the results.
    logic
        Whether the multiplier is made of look-up tables and carries.

    Members
    -------
    y : In
        A sum, or ``n * x - S``.
    multiplier, shift : In
        With it, or with what is normalised: a factor or gain; shift is the largest less its own.
    zero_point : In
        `rounded_from` cycles after the factor; only where it may be more than one value.
    norm, again : In
        Whether it is a layer norm, which stands still; whether what is normalised comes to the
        multiplier in this cycle. These and what follows only where there are layer norms.
    root, exponent : In
        With the difference: what its position has.
    offset : In
        `multiplied_in` cycles after the gain.
    o : Out
        `scaled_in` cycles after the factor.
    """

    y: Signal
    multiplier: Signal
    shift: Signal
    zero_point: Signal
    norm: Signal
    again: Signal
    root: Signal
    exponent: Signal
    offset: Signal
    o: Signal

    def __init__(self, layouts: Layouts, clip: Interval, *, logic: bool) -> None:
        self._sizes = layouts.sizes
        self._abilities = layouts.abilities
        self._shifts = layouts.own_shifts
        self._offsets = layouts.offsets
        self._clip = clip
        self._logic = logic
        ports = {
            "y": In(signed(SUM_BITS)),
            "multiplier": In(self._abilities.factor_bits),
            "shift": In(range(self._shifts.high - self._shifts.low + 1)),
            "o": Out(signed(CENTRED_BITS)),
        }
        if self._offsets.low != self._offsets.high:
            ports["zero_point"] = In(signed(self._offsets.bits))
        if self._abilities.norm:
            ports |= {
                "norm": In(1),
                "again": In(1),
                "root": In(ROOT_BITS),
                "exponent": In(signed(EXPONENT_BITS)),
                "offset": In(signed(SUM_BITS)),
            }
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sizes, abilities = self._sizes, self._abilities
        y: Value = self.y
        factor: Value = self.multiplier[: sizes.factor_bits]
        if abilities.norm:
            # A sum's factor is no wider than a gain, and not negative.
            factor = self.multiplier[:GAIN_BITS].as_signed()
            normal = Signal(signed(normal_bits(abilities.norm)), name="normal")
            y = Mux(self.again, normal, y)
            factor = Mux(self.norm & ~self.again, self.root, factor)
        product = self._multiply(m, y, factor)
        if abilities.norm:
            m.d.comb += normal.eq(self._normalise(m, product))
            total = Signal(signed(len(product)), name="total", reset_less=True)
            m.d.sync += total.eq(product + Mux(self.norm, self.offset, 0))
            product = total
        m.submodules.round = rounds = Requantizer(
            lanes=1,
            accumulator=Interval.signed(len(product)),
            shifts=self._shifts,
            clip=self._clip,
            zero_points=self._offsets,
            output_bits=CENTRED_BITS,
            multiplies=False,
            right=True,
            target=sizes.target,
        )
        late = rounded_from(sizes, abilities)
        m.d.comb += [
            rounds.i.payload[0].eq(product),
            rounds.shift.eq(delay(m, self.shift, late, name="shift")),
            self.o.eq(rounds.o.payload[0]),
        ]
        if self._offsets.low != self._offsets.high:
            m.d.comb += rounds.zero_point.eq(self.zero_point)
        return m

    def _multiply(self, m: Module, y: Value, factor: Value) -> Value:
        """Return the product, as late as the latest lane's."""
        sizes, abilities = self._sizes, self._abilities
        bits, is_signed = factor_bits(sizes, abilities), bool(abilities.norm)
        multiply: FabricMultiplier | SharedMultiplier
        if self._logic:
            multiply = FabricMultiplier(
                lanes=1,
                a_bits=SUM_BITS,
                b_bits=bits - (not is_signed),
                b_signed=is_signed,
                target=sizes.target,
            )
            m.d.comb += [multiply.a.eq(y), multiply.b[0].eq(factor)]
        else:
            multiply = SharedMultiplier(lanes=1, a_bits=SUM_BITS, b_bits=bits, target=sizes.target)
            m.d.comb += [multiply.a[0].eq(y), multiply.b.eq(factor)]
        m.submodules.multiply = multiply
        product: Value = multiply.p[0]
        if not is_signed:
            product = product[: SUM_BITS + bits - 1].as_signed()
        late = multiplied_in(sizes, abilities) - multiply.latency
        return delay(m, product, late, name="product")

    def _normalise(self, m: Module, product: Value) -> Value:
        """Return a difference over its position's deviation."""
        sizes, abilities = self._sizes, self._abilities
        multiplied = multiplied_in(sizes, abilities)
        amount = delay(m, (self.exponent + (1 << EXPONENT_BITS - 2))[:5], multiplied, name="amount")
        # Twice a sum at most, and its sign.
        product = product[: total_bits(abilities.norm) + 2 + ROOT_BITS].as_signed()
        coarse = Signal(signed(len(product) - _LEAST_SHIFT), reset_less=True)
        fine = Signal(_FINE, reset_less=True)
        shifted = Signal(signed(normal_bits(abilities.norm)), reset_less=True)
        m.d.sync += [
            coarse.eq((product >> _LEAST_SHIFT) >> ((amount >> _FINE) << _FINE)),
            fine.eq(amount[:_FINE]),
            shifted.eq(coarse >> fine),
        ]
        return delay(
            m, shifted, normalised_in(sizes, abilities) - multiplied - _SHIFTED, name="normal"
        )


def logic_of(sizes: Sizes) -> Iterator[bool]:
    """Yield of each scaler whether it multiplies in look-up tables."""
    for lane in range(sizes.scalers):
        yield lane < sizes.logic_scalers
