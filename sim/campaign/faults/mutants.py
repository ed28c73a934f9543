"""The part of the campaign that breaks engines on purpose, and sees whether the vectors tell."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sim.campaign.faults.argued import is_argued, refuted
from sim.campaign.faults.equivalence import (
    equivalent_inside,
    equivalent_on_top,
    equivalent_soon,
)
from sim.campaign.faults.netlist import module_of, with_mutants
from sim.campaign.faults.subject import RIGHT, Subject
from sim.campaign.faults.tops import TOPS, UNIT_TOPS, any_subject_of
from sim.campaign.part import Outcome

NUMBER = 1000
"""Of mutants of a top."""


class Trials:
    """Mutants of a build, and which of them nothing has told yet.

    Attributes
    ----------
    alive
        Those.
    told
        How many were told, by what.
    """

    def __init__(self, subject: Subject, number: int, seed: int) -> None:
        faulty = with_mutants(subject.verilog, subject.name, number, seed)
        self._trials = subject.trials(faulty)
        self._tried = 0
        self._numbers = {fault: place for place, fault in enumerate(faulty.faults, start=1)}
        self.all = self.alive = faulty.faults
        self.told: Counter[str] = Counter()

    def tell(self, first: int | None = None) -> None:
        """Try what is left of the first trials, or of all."""
        for trial in self._trials[self._tried : first]:
            assert trial([0]) == [RIGHT], f"trial {self._tried} without a fault: {trial([0])}"
            found = trial([self._numbers[fault] for fault in self.alive])
            self.told.update(what for what in found if what != RIGHT)
            whats = zip(self.alive, found, strict=True)
            self.alive = [fault for fault, what in whats if what == RIGHT]
            self._tried += 1


class Mutants:
    """Mutants of every top: killed, proved to be equivalent, argued to be, or left."""

    name = "mutants"
    head = ("top", "mutants", "killed", "proved equivalent", "argued", "left", "killed by")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{top} {NUMBER} 1" for top in (*TOPS, *UNIT_TOPS))

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield "direct 60 2"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, number, seed = point.split()
        subject = any_subject_of(top)
        verilog, name = subject.verilog, subject.generated
        trials = Trials(subject, int(number), int(seed))
        trials.tell(subject.first)
        # No mutant that is proved is tried any more: most trials are of few, that take long.
        proved: list[str] = []
        for prove in (equivalent_soon, equivalent_inside):
            proved += prove(verilog, name, trials.alive)
            trials.alive = [fault for fault in trials.alive if fault not in proved]
        trials.tell()
        argued = [fault for fault in trials.alive if is_argued(top, verilog, fault)]
        rest = [fault for fault in trials.alive if fault not in argued]
        proved += equivalent_on_top(verilog, name, rest)
        silent = {*trials.alive, *proved}
        wrong = [f for f in trials.all if f not in silent and is_argued(top, verilog, f)]
        return {
            "mutants": int(number),
            "killed": trials.told,
            "equivalent": proved,
            "argued": argued,
            "left": [fault for fault in rest if fault not in proved],
            "modules": Counter(module_of(fault) for fault in silent),
            "failures": [
                *(f"argued, but told: {fault}" for fault in wrong),
                *(f"argued by what is never so, but is: {text}" for text in refuted(top, subject)),
            ],
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
