"""A layer under test: its model, and maps sent through one and the other."""

from typing import Any

import numpy as np

from golden.layer.design import LayerDesign
from golden.line.weights import Arrays
from golden.numbers.interval import Integers
from hw.package.beats import field_beats, map_beats
from sim.bench import Bench, Job
from sim.stimulus import random_arrays
from sim.stream import Beat, Gaps, Readiness, beats_of, evenly, random_gaps


class LayerBench(Bench):
    """A layer between source and sink, with its model beside it.

    Attributes
    ----------
    design
        What was built.
    cycles_per_frame, first_frames
        As the manifest promises.
    weights
        The arrays in effect.
    """

    def __init__(self, dut: Any, job: Job) -> None:
        super().__init__(dut, job)
        assert isinstance(job.design, LayerDesign)
        self.design = job.design
        self.cycles_per_frame: int = job.manifest["timing"]["cycles_per_frame"]
        self.first_frames: list[int] = job.manifest["timing"]["first_frames"]
        self.weights: Arrays | None = job.design.weights
        self._streamed = getattr(job.design, "streamed", False)

    @property
    def patience(self) -> int:
        """See `Bench`."""
        return 20 * (self.latency + (self.job.groups + 3) * self.cycles_per_frame) + 10_000

    async def load(self, weights: Arrays, density: float, seed: int = 0) -> None:
        """Load ``weights`` on all ports with no frame in flight, and let them take effect.

        A beat is presented with the probability ``density`` in each cycle that could. Streamed
        weights follow with the frames.
        """
        self.weights = weights
        if self._streamed:
            return
        self.send_set(weights, density, seed)
        await self.until(lambda: all(port.idle for port in self.loads.values()))
        await self.run(2)

    def send_set(self, weights: Arrays, density: float = 1, seed: int = 0) -> None:
        """Send ``weights`` to all ports; see `load`."""
        for port, tables in self.design.port_tables(weights).items():
            fields = self.job.manifest["streams"][f"{port}_axis"]["fields"]
            self.loads[f"{port}_axis"].send(
                beats_of(field_beats(fields, tables)), random_gaps(density, seed)
            )

    def offer_weights(self, n_units: int) -> None:
        """See `Bench`."""
        if not self.design.loaded:
            return
        self.weights = random_arrays(self.design, self.generator)
        if self._streamed:
            self._stream_weights(n_units)
        else:
            self.send_set(self.weights)

    def _stream_weights(self, n_frames: int) -> None:
        """Present the weights once for each of ``n_frames``, each channel by itself."""
        assert self.weights is not None
        for port, tables in self.design.port_tables(self.weights).items():
            facts = self.job.manifest["streams"][f"{port}_axis"]
            for channel in [*range(facts["sets_per_frame"])] * n_frames:
                rows = {name: table[channel] for name, table in tables.items()}
                beats = beats_of(field_beats(facts["fields"], rows))
                self.loads[f"{port}_axis"].send(beats, evenly(0))

    def stimulus(self, n_frames: int) -> Integers:
        """Return maps ``[F, C, H, W]``: by turns noise, noise of its ends, constants, impulses."""
        design = self.design
        low, high = design.data.low, design.data.high
        shape = (n_frames, design.channels, design.height, design.width)
        maps = self.generator.integers(low, high, shape, endpoint=True)
        for frame, channel in np.ndindex(*shape[:2]):
            plane = maps[frame, channel]
            match int(self.generator.integers(6)):
                case 0:
                    plane[:] = self.generator.choice([low, high], plane.shape)
                case 1:
                    plane[:] = self.generator.choice([low, high, 0, -1])
                case 2:
                    plane[:] = 0
                    plane[tuple(self.generator.integers(plane.shape))] = low
        return maps

    def beats(self, maps: Integers) -> list[Beat]:
        """Return ``maps`` as the input's beats."""
        slot = self.job.manifest["streams"]["s_axis"]["slot_bits"]
        return beats_of(map_beats(maps, self.design.lanes, slot))

    def expected(self, maps: Integers) -> list[Beat]:
        """Return the model's beats for ``maps``."""
        slot = self.job.manifest["streams"]["m_axis"]["slot_bits"]
        results = self.design.model(maps, self.weights)
        return beats_of(map_beats(results, self.design.lanes, slot))

    async def exchange(
        self, maps: Integers, gaps: Gaps, ready: Readiness, beats: list[Beat] | None = None
    ) -> None:
        """Send ``maps``, and compare what comes out with the model; see `Bench.exchange_beats`.

        ``beats`` are sent for ``maps``, if not well framed.
        """
        if self._streamed:
            self._stream_weights(len(maps))
        await self.exchange_beats(
            self.beats(maps) if beats is None else beats,
            self.expected(maps),
            gaps,
            ready,
            settle=self.latency,
            framed=beats is None,
        )
