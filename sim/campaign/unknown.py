"""The part of the campaign in which builds begin unknown: registers and memories are X."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from golden.accelerator.compile import compile_network
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.network.network import Network
from hw.accelerator.accelerator import Accelerator, word_layout
from hw.accelerator.timing import Timeline
from hw.simulate.verilator import SimulationError
from sim.campaign.part import Outcome
from sim.campaign.small import LAYERS, LINES, SMALL, every, layer_of, least, line_of
from sim.engine import simulate
from sim.external import run_external
from sim.networks import Builder
from sim.unit import beats_of, run_unit

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


@dataclass(frozen=True)
class Case:
    """An accelerator that begins unknown, and how often it is reset.

    Parameters
    ----------
    network
        What it computes.
    step
        Cycles between two resets.
    capacity
        Where its memory is outside; None for all inside.
    """

    network: Callable[[], tuple[Builder, Network]]
    step: int = 1
    capacity: Capacity | None = None


ACCELERATORS = {
    "accelerator": Case(least),
    "accelerator-normed": Case(every, step=29),
    "accelerator-axi": Case(least, step=13, capacity=SMALL),
}
CASES = (*LINES, *LAYERS, *ACCELERATORS)
_SIZES = Sizes(tile=4, scalers=1, positions=16)


def run_unknown_accelerator(
    case: Case,
    folder: Path,
    test: str,
    edit: Callable[[str], str] = lambda verilog: verilog,
) -> None:
    """Run a test of `sim.bench_unit`, or `sim.bench_external`, on two frames, as `run_unknown`."""
    builder, network = case.network()
    images = builder.images(2, network)
    told: Any = {
        "simulator": SIMULATOR,
        "test": test,
        "step": case.step,
        "edit": lambda verilog: edit(without_initial_values(verilog)),
    }
    if case.capacity is not None:
        run_external(case.capacity, network, images, folder, **told)
        return
    program = compile_network(network, _SIZES)
    frames = frames_of(images, _SIZES)
    given = np.concatenate([program.run(frame) for frame in frames])
    layout = word_layout(_SIZES.tile)
    ends = np.arange(len(given)) % program.given == program.given - 1
    run_unit(
        Accelerator(program),
        "accelerator",
        {"s_axis": beats_of(layout, {"samples": np.concatenate(frames)}, last=False)},
        beats_of(layout, {"samples": given}, ends),
        folder,
        cycles=4 * Timeline(program).cycles_per_frame,
        **told,
    )


class Unknown:
    """Builds without initial values: nothing unknown after reset, results exact."""

    name = "unknown"
    head = ("build", "reset once", "at every cycle", "failures")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for test in (_ONCE, _EVERY):
            yield from (f"{case} {test}" for case in CASES)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"direct {_EVERY}", f"accelerator {_ONCE}", f"accelerator-axi {_ONCE}")

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        case, test = point.split()
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            try:
                if case in ACCELERATORS:
                    run_unknown_accelerator(ACCELERATORS[case], folder, test)
                else:
                    design = line_of(case) if case in LINES else layer_of(case, folder)
                    run_unknown(design, folder, test)
            except SimulationError as error:
                return {"failures": [str(error)[-2000:]]}
        return {"failures": []}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for case in CASES:
            own = {test: kept.get(f"{case} {test}") for test in (_ONCE, _EVERY)}
            tried = ["-" if outcome is None else "tried" for outcome in own.values()]
            wrong = sum(bool(outcome and outcome["failures"]) for outcome in own.values())
            rows.append((case, *tried, str(wrong)))
        return rows
