"""What clock measured builds let expect of another one, and how far that may be off."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.inputs.read import read_json
from hw.measured.store import Store

Array = npt.NDArray[np.floating[Any]]

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
"""What `make bench` measured."""
CLOCK = "placed.fmax_mhz"
_PRIOR_MHZ, _PRIOR = 150.0, 0.5
_DEVICE, _ENGINE, _SIZE, _BOTH = 0.8, 0.1, 0.2, 0.15
_NOISE, _REACH = 0.05, 16.0
_NINE_OF_TEN = 1.645
_SIZES = {"length": 16, "lanes": 1, "data_bits": 8, "weight_bits": 8, "tile": 8}
"""Parameters that builds are apart in, and what stands for one that is not told."""


@dataclass(frozen=True)
class Measured:
    """A build whose clock was measured.

    Parameters
    ----------
    engine, device
        Of the build.
    parameters
        Numbers by name, of which ``length``, ``lanes``, ``data_bits``, ``weight_bits`` and ``tile``
        count.
    mhz
        Its Fmax.
    """

    engine: str
    device: str
    parameters: Mapping[str, float]
    mhz: float


@dataclass(frozen=True)
class Expected:
    """A clock that is expected.

    Parameters
    ----------
    mhz
        In the middle.
    low, high
        Where nine of ten are.
    """

    mhz: float
    low: float
    high: float


def measured_in(path: Path) -> list[Measured]:
    """Return the builds with a clock in a store of `hw.sweep`, or in docs/benchmarks.json.

    Raises
    ------
    ParameterError
        Where it cannot be read.
    """
    if path.suffix == ".json":
        return [
            Measured(case["engine"], case["device"], _numbers(case), result["report"]["fmax_mhz"])
            for result in read_json(path, "measured")["results"]
            for case in [result["case"] | {"lanes": result.get("lanes")}]
            if (result["report"] or {}).get("fmax_mhz")
        ]
    with Store(path) as store:
        return [
            Measured(
                row.point["engine"], row.point["device"], _numbers(row.point), row.figures[CLOCK]
            )
            for row in store.rows()
            if CLOCK in row.figures
        ]


def _numbers(point: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: value
        for name, value in point.items()
        if type(value) in (int, float) and value > 0 and name != "seed"
    }


class Clocks:
    """Clocks that measured builds let expect: regression by a Gaussian process over log Fmax.

    A device, an engine and an engine on a device each have a factor of their own; sizes change it
    the further they are apart, in octaves summed over the parameters.
    The scales of these are fixed: those that told docs/benchmarks.json's points best, each from
    all others.

    Parameters
    ----------
    points
        Measured builds.
    """

    def __init__(self, points: Sequence[Measured]) -> None:
        self.points = list(points)

    @cached_property
    def _inverse(self) -> Array:
        between = np.array([[_alike(a, b) for b in self.points] for a in self.points])
        return np.linalg.inv(between + _NOISE**2 * np.eye(len(self.points)))

    @cached_property
    def _logs(self) -> Array:
        return np.array([math.log(point.mhz / _PRIOR_MHZ) for point in self.points])

    def expected(
        self, engine: str, device: str, parameters: Mapping[str, float]
    ) -> Expected | None:
        """Return what clock is expected; None where nothing of the device was measured."""
        if not any(point.device == device for point in self.points):
            return None
        asked = Measured(engine, device, parameters, 0.0)
        near = np.array([_alike(asked, point) for point in self.points])
        variance = _alike(asked, asked) + _NOISE**2 - near @ self._inverse @ near
        return _spread(float(near @ self._inverse @ self._logs), float(variance))

    def held_out(self) -> list[Expected]:
        """Return what each point is expected at by all others."""
        inverse = self._inverse
        weights = np.diag(inverse)
        middles = self._logs - inverse @ self._logs / weights
        return [_spread(m, 1 / w) for m, w in zip(middles.tolist(), weights.tolist(), strict=True)]


def _spread(middle: float, variance: float) -> Expected:
    wide = _NINE_OF_TEN * math.sqrt(variance)
    low, mhz, high = (_PRIOR_MHZ * math.exp(middle + way * wide) for way in (-1, 0, 1))
    return Expected(mhz, low, high)


def _alike(a: Measured, b: Measured) -> float:
    """Return the covariance of two builds' log Fmax."""
    # The same parameters for every pair: or else this is no covariance.
    apart = sum(
        abs(math.log2(a.parameters.get(key, default) / b.parameters.get(key, default)))
        for key, default in _SIZES.items()
    )
    near = math.exp(-apart / _REACH)
    device, engine = a.device == b.device, a.engine == b.engine
    return (
        _PRIOR**2
        + _DEVICE**2 * device
        + (_ENGINE**2 * engine + _SIZE**2) * near
        + _BOTH**2 * (device and engine)
    )
