"""A page in a browser without a screen: numbers, plots, sorting, and an empty console."""

import json
import shutil
from itertools import pairwise

import pytest

from tests.report.conftest import DIRECT, FFT

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = (shutil.which(name) for name in ("chromium", "chromedriver"))
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromium-driver are not installed"
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PLOTS = {
    *("Block diagram", "Ranges of the nodes", "Certificate", "Weights"),
    *("Critical path on lfe5u-85f-6", "Floorplan on lfe5u-85f-6", "Slack on lfe5u-85f-6"),
    *("Layers of the network", "Roofline of the network", "Memory of the network"),
    *("Memory inside, of the network",),
    *("Units", "Best points", "Cost, predicted"),
}
"""Headings above plots."""


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    with webdriver.Chrome(options=options, service=service) as driver:
        yield driver


def test_a_page_in_a_browser(browser, page, builds):
    browser.get(page.as_uri())
    run = browser.execute_script
    plots = run(
        "return [...document.querySelectorAll('figure')].map(f => ["
        "f.querySelectorAll('svg path, svg use').length, f.querySelector('svg title').textContent])"
    )
    assert all(marks > 3 and title for marks, title in plots)
    above = (
        "[...document.querySelectorAll('figure')].map(f => f.previousElementSibling.textContent)"
    )
    assert set(run(f"return {above}")) == PLOTS

    rows = run(
        "return [...document.querySelectorAll('#numbers-0 tbody tr')].map(r => "
        "[...r.children].slice(0, 4).map(c => c.dataset.value ?? c.textContent))"
    )
    said = {(name, origin): value for name, value, origin, _ in rows}
    manifest = json.loads((builds / f"{FFT}.json").read_text())
    assert float(said["latency cycles", "predicted"]) == manifest["timing"]["latency_cycles"]
    assert float(said["multipliers", "predicted"]) == manifest["prediction"]["multipliers"]
    assert float(said["error bound", "proved"]) == manifest["certificate"]["error_bound"]
    found = float(said["largest error of a sum found", "searched"])
    assert 0 < found <= manifest["certificate"]["max_abs_error"]
    assert float(said["clock, MHz", "placed"]) == 200.5

    values = (
        "return [...document.querySelectorAll('#numbers-0 tbody tr')]"
        ".map(r => r.children[1].dataset.value).filter(v => v !== undefined).map(Number)"
    )
    button = "document.querySelectorAll('#numbers-0 th button')[1]"
    for click in ("up", "down"):
        run(f"{button}.click()")
        numbers = run(values)
        pairs = list(pairwise(numbers if click == "up" else numbers[::-1]))
        assert pairs
        assert all(a <= b for a, b in pairs)

    for width in (360, 1200):
        browser.set_window_size(width, 800)
        wide = run("return document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{wide} pixels too wide at {width}"
    assert run("return performance.getEntriesByType('resource').length") == 0
    assert not browser.get_log("browser")
    assert DIRECT in run("return document.title")
