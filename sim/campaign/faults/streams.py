"""Experiments on netlists with faults between two streams: the benches' stimuli, what they find."""

import json
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from golden.accelerator.program import Program
from golden.accelerator.words import bytes_of
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.numbers.interval import Integers
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.generate import verilog_files
from hw.accelerator.timing import Timeline
from hw.emit.axi import AxiWrapper, PortNames
from hw.emit.generate import generate
from hw.simulate.verilator import Compiled, SimulationError
from hw.targets.registry import models_for
from sim.bulk import frame_of, pack
from sim.campaign.faults.netlist import Faulty
from sim.campaign.faults.subject import HANG, LASTING, MASKED, PASSING, RIGHT, Trial, built
from sim.stimulus import random_lines, rounding_lines

_SOURCE = Path(__file__).with_name("bench.cpp")
ALWAYS = -1
"""In place of the cycle in which a fault strikes."""
PACES = [(0, 0), (0, 0), (300, 0), (0, 500), (300, 300), (800, 100), (50, 900), (0, 980)]
"""Stalls of source and sink per mille."""
_HEAVY = [(0, 930), (0, 970), (300, 970), (0, 1150), (0, 1151)]
"""Under which longer streams go: a full buffer stops an engine in every one of its steps, and is
emptied at full pace. From 1000 on an end is closed and open for so many cycles in turn."""
_PORTION = 1 << 16
"""From here on, as stalls of a source: so many beats come while the sink is closed, and the next
when all rests with the sink open. As stalls of a sink: it takes so many, and the next when all
rests, so that each buffer is left with any number of beats behind what is full."""
_PORTIONS = (2, 5, 9, 14)
"""Quarters of what is from one tlast to the next."""
_RESETS = 40
_RESET_PACES = [(0, 0), (200, 200), (0, 700)]
"""Of runs with a reset in midstream."""
_LATE_RESETS = 70
"""In so many cycles behind those, one after another: in which a buffer's addresses come round."""
_SUMS = 400
"""Accumulators of a channel that are closest to what is rounded either way."""
_BEATS = 150
"""Results of an engine in an experiment at the least: more than what is under way in one."""
_PACE = (100, 100)
"""Stalls under which upsets strike."""


@dataclass(frozen=True)
class Experiment:
    """What is sent to a build.

    Parameters
    ----------
    samples
        Units ahead.
    stalls
        Of source and sink, per mille.
    reset_at
        Cycle after which the build is reset and all is sent again; 0 for none.
    misplaced
        Seed of what `tlast` is wrong; None for none.
    timed
        Whether results must come in the cycles that are promised.
    """

    samples: Integers
    stalls: tuple[int, int] = (0, 0)
    reset_at: int = 0
    misplaced: int | None = None
    timed: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of a fault in an experiment.

    Parameters
    ----------
    what
        That was wrong first, or `RIGHT`.
    place, wrong, last_wrong
        At which beat that was, how often anything was wrong, and at which beat the last time.
    hung
        Whether beats were no longer taken.
    moments
        Sum of the cycles in which beats were taken and given.
    """

    what: str
    place: int
    wrong: int
    last_wrong: int
    hung: bool
    moments: int = 0


class StreamSubject(ABC):
    """A build between a stream in and a stream out.

    Attributes
    ----------
    name, generated, verilog, first
        See `sim.campaign.faults.subject.Subject`.
    latency
        Cycles from the first beat taken to the first given.
    unit_cycles
        Of what is sent again and again, unstalled: a group of lines, or a frame.
    frame_cycles
        Of what `samples` counts.
    tries
        How many of those are sent in an experiment.
    every
        Beats in, and out, from a tlast to the next.
    """

    name: str
    generated: str
    verilog: str
    first: int = 1 + len(PACES) + len(_HEAVY)
    latency: int
    unit_cycles: int
    frame_cycles: int
    tries: int
    every: tuple[int, int]
    _in_bytes: int
    _out_bytes: int
    _pace: tuple[int, int]
    """Beats out whose first come in a cycle that is known, and cycles to those behind them."""

    @abstractmethod
    def samples(self, count: int, seed: int) -> Integers:
        """Return so many frames, or lines of all channels, of what tries a build."""

    @abstractmethod
    def _sent(self, samples: Integers) -> bytes: ...

    @abstractmethod
    def _due(self, samples: Integers) -> bytes: ...

    @property
    def beat_bits(self) -> tuple[int, int]:
        """Bits of a beat in, and out."""
        return 8 * self._in_bytes, 8 * self._out_bytes

    def beats_given(self, experiment: Experiment) -> int:
        """Return how many results an experiment has."""
        return len(self._due(experiment.samples)) // self._out_bytes

    def experiments(self) -> list[Experiment]:
        """Return what benches do: full pace in promised cycles, all paces, resets, wrong tlast."""
        made = [Experiment(self.samples(self.tries, 0), timed=True)]
        made += [
            Experiment(self.samples(self.tries, seed), stalls)
            for seed, stalls in enumerate(PACES, start=1)
        ]
        made += [
            Experiment(self.samples(4 * self.tries, seed), stalls)
            for seed, stalls in enumerate(_HEAVY, start=20)
        ]
        within = self.latency + 2 * self.unit_cycles
        made += [
            Experiment(self.samples(1, cycle), pace, cycle)
            for pace in _RESET_PACES
            for cycle in _spread(within, _RESETS)
        ]
        made += [
            Experiment(self.samples(self.tries, cycle), reset_at=cycle)
            for cycle in range(within, within + _LATE_RESETS)
        ]
        sizes = sorted({max(1, self.every[0] * part // 4) for part in _PORTIONS})
        made += [Experiment(self.samples(self.tries, size), (_PORTION + size, 0)) for size in sizes]
        made.append(Experiment(self.samples(self.tries, 8), (0, _PORTION + 1)))
        # What a reset sets counts where a buffer fills up behind it.
        made += [
            Experiment(self.samples(4 * self.tries, seed), stalls, reset_at=within + seed)
            for seed, stalls in enumerate(_HEAVY, start=30)
        ]
        return [*made, Experiment(self.samples(self.tries, 9), (200, 200), misplaced=1)]

    def trials(self, faulty: Faulty) -> list[Trial]:
        """See `sim.campaign.faults.subject.Subject`."""
        return [partial(self._tell, faulty, experiment) for experiment in self.experiments()]

    def _tell(self, faulty: Faulty, experiment: Experiment, faults: Sequence[int]) -> list[str]:
        strikes = [(fault, 0, ALWAYS) for fault in (0, *faults)]
        plain, *found = self.run(faulty, [experiment], strikes, goes_on=False)
        # Right results in other cycles are a fault too: what slows an engine is nowhere else seen.
        return ["pace" if v.what == RIGHT and v.moments != plain.moments else v.what for v in found]

    def strike(self, faulty: Faulty, faults: Sequence[int], seed: int) -> list[str]:
        """See `sim.campaign.faults.subject.Subject`."""
        frames = 3 * (2 + 2 * self.latency // self.frame_cycles)
        experiment = Experiment(self.samples(frames, seed), _PACE)
        n_beats = self.beats_given(experiment)
        (plain,) = self.run(faulty, [experiment], [(0, 0, ALWAYS)], goes_on=True)
        assert plain.what == RIGHT, f"without a fault: {plain}"
        generator = np.random.default_rng([seed, 1])
        cycles = generator.integers(frames * self.frame_cycles // 3, size=len(faults))
        strikes = [(fault, 0, int(cycle)) for fault, cycle in zip(faults, cycles, strict=True)]
        verdicts = self.run(faulty, [experiment], strikes, goes_on=True)
        return [class_of(verdict, n_beats) for verdict in verdicts]

    def run(
        self,
        faulty: Faulty,
        experiments: list[Experiment],
        strikes: Iterable[tuple[int, int, int]],
        *,
        goes_on: bool,
    ) -> list[Verdict]:
        """Return what each of ``strikes``, a fault's number, an experiment's and a cycle, does.

        ``goes_on`` says whether a run goes on after what is wrong.
        """
        verilog = {f"{self.name}.v": faulty.verilog.encode()}
        program = built(Compiled(self.name, verilog, _SOURCE))
        patience = 200 + 4 * (self.latency + 2 * self.unit_cycles)
        numbers = (self._in_bytes, self._out_bytes, patience, int(goes_on))
        with tempfile.NamedTemporaryFile() as file:
            for experiment in experiments:
                file.write(self._packed(experiment))
            file.flush()
            command = [str(program), file.name, *map(str, numbers)]
            given = "".join("{} {} {}\n".format(*strike) for strike in strikes)
            done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise SimulationError(done.stderr or f"It ended with {done.returncode}")
        return [_verdict(line) for line in done.stdout.splitlines()]

    def _packed(self, experiment: Experiment) -> bytes:
        """Return an experiment as bench.cpp reads it."""
        sent, due = self._sent(experiment.samples), self._due(experiment.samples)
        n_in, n_out = len(sent) // self._in_bytes, len(due) // self._out_bytes
        last = np.arange(n_in) % self.every[0] == self.every[0] - 1
        wrong = np.zeros(n_in, bool)
        if experiment.misplaced is not None:
            wrong = np.random.default_rng(experiment.misplaced).random(n_in) < 1 / 3
        flags = (last ^ wrong) | (~last & wrong) << 1 | (last & wrong) << 2
        ends = np.arange(n_out) % self.every[1] == self.every[1] - 1
        latency = self.latency if experiment.timed else 0
        head = [*experiment.stalls, experiment.reset_at, latency, *self._pace, n_in, n_out]
        parts = [np.array(head, "<u4").tobytes(), sent, flags.astype("u1").tobytes()]
        return b"".join([*parts, due, ends.astype("u1").tobytes()])


class DesignSubject(StreamSubject):
    """An engine or a layer.

    Parameters
    ----------
    design
        With its weights in ROM.
    hardened
        As of `hw.emit.generate.generate`.

    Attributes
    ----------
    in_lines
        Whether what comes is told by lines, not by frames.
    """

    def __init__(self, design: LineDesign | LayerDesign, *, hardened: bool = False) -> None:
        self._design = design
        self.generated = self.name = design.name
        files = generate(design, PortNames(), hardened=hardened)
        manifest = json.loads(files[f"{design.name}.json"])
        text = files[f"{design.name}.v"].decode()
        self.verilog = text + "".join(models_for(text).values())
        timing = manifest["timing"]
        self.latency = timing["latency_cycles"]
        self.in_lines = is_line = isinstance(design, LineDesign)
        self.unit_cycles = timing["cycles_per_group" if is_line else "cycles_per_frame"]
        self._frame = frame_of(design)
        beats = self._frame.last_every
        self._frame_beats = int(np.prod(self._frame.shape)) // design.lanes
        self.frame_cycles = self._frame_beats // beats * self.unit_cycles
        self._streams = manifest["streams"]
        slots = [self._streams[s]["slot_bits"] // 8 for s in ("s_axis", "m_axis")]
        self._in_bytes, self._out_bytes = (size * design.lanes for size in slots)
        self.every = beats, beats
        given = self.beats_given(Experiment(self.samples(1, 0)))
        self.tries = 1 + -(-_BEATS // given)
        # Of a layer's frames but the first, others follow than what is steady.
        self._pace = (beats, self.unit_cycles) if is_line else (self.tries * given, 0)

    def samples(self, count: int, seed: int) -> Integers:
        """Return frames of `sim.bulk.Frame`'s shape, full of what tries an engine."""
        generator = np.random.default_rng(seed)
        design, shape = self._design, (count, *self._frame.shape)
        if isinstance(design, LineDesign):
            assert design.weights is not None
            lines = int(np.prod(shape[:-1]))
            return random_lines(design, lines, generator, design.weights).reshape(shape)
        data = design.data
        return generator.integers(data.low, data.high, shape, endpoint=True)

    def experiments(self) -> list[Experiment]:
        """See `StreamSubject`; with what is rounded by the last bits of a product."""
        design, made = self._design, super().experiments()
        if isinstance(design, LineDesign) and design.requantization is not None:
            generator = np.random.default_rng(0)
            made.append(Experiment(rounding_lines(design, _SUMS, generator)))
        return made

    def _sent(self, samples: Integers) -> bytes:
        lanes = self._design.lanes
        return pack(samples, lanes, self._in_bytes // lanes)

    def _due(self, samples: Integers) -> bytes:
        lanes = self._design.lanes
        return pack(self._model(samples), lanes, self._out_bytes // lanes)

    def _model(self, samples: Integers) -> Integers:
        return self._frame.model(samples)


class ProgramSubject(StreamSubject):
    """An accelerator with everything inside.

    Parameters
    ----------
    program
        What it does.
    hardened
        As of `hw.emit.generate.generate`.
    """

    generated = name = "accelerator"
    tries = 3

    def __init__(self, program: Program, *, hardened: bool = False) -> None:
        self._program = program
        names = PortNames()
        wrapper = AxiWrapper(Accelerator(program), names)
        files, _ = verilog_files(wrapper, self.name, names, hardened=hardened)
        self.verilog = b"".join(files.values()).decode()
        timeline = Timeline(program)
        self.latency = timeline.latency
        self.unit_cycles = self.frame_cycles = timeline.cycles_per_frame
        self._in_bytes = self._out_bytes = program.sizes.tile
        self.every = program.taken, program.given
        self._pace = program.given, timeline.cycles_per_frame

    def samples(self, count: int, seed: int) -> Integers:
        """Return frames ``[count, taken, tile]`` of words that are anything."""
        generator = np.random.default_rng(seed)
        shape = (count, self._program.taken, self._program.sizes.tile)
        return generator.integers(-128, 127, shape, endpoint=True)

    def _sent(self, samples: Integers) -> bytes:
        return bytes_of(samples)

    def _due(self, samples: Integers) -> bytes:
        return b"".join(bytes_of(self._program.run(frame)) for frame in samples)


def _spread(end: int, at_most: int) -> list[int]:
    """Return cycles from 1 to ``end``, ``at_most`` of them, as far apart as they can be."""
    return sorted({1 + turn * end // at_most for turn in range(at_most)})


def class_of(verdict: Verdict, n_beats: int) -> str:
    """Return what an upset in the first third of ``n_beats`` came to, by the last third."""
    if verdict.what == RIGHT:
        return MASKED
    if verdict.hung:
        return HANG
    return PASSING if verdict.last_wrong < 2 * n_beats // 3 else LASTING


def _verdict(line: str) -> Verdict:
    what, place, wrong, last_wrong, hung, moments = line.split()
    return Verdict(what, int(place), int(wrong), int(last_wrong), hung == "1", int(moments))
