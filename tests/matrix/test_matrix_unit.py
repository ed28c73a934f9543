"""The matrix unit: its model against a product of matrices, its Verilog against its model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden.inputs.errors import ParameterError
from golden.matrix.design import MatrixDesign, Pass
from golden.numbers.interval import wrap
from hw.matrix.predict import predict
from hw.matrix.unit import MatrixUnit, position_layout, result_layout, weights_layout
from sim.runner import simulators
from sim.unit import beats_of, rows_of, run_unit

SMALL = MatrixDesign(inputs=4, outputs=8, positions=24)


def random_passes(
    design: MatrixDesign, runs: list[tuple[int, int]], *, extreme: bool = False
) -> list[Pass]:
    """Return passes that add up: of so many positions, so many of them."""
    generator = np.random.default_rng(1)
    low, high = -(1 << (design.weight_bits - 1)), (1 << (design.weight_bits - 1)) - 1

    def draw(low: int, high: int, shape: tuple[int, int]) -> np.ndarray:
        values = generator.integers(low, high, shape, endpoint=True)
        ends = generator.choice([low, high], shape)
        return np.where(extreme, ends, values)

    return [
        Pass(
            draw(design.data.low, design.data.high, (positions, design.inputs)),
            draw(low, high, (design.outputs, design.inputs)),
            first=number == 0,
            final=number == passes - 1,
            raised=number % 3 == 1,
            squares=number % 4 == 2,
        )
        for positions, passes in runs
        for number in range(passes)
    ]


def streams_of(design: MatrixDesign, passes: list[Pass]) -> tuple[dict, list]:
    """Return the beats of passes, and of their sums."""
    x, ends = rows_of([one.x for one in passes])
    flags = {
        name: np.repeat([getattr(one, name) for one in passes], [len(one.x) for one in passes])
        for name in ("first", "final", "raised", "squares")
    }
    rows = np.concatenate([one.weights[::-1] for one in passes])
    sums, sum_ends = rows_of(design.run(passes))
    given = {
        "s_axis": beats_of(position_layout(design), {"x": x, **flags}, ends),
        "w_axis": beats_of(weights_layout(design), {"row": rows}, last=False),
    }
    return given, beats_of(result_layout(design), {"sums": sums}, sum_ends)


@pytest.mark.parametrize("extreme", [False, True])
def test_model_is_a_product_of_matrices(extreme: bool) -> None:
    design = MatrixDesign(inputs=6, outputs=8, positions=9)
    passes = random_passes(design, [(5, 1), (9, 4), (1, 3)], extreme=extreme)
    left, total, constant = iter(design.run(passes)), 0, 0
    for one in passes:
        if one.first:
            total, constant = 0, 0
        scale = 256 if one.raised else 1
        squares = (one.x[:, 0::2] * one.x[:, 1::2]).sum(axis=1) * one.squares
        total = total * scale + one.x @ one.weights.T + squares[:, None]
        constant = constant * scale + design.constant(one.weights)
        if one.final:
            np.testing.assert_array_equal(next(left), wrap(total + constant, 32))
    assert next(left, None) is None


@pytest.mark.parametrize(
    ("design", "runs"),
    [
        (SMALL, [(24, 3), (1, 5), (9, 1), (3, 2), (20, 1), (8, 3), (24, 2)]),
        (replace(SMALL, inputs=2, outputs=4, group=2), [(24, 2), (1, 4), (5, 3)]),
        (replace(SMALL, inputs=6, target="ecp5", positions=40), [(40, 2), (1, 4), (17, 2)]),
        (replace(SMALL, outputs=4, data_bits=8, sum_bits=20), [(24, 3), (2, 5)]),
    ],
)
def test_verilog_equals_the_model(design: MatrixDesign, runs: list, tmp_path: Path) -> None:
    passes = random_passes(design, runs) + random_passes(design, [(7, 2)], extreme=True)
    given, expected = streams_of(design, passes)
    unit = MatrixUnit(design)
    cycles = run_unit(unit, "matrix", given, expected, tmp_path, simulator=simulators()[-1])
    # Every position at its predicted cycle, and every sum its latency later.
    begins = design.begins([len(one.x) for one in passes])
    starts = np.array(cycles["s_axis"]) - cycles["s_axis"][0]
    counts = [len(one.x) for one in passes]
    firsts = np.cumsum([0, *counts[:-1]])
    assert starts[firsts].tolist() == begins
    assert cycles["m_axis"][0] - cycles["s_axis"][firsts[runs[0][1] - 1]] == unit.latency


def test_two_products_a_multiplier() -> None:
    design = MatrixDesign(inputs=16, outputs=16)
    assert design.multipliers == 136
    assert predict(replace(design, target="ecp5")).multipliers == design.multipliers


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"inputs": 5}, "Inputs must be even, not 5"),
        ({"outputs": 2}, "Outputs must be from 4 to 128, not 2"),
        ({"outputs": 6, "group": 4}, "Group must be a divisor of 6 outputs, not 4"),
        ({"positions": 1}, "Positions must be from 2 to 4096, not 1"),
        ({"data_bits": 18}, "Data bits must be from 2 to 17, not 18"),
        (
            {"data_bits": 17, "sum_bits": 48, "target": "ice40"},
            "Data bits must be at most 15 on ice40, not 17",
        ),
        ({"sum_bits": 16}, "Sum bits must be from 21 to 62, not 16"),
        ({"target": "foo"}, "Target must be one of generic, ecp5, ice40, xc7, xcup, not 'foo'"),
    ],
)
def test_refusals(wrong: dict, message: str) -> None:
    with pytest.raises(ParameterError) as error:
        replace(SMALL, **wrong)
    assert str(error.value) == message


def test_passes_that_do_not_fit() -> None:
    long, short = random_passes(SMALL, [(25, 1), (4, 1)])
    with pytest.raises(ValueError, match=r"^A pass must have 1 to 24 positions$"):
        SMALL.run([long])
    with pytest.raises(ValueError, match=r"^A pass must go on with 0 positions, not 4$"):
        SMALL.run([replace(short, first=False)])
