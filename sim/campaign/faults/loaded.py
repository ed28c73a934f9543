"""Faults in engines whose weights arrive on a port: sets of them change every few frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from hw.package.beats import field_beats
from sim.campaign.faults.netlist import FEEDER
from sim.campaign.faults.streams import DesignSubject, Experiment
from sim.stimulus import random_lines, random_weights

_FEEDER = Path(__file__).with_name(f"{FEEDER}.v")
_SETS, _FRAMES = 3, 4
"""Sets of weights, in turns, and frames of every other one; of those between it is one."""
_WRONG = 0.2
"""How often tlast of a beat of weights is misplaced."""


class LoadedSubject(DesignSubject):
    """An engine with a weights port, and what loads it between frames, `FEEDER`.

    Parameters
    ----------
    design
        Without weights.
    hardened
        As of `hw.emit.generate.generate`.
    """

    def __init__(self, design: LineDesign, *, hardened: bool = False) -> None:
        generator = np.random.default_rng(0)
        self._line = design
        self._sets = [random_weights(design, generator) for _ in range(_SETS)]
        super().__init__(design, hardened=hardened)
        self.name = FEEDER
        self.verilog += self._feeder()

    def _feeder(self) -> str:
        fields = self._streams["w_axis"]["fields"]
        bits = fields[-1]["offset"] + fields[-1]["slot_bits"]
        random = np.random.default_rng(1)
        words, each = [], 0
        for turn, weights in enumerate(self._sets):
            beats = list(field_beats(fields, self._line.port_tables(weights)))
            each = len(beats)
            for word, last in beats:
                # Of a set's end too, which are few.
                wrong = bool(random.random() < _WRONG) or (last and turn == 1)
                told = (wrong and not last) | (wrong and last) << 1
                words.append(word | (last ^ wrong) << bits | told << bits + 1)
        whole = sum(word << place * (bits + 3) for place, word in enumerate(words))
        facts = {
            "IN_BITS": 8 * self._in_bytes,
            "OUT_BITS": 8 * self._out_bytes,
            "W_BITS": bits,
            "BEATS": f"{len(words) * (bits + 3)}'h{whole:x}",
            "SET_BEATS": each,
            "ALL_BEATS": len(words),
            "FRAME_BEATS": self._frame_beats,
            "GROUP_BEATS": _FRAMES * self._frame_beats,
        }
        head = "".join(f"`define {name} {value}\n" for name, value in facts.items())
        return head + _FEEDER.read_text(encoding="utf-8")

    def _set_of(self, frame: int) -> LineWeights:
        pairs, within = divmod(frame, _FRAMES + 1)
        return self._sets[(2 * pairs + within // _FRAMES) % _SETS]

    def samples(self, count: int, seed: int) -> Integers:
        """See `StreamSubject`; of each frame what tries its own weights."""
        generator, (lines, length) = np.random.default_rng(seed), self._frame.shape
        frames = [
            random_lines(self._line, lines, generator, self._set_of(frame))
            for frame in range(count)
        ]
        return np.reshape(frames, (count, lines, length))

    def experiments(self) -> list[Experiment]:
        """See `StreamSubject`; frames wait for their weights, so no cycles are promised."""
        return [replace(experiment, timed=False) for experiment in super().experiments()]

    def _model(self, samples: Integers) -> Integers:
        frames = [
            self._line.model(lines, self._set_of(frame)) for frame, lines in enumerate(samples)
        ]
        return np.stack(frames)
