"""Pages about builds: what they hold, that nothing comes from outside, and refusals."""

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from hw.report.certificate import NodeRange, ranges_of
from hw.report.command import main
from hw.report.facts import Fact, Origin, facts_of
from hw.report.structure import structure_of
from hw.report.subject import load_subject
from hw.simulate.waves import waves_of
from tests.report.conftest import DIRECT, FFT, of_page


def test_an_fft_is_drawn_as_its_pipeline(builds):
    structure = structure_of(load_subject(builds / f"{FFT}.json").built)
    prediction = json.loads((builds / f"{FFT}.json").read_text())["prediction"]
    assert sum(unit.multipliers for unit in structure.units) == prediction["multipliers"]
    sources, sinks = zip(*structure.links, strict=True)
    assert "s_axis" in sources
    assert "m_axis" in sinks
    assert structure.links["s_axis", "engine.core.door"] == 16
    assert structure.ports == ["s_axis", "m_axis"]


def test_predictions_that_were_missed_are_marked(builds):
    facts = facts_of(load_subject(builds / f"{FFT}.json"), {"latency_cycles": 3})
    placed = {fact.name: fact for fact in facts if fact.origin == Origin.PLACED}
    assert placed["multipliers"].difference == 0
    assert not placed["multipliers"].far_off
    assert placed["LUT4-equivalents"].far_off
    (seen,) = (fact for fact in facts if fact.origin == Origin.SIMULATED)
    assert seen.far_off


def test_what_was_not_predicted_has_no_difference():
    assert Fact("x", 3, Origin.PLACED).difference is None
    assert not Fact("x", 3, Origin.PLACED).far_off


def test_a_simulation_is_in_the_cycles_that_the_manifest_has(builds, tmp_path_factory):
    built = load_subject(builds / f"{DIRECT}.json").built
    waves = waves_of(built, tmp_path_factory.getbasetemp() / "report-simulations")
    timing = built.manifest["timing"]
    assert waves.timing == {key: timing[key] for key in waves.timing}
    assert waves.timing.keys() == {"latency_cycles", "cycles_per_group"}
    assert waves.signals["m_axis_tvalid"].count("1") == 14


def test_nothing_comes_from_outside(page):
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", page.read_text())
    assert not re.search(r"https?:|//\w+\.|<link [^>]*href=\"(?!data:)|@import|<script src", text)


def test_all_ids_are_different(page):
    ids = re.findall(r'\bid="([^"]*)"', page.read_text())
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]*)', page.read_text()))
    assert used <= set(ids)


def test_a_page_is_the_same_again(page, builds):
    again = builds / "again.html"
    words = [*of_page(builds), "--no-simulation", "-o", str(again)]
    CliRunner().invoke(main, words, catch_exceptions=False)
    assert again.read_bytes() == page.read_bytes()


def test_ranges_are_of_every_node_with_a_width():
    layer = {"sum_low": -9, "sum_high": 8, "sum_bits": 5, "max_error": 0}
    certificate = {"exact": True, "sum_bits": 5, "layers": {"conv": layer}}
    assert ranges_of(certificate) == {"conv: sum": NodeRange(-9, 8, 5)}
    assert ranges_of({"error_bound": 3}) == {}


@pytest.mark.parametrize(
    "names", [["nothing.json"], [f"{FFT}.json", f"{FFT}.json"], ["nothing.sqlite"]]
)
def test_bad_builds_are_refused_in_a_line(builds, names):
    out = builds / "refused.html"
    done = subprocess.run(
        [sys.executable, "-m", "hw.report", *(str(builds / name) for name in names), "-o", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not out.exists()
