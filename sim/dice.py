"""Choices that something random is made of."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np


class Dice(ABC):
    """Numbers, and choices by them; the first of all is the plainest.

    Attributes
    ----------
    numbers
        All that were given: `Told` by them, the same comes out.
    """

    def __init__(self) -> None:
        self.numbers: list[int] = []

    @abstractmethod
    def _number(self, low: int, high: int) -> int:
        """Return a number from ``low`` to ``high``."""

    def number(self, low: int, high: int) -> int:
        """Return a number of both ends and what is between."""
        self.numbers.append(self._number(low, high))
        return self.numbers[-1]

    def often(self, part: float) -> bool:
        """Return whether something happens that does in ``part`` of all cases."""
        return self.number(1, 100) > 100 * (1 - part)

    def one(self, *choices: Any) -> Any:
        """Return one of ``choices``."""
        return choices[self.number(0, len(choices) - 1)]


class Thrown(Dice):
    """Numbers of a random number generator, the same for the same ``seed``."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = np.random.default_rng(seed)

    def _number(self, low: int, high: int) -> int:
        return int(self._generator.integers(low, high, endpoint=True))


class Told(Dice):
    """Numbers that were given before; beyond the last one, the lowest."""

    def __init__(self, numbers: Iterable[int]) -> None:
        super().__init__()
        self._left = iter(numbers)

    def _number(self, low: int, high: int) -> int:
        return min(max(next(self._left, low), low), high)
