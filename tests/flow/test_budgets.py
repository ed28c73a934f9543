"""Budgets: what breaks one, what does not, and that the committed ones can be read."""

from dataclasses import replace
from pathlib import Path

from flow.budgets import Budget, budgets_file, load_budgets
from flow.families import part_named
from flow.report import Report

BUDGET = Budget("tested", "direct --length 4", "lfe5u-85f-6", {"ff": 100, "dsp": 4, "lut": 0}, 200)
REPORT = Report("tested", "lfe5u-85f-6", "", [], {"ff": 105, "dsp": 4, "lut": 0}, 170.0)


def test_what_stays_within_passes() -> None:
    assert BUDGET.breaches(REPORT) == []


def test_every_figure_that_breaks_is_named() -> None:
    report = replace(REPORT, resources={"ff": 106, "dsp": 5, "lut": 1}, fmax_mhz=169.9)
    assert BUDGET.breaches(report) == [
        "tested: ff 106, more than 5 % over the budget of 100",
        "tested: dsp 5, more than 5 % over the budget of 4",
        "tested: lut 1, more than 5 % over the budget of 0",
        "tested: fmax 169.9 MHz, less than 85 % of the budget of 200 MHz",
    ]


def test_a_clock_that_was_not_measured_breaks() -> None:
    assert len(BUDGET.breaches(replace(REPORT, fmax_mhz=None))) == 1


def test_renewed_budgets_hold_and_read_back(tmp_path: Path) -> None:
    report = replace(REPORT, resources={"ff": 200}, fmax_mhz=50.0)
    renewed = BUDGET.renewed(report)
    assert renewed.breaches(report) == []
    (tmp_path / "budgets.json").write_bytes(budgets_file([renewed]))
    assert load_budgets(tmp_path / "budgets.json") == [renewed]


def test_committed_budgets_are_of_known_devices() -> None:
    budgets = load_budgets()
    assert len({budget.name for budget in budgets}) == len(budgets) >= 3
    for budget in budgets:
        assert part_named(budget.device)
        assert budget.fmax_mhz > 0
        assert budget.resources
