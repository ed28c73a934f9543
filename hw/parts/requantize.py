"""Requantisation: from accumulators to results of a few bits, per channel."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, ValueLike, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.numbers.interval import Interval
from golden.numbers.quantize import MULTIPLIER_BITS
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, View
from hw.parts.streams import Flow, FlowSignature
from hw.primitives.multiplier import SharedMultiplier

_FINE = 3
"""Bits of a shift to the right that come second."""


class Requantizer(Component):
    """``clip(round_half_even(y * multiplier / 2^shift) + zero_point, low, high)`` a lane and cycle.

    The product is shifted left by ``max_shift - shift``, so that the binary point stands still and
    rounding looks at fixed places; or right, with a bit for all that is lost, which takes fewer
    cells where shifts differ by much. Then it is rounded, clipped and the zero point added.

    Parameters
    ----------
    lanes
        Results a beat.
    accumulator
        Range of y.
    shifts
        Range of the shifts that occur.
    clip
        Range of the results.
    zero_points
        Range of what is added before the clip: one value, or what comes with each beat.
    output_bits
        Width of a result.
    multiplies
        Whether there is a multiplier.
    right
        Whether products are shifted right.
    target
        Device family.

    Members
    -------
    i : In, flow of `lanes` accumulators
    multiplier : In, unsigned
    shift : In, unsigned
        ``max_shift - shift`` of the beat on `i`.
    zero_point : In, signed
        Of the beat on `i`; only where it may be more than one value.
    o : Out, flow of `lanes` results
        `latency` cycles later.
    """

    i: Flow
    multiplier: Signal
    shift: Signal
    zero_point: Signal
    o: Flow

    def __init__(
        self,
        *,
        lanes: int,
        accumulator: Interval,
        shifts: Interval,
        clip: Interval,
        zero_points: Interval,
        output_bits: int,
        target: str,
        multiplies: bool = True,
        right: bool = False,
    ) -> None:
        self._multiplies = multiplies
        self._right = right
        self._lanes = lanes
        self._y_bits = accumulator.bits
        self._shifts = shifts
        self._clip = clip
        self._zero_points = zero_points
        self._target = target
        self._o_shape = signed(output_bits)
        ports = {
            "i": In(FlowSignature(data.ArrayLayout(signed(self._y_bits), lanes))),
            "shift": In(range(shifts.high - shifts.low + 1)),
            "o": Out(FlowSignature(data.ArrayLayout(self._o_shape, lanes))),
        }
        if multiplies:
            ports["multiplier"] = In(MULTIPLIER_BITS)
        if zero_points.low != zero_points.high:
            ports["zero_point"] = In(signed(zero_points.bits))
        super().__init__(ports)

    ROUNDING = 5
    """Cycles from a product to its result: alignment, rounding in two, clip in two."""

    @classmethod
    def latency_on(cls, target: str, *, y_bits: int) -> int:
        """Cycles from an accumulator of ``y_bits`` to its result on ``target``."""
        return SharedMultiplier.latency_on(target, a_bits=y_bits) + cls.ROUNDING

    @property
    def latency(self) -> int:
        """Cycles from accumulator to result."""
        if not self._multiplies:
            return self.ROUNDING
        return self.latency_on(self._target, y_bits=self._y_bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        products = self._products(m)
        late = self.latency - self.ROUNDING
        shift = delay(m, self.shift, late, name="shift")
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid"))
        ends = self._ends(m, late + 3)
        for lane in range(self._lanes):
            if self._right:
                rounded = self._narrow(m, products[lane], shift, lane)
            else:
                rounded = self._round(m, self._align(m, products[lane], shift, lane), lane)
            m.d.comb += self.o.payload[lane].eq(self._saturate(m, rounded, lane, *ends))
        return m

    def _products(self, m: Module) -> View:
        """Return accumulators times the multiplier."""
        taken: View = self.i.payload
        if not self._multiplies:
            return taken
        m.submodules.multiply = multiply = SharedMultiplier(
            lanes=self._lanes,
            a_bits=self._y_bits,
            b_bits=MULTIPLIER_BITS + 1,
            target=self._target,
        )
        m.d.comb += [multiply.a.eq(taken), multiply.b.eq(self.multiplier)]
        return multiply.p

    def _ends(self, m: Module, cycles: int) -> tuple[ValueLike, ValueLike, ValueLike]:
        """Return zero point and ends of the clip less it, ``cycles`` after they came on `i`.

        All lanes have them in common.
        """
        clip = self._clip
        if self._zero_points.low == self._zero_points.high:
            zero_point = self._zero_points.low
            return zero_point, clip.low - zero_point, clip.high - zero_point
        before = delay(m, self.zero_point, cycles - 1, name="zero_point_before")
        bits = max(clip.bits, self._zero_points.bits) + 1
        low = Signal(signed(bits), reset_less=True)
        high = Signal(signed(bits), reset_less=True)
        m.d.sync += [low.eq(clip.low - before), high.eq(clip.high - before)]
        return delay(m, before, 1, name="zero_point"), low, high

    def _narrow(self, m: Module, product: Signal, shift: Signal, lane: int) -> Signal:
        """Shift right in two, keeping a bit below the point and whether any below it is set."""
        least, span = self._shifts.low, self._shifts.high - self._shifts.low
        below = max(least - 1, 0)
        word = product if least else Cat(0, product).as_signed()
        amount = Signal(range(span + 1), name=f"amount_{lane}")
        m.d.comb += amount.eq(span - shift)
        word, lost = word >> below, product[:below].any()
        for name, low, high in (("coarse", _FINE, len(amount)), ("fine", 0, _FINE)):
            digit = amount[low:high]
            later = Signal(signed(max(len(word), 2)), name=f"{name}_{lane}", reset_less=True)
            loses = Signal(name=f"lost_{name}_{lane}", reset_less=True)
            m.d.sync += [
                later.eq(word >> (digit << low)),
                loses.eq(lost | _shifted_out(word, digit, 1 << low)),
            ]
            word, lost, amount = later, loses, delay(m, amount, 1, name=f"amount_{name}_{lane}")
        rounded = Signal(signed(len(word)), name=f"rounded_{lane}", reset_less=True)
        # A tie goes up from an odd number only.
        m.d.sync += rounded.eq((word >> 1) + (word[0] & (lost | word[1])))
        return rounded

    def _align(self, m: Module, product: Signal, shift: Signal, lane: int) -> Signal:
        # Of a product there is a sign of the factor too.
        bits = len(product) - self._multiplies + self._shifts.high - self._shifts.low
        bits = max(bits, self._shifts.high + 1)
        aligned = Signal(signed(bits), name=f"aligned_{lane}", reset_less=True)
        m.d.sync += aligned.eq(product << shift)
        return aligned

    def _round(self, m: Module, aligned: Signal, lane: int) -> Signal:
        """Take the part above the point, and one more where what is below it rounds up."""
        point = self._shifts.high
        bits = max(len(aligned) - point, 1)
        whole = Signal(signed(bits), name=f"whole_{lane}", reset_less=True)
        up = Signal(name=f"up_{lane}", reset_less=True)
        rounded = Signal(signed(bits + 1), name=f"rounded_{lane}", reset_less=True)
        m.d.sync += [whole.eq(aligned >> point), rounded.eq(whole + up)]
        if point:
            # A tie goes up from an odd number only.
            odd_or_more = aligned[: point - 1].any() | aligned[point]
            m.d.sync += up.eq(aligned[point - 1] & odd_or_more)
        return rounded

    def _saturate(
        self,
        m: Module,
        rounded: Signal,
        lane: int,
        zero_point: ValueLike,
        low: ValueLike,
        high: ValueLike,
    ) -> Signal:
        below = Signal(name=f"below_{lane}", reset_less=True)
        above = Signal(name=f"above_{lane}", reset_less=True)
        shifted = Signal(self._o_shape, name=f"shifted_{lane}", reset_less=True)
        result = Signal(self._o_shape, name=f"result_{lane}", reset_less=True)
        inside = Mux(above, self._clip.high, shifted)
        bits = max(len(Value.cast(end)) for end in (low, high)) + 1
        near: Value = rounded
        far, sign = Value.cast(0), rounded[-1]
        if self._right and len(rounded) > bits:
            # Wide ones: as many bits are compared as the ends have, others are the sign or not.
            near = rounded[:bits].as_signed()
            far = rounded[bits - 1 :] != sign.replicate(len(rounded) - bits + 1)
        m.d.sync += [
            below.eq(Mux(far, sign, near < low)),
            above.eq(Mux(far, ~sign, near > high)),
            shifted.eq(rounded + zero_point),  # what it loses shows in the two before
            result.eq(Mux(below, self._clip.low, inside)),
        ]
        return result


def _shifted_out(word: Value, amount: Value, unit: int) -> Value:
    """Return whether a bit is set that is lost where ``word`` goes right by so many units."""
    most = min((1 << len(amount)) - 1, -(-len(word) // unit))
    parts = [word[unit * n : unit * (n + 1)].any() & (amount > n) for n in range(most)]
    return Cat(*parts).any()
