"""Integers modulo 2^b + 1, in words reduced only as far as they must be."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

from golden.numbers.interval import Integers, Interval

RADICES = (2, 3, 5, 7)
LIMB_BITS = 16
"""Of an unsigned limb: the difference of two fits a signed multiplier of 18 bits."""
MAX_RING_BITS = 4 * LIMB_BITS
"""Four limbs: ten multipliers."""
SPLIT_FROM = 129
"""Shortest line that is split: a ring for a shorter one takes few multipliers."""
MAX_SPLIT_MULTIPLICATIONS = 12


def rotate(words: Integers, shift: int, bits: int) -> Integers:
    """Multiply by ``2^shift`` modulo ``2^bits + 1``, as the hardware does: one subtraction.

    With ``x = high * 2^(bits - s) + low``, ``x * 2^s = low * 2^s - high``, since 2^bits = -1. For a
    shift below ``bits``, ``low`` is the signed remainder, so that results centre on 0, and a shift
    of 0 folds: it brings a word of any width to about ``bits`` bits. A shift of ``bits`` negates
    and keeps the width; above, ``low`` is the unsigned remainder, which saves the hardware a carry.

    Parameters
    ----------
    words
        Of any width that their type holds: int64, or Python integers in an object array.
    shift
        From 0 to ``2 * bits - 1``.
    bits
        Of the ring.

    Returns
    -------
    Words congruent to ``words * 2^shift``, in `rotated_range` of the words' range.
    """
    negative, distance = divmod(shift, bits)
    rest = bits - distance
    if negative and distance == 0:
        return -words
    high = words >> rest if negative else (words + (1 << (rest - 1))) >> rest
    rotated: Integers = ((words - (high << rest)) << distance) - high
    return -rotated if negative else rotated


def rotated_range(words: Interval, shift: int, bits: int) -> Interval:
    """Range of `rotate` over ``words``: what every member of it stays inside."""
    negative, distance = divmod(shift, bits)
    rest = bits - distance
    if negative and distance == 0:
        return Interval(-words.high, -words.low)
    if not negative and fits(words, rest):
        return Interval(words.low << distance, words.high << distance)
    if negative:
        low, half = Interval(0, (1 << rest) - 1), 0
    else:
        low, half = Interval.signed(rest), 1 << (rest - 1)
    high = Interval((words.low + half) >> rest, (words.high + half) >> rest)
    shifted = Interval(low.low << distance, low.high << distance)
    if negative:
        return Interval(high.low - shifted.high, high.high - shifted.low)
    return Interval(shifted.low - high.high, shifted.high - high.low)


def fits(words: Interval, bits: int) -> bool:
    """Whether a two's complement word of ``bits`` bits holds every one of ``words``."""
    return words.bits <= bits


@dataclass(frozen=True)
class Ring:
    """Integers modulo ``2^bits + 1``, and in them a root of unity of order ``length``.

    2 has order ``2 * bits``. Where 4 divides ``bits``, ``2^(bits/4) - 2^(3*bits/4)`` squares to 2,
    so sqrt(2) has order ``4 * bits``. Twiddles are counted in half turns of a bit: their unit is
    sqrt(2), and only odd counts need it.

    Parameters
    ----------
    bits
        b.
    length
        N, a divisor of ``4 * bits``.
    """

    bits: int
    length: int

    @property
    def axes(self) -> tuple["Ring", ...]:
        """The ring as each axis of a transform takes it, the outermost first."""
        return (self,)

    @property
    def products(self) -> int:
        """Modular products a sample."""
        return 1

    @property
    def n_multiplications(self) -> int:
        """Multiplications a sample: Karatsuba's on the limbs of every product."""
        limbs = limbs_of(self.bits)
        return self.products * limbs * (limbs + 1) // 2

    @property
    def circle(self) -> int:
        """Half steps of a whole turn."""
        return 4 * self.bits

    @property
    def step(self) -> int:
        """Half steps of the root of unity."""
        return self.circle // self.length

    @property
    def needs_root_of_two(self) -> bool:
        """Whether the root of unity is an odd power of sqrt(2)."""
        return self.step % 2 == 1

    @property
    def has_root(self) -> bool:
        """Whether there is a root of unity of order N, in M at least."""
        if self.circle % self.length:
            return False
        return self.bits % 4 == 0 or not self.needs_root_of_two

    @property
    def modulus(self) -> int:
        """M = 2^b + 1."""
        return (1 << self.bits) + 1

    def power(self, half_steps: int) -> int:
        """Return sqrt(2) to ``half_steps`` modulo M."""
        whole, odd = divmod(half_steps % self.circle, 2)
        value = pow(2, whole, self.modulus)
        if odd:
            value *= pow(2, self.bits // 4, self.modulus) - pow(2, 3 * self.bits // 4, self.modulus)
        return value % self.modulus

    @cached_property
    def reduced_modulus(self) -> int:
        """P: the largest divisor of M in which the root is principal and N has an inverse.

        The root g is principal where ``sum_j g^(j*N/q) = 0`` for each prime q that divides N: then
        ``sum_j g^(j*k) = 0`` for every k that N does not divide.
        """
        part = self.modulus
        for prime in prime_factors(self.length):
            stride = self.length // prime
            terms = (self.power(self.step * stride * j) for j in range(prime))
            part = math.gcd(part, sum(terms) % self.modulus)
        while (common := math.gcd(part, self.length)) > 1:
            part //= common
        return part

    def holds(self, sums: Interval) -> bool:
        """Whether sums in this range can be told apart modulo P, by `golden.fermat.plan.Reduction`.

        Some of P must be left between the largest sum and the next image of the smallest.
        """
        return self.reduced_modulus - (sums.high - sums.low) >= self.reduced_modulus >> 5


@dataclass(frozen=True)
class PlaneRing(Ring):
    """A ring with roots of unity for both axes of a plane of `length` samples.

    Parameters
    ----------
    row
        Samples of a row; ``length / row`` are those of a column.
    """

    row: int

    @property
    def axes(self) -> tuple[Ring, ...]:
        """The ring of the columns, and that of the rows."""
        return Ring(self.bits, self.length // self.row), Ring(self.bits, self.row)

    @property
    def needs_root_of_two(self) -> bool:
        """Whether a root of unity is an odd power of sqrt(2)."""
        return any(axis.needs_root_of_two for axis in self.axes)

    @cached_property
    def reduced_modulus(self) -> int:
        """P: the largest divisor of M that serves both axes."""
        return math.gcd(*(axis.reduced_modulus for axis in self.axes))


@dataclass(frozen=True)
class SplitRing(Ring):
    """A ring without a root of order `length`, for lines split in columns of ``length / inner``.

    Sample n1 + inner * n2 is the coefficient of ``z^n1 * y^n2``, with ``z^inner = y``. A transform
    of the columns sets y to each power c of its root; what is left is a product of polynomials in z
    modulo ``z^inner - c``, by way of ``z^inner - 1`` and ``z^inner + 1``: see `outer`, `turning`.

    Parameters
    ----------
    inner
        A power of 2. The ring has roots of order ``2 * inner``.
    """

    inner: int

    @property
    def products(self) -> int:
        """Modular products a sample: modulo ``z^inner - 1``, and modulo ``z^inner + 1``."""
        return 2

    @property
    def outer(self) -> Ring:
        """The ring as the columns' transform takes it."""
        return Ring(self.bits, self.length // self.inner)

    @property
    def axes(self) -> tuple[Ring, ...]:
        """See `Ring`."""
        return (self.outer,)

    @property
    def turning(self) -> Ring:
        """The ring with the root that turns a product modulo z^inner + 1 into a circular one."""
        return Ring(self.bits, 2 * self.inner)

    @property
    def needs_root_of_two(self) -> bool:
        """Whether a root of unity is an odd power of sqrt(2)."""
        return self.outer.needs_root_of_two or self.turning.needs_root_of_two

    @cached_property
    def reduced_modulus(self) -> int:
        """P: the largest divisor of M that serves the columns and what is between them."""
        return math.gcd(self.outer.reduced_modulus, self.turning.reduced_modulus)


def prime_factors(number: int) -> list[int]:
    """Return the primes that divide ``number``, in ascending order."""
    primes = []
    divisor = 2
    while number > 1:
        if number % divisor == 0:
            primes.append(divisor)
        while number % divisor == 0:
            number //= divisor
        divisor += 1
    return primes


@cache
def rings(length: int) -> tuple[Ring, ...]:
    """Return the rings with a root of unity of order ``length``, the cheapest first.

    The fewest multipliers count most, then doing without sqrt(2), then bits.
    """
    if any(prime not in RADICES for prime in prime_factors(length)):
        return ()
    found = list(_candidates(length))
    return tuple(sorted(found, key=lambda r: (limbs_of(r.bits), r.needs_root_of_two, r.bits)))


def _candidates(length: int) -> Iterator[Ring]:
    for bits in range(4, MAX_RING_BITS + 1):
        ring = Ring(bits, length)
        if ring.has_root and ring.reduced_modulus > 1:
            yield ring


@cache
def line_rings(length: int) -> tuple[Ring, ...]:
    """Return the rings for lines of ``length``, split or not, the cheapest first.

    As `rings`; of two that take as many multipliers the one that splits in fewer pieces.
    """
    if length < SPLIT_FROM:
        return rings(length)
    found = [*rings(length), *_split_candidates(length)]
    return tuple(sorted(found, key=_price))


def _price(ring: Ring) -> tuple[int, ...]:
    pieces = ring.inner if isinstance(ring, SplitRing) else 1
    return ring.n_multiplications, pieces, ring.needs_root_of_two, ring.bits


def _split_candidates(length: int) -> Iterator[SplitRing]:
    inner = 2
    while length % inner == 0:
        for outer in rings(length // inner):
            ring = SplitRing(outer.bits, length, inner)
            few = ring.n_multiplications <= MAX_SPLIT_MULTIPLICATIONS
            if few and ring.turning.has_root and ring.reduced_modulus > 1:
                yield ring
        inner *= 2


def limbs_of(bits: int) -> int:
    """Limbs that words of a ring of ``bits`` bits are cut into for their product."""
    return math.ceil(bits / LIMB_BITS)
