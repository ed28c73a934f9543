"""A lane that rounds as float32 does: sum, product and result to 24 bits, then to an integer."""

from collections.abc import Sequence
from typing import NamedTuple

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS
from golden.network.rescale import SIGNIFICAND_BITS
from golden.numbers.interval import Interval
from hw.accelerator.layout import Layouts
from hw.parts.delay import delay
from hw.parts.ports import Component, View
from hw.primitives.multiplier import SharedMultiplier

FACTOR_BITS = CENTRED_BITS + 1
"""Of a sample in a sum, one more where another is below it."""
_HALF = SIGNIFICAND_BITS // 2
_EXPONENT_BITS = 9
_FRACTION = 28
"""Fraction bits of a product that is added to: what is lost shows in one more."""
_POINT = _FRACTION + 1
_LEAST = 13
"""Less of a shift leaves 2^11 and more, which is beyond any clip with any zero point."""
_MOST = 63
"""More of one, after that, leaves nothing of a product."""
_WHOLE_BITS = SIGNIFICAND_BITS + 1 + _FRACTION - _LEAST
_TOTAL_BITS = _WHOLE_BITS + 2
_CLOSE = 26
"""A shift that leaves less than half a step of 24 bits."""
_FLOAT = 4
"""Cycles that `_to_float` takes."""
_ALIGN = 2
_ROUND = 3
"""Cycles from a product to that with its shift."""
_INTEGER = 4
"""Cycles from a result of 24 bits to a sample."""
_ADDED_BITS = 56
"""Of two products of samples at one shift and what is fixed."""
_PRODUCT_BITS = SIGNIFICAND_BITS + FACTOR_BITS
_APART_BITS = 5
_ADDITION_MORE = 2
"""Cycles that an addition takes more than a product."""
_FAR_UP = 12
"""An addition's result that is moved up by so much and more is beyond any clip."""


def latency_of(target: str, *, addition: bool) -> int:
    """Cycles from a sum to its sample."""
    multiply = SharedMultiplier.latency_on(target, a_bits=SIGNIFICAND_BITS + 2)
    more = _ADDITION_MORE if addition else 0
    return 2 * _FLOAT + multiply + _ROUND + _ALIGN + 1 + _INTEGER + more


def addition_layout(layouts: Layouts) -> data.StructLayout:
    """Return the layout of what is told of an addition: see `Addition`.

    ``up`` and ``second_up`` are how much less than the larger shift the factors' own are, and
    ``most`` is that shift, less than the largest there is.
    """
    return data.StructLayout(
        {
            "adds": 1,
            "fixed": signed(_ADDED_BITS),
            "second": SIGNIFICAND_BITS,
            "up": _APART_BITS,
            "second_up": _APART_BITS,
            "most": range(layouts.shifts.high - layouts.shifts.low + 1),
        }
    )


def zeros_at(target: str, *, addition: bool) -> tuple[int, int]:
    """Cycles from a sum to its product, and to its result, which zero points are added to."""
    multiply = SharedMultiplier.latency_on(target, a_bits=SIGNIFICAND_BITS + 2)
    early = _FLOAT + multiply + _ROUND + _ALIGN
    more = _ADDITION_MORE if addition else 0
    return early, early + 1 + _FLOAT + _INTEGER - 2 + more


class SingleLane(Component):
    """``clip(round(f(f(f(y) * multiplier) + z_early)) + z_late)``, f rounding to 24 bits.

    Products are over ``2^shift``; the zero point is added early or late: see `Multiply`. Or, where
    that is built, what `Add` says, of the two samples that a sum holds.

    Parameters
    ----------
    layouts
        Of descriptors.
    clip
        Of the results.

    Members
    -------
    y, multiplier, shift : In
        A sum; its factor; the largest shift less its own.
    early, late : In
        What is added so soon or late, `zeros_at` cycles after the sum; one of them is 0.
    addition : In
        It stands still; only where it is built.
    o : Out
        `latency_of` cycles later.
    """

    y: Signal
    multiplier: Signal
    shift: Signal
    early: Signal
    late: Signal
    addition: View
    o: Signal

    def __init__(self, layouts: Layouts, clip: Interval) -> None:
        self._target = layouts.sizes.target
        self._most = layouts.shifts.high
        self._clip = clip
        self._adds = layouts.abilities.addition
        more = {"addition": In(addition_layout(layouts))} if self._adds else {}
        super().__init__(
            {
                **more,
                "y": In(signed(SUM_BITS)),
                "multiplier": In(SIGNIFICAND_BITS),
                "shift": In(range(layouts.shifts.high - layouts.shifts.low + 1)),
                "early": In(signed(layouts.offsets.bits)),
                "late": In(signed(layouts.offsets.bits)),
                "o": Out(signed(clip.bits)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sums, places = _to_float(m, self.y, SUM_BITS, "sum")
        halves, multiply = self._multiply(m, sums)
        product = halves[0] + (halves[1] << _HALF)
        late = delay(m, places, multiply, name="places_at_product")
        # The shift of the 24 bits of a product: what its own sum was shifted by is less.
        shift = self._most - delay(m, self.shift, _FLOAT + multiply, name="shift")
        rounded, amount = _round_product(m, product, shift + late + SIGNIFICAND_BITS - SUM_BITS)
        huge, whole = _align(m, rounded, amount)
        before = _FLOAT + multiply + _ROUND + _ALIGN
        negative = delay(m, self.y < 0, before, name="negative")
        total = _register(m, signed(_TOTAL_BITS + 1), "total")
        m.d.sync += total.eq(Mux(negative, -whole, whole) + (self.early << _POINT))
        beyond = delay(m, Cat(huge, negative), 1 + _FLOAT + _INTEGER - 1, name="beyond")
        result, places = _to_float(m, total, _TOTAL_BITS, "result")
        sign = delay(m, total < 0, _FLOAT + _INTEGER - 2, name="sign")
        rounds = _Whole(_to_integer(m, result, places), sign, beyond[0], beyond[1])
        if self._adds:
            pairs = zip(self._add(m, halves), rounds, strict=True)
            rounds = _Whole(
                *(
                    Mux(self.addition.adds, a, delay(m, b, _ADDITION_MORE, name=f"late_{n}"))
                    for n, (a, b) in enumerate(pairs)
                )
            )
        self._finish(m, rounds)
        return m

    def _add(self, m: Module, products: Sequence[Value]) -> "_Whole":
        """Return what comes of both samples' products, `_ADDITION_MORE` cycles later."""
        told = self.addition
        first, second = (
            Signal(signed(_ADDED_BITS), name=f"aligned_{n}", reset_less=True) for n in range(2)
        )
        partial, total = (
            Signal(signed(_ADDED_BITS), name=n, reset_less=True) for n in ("partial", "added")
        )
        for aligned, product, up in zip(
            (first, second), products, (told.up, told.second_up), strict=True
        ):
            m.d.sync += aligned.eq(product[:_PRODUCT_BITS].as_signed() << up)
        m.d.sync += partial.eq(told.fixed + second)
        rounded, places = _to_float(m, partial, _ADDED_BITS, "partial")
        back = _register(m, unsigned(_ADDED_BITS + 1), "back")
        m.d.sync += back.eq((rounded << (_ADDED_BITS - SIGNIFICAND_BITS)) >> places)
        negative = delay(m, partial < 0, _FLOAT + 1, name="partial_negative")
        late = delay(m, first, 1 + _FLOAT + 1, name="first_late")
        m.d.sync += total.eq(Mux(negative, -back, back) + late)
        result, places = _to_float(m, total, _ADDED_BITS, "added")
        # The point of a whole number is at `_CLOSE`.
        point = _CLOSE + _ADDED_BITS - SIGNIFICAND_BITS - self._most
        up = Signal(signed(8), name="added_up")
        m.d.comb += up.eq(told.most + point - places)
        aligned = _register(m, unsigned(SIGNIFICAND_BITS + 1 + _FAR_UP), "added_aligned")
        whole = _register(m, unsigned(len(aligned) - _CLOSE + 1), "added_whole")
        m.d.sync += [
            aligned.eq(Mux(up < 0, 0, result << up[:4])),
            whole.eq(_rounded_up(aligned)),
        ]
        sign = delay(m, total < 0, _FLOAT + 2, name="added_sign")
        huge = delay(m, (up >= _FAR_UP) & (result != 0), 2 + 1, name="added_huge")
        return _Whole(whole, sign, huge, delay(m, sign, 1, name="added_sign_late"))

    def _multiply(self, m: Module, significand: Signal) -> tuple[list[Value], int]:
        """Return the products with halves of the factor, and how much later.

        Of an addition, those of both samples with their factors.
        """
        factor = delay(m, self.multiplier, _FLOAT, name="factor")
        pairs: list[tuple[Value, Value]] = [
            (significand, factor[:_HALF]),
            (significand, factor[_HALF:]),
        ]
        if self._adds:
            late = delay(m, self.y[: 2 * CENTRED_BITS], _FLOAT, name="samples")
            first, second = samples_of(late)
            added = [(factor, first), (self.addition.second, second)]
            pairs = [
                (Mux(self.addition.adds, a, c), Mux(self.addition.adds, b, d))
                for (a, b), (c, d) in zip(added, pairs, strict=True)
            ]
        halves = []
        for number, (a, b) in enumerate(pairs):
            m.submodules[f"multiply_{number}"] = multiply = SharedMultiplier(
                lanes=1, a_bits=SIGNIFICAND_BITS + 2, b_bits=_HALF + 1, target=self._target
            )
            m.d.comb += [
                multiply.a[0].eq(a),
                multiply.b.eq(b),
            ]
            halves.append(multiply.p[0])
        return halves, multiply.latency

    def _finish(self, m: Module, whole: "_Whole") -> None:
        """Give the sample: with its sign and zero point, between the ends."""
        clip = self._clip
        value = Value.cast(Mux(whole.sign, -whole.size, whole.size))
        moved = _register(m, signed(len(value) + 2), "moved")
        late = Mux(self.addition.adds, 0, self.late) if self._adds else self.late
        m.d.sync += moved.eq(value + late)
        clipped = Mux(moved < clip.low, clip.low, Mux(moved > clip.high, clip.high, moved))
        m.d.sync += self.o.eq(Mux(whole.huge, Mux(whole.low, clip.low, clip.high), clipped))


class _Whole(NamedTuple):
    """A whole number.

    Parameters
    ----------
    size, sign
        Of it.
    huge, low
        Whether it is beyond all, and below; a cycle later than the others.
    """

    size: Value
    sign: Value
    huge: Value
    low: Value


def samples_of(total: Value) -> tuple[Value, Value]:
    """Return the two samples in a sum, ``2^9 * first + second``."""
    second = total[:CENTRED_BITS].as_signed()
    first = total[CENTRED_BITS : 2 * CENTRED_BITS].as_signed()
    return first + (second < 0), second


def _register(m: Module, shape: Shape, name: str) -> Signal:
    del m
    return Signal(shape, name=name, reset_less=True)


def _to_float(m: Module, value: Signal, bits: int, name: str) -> tuple[Signal, Signal]:
    """Return an integer's size in 24 bits, rounded, and how many places are free above it.

    So rounded the size is times ``2^(bits - 24 - places)``.
    """
    rest = bits - SIGNIFICAND_BITS
    size, normal = (_register(m, unsigned(bits), f"{name}_{n}") for n in ("size", "normal"))
    places = _register(m, unsigned((bits - 1).bit_length()), f"{name}_places")
    rounded = _register(m, unsigned(SIGNIFICAND_BITS + 1), f"{name}_rounded")
    m.d.sync += [size.eq(abs(value)), places.eq(0)]
    for place in range(bits):  # the last one that is set wins
        with m.If(size[place]):
            m.d.sync += places.eq(bits - 1 - place)
    late = delay(m, size, 1, name=f"{name}_size_late")
    up = normal[rest - 1] & (normal[: rest - 1].any() | normal[rest])
    m.d.sync += [normal.eq(late << places), rounded.eq(normal[rest:] + up)]
    return rounded, delay(m, places, 2, name=f"{name}_places_late")


def _round_product(m: Module, product: Value, shift: Value) -> tuple[Signal, Signal]:
    """Return a product in 24 bits, rounded, and by how much it is to be shifted down then."""
    bits = 2 * SIGNIFICAND_BITS
    kept = _register(m, unsigned(bits + 1), "product")
    normal = _register(m, unsigned(bits + 1), "product_normal")
    rounded = _register(m, unsigned(SIGNIFICAND_BITS + 1), "product_rounded")
    amounts = [_register(m, signed(_EXPONENT_BITS), f"amount_{n}") for n in range(3)]
    # A sum may have been rounded up to 2^24, and a product be 2^48.
    places = Mux(kept[bits], 0, Mux(kept[bits - 1], 1, 2))
    rest = bits + 1 - SIGNIFICAND_BITS
    up = normal[rest - 1] & (normal[: rest - 1].any() | normal[rest])
    m.d.sync += [
        kept.eq(product),
        amounts[0].eq(shift),
        normal.eq(kept << places),
        amounts[1].eq(amounts[0] - rest + places),
        rounded.eq(normal[rest:] + up),
        amounts[2].eq(amounts[1]),
    ]
    return rounded, amounts[2]


def _align(m: Module, rounded: Signal, amount: Signal) -> tuple[Value, Value]:
    """Return whether a product is beyond all, and itself with a last bit for what is lost."""
    down = amount - _LEAST
    near = Mux(down > _MOST, _MOST, Mux(down < 0, 0, down))[:6]
    coarse, fine = (_register(m, unsigned(_WHOLE_BITS), n) for n in ("coarse", "aligned"))
    lost = [_register(m, unsigned(1), f"lost_{n}") for n in range(2)]
    little = _register(m, unsigned(3), "little")
    huge = _register(m, unsigned(1), "huge")
    wide = Signal(_WHOLE_BITS, name="wide")
    far = Signal(6, name="far")
    m.d.comb += [wide.eq(rounded << (_FRACTION - _LEAST)), far.eq(Cat(0, 0, 0, near[3:]))]
    back = Signal(_WHOLE_BITS, name="back")
    back_fine = Signal(_WHOLE_BITS, name="back_fine")
    m.d.comb += [
        back.eq((wide >> far) << far),
        back_fine.eq((coarse >> little) << little),
    ]
    m.d.sync += [
        coarse.eq(wide >> far),
        lost[0].eq(back != wide),
        little.eq(near[:3]),
        huge.eq((down < 0) & (rounded != 0)),
        fine.eq(coarse >> little),
        lost[1].eq(lost[0] | (back_fine != coarse)),
    ]
    return delay(m, huge, 1, name="huge_late"), Cat(lost[1], fine)


def _to_integer(m: Module, result: Signal, places: Signal) -> Signal:
    """Return 24 bits with so many places free as an integer, rounded, two cycles later."""
    least = _POINT - (_TOTAL_BITS - SIGNIFICAND_BITS)
    up_by = Mux(places > _CLOSE - least, 0, _CLOSE - least - places)
    aligned = _register(m, unsigned(SIGNIFICAND_BITS + 1 + _CLOSE - least), "result_aligned")
    whole = _register(m, unsigned(len(aligned) - _CLOSE + 1), "whole")
    m.d.sync += [aligned.eq(result << up_by[:5]), whole.eq(_rounded_up(aligned))]
    return whole


def _rounded_up(aligned: Signal) -> Value:
    """Return a number with `_CLOSE` fraction bits rounded, half to even."""
    up = aligned[_CLOSE - 1] & (aligned[: _CLOSE - 1].any() | aligned[_CLOSE])
    whole: Value = aligned[_CLOSE:] + up
    return whole
