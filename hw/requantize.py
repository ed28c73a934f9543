"""Requantisation: from accumulators to results of a few bits, per channel."""

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.interval import Interval
from golden.quantize import MULTIPLIER_BITS
from hw.delay import delay, delay_valid
from hw.primitives.multiplier import SharedMultiplier
from hw.streams import FlowSignature


class Requantizer(wiring.Component):
    """``clip(round_half_even(y * multiplier / 2^shift) + zero_point, low, high)`` a lane and cycle.

    The product is shifted left by ``max_shift - shift``, so that the binary point stands still and
    rounding looks at fixed places; then it is rounded, clipped and the zero point added.

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
    zero_point
        Added before the clip.
    output_bits
        Width of a result.
    target
        Device family.

    Members
    -------
    i : In, flow of `lanes` accumulators
    multiplier : In, unsigned
    shift : In, unsigned
        ``max_shift - shift`` of the beat on `i`.
    o : Out, flow of `lanes` results
        `latency` cycles later.
    """

    def __init__(
        self,
        *,
        lanes: int,
        accumulator: Interval,
        shifts: Interval,
        clip: Interval,
        zero_point: int,
        output_bits: int,
        target: str,
    ) -> None:
        self._lanes = lanes
        self._y_bits = accumulator.bits
        self._shifts = shifts
        self._clip = clip
        self._zero_point = zero_point
        self._target = target
        self._o_shape = signed(output_bits)
        super().__init__(
            {
                "i": In(FlowSignature(data.ArrayLayout(signed(self._y_bits), lanes))),
                "multiplier": In(MULTIPLIER_BITS),
                "shift": In(range(shifts.high - shifts.low + 1)),
                "o": Out(FlowSignature(data.ArrayLayout(self._o_shape, lanes))),
            }
        )

    @staticmethod
    def latency_on(target: str, *, y_bits: int) -> int:
        """Cycles from an accumulator of ``y_bits`` to its result on ``target``.

        Product, alignment, rounding, clip.
        """
        return SharedMultiplier.latency_on(target, a_bits=y_bits) + 3

    @property
    def latency(self) -> int:
        """Cycles from accumulator to result."""
        return self.latency_on(self._target, y_bits=self._y_bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.multiply = multiply = SharedMultiplier(
            lanes=self._lanes,
            a_bits=self._y_bits,
            b_bits=MULTIPLIER_BITS + 1,
            target=self._target,
        )
        m.d.comb += [multiply.a.eq(self.i.payload), multiply.b.eq(self.multiplier)]
        shift = delay(m, self.shift, multiply.latency, name="shift")
        m.d.comb += self.o.valid.eq(delay_valid(m, self.i.valid, self.latency, name="valid"))
        for lane in range(self._lanes):
            aligned = self._align(m, multiply.p[lane], shift, lane)
            rounded = self._round(m, aligned, lane)
            m.d.comb += self.o.payload[lane].eq(self._saturate(m, rounded, lane))
        return m

    def _align(self, m: Module, product: Signal, shift: Signal, lane: int) -> Signal:
        bits = self._y_bits + MULTIPLIER_BITS + self._shifts.high - self._shifts.low
        bits = max(bits, self._shifts.high + 1)
        aligned = Signal(signed(bits), name=f"aligned_{lane}", reset_less=True)
        m.d.sync += aligned.eq(product << shift)
        return aligned

    def _round(self, m: Module, aligned: Signal, lane: int) -> Signal:
        """Add one half unit, less where a tie would land on an odd number."""
        point = self._shifts.high
        if point == 0:
            rounded = Signal(aligned.shape(), name=f"rounded_{lane}", reset_less=True)
            m.d.sync += rounded.eq(aligned)
            return rounded
        whole = aligned >> point
        half = aligned[point - 1]
        more_than_half = aligned[: point - 1].any() if point > 1 else Const(0)
        rounded = Signal(
            signed(max(len(aligned) - point, 1) + 1), name=f"rounded_{lane}", reset_less=True
        )
        m.d.sync += rounded.eq(whole + (half & (more_than_half | aligned[point])))
        return rounded

    def _saturate(self, m: Module, rounded: Signal, lane: int) -> Signal:
        low, high = self._clip.low - self._zero_point, self._clip.high - self._zero_point
        result = Signal(self._o_shape, name=f"result_{lane}", reset_less=True)
        clipped = Mux(rounded < low, low, Mux(rounded > high, high, rounded))
        m.d.sync += result.eq(clipped + self._zero_point)
        return result
