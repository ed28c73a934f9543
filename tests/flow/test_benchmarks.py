"""Figures in documents are those of docs/benchmarks.json: prose has none of its own."""

import re
from pathlib import Path

import pytest

from flow.bench import keep, read_results, results_file
from flow.benchmarks import markdown
from golden.direct.design import DirectDesign
from golden.fermat.design import FermatDesign
from hw.engines import ENGINES
from hw.measured.clock import MEASURED, measured_in
from hw.measured.store import Store

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
WRITTEN = {"benchmarks.md", "early-stages.md", "networks.md", "published.md"}
"""By `make bench`, and by scripts of their names: figures that are nowhere else."""
FIGURE = re.compile(
    r"\d(?!\d) ?(LUTs?|LUT4s?|LUT4-equivalents|flip-flops|MHz|Msample/s)\b"
    r"|(?<! x )\b\d{2,} multipliers\b"
    r"|^\|.*\|[^|\n]*\b(LUT4-equivalents|LUTs|MHz)\b[^|\n]*\|",
    re.MULTILINE,
)
"""What was measured, in a sentence or at the head of a table's column."""


def test_the_document_is_what_was_measured():
    results, layers = read_results(DOCS / "benchmarks.json")
    assert results_file(results, layers) == (DOCS / "benchmarks.json").read_bytes(), "make docs"
    written = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert markdown(results, layers, seeds=3) == written, "make docs"


def test_what_was_measured_is_kept_as_points_of_a_sweep(tmp_path):
    results, _ = read_results(DOCS / "benchmarks.json")
    with Store(tmp_path / "bench.sqlite") as store:
        keep(results, 3, store)
    clocks = [(one.engine, one.device, one.mhz) for one in measured_in(MEASURED)]
    kept = measured_in(tmp_path / "bench.sqlite")
    assert [(one.engine, one.device, one.mhz) for one in kept] == clocks
    assert {"length", "macs"} <= {name for one in kept for name in one.parameters}


@pytest.mark.parametrize(
    "path",
    [ROOT / "README.md", *(p for p in sorted(DOCS.glob("*.md")) if p.name not in WRITTEN)],
    ids=lambda path: path.name,
)
def test_prose_has_no_measured_figures(path):
    found = FIGURE.search(path.read_text(encoding="utf-8"))
    assert found is None, f"{found.group()!r} belongs into flow/singles.json: make docs, and a link"


@pytest.mark.parametrize(
    "text",
    [
        "3,045 LUTs",
        "at 190 MHz.",
        "takes 29 multipliers",
        "| N | LUT4-equivalents |",
        "a|\n| N | MHz |",
    ],
)
def test_figures_are_recognised(text):
    assert FIGURE.search(text)


def test_the_multipliers_that_the_readme_counts_are_those_of_the_engines():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    said = "needs three 18 x 18 multipliers where the direct engine needs 29"
    assert f"At N = 56 the number-theoretic transform {said}, for two products each." in text
    for design, multipliers in ((FermatDesign, 3), (DirectDesign, 29)):
        cost = ENGINES[design.engine].predict(design(name="n", length=56, weights=None))
        assert cost.multipliers == multipliers
