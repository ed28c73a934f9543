"""Widths with which an FFT engine is exact, and what else would do where there are none."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from golden.fft.proof import upwards
from golden.inputs.errors import ParameterError
from golden.line.options import EngineOption
from golden.numbers.fixed import round_half_even
from golden.numbers.interval import Integers, Interval

if TYPE_CHECKING:  # a design has the option
    from golden.fft.design import FftDesign

AnyFft = TypeVar("AnyFft", bound="FftDesign")

EXACT_BOUND = 0.5
"""Below it a result is off by less than a half, and rounding brings back the integer."""
EXACT_WIDTHS = ("spectrum_bits", "twiddle_bits", "operand_bits", "result_f_bits")
"""What `exact_widths` chooses, whatever it was."""
_FACTORS, _OPERANDS = EXACT_WIDTHS[:2], EXACT_WIDTHS[2:3]
_EXACT_F_BITS = 4


def exact_widths(design: AnyFft) -> AnyFft:
    """Return ``design`` with the narrowest widths whose proof makes its results exact.

    Operands and factors grow together until the proof succeeds; then each width in turn shrinks as
    far as it can: factors first, since they fill tables. Where they do not suffice, a design may
    know a slower way (`FftDesign.nearer`).

    Raises
    ------
    ParameterError
        Where the best that the model and the target take do not suffice: with the bound that is
        left, and the data and weights that would do. And where kernels are no integers.
    """
    if design.fractional:
        raise ParameterError("exact", "false where kernels are no integers", "true")
    exact = replace(design, result_f_bits=_EXACT_F_BITS)
    best = _best_widths(exact)
    if best.error_bound >= EXACT_BOUND:
        if (nearer := design.nearer) is not None:
            return exact_widths(nearer)
        rule = (
            f"left out where sums stay up to {upwards(best.error_bound):g} off at the best widths "
            f"({_what_would_do(best)})"
        )
        raise ParameterError("exact", rule, "given")
    while exact.error_bound >= EXACT_BOUND:
        exact = _resized(exact, 1, *_FACTORS, *_OPERANDS) or best
    for width in EXACT_WIDTHS:
        narrower = _resized(exact, -1, width)
        while narrower is not None and narrower.error_bound < EXACT_BOUND:
            exact, narrower = narrower, _resized(narrower, -1, width)
    return exact


EXACT = EngineOption(
    name="exact",
    help="Take the narrowest widths proved to be exact.",
    kind=bool,
    finish=exact_widths,
    settles=EXACT_WIDTHS,
)


def _best_widths(design: AnyFft) -> AnyFft:
    """Return ``design`` as wide as the model and the target take it, divided as is best.

    Factors and operands share the room of a product. Where both have half of it, it is operands
    that round more off.
    """
    best = design
    for widths in ((*_FACTORS, *_OPERANDS), _OPERANDS, _FACTORS):
        while (wider := _resized(best, 1, *widths)) is not None:
            best = wider
    while best.error_bound >= EXACT_BOUND:
        thinner = _resized(best, -1, *_FACTORS)
        other = None if thinner is None else _resized(thinner, 1, *_OPERANDS)
        if other is None or other.error_bound >= best.error_bound:
            break
        best = other
    return best


def _what_would_do(best: "FftDesign") -> str:
    """Return which data and weights, narrower than those of ``best``, its widths are exact for."""
    data, weights = best.data_bits, best.weight_bits
    found = []
    if less := _least_less(best, 1, 0):
        found.append(f"{data - less} data bits")
    if less := _least_less(best, 0, 1):
        found.append(f"{weights - less} weight bits")
    if less := _least_less(best, 1, 1):
        found.append(f"{data - less} data and {weights - less} weight bits")
    return f"{' or '.join(found) or 'no narrower data or weights'} would do"


def _least_less(best: "FftDesign", data: int, weights: int) -> int | None:
    """Return how often ``data`` and ``weights`` bits less make ``best`` exact, at the least."""

    def is_exact(times: int) -> bool:
        narrower = _narrower(best, data * times, weights * times)
        return narrower is not None and narrower.error_bound < EXACT_BOUND

    # A bit less halves the bound, or nearly so.
    times = max(math.ceil(math.log2(best.error_bound / EXACT_BOUND) / (data + weights)), 1)
    if not is_exact(times):
        most = max(best.data_bits, best.weight_bits)
        return next((more for more in range(times + 1, most) if is_exact(more)), None)
    while times > 1 and is_exact(times - 1):
        times -= 1
    return times


def _narrower(design: AnyFft, data: int, weights: int) -> AnyFft | None:
    """Return ``design`` with so many bits less of data and weights, its numbers rounded to them."""
    bits = {"data_bits": design.data_bits - data, "weight_bits": design.weight_bits - weights}
    if min(bits.values()) < 2:
        return None
    changes: dict[str, Any] = dict(bits)
    if (reach := design.data_range) is not None:
        changes["data_range"] = Interval(reach.low >> data, reach.high >> data)
    if design.weights is not None:
        changes["weights"] = replace(
            design.weights,
            weight=_rounded(design.weights.weight, weights, bits["weight_bits"]),
            pe=_rounded(design.weights.pe, data, bits["data_bits"]),
        )
    return replace(design, **changes)


def _rounded(values: Integers, less: int, bits: int) -> Integers:
    """Return ``values`` with ``less`` bits less, in the range of ``bits``."""
    ends = Interval.signed(bits)
    return np.asarray(np.clip(round_half_even(values, less), ends.low, ends.high))


def _resized(design: AnyFft, bits: int, *widths: str) -> AnyFft | None:
    """Return ``design`` with ``bits`` more in each of ``widths``, or None where it can't be."""
    try:
        return replace(design, **{width: getattr(design, width) + bits for width in widths})
    except ParameterError:
        return None
