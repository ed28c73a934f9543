"""The bulk bench: every lane and width, and that it finds a single wrong result."""

import pytest

from golden.direct.design import DirectDesign
from golden.line.example import example_weights
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from hw.simulate.verilator import SimulationError
from sim.bulk import run_bulk

SHAPE = {"name": "bulk", "length": 7, "channels": 2, "rows": 9, "lanes": 9}
WEIGHTS = example_weights(length=7, channels=2, data_bits=8, weight_bits=8, requantized=None)


class OnceWrong(DirectDesign):
    """A model that errs in one result of the last chunk."""

    def model(self, lines: Integers, weights: LineWeights | None = None) -> Integers:
        results = super().model(lines, weights)
        if len(results) < 500:
            results[-1, 3] ^= 1
        return results


# Nine lanes of three bytes make tdata wider than C++ has integers.
@pytest.mark.parametrize("stalls", [(0.0, 0.0), (0.3, 0.1), (0.1, 0.3)])
def test_all_samples_equal(stalls: tuple[float, float]) -> None:
    sent: list[int] = []
    design = DirectDesign(weights=WEIGHTS, **SHAPE)
    result = run_bulk(design, 100_000, stalls=stalls, progress=sent.append)
    frame = 7 * 2 * 9
    assert result.samples == sum(sent) == -(-100_000 // frame) * frame
    beats = result.samples // 9
    # A beat a cycle, or one in as many as the stalls let through.
    assert beats <= result.cycles < 2 * beats + 100


def test_one_wrong_result_is_found() -> None:
    design = OnceWrong(weights=WEIGHTS, **SHAPE)
    with pytest.raises(SimulationError, match=r"^Wrong beat: output beat \d+, cycle \d+$"):
        run_bulk(design, 66_000)
