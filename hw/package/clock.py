"""The clock that a package's constraints ask for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from golden.inputs.read import read_json
from hw.measured.clock import MEASURED

Result = Mapping[str, Any]

ASSUMED_MHZ = 100
_NEAR = 2.0
"""Ratio of lengths up to which a measurement stands for another length."""


@dataclass(frozen=True)
class ClockRate:
    """A rate to constrain for.

    Parameters
    ----------
    mhz
        The rate.
    why
        Where it is from.
    """

    mhz: float
    why: str

    @property
    def period_ns(self) -> float:
        """Of a cycle, in whole picoseconds, none more."""
        return math.floor(1_000_000 / self.mhz) / 1000


def _measured_for(target: str) -> list[Result]:
    """Return what was measured of a target's engines with a clock."""
    results = read_json(MEASURED, "measured")["results"]
    return [
        result
        for result in results
        if result["case"]["target"] == target and (result["report"] or {}).get("fmax_mhz")
    ]


def _nearest(results: Sequence[Result], engine: str, length: int) -> Result | None:
    """Return which of ``results`` stands for an engine of this length, if one does."""
    near = [
        result
        for result in results
        if str(result["case"]["engine"]) == engine
        and length / _NEAR <= result["case"]["length"] <= length * _NEAR
    ]
    return min(near, key=lambda result: abs(result["case"]["length"] - length), default=None)


def rate_for(manifest: Mapping[str, Any], asked_mhz: float | None = None) -> ClockRate:
    """Return the rate that was asked for, or else one that such engines were measured at."""
    if asked_mhz is not None:
        return ClockRate(asked_mhz, "as asked for")
    slowest = _slowest(manifest)
    if slowest is None:
        return ClockRate(ASSUMED_MHZ, "assumed, for nothing like it was measured: change it")
    case, fmax = slowest["case"], slowest["report"]["fmax_mhz"]
    of = f"{case['engine']}, {case['length']} samples"
    return ClockRate(math.floor(fmax), f"at which {of}, was placed on {case['device']}")


def _slowest(manifest: Mapping[str, Any]) -> Result | None:
    """Return the slowest measurement of the engines inside, where each has one."""
    target = manifest["parameters"]["target"]
    if target == "generic" or not MEASURED.is_file():
        return None
    results = _measured_for(target)
    one = {"engine": manifest.get("engine", ""), "length": manifest["parameters"].get("length", 0)}
    engines = manifest.get("engines", {"": one}).values()
    found = [_nearest(results, engine["engine"], engine["length"]) for engine in engines]
    known = [result for result in found if result is not None]
    if len(known) < len(found):
        return None
    return min(known, key=lambda result: float(result["report"]["fmax_mhz"]))
