"""A lane of layer norms: brought to mean and deviation, scaled by a gain, rounded once."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib.wiring import In, Out

from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS
from golden.network.layer_norm import GAIN_BITS, NORMAL_F_BITS
from golden.numbers.interval import Interval
from hw.accelerator.layout import Layouts
from hw.accelerator.statistics import EXPONENT_BITS, ROOT_BITS
from hw.parts.delay import delay
from hw.parts.ports import Component
from hw.parts.requantize import Requantizer
from hw.primitives.multiplier import SharedMultiplier

_LEAST_SHIFT = 3
"""An exponent of -16, which is none's, would shift by so much."""
_FINE = 2
"""Bits of the shift that come second."""


def normal_bits(channels: int) -> int:
    """Return the width of what is normalised: at most ``2^12 sqrt(channels - 1)``, and one."""
    return NORMAL_F_BITS + ((channels - 1).bit_length() + 1) // 2 + 2


def latency_of(target: str, channels: int) -> int:
    """Cycles from a difference to its sample: products, the shift in two, a sum, rounding."""
    multiply = SharedMultiplier.latency_on
    first, second = (multiply(target, a_bits=b) for b in (SUM_BITS, normal_bits(channels)))
    return first + 2 + second + 1 + Requantizer.ROUNDING


class NormalLane(Component):
    """``clip(round((u * gain + offset) / 2^shift) + zero_point)``, u as of `LayerNorm`.

    Parameters
    ----------
    layouts
        Of descriptors.
    clip
        Of the results.

    Members
    -------
    difference, root, exponent : In
        ``n * x - S``, and what its position has.
    gain, offset, shift, zero_point : In
        With it; shift is the largest less that.
    o : Out
        `latency_of` cycles later.
    """

    difference: Signal
    root: Signal
    exponent: Signal
    gain: Signal
    offset: Signal
    shift: Signal
    zero_point: Signal
    o: Signal

    def __init__(self, layouts: Layouts, clip: Interval) -> None:
        self._target = layouts.sizes.target
        self._bits = normal_bits(layouts.abilities.norm)
        self._shifts = layouts.own_shifts
        self._offsets = layouts.offsets
        self._clip = clip
        super().__init__(
            {
                "difference": In(signed(SUM_BITS)),
                "root": In(ROOT_BITS),
                "exponent": In(signed(EXPONENT_BITS)),
                "gain": In(signed(GAIN_BITS)),
                "offset": In(signed(SUM_BITS)),
                "shift": In(range(layouts.own_shifts.high - layouts.own_shifts.low + 1)),
                "zero_point": In(signed(layouts.offsets.bits)),
                "o": Out(signed(CENTRED_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        normal, early = self._normalise(m)
        m.submodules.scale = scale = SharedMultiplier(
            lanes=1, a_bits=self._bits, b_bits=GAIN_BITS, target=self._target
        )
        early += scale.latency
        total = Signal(signed(max(self._bits + GAIN_BITS, SUM_BITS) + 1), reset_less=True)
        m.d.comb += [
            scale.a[0].eq(normal),
            scale.b.eq(delay(m, self.gain, early - scale.latency, name="gain")),
        ]
        m.d.sync += total.eq(scale.p[0] + delay(m, self.offset, early, name="offset"))
        m.submodules.round = rounds = Requantizer(
            lanes=1,
            accumulator=Interval.signed(len(total)),
            shifts=self._shifts,
            clip=self._clip,
            zero_points=self._offsets,
            output_bits=CENTRED_BITS,
            multiplies=False,
            right=True,
            target=self._target,
        )
        m.d.comb += [
            rounds.i.payload[0].eq(total),
            rounds.shift.eq(delay(m, self.shift, early + 1, name="shift")),
            self.o.eq(rounds.o.payload[0]),
        ]
        if self._offsets.low != self._offsets.high:
            m.d.comb += rounds.zero_point.eq(self.zero_point)
        return m

    def _normalise(self, m: Module) -> tuple[Signal, int]:
        """Return a difference over its position's deviation, and how many cycles later."""
        m.submodules.multiply = multiply = SharedMultiplier(
            lanes=1, a_bits=SUM_BITS, b_bits=ROOT_BITS + 1, target=self._target
        )
        m.d.comb += [multiply.a[0].eq(self.difference), multiply.b.eq(self.root)]
        product = multiply.p[0]
        amount = delay(
            m, (self.exponent + (1 << EXPONENT_BITS - 2))[:5], multiply.latency, name="amount"
        )
        coarse = Signal(signed(len(product) - _LEAST_SHIFT), reset_less=True)
        fine = Signal(_FINE, reset_less=True)
        normal = Signal(signed(self._bits), reset_less=True)
        m.d.sync += [
            coarse.eq((product >> _LEAST_SHIFT) >> ((amount >> _FINE) << _FINE)),
            fine.eq(amount[:_FINE]),
            normal.eq(coarse >> fine),
        ]
        return normal, multiply.latency + 2
