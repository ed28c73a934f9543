"""The direct engine's entry among the engines."""

from collections.abc import Iterator

from golden.direct.dense import MOST_ALONE, DenseDirectDesign
from golden.direct.design import DirectDesign
from hw.dense.entry import DenseEngine
from hw.direct.core import DirectCore, latency, pipeline_latency
from hw.direct.dense import DenseDirectCore, latency_ahead
from hw.direct.dense import latency_behind as dense_behind
from hw.direct.dense import predict as predict_dense
from hw.direct.pace import ChainPace
from hw.direct.predict import predict
from hw.entry import Engine
from hw.line.candidates import Candidates, EngineTable, Lines


class ChainCandidates(Candidates):
    """Chains of every length that takes another number of passes."""

    def tables(self, lines: Lines, apart: float) -> Iterator[EngineTable]:
        """See `Candidates`."""
        least = {-(-lines.taps // macs): macs for macs in range(lines.taps, 0, -1)}
        before = 0.0
        for passes, macs in least.items():
            if passes > apart * before or macs == 1:
                before = passes
                yield {"macs": macs}

    def cycles_per_line(self, lines: Lines, table: EngineTable) -> int:
        """See `Candidates`."""
        return lines.length * -(-lines.taps // int(table["macs"]))

    def least_multipliers(self, table: EngineTable) -> int:
        """See `Candidates`: single or in pairs, which several chains have one more for."""
        macs = int(table["macs"])
        alone = int(table.get("products", 1)) <= MOST_ALONE
        return min(macs, -(-macs // 2) + alone)

    def can_multiply(self, lines: Lines, table: EngineTable) -> bool:
        """See `Candidates`: a longer chain comes before several."""
        return table["macs"] == lines.length

    def within(self, length: int, multipliers: int) -> EngineTable:
        """See `Candidates`: the line passes half as many multipliers twice."""
        return {"macs": length // 2} if length > multipliers else {}


DIRECT = Engine(
    design=DirectDesign,
    about="""Direct engine: two taps a multiplier, exact.

    With --macs N a sample enters and a result leaves every cycle; with fewer products P a group
    of lines takes N * ceil(N / P) cycles. In pairs, P products take ceil(P / 2) + 1 multipliers.
    """,
    core=DirectCore,
    predict=predict,
    latency=latency,
    pipeline_latency=pipeline_latency,
    candidates=ChainCandidates(),
    pace=ChainPace,
    dense=DenseEngine(
        design=DenseDirectDesign,
        core=DenseDirectCore,
        predict=predict_dense,
        ahead=latency_ahead,
        behind=dense_behind,
    ),
)
