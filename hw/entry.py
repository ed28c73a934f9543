"""What must be known of an engine to build, time, predict and plan it: an entry of `hw.engines`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from golden.inputs.errors import ParameterError
from golden.line.design import LineDesign
from hw.dense.entry import DenseEngine
from hw.line.candidates import Candidates
from hw.line.core import Core
from hw.line.pace import LinePace
from hw.plane.entry import PlaneEngine
from hw.targets.cost import Cost


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A line engine.

    Parameters
    ----------
    design
        Describes one: its name, options, lengths, model and proof.
    about
        What `hw.build` says of it: a line, and what lengths and rates it has.
    core
        Makes a core of a design.
    predict
        What a design takes of a device.
    latency, pipeline_latency
        Of a design's core, without making one.
    candidates
        What planning may try.
    pace
        Counts a design's beats, given its core's `pipeline_latency`.
    dense, plane
        What is made of it for channels that mix, and in two dimensions.
    """

    design: type[LineDesign]
    about: str
    core: Callable[[Any], Core]
    predict: Callable[[Any], Cost]
    latency: Callable[[Any], int]
    pipeline_latency: Callable[[Any], int]
    candidates: Candidates = field(default_factory=Candidates)
    pace: Callable[[Any, int], LinePace] = LinePace
    dense: DenseEngine | None = None
    plane: PlaneEngine | None = None

    @property
    def name(self) -> str:
        """What command lines, configurations and manifests call it."""
        return self.design.engine

    def does(self, length: int) -> bool:
        """Whether it does lines of ``length`` 8-bit samples."""
        try:
            design = self.design(name="planned", length=length, weights=None)
            design.certificate()  # what is chosen for the formats alone, is chosen now
        except ParameterError as error:
            if error.parameter != "length":
                raise
            return False
        return True

    def pace_of(self, design: LineDesign) -> LinePace:
        """Return a count of the beats of an engine of ``design``."""
        return self.pace(design, self.pipeline_latency(design))
