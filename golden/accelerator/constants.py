"""What a program finds in ROM, on its way there."""

import numpy as np

from golden.accelerator.program import Rom
from golden.inputs.errors import ParameterError
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers

_MOST_TABLES = 64


class Constants:
    """Contents of the ROMs: what is stored gets an address."""

    def __init__(self) -> None:
        self._weights: list[Integers] = []
        self._bias: list[Integers] = []
        self._scales: list[tuple[Integers, Integers]] = []
        self._tables: list[Integers] = [np.arange(256)]

    @property
    def rom(self) -> Rom:
        """All that was stored."""
        multiplier, shift = (np.stack(values) for values in zip(*self._scales, strict=True))
        return Rom(
            np.concatenate(self._weights),
            np.concatenate(self._bias),
            multiplier,
            shift,
            np.stack(self._tables),
        )

    def weights(self, rows: Integers) -> int:
        """Store rows ``[n, tile]``; return where the first is."""
        return _append(self._weights, rows)

    def bias(self, words: Integers) -> int:
        """Store biases ``[n, scalers]``; return where the first is."""
        return _append(self._bias, words)

    def scales(self, multiplier: Integers, shift: Integers) -> int:
        """Store factors ``[n, scalers]``; return where the first is."""
        address = len(self._scales)
        self._scales += list(zip(multiplier, shift, strict=True))
        return address

    def table(self, operator: Pointwise, after: int = 0) -> int:
        """Return the number of the table of a function, behind that of another."""
        data = operator.takes[0]
        words = np.arange(data.range.low, data.range.high + 1)
        table = np.zeros(256, np.int64)
        table[words & 255] = operator.table & 255
        table = table[self._tables[after]]
        for number, known in enumerate(self._tables):
            if np.array_equal(known, table):
                return number
        if len(self._tables) == _MOST_TABLES:
            raise ParameterError("network", f"of at most {_MOST_TABLES} tables", "more")
        self._tables.append(table)
        return len(self._tables) - 1


def _append(stored: list[Integers], rows: Integers) -> int:
    address = sum(len(known) for known in stored)
    stored.append(rows)
    return address
