"""Whether engines reach the clock: what was measured of such ones lets expect, where it was."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from golden.line.design import LineDesign
from hw.measured.clock import MEASURED, Clocks, measured_in
from hw.plan.goal import Plan

Parameters = tuple[tuple[str, int], ...]


def warnings(plan: Plan, measured: Sequence[Path] = (MEASURED,)) -> Iterator[str]:
    """Yield a line for each kind of engine whose expected Fmax is below the plan's clock.

    And one where there is no file of ``measured``, or nothing of the device in any, so that
    nobody takes silence for approval.
    """
    missing = [path for path in measured if not path.is_file()]
    if missing:
        yield f"whether engines reach it is not known: there is no {missing[0]}"
        return
    device = plan.goal.device.name
    clocks = Clocks([point for path in measured for point in measured_in(path)])
    if not any(point.device == device for point in clocks.points):
        yield f"whether engines reach it is not known: none was measured on {device}"
    clock = plan.goal.clock / 1e6
    for engine, parameters in sorted(_used(plan)):
        expected = clocks.expected(engine, device, dict(parameters))
        if expected is not None and expected.mhz < clock:
            length = dict(parameters)["length"]
            yield (
                f"the {engine} engine alone is expected at {expected.mhz:.0f} MHz, nine of ten "
                f"from {expected.low:.0f} to {expected.high:.0f} (N = {length}), on {device}"
            )


def _used(plan: Plan) -> set[tuple[str, Parameters]]:
    return {
        (design.engine, _parameters(design))
        for unit in plan.units
        for design in unit.design.engines.values()
    }


def _parameters(design: LineDesign) -> Parameters:
    return (("length", design.length), ("lanes", design.lanes))
