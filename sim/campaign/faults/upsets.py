"""The part of the campaign that turns one register bit over in one cycle, as radiation does."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sim.campaign.faults.netlist import with_upsets
from sim.campaign.faults.run import ALWAYS, RIGHT, Experiment, Subject, Verdict
from sim.campaign.faults.tops import TOPS, top_of
from sim.campaign.part import Outcome

NUMBER = 5000
"""Of upsets of a top."""
MASKED, PASSING, LASTING, HANG = CLASSES = ("masked", "wrong, then right", "wrong for ever", "hang")
HARDENED = "hardened"
_STALLS = (100, 100)
_SEED = 1


def class_of(verdict: Verdict, n_beats: int) -> str:
    """Return what an upset in the first third of ``n_beats`` came to, by the last third."""
    if verdict.what == RIGHT:
        return MASKED
    if verdict.hung:
        return HANG
    return PASSING if verdict.last_wrong < 2 * n_beats // 3 else LASTING


def upsets(subject: Subject, number: int) -> tuple[int, list[str], list[str]]:
    """Return how many register bits there are, upsets' classes, and where those of each strike."""
    faulty = with_upsets(subject.verilog, subject.design.name)
    frames = 3 * (2 + 2 * subject.latency // subject.frame_cycles)
    experiment = Experiment(subject.samples(frames, _SEED), _STALLS)
    n_beats = subject.beats_given(experiment)
    (plain,) = subject.run(faulty, [experiment], [(0, 0, ALWAYS)], goes_on=True)
    assert plain.what == RIGHT, f"without a fault: {plain}"
    random = np.random.default_rng(_SEED)
    bits = 1 + random.integers(len(faulty.faults), size=number)
    cycles = random.integers(frames * subject.frame_cycles // 3, size=number)
    strikes = [(int(bit), 0, int(cycle)) for bit, cycle in zip(bits, cycles, strict=True)]
    verdicts = subject.run(faulty, [experiment], strikes, goes_on=True)
    classes = [class_of(verdict, n_beats) for verdict in verdicts]
    places = [faulty.faults[bit - 1] for bit in bits]
    return len(faulty.faults), classes, places


class Upsets:
    """Upsets of registers: what they came to. Memories are left out."""

    name = "upsets"
    head = ("top", "register bits", "upsets", *CLASSES)

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for top in TOPS:
            yield from (f"{top} {NUMBER}", f"{top} {NUMBER} {HARDENED}")

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield "direct 100"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, number, *hardened = point.split()
        bits, classes, places = upsets(Subject(top_of(top), hardened=bool(hardened)), int(number))
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
