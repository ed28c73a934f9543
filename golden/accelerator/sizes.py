"""The accelerator's sizes, which a program is made for."""

from dataclasses import dataclass
from functools import cached_property

from golden.inputs.errors import ParameterError, check_range
from golden.matrix.design import MatrixDesign
from golden.numbers.quantize import MULTIPLIER_BITS
from golden.targets import check_target

DATA_BITS = 8
CENTRED_BITS = 9
"""Of a sample less its zero point, and of a weight, which may be such a sample: a gain."""
BIASED_BITS = 24
"""Of a sum with its bias in the depthwise unit, and of that."""
SUM_BITS = 32
MOST_POSITIONS = 2048
"""Twice as many sums may wait to be scaled, and there are block RAMs of that."""
LEAST_FACTOR_BITS = 8


@dataclass(frozen=True)
class Sizes:
    """How large an accelerator is.

    Parameters
    ----------
    tile
        Channels of a word; inputs and outputs of the matrix unit; a multiple of 4.
    scalers
        Sums requantised a cycle, a divisor of ``tile``.
    positions
        Windows of a descriptor at most.
    target
        Device family.
    logic_scalers
        How many of the scalers multiply in look-up tables and carries, and take no multiplier.
    factor_bits
        Width of the factors that sums are scaled by, but for float32's: our own calibration's are
        narrower than there is room for.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    tile: int = 4
    scalers: int = 4
    positions: int = 256
    target: str = "generic"
    logic_scalers: int = 0
    factor_bits: int = MULTIPLIER_BITS

    def __post_init__(self) -> None:
        check_range("tile", self.tile, 4, 64)
        check_range("scalers", self.scalers, 1, self.tile)
        check_range("positions", self.positions, 2, MOST_POSITIONS)
        check_range("logic_scalers", self.logic_scalers, 0, self.scalers)
        check_range("factor_bits", self.factor_bits, LEAST_FACTOR_BITS, MULTIPLIER_BITS)
        if self.tile % 4:
            raise ParameterError("tile", "a multiple of 4", self.tile)
        if self.tile % self.scalers:
            raise ParameterError("scalers", f"a divisor of {self.tile} channels", self.scalers)
        check_target(self.target)

    @cached_property
    def matrix(self) -> MatrixDesign:
        """The matrix unit."""
        return MatrixDesign(
            inputs=self.tile,
            outputs=self.tile,
            positions=self.positions,
            # Of a descriptor's finished sums and the next one's: neither ever waits.
            results=2 * self.positions,
            data_bits=CENTRED_BITS,
            weight_bits=CENTRED_BITS,
            sum_bits=SUM_BITS,
            target=self.target,
        )

    @property
    def parts(self) -> int:
        """Cycles that the post unit takes for a position."""
        return self.tile // self.scalers
