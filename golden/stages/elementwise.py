"""Functions of a sample each: activations, as a table of every sample that there can be."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from golden.graph.graph import Stage
from golden.graph.tensor import Tensor
from golden.inputs.config import refusal
from golden.line.weights import Arrays, checked_array
from golden.numbers.certificate import Errors
from golden.numbers.interval import Integers, Interval

MAX_BITS = 12
"""Widest sample: 4,096 words a table, and a table a lane."""


@dataclass(frozen=True, eq=False)
class Elementwise(Stage):
    """Every sample on its own.

    Parameters
    ----------
    taken
        The map, line after line along the width.

    Raises
    ------
    ParameterError
        Where its samples are wider than `MAX_BITS`.
    """

    taken: Tensor

    def __post_init__(self) -> None:
        if self.taken.bits > MAX_BITS:
            rule = f"left out where samples are wider than {MAX_BITS} bits"
            raise refusal("after", rule, f"given, with {self.taken.bits} bits")

    @abstractmethod
    def of(self, samples: Integers) -> Integers:
        """Return what becomes of ``samples``, of any shape, in the range of the map."""

    @cached_property
    def words(self) -> Integers:
        """What becomes of each sample in the range of the map, from the lowest on."""
        span = self.taken.range
        return self.of(np.arange(span.low, span.high + 1))

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """See `Stage`."""
        return (self.taken,)

    @property
    def output(self) -> Tensor:
        """See `Stage`."""
        return replace(self.taken, range=Interval.of(self.words))

    def value(self, *maps: Integers) -> Integers:
        """See `Stage`."""
        return self.of(maps[0])

    def errors(self, *off: Errors) -> Errors:
        """See `Stage`: the most that two words are apart whose samples are that far apart."""
        apart = {steps: self._apart(steps) for steps in set(off[0].results)}
        return Errors(off[0].sums, [apart[steps] for steps in off[0].results])

    def _apart(self, steps: int) -> int:
        most = 0
        for step in range(1, min(steps, len(self.words) - 1) + 1):
            most = max(most, int(np.abs(self.words[step:] - self.words[:-step]).max()))
        return most


@dataclass(frozen=True, eq=False)
class Lookup(Elementwise):
    """A table of its own.

    Parameters
    ----------
    table
        ``[2^bits]``: what becomes of every word of a sample, from the lowest on.
    """

    table: Integers

    def of(self, samples: Integers) -> Integers:
        """See `Elementwise`."""
        return np.asarray(self.table[samples + (1 << self.taken.bits - 1)])


LOOKUP_ARRAY = "lookup"
"""Key of the weights file that holds its table."""


def lookup_of(taken: Tensor, arrays: Arrays | None) -> Lookup:
    """Return the stage of the table that ``arrays`` hold.

    Raises
    ------
    ParameterError
        Where there is none, or it breaks its format.
    """
    if arrays is None:
        rule = "left out with weights_port = true, since the table is in the weights file"
        raise refusal("after", rule, '"lookup"')
    shape, words = (1 << taken.bits,), Interval.signed(taken.bits)
    return Lookup(taken, checked_array(arrays, LOOKUP_ARRAY, shape, words))


def example_lookup(taken: Tensor) -> Mapping[str, Integers]:
    """Return the table of an example: half of what is below 0."""
    samples = np.arange(-(1 << taken.bits - 1), 1 << taken.bits - 1)
    return {LOOKUP_ARRAY: np.where(samples < 0, samples // 2, samples)}


@dataclass(frozen=True)
class After:
    """A stage that may follow a layer's own.

    Parameters
    ----------
    make
        Makes it of the map that it takes, and the weights file's arrays, or None where weights
        arrive on ports.
    arrays
        Keys of the weights file that it reads.
    example
        Makes these arrays up.
    """

    make: Callable[[Tensor, Arrays | None], Stage]
    arrays: tuple[str, ...] = ()
    example: Callable[[Tensor], Mapping[str, Integers]] | None = None


AFTER: dict[str, After] = {"lookup": After(lookup_of, (LOOKUP_ARRAY,), example_lookup)}
"""By the name that a layer's configuration calls it, under ``after``."""


def arrays_after() -> tuple[str, ...]:
    """Return the keys of weights files that `AFTER` reads."""
    return tuple(key for entry in AFTER.values() for key in entry.arrays)
