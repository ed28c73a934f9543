"""Operators drawn at random: programs against networks, and Verilog against programs."""

from pathlib import Path

import pytest

from golden.accelerator.sizes import Sizes
from sim.accelerator import KINDS, case_of, compare, run_cases
from sim.runner import simulators

SIZES = [Sizes(positions=32), Sizes(tile=8, scalers=2, positions=7, logic_scalers=1)]


@pytest.mark.parametrize("kind", KINDS)
def test_program_equals_the_network(kind: str) -> None:
    for turn in range(8):
        network, words = case_of(len(KINDS) * turn + KINDS.index(kind))
        compare(network, words, SIZES[turn % 2])


@pytest.mark.parametrize(("first", "sizes"), [(100, SIZES[0]), (500, SIZES[1])])
def test_verilog_equals_the_program(first: int, sizes: Sizes, tmp_path: Path) -> None:
    """All in one program, one case after the other: every word, and when each map begins."""
    run_cases(range(first, first + len(KINDS)), sizes, tmp_path, simulator=simulators()[-1])


def test_scales_of_others(tmp_path: Path) -> None:
    """Float32's roundings, of sums, of products of two maps and of their sums."""
    seeds = range(300, 300 + len(KINDS))
    sizes = Sizes(tile=8, scalers=4, positions=20)
    run_cases(seeds, sizes, tmp_path, simulator=simulators()[-1], own=False)
