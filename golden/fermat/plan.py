"""What a transform modulo 2^b + 1 does to a line, step by step, and the range of every word.

Each step is described once, here: `apply` is its bit-exact model, and `hw.fermat` builds from the
same ranges and schedules.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Protocol

import numpy as np

from golden.fermat.ring import Ring, SplitRing, limbs_of, prime_factors, rotate, rotated_range
from golden.numbers.interval import Integers, Interval

REDUCTION_ADDRESS_BITS = 9
"""Of a table of the final reduction: 512 words, one block RAM."""


class Step(Protocol):
    """One step of a transform, on streams of words."""

    @property
    def i(self) -> Interval:
        """Range of the words that come."""

    @property
    def o(self) -> Interval:
        """Range of the words that leave."""

    def apply(self, words: Integers) -> Integers:
        """Return what the hardware makes of ``words`` ``[..., N]``, in order of arrival."""


@dataclass(frozen=True)
class Butterfly:
    """Transforms of ``radix`` points on words ``delay`` beats apart.

    Output k is ``sum_n x[n] * 2^(n * k * turn)``, and comes ``k * delay`` beats after output 0.

    Parameters
    ----------
    radix, delay
        Points, and beats from one to the next.
    bits
        Of the ring.
    turn
        Shift that is the root of unity of order ``radix``.
    i
        Range of the words.
    """

    radix: int
    delay: int
    bits: int
    turn: int
    i: Interval

    @property
    def shifts(self) -> tuple[int, ...]:
        """What each point is rotated by from one output to the next."""
        return tuple(n * self.turn % (2 * self.bits) for n in range(self.radix))

    @cached_property
    def cells(self) -> tuple[Interval, ...]:
        """Range of each point's word, over all the outputs that it is rotated for."""
        ranges = []
        for shift in self.shifts:
            reached = word = self.i
            for _ in range(self.radix - 1 if shift else 0):
                word = rotated_range(word, shift, self.bits)
                reached = Interval.union((reached, word))
            ranges.append(reached)
        return tuple(ranges)

    @cached_property
    def o(self) -> Interval:
        """Range of the outputs."""
        total = self.cells[0]
        for cell in self.cells[1:]:
            total = total + cell
        return total

    def apply(self, words: Integers) -> Integers:
        """Transform blocks of ``radix * delay`` words."""
        points = words.reshape(*words.shape[:-1], -1, self.radix, self.delay)
        cells = [points[..., n, :] for n in range(self.radix)]
        outputs = []
        for _ in range(self.radix):
            outputs.append(sum(cells[1:], start=cells[0]))
            cells = [
                rotate(cell, shift, self.bits) if shift else cell
                for cell, shift in zip(cells, self.shifts, strict=True)
            ]
        return np.stack(outputs, axis=-2).reshape(words.shape)


@dataclass(frozen=True)
class Level:
    """Rotates some words of a block by a fixed amount, and passes the others.

    Parameters
    ----------
    shifts
        One shift, or two whose rotations are added: sqrt(2) is the sum of two powers of 2.
    folds
        Whether the words that pass are folded to about ``bits`` bits.
    chosen
        For each word of a block, whether it is rotated.
    bits
        Of the ring.
    i
        Range of the words.
    """

    shifts: tuple[int, ...]
    folds: bool
    chosen: tuple[bool, ...]
    bits: int
    i: Interval

    @property
    def rotated(self) -> tuple[Interval, ...]:
        """Range of each rotation by itself."""
        return tuple(rotated_range(self.i, shift, self.bits) for shift in self.shifts)

    @property
    def passed(self) -> Interval:
        """Range of a word that is not rotated."""
        return rotated_range(self.i, 0, self.bits) if self.folds else self.i

    @cached_property
    def o(self) -> Interval:
        """Range of all words that leave."""
        total = self.rotated[0]
        for other in self.rotated[1:]:
            total = total + other
        return Interval.union((total, self.passed))

    def apply(self, words: Integers) -> Integers:
        """Rotate the chosen words of each block."""
        rotated = sum(rotate(words, shift, self.bits) for shift in self.shifts)
        passed = rotate(words, 0, self.bits) if self.folds else words
        repeats = words.shape[-1] // len(self.chosen)
        return np.where(np.tile(self.chosen, repeats), rotated, passed)


@dataclass(frozen=True)
class Rotation:
    """Multiplies each word of a block by its own power of the root of unity, by levels.

    Parameters
    ----------
    levels
        At least one, in order.
    excess
        Half steps that every word is rotated by beyond what it should be.
    """

    levels: tuple[Level, ...]
    excess: int

    @property
    def i(self) -> Interval:
        """Range of the words that come."""
        return self.levels[0].i

    @property
    def o(self) -> Interval:
        """Range of the words that leave."""
        return self.levels[-1].o

    @property
    def block(self) -> int:
        """Words after which the schedule begins again."""
        return len(self.levels[0].chosen)

    def apply(self, words: Integers) -> Integers:
        """Rotate by one level after the other."""
        for level in self.levels:
            words = level.apply(words)
        return words


@dataclass(frozen=True)
class Fold:
    """Brings words of any width to about ``bits`` bits."""

    bits: int
    i: Interval

    @property
    def o(self) -> Interval:
        """Range of the words that leave."""
        return rotated_range(self.i, 0, self.bits)

    def apply(self, words: Integers) -> Integers:
        """Fold every word."""
        return rotate(words, 0, self.bits)


@dataclass(frozen=True)
class _Twiddle:
    """Exponents of a block, as multiples of ``unit`` half steps."""

    unit: int
    multiples: tuple[int, ...]


@dataclass(frozen=True)
class _Points:
    radix: int
    delay: int


@cache
def _split(n: int) -> tuple[int, int] | None:
    """Cut a transform in two, A points apart and then B together; None where ``n`` is prime.

    Odd factors stand last in the forward transform, where their delay is shortest. Powers of 2 are
    halved: the exponents between the halves need as many levels wherever the cut is, but those
    inside them fewer.
    """
    primes = prime_factors(n)
    power = n & -n
    if primes == [n]:
        return None
    if power == 1:
        return primes[-1], n // primes[-1]
    if power < n:
        return power, n // power
    first = 1 << math.ceil((n.bit_length() - 1) / 2)
    return first, n // first


def _bins(n: int) -> list[int]:
    """Return the bin that each output of a forward transform of ``n`` points is."""
    split = _split(n)
    if split is None:
        return list(range(n))
    a, b = split
    return [(k1 + a * k2) % n for k1 in _outer_bins(a, b) for k2 in _bins(b)]


def _outer_bins(a: int, b: int) -> list[int]:
    """Return a representative modulo a * b of each output of the outer transform.

    Where a and b are coprime it is a multiple of b: the exponents between are then multiples of b
    too, and need no more levels than an exponent modulo a (Good and Thomas, without permuting).
    """
    if math.gcd(a, b) > 1:
        return _bins(a)
    return [k * b * pow(b, -1, a) % (a * b) for k in _bins(a)]


def _flow(n: int, inner: int, ring: Ring) -> list[_Twiddle | _Points]:
    """Return the steps of a forward transform of ``n`` points, ``inner`` words apart."""
    split = _split(n)
    if split is None:
        return [_Points(n, inner)]
    a, b = split
    exponents = [k1 * n2 % n for k1 in _outer_bins(a, b) for n2 in range(b) for _ in range(inner)]
    common = math.gcd(n, *exponents)
    twiddle = _Twiddle(ring.circle // n * common, tuple(e // common for e in exponents))
    return [*_flow(a, inner * b, ring), twiddle, *_flow(b, inner, ring)]


def _flow_of(ring: Ring) -> list[_Twiddle | _Points]:
    """Return the steps of a forward transform along every axis, the innermost last."""
    steps: list[_Twiddle | _Points] = []
    inner = ring.length
    for axis in ring.axes:
        inner //= axis.length
        steps += _flow(axis.length, inner, axis)
    return steps


def bins(length: int) -> list[int]:
    """Return the bin k of every word of a spectrum, in the order that it comes in."""
    return _bins(length)


@dataclass(frozen=True)
class Transform:
    """A number-theoretic transform as a chain of steps.

    Forward takes a line in natural order and gives its bins in the order of `bins`; inverse takes
    that order, gives natural order, and leaves out the factor 1/N.
    """

    steps: tuple[Step, ...]

    @property
    def o(self) -> Interval:
        """Range of the words that leave."""
        return self.steps[-1].o

    @property
    def excess(self) -> int:
        """Half steps that the result is rotated by beyond what it should be."""
        return sum(step.excess for step in self.steps if isinstance(step, Rotation))

    def apply(self, words: Integers) -> Integers:
        """Transform lines ``[..., N]``."""
        for step in self.steps:
            words = step.apply(words)
        return words


@cache
def forward_transform(ring: Ring, words: Interval) -> Transform:
    """``X[k] = sum_n x[n] * g^(n * k)``, with g the ring's root of unity."""
    return Transform(tuple(_steps(ring, words, _flow_of(ring), inverse=False)))


@cache
def inverse_transform(ring: Ring, words: Interval) -> Transform:
    """``N * y[n] = sum_k Y[k] * g^(-n * k)``, times ``sqrt(2) ^ excess``."""
    return Transform(tuple(_steps(ring, words, _flow_of(ring)[::-1], inverse=True)))


def _steps(
    ring: Ring, words: Interval, flow: Sequence[_Twiddle | _Points], *, inverse: bool
) -> list[Step]:
    steps: list[Step] = []
    for part in flow:
        if isinstance(part, _Twiddle):
            steps.append(_rotation(ring, words, part, inverse=inverse))
        else:
            if part.radix > 2 and _wide(words, ring):
                steps.append(Fold(ring.bits, words))
                words = steps[-1].o
            turn = 2 * ring.bits // part.radix * (part.radix - 1 if inverse else 1)
            steps.append(Butterfly(part.radix, part.delay, ring.bits, turn, words))
        words = steps[-1].o
    return steps


def _wide(words: Interval, ring: Ring) -> bool:
    """Whether words have grown beyond what a rotation gives."""
    return words.bits > ring.bits + 1


def _rotation(ring: Ring, words: Interval, twiddle: _Twiddle, *, inverse: bool) -> Rotation:
    """Return a rotation whose shifts are those of the forward transform in both directions.

    Backward, a word turns on by what it lacks of a whole set of levels, and the whole set, the
    same for every word, is the excess: shifts below b give the narrowest words.
    """
    levels: list[Level] = []
    n_levels = max(twiddle.multiples).bit_length()
    for place in range(n_levels):
        level = Level(
            shifts=_shifts(twiddle.unit << place, ring),
            folds=_wide(words, ring),
            chosen=tuple(bool(multiple >> place & 1) != inverse for multiple in twiddle.multiples),
            bits=ring.bits,
            i=words,
        )
        levels.append(level)
        words = level.o
    return Rotation(tuple(levels), twiddle.unit * ((1 << n_levels) - 1) if inverse else 0)


def _shifts(half_steps: int, ring: Ring) -> tuple[int, ...]:
    """Return the shifts whose sum is ``sqrt(2) ^ half_steps``."""
    whole, odd = divmod(half_steps, 2)
    if not odd:
        return (whole,)
    # sqrt(2) = 2^(b/4) - 2^(3b/4), and the second term's sign is another b.
    around = 2 * ring.bits
    return ((whole + ring.bits // 4) % around, (whole + 7 * ring.bits // 4) % around)


@dataclass(frozen=True)
class Term:
    """Coefficient of ``2^(limb_bits * power)`` in a product: ``sum_(i+j=power) x_i * h_j``."""

    power: int
    shift: int
    range: Interval


@dataclass(frozen=True)
class Product:
    """Modular products of folded words with spectrum words, limb by limb.

    With ``d_ij = (x_i - x_j) * (h_i - h_j)`` and ``p_i = x_i * h_i``, the coefficient of
    ``2^(w * m)`` is the sum over ``i + j = m`` of ``p_i + p_j - d_ij`` for i < j and of ``p_i`` for
    i = j (Karatsuba): L * (L + 1) / 2 multiplications. Rotated, the coefficients add up to the
    product modulo 2^b + 1.

    Parameters
    ----------
    bits
        Of the ring.
    x, h
        Ranges of the words and of the spectrum.
    """

    bits: int
    x: Interval
    h: Interval

    @property
    def n_limbs(self) -> int:
        """Limbs of a word, L."""
        return limbs_of(self.bits)

    @property
    def limb_bits(self) -> int:
        """Bits of every limb but the top one, w. They are unsigned; the top one is signed."""
        return math.ceil(self.bits / self.n_limbs)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Limbs whose differences are multiplied."""
        return [(i, j) for j in range(self.n_limbs) for i in range(j)]

    @property
    def n_multiplications(self) -> int:
        """Multiplications a product."""
        return self.n_limbs + len(self.pairs)

    def limb_ranges(self, words: Interval) -> list[Interval]:
        """Range of each limb of ``words``."""
        below = [Interval(0, (1 << self.limb_bits) - 1)] * (self.n_limbs - 1)
        top = self.limb_bits * (self.n_limbs - 1)
        return [*below, Interval(words.low >> top, words.high >> top)]

    def limbs(self, words: Integers) -> list[Integers]:
        """Cut ``words`` into limbs, the lowest first."""
        width, count = self.limb_bits, self.n_limbs
        low = [(words >> (width * i)) & ((1 << width) - 1) for i in range(count - 1)]
        return [*low, words >> (width * (count - 1))]

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The coefficients, and what each is rotated by."""
        x, h = self.limb_ranges(self.x), self.limb_ranges(self.h)
        found = []
        for power in range(2 * self.n_limbs - 1):
            total = Interval(0, 0)
            for i in range(self.n_limbs):
                if 0 <= power - i < self.n_limbs:
                    total = total + x[i] * h[power - i]
            found.append(Term(power, self.limb_bits * power % (2 * self.bits), total))
        return tuple(found)

    def rotated(self, term: Term) -> Interval:
        """Range of a term in its place; the first one stays as it is."""
        return rotated_range(term.range, term.shift, self.bits) if term.shift else term.range

    @cached_property
    def total(self) -> Interval:
        """Range of the terms' sum."""
        total = Interval(0, 0)
        for term in self.terms:
            total = total + self.rotated(term)
        return total

    @property
    def o(self) -> Interval:
        """Range of the folded sum."""
        return rotated_range(self.total, 0, self.bits)

    def coefficients(self, x: Sequence[Integers], h: Sequence[Integers]) -> list[Integers]:
        """Return the coefficients of two words' product, from their limbs."""
        squares = [a * b for a, b in zip(x, h, strict=True)]
        found = [0 * squares[0] for _ in self.terms]
        for i, square in enumerate(squares):
            found[2 * i] = found[2 * i] + square
        for i, j in self.pairs:
            crossed = squares[i] + squares[j] - (x[i] - x[j]) * (h[i] - h[j])
            found[i + j] = found[i + j] + crossed
        return found

    def apply(self, words: Integers, spectrum: Integers) -> Integers:
        """Multiply folded ``words`` with ``spectrum``, word by word."""
        total = np.zeros_like(words)
        coefficients = self.coefficients(self.limbs(words), self.limbs(spectrum))
        for term, coefficient in zip(self.terms, coefficients, strict=True):
            rotated = rotate(coefficient, term.shift, self.bits) if term.shift else coefficient
            total = total + rotated
        return rotate(total, 0, self.bits)


@dataclass(frozen=True)
class Branch:
    """What words go through between the transforms of a line: steps, the product, and steps back.

    Parameters
    ----------
    before, after
        No steps where the line is not split.
    fold, product
        Between them.
    """

    before: Transform
    fold: Fold
    product: Product
    after: Transform

    @property
    def steps(self) -> tuple[Step, ...]:
        """Steps of both transforms."""
        return (*self.before.steps, *self.after.steps)

    @property
    def o(self) -> Interval:
        """Range of the words that leave."""
        return self.after.o if self.after.steps else self.product.o

    def apply(self, words: Integers, spectrum: Integers) -> Integers:
        """Run ``words`` through the branch."""
        folded = self.fold.apply(self.before.apply(words))
        return self.after.apply(self.product.apply(folded, spectrum))


def branches(ring: Ring, words: Interval) -> tuple[Branch, ...]:
    """Return the branches whose results are added up, from the range of the bins.

    One for most rings. Where lines are split, a product of polynomials modulo ``z^N1 - c`` is left,
    c being known of each bin. Of ``A``, that product modulo ``z^N1 - 1``, and ``B``, modulo
    ``z^N1 + 1``, it is ``A * (1 + c) / 2 + B * (1 - c) / 2``, and these factors are in the spectra.
    A is a circular convolution; so is B between words turned by powers of a root of order 2 * N1.
    """
    if not isinstance(ring, SplitRing):
        return (_branch(ring, words, ()),)
    around: list[_Twiddle | _Points] = list(_flow(ring.inner, 1, Ring(ring.bits, ring.inner)))
    turn = _Twiddle(ring.turning.step, tuple(range(ring.inner)))
    return _branch(ring, words, around), _branch(ring, words, [turn, *around])


def _branch(ring: Ring, words: Interval, flow: Sequence[_Twiddle | _Points]) -> Branch:
    before = Transform(tuple(_steps(ring, words, flow, inverse=False)))
    limit = ring.reduced_modulus // 2
    fold = Fold(ring.bits, before.o if flow else words)
    product = Product(ring.bits, fold.o, Interval(-limit, limit))
    after = Transform(tuple(_steps(ring, product.o, flow[::-1], inverse=True)))
    return Branch(before, fold, product, after)


@dataclass(frozen=True)
class Reduction:
    """One step of the way to the sum itself: ``v - table[v >> shift]``, multiples of P.

    Parameters
    ----------
    modulus
        P.
    shift
        Bits below the table's address.
    center
        Twice the middle of the sums' range, which the result is brought closest to.
    i
        Range of v.
    o
        Range of the result.
    """

    modulus: int
    shift: int
    center: int
    i: Interval
    o: Interval

    @property
    def address_bits(self) -> int:
        """Width of the table's address."""
        return max(self.i.bits - self.shift, 1)

    @cached_property
    def table(self) -> list[int]:
        """Multiples of P by the address as an unsigned number; 0 where none leads."""
        words = [0] * (1 << self.address_bits)
        for address in range(self.i.low >> self.shift, (self.i.high >> self.shift) + 1):
            words[address % len(words)] = self.modulus * self._quotient(address)
        return words

    def _quotient(self, address: int) -> int:
        """Return the multiple of P next to the middle of an address's cell, less the center."""
        cell = (2 * address + 1 << self.shift) - 1 - self.center  # twice
        return (cell + self.modulus) // (2 * self.modulus)

    def apply(self, words: Integers) -> Integers:
        """Subtract each word's multiple of P."""
        table = np.array(self.table, dtype=words.dtype)
        addresses = ((words >> self.shift) & (len(table) - 1)).astype(np.int64)
        return words - table[addresses]


def reductions(ring: Ring, words: Interval, sums: Interval) -> tuple[Reduction, ...]:
    """Return the steps that lead from words congruent to sums, modulo P, to the sums themselves.

    A cell of addresses of the last step is no longer than what P has to spare over the sums'
    range, so it meets the images of that range for a single multiple of P. Wider words take more
    than one step; the others' results are only near 0, wherever the sums are: words near sums that
    are far from 0 would need the sums' bits, however small P is.
    """
    modulus = ring.reduced_modulus
    spare = modulus - (sums.high - sums.low)
    finest = spare.bit_length() - 1
    steps: list[Reduction] = []
    while words.bits - finest > REDUCTION_ADDRESS_BITS:
        shift = words.bits - REDUCTION_ADDRESS_BITS
        reach = modulus // 2 + (1 << (shift - 1)) + 1
        result = Interval(-reach, reach)
        steps.append(Reduction(modulus, shift, 0, words, result))
        words = result
    steps.append(Reduction(modulus, finest, sums.low + sums.high, words, sums))
    return tuple(steps)


def apply_all(steps: Sequence[Reduction], words: Integers) -> Integers:
    """Run ``words`` through ``steps``."""
    for step in steps:
        words = step.apply(words)
    return words
