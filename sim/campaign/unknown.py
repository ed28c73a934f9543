"""The part of the campaign in which builds begin unknown: registers and memories are X."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from hw.simulate.verilator import SimulationError
from sim.campaign.part import Outcome
from sim.campaign.small import LAYERS, LINES, layer_of, line_of
from sim.engine import simulate

SIMULATOR = "icarus"
_ONCE, _EVERY = "reset_once", "reset_at_every_cycle"
_REGISTER = re.compile(r"^(\s*(?:output )?reg\b[^;=]*?) = [^;]+;", re.MULTILINE)


def without_initial_values(verilog: str) -> str:
    """Return ``verilog`` without registers' initial values; contents of memories stay.

    Verilog has contents only of memories that count on them: tables, and a bank of weights that
    begins with the zeros behind a kernel's taps. All others are X.
    """
    return _REGISTER.sub(r"\1;", verilog)


def run_unknown(
    design: LineDesign | LayerDesign,
    folder: Path,
    *tests: str,
    edit: Callable[[str], str] = lambda verilog: verilog,
) -> list[str]:
    """Run tests of `sim.bench_unknown` on ``design`` without initial values, and ``edit``-ed."""
    return simulate(
        design,
        "sim.bench_unknown",
        simulator=SIMULATOR,
        folder=folder,
        groups=4,
        tests=tests,
        edit=lambda verilog: edit(without_initial_values(verilog)),
    )


class Unknown:
    """Builds without initial values: nothing unknown after reset, results exact."""

    name = "unknown"
    head = ("build", "reset once", "at every cycle", "failures")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for test in (_ONCE, _EVERY):
            yield from (f"{case} {test}" for case in (*LINES, *LAYERS))

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield f"direct {_EVERY}"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        case, test = point.split()
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            design = line_of(case) if case in LINES else layer_of(case, folder)
            try:
                run_unknown(design, folder, test)
            except SimulationError as error:
                return {"failures": [str(error)[-2000:]]}
        return {"failures": []}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for case in (*LINES, *LAYERS):
            own = {test: kept.get(f"{case} {test}") for test in (_ONCE, _EVERY)}
            tried = ["-" if outcome is None else "tried" for outcome in own.values()]
            wrong = sum(bool(outcome and outcome["failures"]) for outcome in own.values())
            rows.append((case, *tried, str(wrong)))
        return rows
