"""Which builds are simulated under which simulator."""

from collections.abc import Collection
from typing import Any

import pytest

from sim.runner import simulators


def runs(
    cases: Collection[str], under_icarus: Collection[str], later: Collection[str] = ()
) -> list[Any]:
    """Return pairs of a case and a simulator: a case has one, and the other with ``make bench``.

    Icarus compiles faster than Verilator, and is many times slower where words are many. Where it
    is not installed Verilator has all cases. Those of ``later`` are like others: ``make bench`` has
    them alone.
    """
    here = simulators()
    first = {case: _first(case, under_icarus, here) for case in cases if case not in later}
    return [
        pytest.param(
            case,
            simulator,
            marks=[] if first.get(case) == simulator else [pytest.mark.bench],
            id=f"{case}-{simulator}",
        )
        for simulator in here
        for case in cases
    ]


def _first(case: str, under_icarus: Collection[str], here: Collection[str]) -> str:
    """Return which simulator a case has in ``make test``."""
    return "icarus" if case in under_icarus and "icarus" in here else "verilator"
