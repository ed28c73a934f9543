"""The part of the campaign that breaks engines on purpose, and sees whether the vectors tell."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sim.campaign.faults.netlist import is_equivalent, module_of, with_mutants
from sim.campaign.faults.run import ALWAYS, PACES, RIGHT, Experiment, Subject
from sim.campaign.faults.tops import TOPS, top_of
from sim.campaign.part import Outcome

NUMBER = 1000
"""Of mutants of a top."""
_BEATS = 150
"""Results of an experiment, at the least: more than a buffer and the way to it hold."""


def experiments(subject: Subject) -> list[Experiment]:
    """Return what the benches do: full pace in promised cycles, all paces, resets, wrong tlast."""
    n_frames = 1 + -(-_BEATS // subject.beats_given(Experiment(subject.samples(1, 0))))
    made = [Experiment(subject.samples(n_frames, 0), timed=True)]
    made += [
        Experiment(subject.samples(n_frames, seed), stalls)
        for seed, stalls in enumerate(PACES, start=1)
    ]
    within = subject.latency + 2 * subject.unit_cycles
    made += [
        Experiment(subject.samples(1, seed), (200, 200 * (seed % 2)), 1 + 7 * seed % within)
        for seed in range(6)
    ]
    return [*made, Experiment(subject.samples(n_frames, 9), (200, 200), misplaced=1)]


def survivors(subject: Subject, number: int, seed: int) -> tuple[list[str], Counter[str]]:
    """Return which of ``number`` mutants nothing tells, and how many each kind of failure told."""
    faulty = with_mutants(subject.verilog, subject.design.name, number, seed)
    tried = experiments(subject)
    every = range(len(tried))
    for index, verdict in enumerate(
        subject.run(faulty, tried, ((0, e, ALWAYS) for e in every), goes_on=False)
    ):
        assert verdict.what == RIGHT, f"experiment {index} without a fault: {verdict}"
    alive, told = list(range(1, len(faulty.faults) + 1)), Counter[str]()
    for experiment in every:
        strikes = [(fault, experiment, ALWAYS) for fault in alive]
        verdicts = subject.run(faulty, tried, strikes, goes_on=False)
        told.update(verdict.what for verdict in verdicts if verdict.what != RIGHT)
        alive = [f for f, v in zip(alive, verdicts, strict=True) if v.what == RIGHT]
    return [faulty.faults[fault - 1] for fault in alive], told


class Mutants:
    """Mutants of every top: killed, proved to be equivalent, or told."""

    name = "mutants"
    head = ("top", "mutants", "killed", "equivalent by SAT", "left", "killed by")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{top} {NUMBER} 1" for top in TOPS)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield "direct 60 2"

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        top, number, seed = point.split()
        subject = Subject(top_of(top))
        left, told = survivors(subject, int(number), int(seed))
        equivalent = [fault for fault in left if is_equivalent(subject.verilog, fault)]
        return {
            "mutants": int(number),
            "killed": told,
            "equivalent": equivalent,
            "left": [fault for fault in left if fault not in equivalent],
            "modules": Counter(module_of(fault) for fault in left),
            "failures": [],
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
                len(outcome["left"]),
            )
            rows.append((point.split()[0], *(f"{count:,}" for count in counts), by))
        return rows
