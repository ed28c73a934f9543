"""Experiments on netlists with faults: the project's stimuli, and what they find."""

import json
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from golden.numbers.interval import Integers
from hw.emit.axi import PortNames
from hw.emit.generate import generate
from hw.simulate.verilator import Compiled, SimulationError
from hw.targets.registry import models_for
from sim.bulk import frame_of, pack
from sim.campaign.faults.netlist import Faulty
from sim.runner import CACHE
from sim.stimulus import random_lines

_SOURCE = Path(__file__).with_name("bench.cpp")
ALWAYS = -1
"""In place of the cycle in which a fault strikes."""
PACES = [(0, 0), (0, 0), (300, 0), (0, 500), (300, 300), (800, 100), (50, 900), (0, 980)]
"""Stalls of source and sink per mille."""
RIGHT = "right"


@dataclass(frozen=True)
class Experiment:
    """What is sent to a build.

    Parameters
    ----------
    samples
        Of `sim.bulk.Frame`'s shape, units ahead.
    stalls
        Of source and sink, per mille.
    reset_at
        Cycle after which the build is reset and all is sent again; 0 for none.
    misplaced
        Seed of what `tlast` is wrong; None for none.
    timed
        Whether results must come in the cycles that the manifest promises.
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
    """

    what: str
    place: int
    wrong: int
    last_wrong: int
    hung: bool


class Subject:
    """A build that faults are put into.

    Parameters
    ----------
    design
        With its weights in ROM.
    hardened
        As of `hw.emit.generate.generate`.

    Attributes
    ----------
    verilog
        As generated, with models of primitives.
    latency
        Cycles from the first beat taken to the first given.
    unit_beats, unit_cycles
        Of a group of lines, or of a layer's frame.
    """

    def __init__(self, design: LineDesign | LayerDesign, *, hardened: bool = False) -> None:
        self.design = design
        files = generate(design, PortNames(), hardened=hardened)
        manifest = json.loads(files[f"{design.name}.json"])
        text = files[f"{design.name}.v"].decode()
        self.verilog = text + "".join(models_for(text).values())
        timing = manifest["timing"]
        self.latency: int = timing["latency_cycles"]
        is_line = isinstance(design, LineDesign)
        self.unit_cycles: int = timing["cycles_per_group" if is_line else "cycles_per_frame"]
        self._frame = frame_of(design)
        self.unit_beats = self._frame.last_every
        self._bytes = [manifest["streams"][s]["slot_bits"] // 8 for s in ("s_axis", "m_axis")]
        self._steady = is_line
        self.patience = 200 + 4 * (self.latency + 2 * self.unit_cycles)

    @property
    def frame_cycles(self) -> int:
        """Of a frame, unstalled."""
        samples = int(np.prod(self._frame.shape)) // self.design.lanes
        return samples // self.unit_beats * self.unit_cycles

    def beats_given(self, experiment: Experiment) -> int:
        """Return how many results an experiment has."""
        return int(self._frame.model(experiment.samples).size) // self.design.lanes

    def samples(self, n_frames: int, seed: int) -> Integers:
        """Return frames full of what tries an engine: `sim.stimulus`."""
        generator = np.random.default_rng(seed)
        design, shape = self.design, (n_frames, *self._frame.shape)
        if isinstance(design, LineDesign):
            assert design.weights is not None
            lines = int(np.prod(shape[:-1]))
            return random_lines(design, lines, generator, design.weights).reshape(shape)
        data = design.data
        return generator.integers(data.low, data.high, shape, endpoint=True)

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
        design = self.design
        verilog = {f"{design.name}.v": faulty.verilog.encode()}
        # What stands in a netlist is right, or not: no lint of it.
        program = Compiled(design.name, verilog, _SOURCE, verilating=("-Wno-fatal",)).build(CACHE)
        sizes = [str(size * design.lanes) for size in self._bytes]
        with tempfile.NamedTemporaryFile() as file:
            for experiment in experiments:
                file.write(self._packed(experiment))
            file.flush()
            command = [str(program), file.name, *sizes, str(self.patience), str(int(goes_on))]
            given = "".join("{} {} {}\n".format(*strike) for strike in strikes)
            done = subprocess.run(command, input=given, capture_output=True, encoding="utf-8")
        if done.returncode:
            raise SimulationError(done.stderr or f"It ended with {done.returncode}")
        return [_verdict(line) for line in done.stdout.splitlines()]

    def _packed(self, experiment: Experiment) -> bytes:
        """Return an experiment as bench.cpp reads it."""
        lanes, samples = self.design.lanes, experiment.samples
        sent = pack(samples, lanes, self._bytes[0])
        expected = pack(self._frame.model(samples), lanes, self._bytes[1])
        n_in, n_out = (
            len(part) // (size * lanes)
            for part, size in zip((sent, expected), self._bytes, strict=True)
        )
        last = np.arange(n_in) % self.unit_beats == self.unit_beats - 1
        wrong = np.zeros(n_in, bool)
        if experiment.misplaced is not None:
            wrong = np.random.default_rng(experiment.misplaced).random(n_in) < 1 / 3
        flags = (last ^ wrong) | (~last & wrong) << 1 | (last & wrong) << 2
        ends = np.arange(n_out) % self.unit_beats == self.unit_beats - 1
        latency = self.latency if experiment.timed else 0
        # Of a layer's frames but the first, others follow than what is steady.
        group = (self.unit_beats, self.unit_cycles) if self._steady else (n_out, 0)
        head = [*experiment.stalls, experiment.reset_at, latency, *group, n_in, n_out]
        parts = [np.array(head, "<u4").tobytes(), sent, flags.astype("u1").tobytes()]
        return b"".join([*parts, expected, ends.astype("u1").tobytes()])


def _verdict(line: str) -> Verdict:
    what, place, wrong, last_wrong, hung = line.split()
    return Verdict(what, int(place), int(wrong), int(last_wrong), hung == "1")
