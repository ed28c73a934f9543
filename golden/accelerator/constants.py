"""What a program finds in ROM, on its way there."""

import numpy as np

from golden.accelerator.program import Rom
from golden.inputs.errors import ParameterError
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers

_MOST_TABLES = 64


class _Words:
    """Rows of a ROM, of a shape if there are none; what is stored again is where it was."""

    def __init__(self, *shape: int) -> None:
        self._nothing: Integers = np.zeros((0, *shape), np.int64)
        self._rows: list[Integers] = []
        self._known: dict[bytes, int] = {}
        self._count = 0

    @property
    def all(self) -> Integers:
        """All rows."""
        return np.concatenate(self._rows) if self._rows else self._nothing

    def put(self, rows: Integers) -> int:
        """Store rows; return where the first is."""
        key = rows.tobytes()
        if key not in self._known:
            self._known[key] = self._count
            self._rows.append(rows)
            self._count += len(rows)
        return self._known[key]


class Constants:
    """Contents of the ROMs: what is stored gets an address."""

    def __init__(self) -> None:
        self._weights = _Words(1)
        self._bias = _Words(1)
        self._scales = _Words(2, 1)
        self._kernels = _Words(1)
        self._tables: list[Integers] = [np.arange(256)]

    @property
    def rom(self) -> Rom:
        """All that was stored."""
        multiplier, shift = np.moveaxis(self._scales.all, 1, 0)
        return Rom(
            self._weights.all,
            self._bias.all,
            multiplier,
            shift,
            np.stack(self._tables),
            self._kernels.all,
        )

    def weights(self, rows: Integers) -> int:
        """Store rows ``[n, tile]``; return where the first is."""
        return self._weights.put(rows)

    def bias(self, words: Integers) -> int:
        """Store biases ``[n, scalers]``; return where the first is."""
        return self._bias.put(words)

    def scales(self, multiplier: Integers, shift: Integers) -> int:
        """Store factors ``[n, scalers]``; return where the first is."""
        return self._scales.put(np.stack([multiplier, shift], axis=1))

    def kernels(self, rows: Integers) -> int:
        """Store what the depthwise unit keeps of a tile ``[n, taps * tile]``; return where."""
        return self._kernels.put(rows)

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
