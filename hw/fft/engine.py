"""The FFT engine's entry among the engines."""

from golden.fft.dense import DenseFftDesign
from golden.fft.design import FftDesign, transform_length
from golden.fft.plane import PlaneFft
from hw.dense.entry import DenseEngine
from hw.entry import Engine
from hw.fft import dense, plane
from hw.fft.core import FftCore
from hw.fft.pipeline import pipeline_latency
from hw.fft.predict import predict
from hw.line.candidates import Candidates, EngineTable, Lines
from hw.plane.entry import PlaneEngine


class TransformCandidates(Candidates):
    """As it is."""

    def cycles_per_line(self, lines: Lines, table: EngineTable) -> int:
        """See `Candidates`."""
        del table
        if lines.fixed:
            return transform_length(lines.length)
        return FftDesign.least_circle(lines.length)


FFT = Engine(
    design=FftDesign,
    about="""FFT engine: about 1.5 * log2(N) multiplications a sample, error bounded by proof.

    Two lines share a complex transform. Lengths 2^m from 4 to 4096 take N cycles a group of lines,
    so do 3, 5, 7, 9, 15 and 21 times a power of two; others from 3 to 2048 take a transform of
    2^m >= 2 * N - 1 points and as many cycles.
    """,
    core=FftCore,
    predict=predict,
    latency=pipeline_latency,
    pipeline_latency=pipeline_latency,
    candidates=TransformCandidates(),
    dense=DenseEngine(
        design=DenseFftDesign,
        core=dense.DenseFftCore,
        predict=dense.predict,
        ahead=dense.latency_ahead,
        behind=dense.latency_behind,
    ),
    plane=PlaneEngine(design=PlaneFft, core=plane.PlaneFftCore, predict=plane.predict),
)
