"""What every operator of a network is told and tells: maps, sums, products, and what to store."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from golden.graph.graph import Stage
from golden.inputs.config import NAMES, refusal
from golden.inputs.errors import ParameterError
from golden.network.map import Map
from golden.network.rescale import SUM_BITS, Rescale
from golden.numbers.interval import Integers, Interval

Arrays = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Operator(Stage):
    """A stage of a network; its own fields are integers, words, tuples of them, and arrays.

    Parameters
    ----------
    takes
        Maps that it takes.
    gives
        The map that it gives; its range is that of the words, `clip` may be less.

    Raises
    ------
    ParameterError
        Where shapes, formats or parameters do not agree, or a sum does not fit 32 bits.
    """

    kind: ClassVar[str]
    """Its name in files."""
    formula: ClassVar[str]
    """What it computes, for people."""

    takes: tuple[Map, ...]
    gives: Map

    def __post_init__(self) -> None:
        self.check()
        if (bits := self.sums.bits) > SUM_BITS:
            raise ParameterError("sums", f"of at most {SUM_BITS} bits", bits)

    @property
    def unsigned(self) -> Self:
        """The same with words of all maps that are not signed: see `Map.unsigned`.

        Every sum stays, since zero points move with the words.
        """
        own: dict[str, Any] = {}
        if isinstance(clip := getattr(self, "clip", None), Interval) and "clip" in vars(self):
            own["clip"] = clip + Interval(self.gives.offset, self.gives.offset)
        takes = tuple(data.unsigned for data in self.takes)
        return replace(self, takes=takes, gives=self.gives.unsigned, **own)

    @property
    def inputs(self) -> tuple[Map, ...]:
        """What it takes."""
        return self.takes

    @property
    def output(self) -> Map:
        """What it gives."""
        return self.gives

    def check(self) -> None:
        """Raise `ParameterError` where shapes, formats or parameters do not agree."""
        raise NotImplementedError

    @property
    def sums(self) -> Interval:
        """Range of what is rounded to the result, over all maps: what no sum ever leaves."""
        return self.gives.range

    @property
    def reach(self) -> Interval:
        """Range of the results."""
        return self.gives.range

    @property
    def products(self) -> int:
        """Multiplications that a frame takes."""
        return 0

    @property
    def max_error(self) -> int:
        """Most steps that a result is off what the reference gives: 0 where that is exact."""
        return 0

    def certificate(self) -> dict[str, object]:
        """Return what is proved of it over all maps."""
        return {
            "sum_low": self.sums.low,
            "sum_high": self.sums.high,
            "sum_bits": self.sums.bits,
            "low": self.reach.low,
            "high": self.reach.high,
            "max_error": self.max_error,
        }

    def stored(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[np.generic]]]:
        """Return its own fields: what a TOML file holds, and arrays."""
        options: dict[str, Any] = {}
        arrays: dict[str, npt.NDArray[np.generic]] = {}
        for name in own_fields(type(self)):
            value = getattr(self, name)
            if isinstance(value, Rescale):
                arrays |= {"multiplier": value.multiplier, "shift": value.shift}
                options["single"] = value.single
            elif isinstance(value, np.ndarray):
                arrays[name] = value
            elif isinstance(value, Interval):
                options[name] = [value.low, value.high]
            else:
                options[name] = list(value) if isinstance(value, tuple) else value
        return options, arrays

    @classmethod
    def restored(
        cls, takes: tuple[Map, ...], gives: Map, options: Mapping[str, Any], arrays: Arrays
    ) -> Self:
        """Return the operator that `stored` gave ``options`` and ``arrays`` of.

        Raises
        ------
        ParameterError
            Where one is missing, unknown or of another type, or breaks its rule.
        """
        own: dict[str, Any] = {}
        left, rest = dict(options), dict(arrays)
        for name, kind in own_fields(cls).items():
            if kind is Rescale:
                factors = {
                    key: _integers(rest.pop(key, None), key) for key in ("multiplier", "shift")
                }
                own[name] = Rescale(**factors, single=left.pop("single", False) is True)
            elif kind is Integers:
                own[name] = _integers(rest.pop(name, None), name)
            else:
                own[name] = _plain(left.pop(name, None), kind, name)
        if "clip" in own:
            check_clip(own["clip"], gives)
        for name in (*left, *rest):
            raise refusal(name, f"left out of {cls.kind}", "given")
        return cls(takes=takes, gives=gives, **own)


def own_fields(operator: type[Operator]) -> dict[str, Any]:
    """Return the types of an operator's own fields by name."""
    shared = {field.name for field in fields(Operator)}
    return {field.name: field.type for field in fields(operator) if field.name not in shared}


def check_clip(clip: Interval, gives: Map) -> None:
    """Raise `ParameterError` unless what is clipped is words of a map."""
    if not (words := gives.range).holds(clip):
        rule = f"within {words.low} to {words.high}"
        raise ParameterError("clip", rule, f"{clip.low} to {clip.high}")


def check_shape(name: str, actual: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Raise `ParameterError` unless both shapes are the same."""
    if actual != wanted:
        raise ParameterError(name, f"of shape {wanted}", actual)


def check_count(takes: tuple[Map, ...], count: int) -> None:
    """Raise `ParameterError` unless an operator takes ``count`` maps."""
    if len(takes) != count:
        raise ParameterError("takes", f"{count} maps", len(takes))


def check_same_format(takes: tuple[Map, ...], gives: Map) -> None:
    """Raise `ParameterError` unless all maps have one format."""
    for data in takes:
        if data.format != gives.format:
            raise ParameterError("format", f"that of what is given, {gives}", data)


def _integers(array: npt.NDArray[np.generic] | None, name: str) -> Integers:
    if array is None or array.dtype.kind not in "iu":
        raise refusal(name, "an array of integers", "left out" if array is None else array.dtype)
    return array.astype(np.int64)


def _plain(value: Any, kind: Any, name: str) -> Any:
    """Return ``value`` as a field of type ``kind``: an int, a tuple of them, an interval."""
    if kind in (int, str) and type(value) is kind:
        return value
    whole = isinstance(value, list) and all(type(item) is int for item in value)
    if kind is Interval and whole and len(value) == 2 and value[0] <= value[1]:
        return Interval(*value)
    if kind not in (int, str, Interval) and whole:
        return tuple(value)
    raise refusal(name, NAMES.get(kind, "a list of integers"), repr(value))
