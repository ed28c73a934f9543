"""Whether engines reach the clock: what was measured of them, where it was."""

from collections.abc import Iterator
from pathlib import Path

from hw.package.clock import MEASURED, measured_on, nearest
from hw.plan.goal import Plan


def warnings(plan: Plan, measured: Path = MEASURED) -> Iterator[str]:
    """Yield a line for each kind of engine whose measured Fmax is below the plan's clock.

    And one where there is no file ``measured``, or nothing of the device in it, so that nobody
    takes silence for approval.
    """
    if not measured.is_file():
        yield f"whether engines reach it is not known: there is no {measured}"
        return
    device = plan.goal.device.name
    results = measured_on("device", device, measured)
    if not results:
        yield f"whether engines reach it is not known: none was measured on {device}"
    clock = plan.goal.clock / 1e6
    for engine, length in sorted(_used(plan)):
        result = nearest(results, engine, length)
        if result is None:
            continue
        fmax, at = result["report"]["fmax_mhz"], result["case"]["length"]
        if fmax < clock:
            yield f"the {engine} engine alone was measured at {fmax:.0f} MHz (N = {at}) on {device}"


def _used(plan: Plan) -> set[tuple[str, int]]:
    return {
        (design.engine, design.length)
        for unit in plan.units
        for design in unit.design.engines.values()
    }
