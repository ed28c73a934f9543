"""A line engine under test: its model, and lines sent through one and the other."""

from typing import Any

import numpy as np

from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from hw.package.beats import field_beats, line_beats
from sim.bench import Bench, Job
from sim.stimulus import random_lines, random_weights
from sim.stream import Beat, Gaps, Readiness, beats_of, evenly


class LineBench(Bench):
    """A line engine between source and sink, with its model beside it.

    Attributes
    ----------
    design
        What was built.
    cycles_per_group
        As the manifest promises.
    w
        Source of weights; None without a weights port.
    weights
        The set in effect.
    """

    def __init__(self, dut: Any, job: Job) -> None:
        super().__init__(dut, job)
        assert isinstance(job.design, LineDesign)
        self.design = job.design
        self.cycles_per_group: int = job.manifest["timing"]["cycles_per_group"]
        self.w = self.loads.get("w_axis")
        self.weights = job.design.weights
        self._lines_sent = 0

    async def reset(self, cycles: int = 1, **options: Any) -> None:
        """See `Bench`."""
        self._lines_sent = 0
        self.weights = self.design.weights
        await super().reset(cycles, **options)

    def offer_weights(self, n_units: int) -> None:
        """See `Bench`."""
        if n_units and self.w is not None:
            self.weights = random_weights(self.design, self.generator)
            self.w.send(self.set_beats(self.weights), evenly(0))

    @property
    def patience(self) -> int:
        """See `Bench`."""
        return 40 * (self.latency + (self.job.groups + 3) * self.cycles_per_group) + 10_000

    def stimulus(self, n_groups: int, weights: LineWeights | None = None) -> Integers:
        """Return lines ``[L, N]`` to be sent next."""
        skip = self._lines_sent % self.frame_lines
        lines = n_groups * self.design.lanes
        weights = weights or self.weights
        assert weights is not None
        return random_lines(self.design, skip + lines, self.generator, weights)[skip:]

    @property
    def frame_lines(self) -> int:
        """Lines until channel 0's first line comes again."""
        return self.design.channels * self.design.lines_per_channel

    def beats(self, lines: Integers) -> list[Beat]:
        """Return ``lines`` as the input's beats."""
        slot = self.job.manifest["streams"]["s_axis"]["slot_bits"]
        return beats_of(line_beats(lines, self.design.lanes, slot))

    def expected(self, lines: Integers) -> list[Beat]:
        """Return the model's beats for ``lines``, sent after all those before."""
        skip = self._lines_sent % self.frame_lines
        self._lines_sent += len(lines)
        before = np.zeros((skip, self.design.length), dtype=np.int64)
        results = self.design.model(np.concatenate([before, lines]), self.weights)[skip:]
        return self.result_beats(results)

    def result_beats(self, results: Integers) -> list[Beat]:
        """Return the model's ``results`` ``[L, N]`` as the output's beats."""
        slot = self.job.manifest["streams"]["m_axis"]["slot_bits"]
        return beats_of(line_beats(results, self.design.lanes, slot))

    async def exchange(
        self,
        lines: Integers,
        gaps: Gaps,
        ready: Readiness,
        beats: list[Beat] | None = None,
    ) -> None:
        """Send ``lines``, and compare what comes out with the model.

        Parameters
        ----------
        lines
            int64 ``[L, N]``.
        gaps, ready
            Pace of the source and of the sink.
        beats
            What to send for ``lines``, if not well framed.

        Raises
        ------
        AssertionError
            Where a beat is wrong, missing or too many, or an event shows on well framed input.
        """
        await self.exchange_beats(
            self.beats(lines) if beats is None else beats,
            self.expected(lines),
            gaps,
            ready,
            settle=self.latency + self.cycles_per_group,
            framed=beats is None,
        )

    def set_beats(self, weights: LineWeights) -> list[Beat]:
        """Return ``weights`` as the beats that load them."""
        tables = self.design.port_tables(weights)
        # Whatever stands where no start value is must not matter.
        tables["start"][:, self.design.length :] = -1
        return beats_of(field_beats(self.job.manifest["streams"]["w_axis"]["fields"], tables))

    async def load(self, weights: LineWeights, gaps: Gaps) -> None:
        """Load a set of weights with no line in flight, and let it take effect."""
        assert self.w is not None
        self.w.send(self.set_beats(weights), gaps)
        port = self.w
        await self.until(lambda: port.idle)
        await self.run(2)
        self.weights = weights
