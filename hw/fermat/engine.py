"""The Fermat engine's entry among the engines."""

from golden.fermat.dense import DenseFermatDesign
from golden.fermat.design import FermatDesign
from golden.fermat.plane import PlaneFermat
from hw.dense.entry import DenseEngine
from hw.entry import Engine
from hw.fermat import dense, plane
from hw.fermat.core import FermatCore, pipeline_latency
from hw.fermat.predict import predict
from hw.line.candidates import Candidates, EngineTable, Lines
from hw.plane.entry import PlaneEngine


class RingCandidates(Candidates):
    """As it is."""

    def cycles_per_line(self, lines: Lines, table: EngineTable) -> int:
        """See `Candidates`."""
        del table
        longer = range(lines.length, FermatDesign.length_range[1] + 1)
        return next((n for n in longer if lines.fixed or FermatDesign.rings_for(n)), lines.length)


FERMAT = Engine(
    design=FermatDesign,
    about="""Fermat engine: one modular multiplication a sample whatever the length, exact.

    A sample enters and a result leaves every cycle. Transforms modulo 2^b + 1 need no multiplier;
    the ring is chosen so that it holds every sum that the weights can reach.
    """,
    core=FermatCore,
    predict=predict,
    latency=pipeline_latency,
    pipeline_latency=pipeline_latency,
    candidates=RingCandidates(),
    dense=DenseEngine(
        design=DenseFermatDesign,
        core=dense.DenseFermatCore,
        predict=dense.predict,
        ahead=dense.latency_ahead,
        behind=dense.latency_behind,
    ),
    plane=PlaneEngine(design=PlaneFermat, core=plane.PlaneFermatCore, predict=plane.predict),
)
