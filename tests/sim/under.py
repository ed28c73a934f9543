"""Which builds are simulated under which simulator."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from sim.runner import simulators


def runs(cases: Iterable[str], under_icarus: Collection[str]) -> list[Any]:
    """Return pairs of a case and a simulator: a case has one, and the other with ``make bench``.

    Icarus compiles faster than Verilator, and is many times slower where words are many. Where it
    is not installed Verilator has all cases.
    """
    here = simulators()
    return [
        pytest.param(
            case,
            simulator,
            marks=[] if simulator == _first(case, under_icarus, here) else [pytest.mark.bench],
            id=f"{case}-{simulator}",
        )
        for simulator in here
        for case in cases
    ]


def _first(case: str, under_icarus: Collection[str], here: Collection[str]) -> str:
    """Return which simulator a case has in ``make test``."""
    return "icarus" if case in under_icarus and "icarus" in here else "verilator"
