"""Which builds are simulated under which simulator."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest

from sim.runner import simulators


def runs(cases: Iterable[str], under_icarus: Collection[str]) -> list[Any]:
    """Return pairs of a case and a simulator: Icarus has some cases, ``make bench`` the others.

    Icarus compiles faster than Verilator, and is many times slower where words are many.
    """
    return [
        pytest.param(
            case,
            simulator,
            marks=[pytest.mark.bench] if simulator == "icarus" and case not in under_icarus else [],
            id=f"{case}-{simulator}",
        )
        for simulator in simulators()
        for case in cases
    ]
