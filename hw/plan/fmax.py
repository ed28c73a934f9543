"""Whether engines reach the clock: what was measured of them, where it was."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from golden.inputs.read import read_json
from hw.plan.goal import Plan

_MEASURED = Path(__file__).resolve().parents[2] / "docs" / "benchmarks.json"
_NEAR = 2.0
"""Ratio of lengths up to which a measurement stands for another length."""


def warnings(plan: Plan, measured: Path = _MEASURED) -> Iterator[str]:
    """Yield a line for each kind of engine whose measured Fmax is below the plan's clock.

    And one where there is no file ``measured``, or nothing of the device in it, so that nobody
    takes silence for approval.
    """
    if not measured.is_file():
        yield f"whether engines reach it is not known: there is no {measured}"
        return
    device = plan.goal.device.name
    results = [r for r in read_json(measured, "measured")["results"] if _is_of(r, device)]
    if not results:
        yield f"whether engines reach it is not known: none was measured on {device}"
    clock = plan.goal.clock / 1e6
    for engine, length in sorted(_used(plan)):
        near = [r for r in results if _stands_for(r, engine, length)]
        if not near:
            continue
        result = min(near, key=lambda r: abs(r["case"]["length"] - length))
        fmax, at = result["report"]["fmax_mhz"], result["case"]["length"]
        if fmax < clock:
            yield f"the {engine} engine alone was measured at {fmax:.0f} MHz (N = {at}) on {device}"


def _used(plan: Plan) -> set[tuple[str, int]]:
    return {
        (design.engine, design.length)
        for unit in plan.units
        for design in unit.design.engines.values()
    }


def _is_of(result: dict[str, Any], device: str) -> bool:
    """Whether a clock was measured on ``device``."""
    report = result["report"]
    fmax = None if report is None else report["fmax_mhz"]
    return fmax is not None and str(result["case"]["device"]) == device


def _stands_for(result: dict[str, Any], engine: str, length: int) -> bool:
    case = result["case"]
    near: bool = length / _NEAR <= case["length"] <= length * _NEAR
    return near and str(case["engine"]) == engine
