"""The part of the campaign that turns one register bit over in one cycle, as radiation does."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sim.campaign.faults.netlist import with_upsets
from sim.campaign.faults.subject import CLASSES, HANG, LASTING, Build
from sim.campaign.faults.tops import LOADED, TOPS, subject_of
from sim.campaign.part import Outcome

NUMBER = 5000
"""Of upsets of a top."""
HARDENED = "hardened"
_SEED = 1


def upsets(subject: Build, number: int) -> tuple[int, list[str], list[str]]:
    """Return how many register bits there are, upsets' classes, and where those of each strike."""
    faulty = with_upsets(subject.verilog, subject.name)
    bits = 1 + np.random.default_rng(_SEED).integers(len(faulty.faults), size=number)
    classes = subject.strike(faulty, [int(bit) for bit in bits], _SEED)
    return len(faulty.faults), classes, [faulty.faults[bit - 1] for bit in bits]


class Upsets:
    """Upsets of registers: what they came to. Memories are left out."""

    name = "upsets"
    head = ("top", "register bits", "upsets", *CLASSES)

    def points(self) -> Iterator[str]:
        """See `Part`."""
        # What loads an engine's weights is none of it, and would be struck too.
        for top in (top for top in TOPS if top not in LOADED):
            yield from (f"{top} {NUMBER}", f"{top} {NUMBER} {HARDENED}")

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield "direct 100"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, number, *hardened = point.split()
        bits, classes, places = upsets(subject_of(top, hardened=bool(hardened)), int(number))
        worst = Counter(
            place for place, found in zip(places, classes, strict=True) if found in (LASTING, HANG)
        )
        failures = [f"{place}: {number}" for place, number in worst.items()] if hardened else []
        return {"bits": bits, "classes": Counter(classes), "worst": worst, "failures": failures}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for point, outcome in kept.items():
            top, number, *hardened = point.split()
            counts = (
                outcome["bits"],
                int(number),
                *(outcome["classes"].get(c, 0) for c in CLASSES),
            )
            rows.append((" ".join((top, *hardened)), *(f"{count:,}" for count in counts)))
        return rows
