"""The part of the campaign that breaks engines on purpose, and sees whether the vectors tell."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sim.campaign.faults.argued import is_argued
from sim.campaign.faults.equivalence import equivalent
from sim.campaign.faults.netlist import module_of, with_mutants
from sim.campaign.faults.subject import RIGHT, Subject
from sim.campaign.faults.tops import TOPS, subject_of
from sim.campaign.part import Outcome

NUMBER = 1000
"""Of mutants of a top."""


def survivors(
    subject: Subject, number: int, seed: int
) -> tuple[list[str], list[str], Counter[str]]:
    """Return which of ``number`` mutants nothing tells, which are told, and how many by what."""
    faulty = with_mutants(subject.verilog, subject.name, number, seed)
    trials = subject.trials(faulty)
    for index, trial in enumerate(trials):
        assert trial([0]) == [RIGHT], f"trial {index} without a fault: {trial([0])}"
    alive, told = list(range(1, len(faulty.faults) + 1)), Counter[str]()
    for trial in trials:
        found = trial(alive)
        told.update(what for what in found if what != RIGHT)
        alive = [fault for fault, what in zip(alive, found, strict=True) if what == RIGHT]
    left = [faulty.faults[fault - 1] for fault in alive]
    return left, [fault for fault in faulty.faults if fault not in left], told


class Mutants:
    """Mutants of every top: killed, proved to be equivalent, argued to be, or left."""

    name = "mutants"
    head = ("top", "mutants", "killed", "proved equivalent", "argued", "left", "killed by")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{top} {NUMBER} 1" for top in TOPS)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield "direct 60 2"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, number, seed = point.split()
        subject = subject_of(top)
        alive, killed, told = survivors(subject, int(number), int(seed))
        verilog = subject.verilog
        argued = [fault for fault in alive if is_argued(top, verilog, fault)]
        open_ones = [fault for fault in alive if fault not in argued]
        proved = equivalent(verilog, subject.name, open_ones)
        wrong = [fault for fault in killed if is_argued(top, verilog, fault)]
        return {
            "mutants": int(number),
            "killed": told,
            "equivalent": proved,
            "argued": argued,
            "left": [fault for fault in alive if fault not in argued + proved],
            "modules": Counter(module_of(fault) for fault in alive),
            "failures": [f"argued, but told: {fault}" for fault in wrong],
        }

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for point, outcome in kept.items():
            killed = outcome["killed"]
            by = ", ".join(f"{what} {n}" for what, n in sorted(killed.items(), key=lambda k: -k[1]))
            counts = (
                outcome["mutants"],
                sum(killed.values()),
                len(outcome["equivalent"]),
                len(outcome.get("argued", ())),
                len(outcome["left"]),
            )
            rows.append((point.split()[0], *(f"{count:,}" for count in counts), by))
        return rows
