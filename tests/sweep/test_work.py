"""Tasks: what they give, and how they end."""

import json
import sys
from pathlib import Path

import pytest

from hw.measured.store import DONE, FAILED, REFUSED, TIMEOUT
from hw.sweep.child import Child
from hw.sweep.point import Task
from hw.sweep.work import Folders, figures_of, perform

SMALL = ("direct", "--length", "2")


@pytest.fixture
def folders(tmp_path):
    names = ("builds", "cache", "simulations")
    return Folders(*(str(tmp_path / name) for name in names), keep=True)


def test_a_build_is_kept_for_the_steps_after_it(folders):
    build = perform(Task("build", SMALL), folders)
    assert build.state == DONE
    assert build.figures["predicted.samples_per_cycle"] == 1
    assert build.figures["proved.max_abs_error"] == 0
    (kept,) = Path(folders.builds).iterdir()
    before = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    made = perform(Task("synthesise", SMALL, device="xc7"), folders)
    assert made.state == DONE, made.why
    assert made.figures["synthesised.ff"] > 10
    assert {path: path.stat().st_mtime_ns for path in kept.iterdir()} == before
    # The manifest holds the hashes of what was built, which is read again.
    manifest = kept / "parc_direct_2.json"
    assert figures_of(json.loads(manifest.read_text())) == build.figures


def test_what_is_impossible_is_refused(folders):
    refused = perform(Task("build", (*SMALL, "--macs", "3")), folders)
    assert (refused.state, refused.why) == (REFUSED, "--macs must be from 1 to 2, not 3")
    assert not any(Path(folders.builds).iterdir())


def test_a_task_that_takes_too_long_ends(folders):
    child = Child()
    result = child.perform(Task("build", SMALL), folders, limit_s=0.01)
    assert (result.state, result.why) == (TIMEOUT, "not done in 0.01 s")
    assert child._process is None


def test_a_process_that_dies_is_a_failure(folders, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = Child().perform(Task("build", SMALL), folders, limit_s=60)
    assert (result.state, result.why) == (FAILED, "the process ended with 1")
