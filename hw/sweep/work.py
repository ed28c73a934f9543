"""What a task does: a build, its simulation, its implementation."""

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from golden.inputs.errors import ParameterError, first_line
from hw.build import main as build
from hw.command import told_of
from hw.emit.product import Built, load_product
from hw.emit.yosys import YosysError
from hw.measured.store import DONE, FAILED, REFUSED, Result
from hw.run import RunOptions, accelerated
from hw.simulate.verilator import MissingSimulatorError, SimulationError
from hw.simulate.waves import can_simulate, waves_of
from hw.sweep.point import Task

_COMMAND, _PARC = "parc_hdl", "parc"
"""Package and name of the command whose `implement` is run, as a user runs it."""


@dataclass(frozen=True)
class Folders:
    """Where steps are kept, absolute, for all workers the same.

    Parameters
    ----------
    builds
        Builds, by their keys.
    cache
        Of synthesis, place and route: `implement --cache`.
    simulations
        Simulators.
    keep
        Whether builds are kept, for steps after them.
    """

    builds: str
    cache: str
    simulations: str
    keep: bool


class _FailedError(Exception):
    """A tool failed; the text says why."""


class _RefusedError(Exception):
    """A tool took it for impossible."""


def perform(task: Task, folders: Folders) -> Result:
    """Do a task; whatever goes wrong is its result.

    Parameters
    ----------
    task
        The task.
    folders
        Where steps are kept.
    """
    begin = time.monotonic()
    state, why, figures = DONE, "", {}
    try:
        figures = _STEPS[task.kind](task, folders)
    except (ParameterError, MissingSimulatorError, _RefusedError) as reason:
        state, why = REFUSED, _told(task, reason)
    except (_FailedError, SimulationError, YosysError, OSError, MemoryError) as reason:
        state, why = FAILED, last_line(str(reason)) or type(reason).__name__
    return Result(state, why, time.monotonic() - begin, figures)


def _told(task: Task, reason: Exception) -> str:
    if isinstance(reason, ParameterError):
        command = build.get_command(click.Context(build), task.arguments[0])
        assert command is not None
        told = told_of(command, reason)
        return f"{told.known_as} {told.complaint}"
    return first_line(reason)


def last_line(text: str) -> str:
    """Return the last line of a tool's that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _build(task: Task, folders: Folders) -> dict[str, Any]:
    return figures_of(_built(task, folders)[1].manifest)


def _built(task: Task, folders: Folders) -> tuple[Path, Built]:
    """Return a build and its manifest, of before or made now."""
    kept = Path(folders.builds) / task.build.key
    if not kept.is_dir():
        Path(folders.builds).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folders.builds, prefix=".") as scratch:
            fresh = Path(scratch) / "build"
            build([*task.arguments, "--out", str(fresh)], standalone_mode=False)
            if not folders.keep:
                return fresh, load_product(_manifest(fresh))
            try:
                os.replace(fresh, kept)
            except OSError:
                if not kept.is_dir():  # or else another worker was first, with the same
                    raise
    manifest = _manifest(kept)
    return manifest, load_product(manifest)


def _manifest(folder: Path) -> Path:
    (found,) = (p for p in folder.glob("*.json") if "sha256" in json.loads(p.read_bytes()))
    return found


def figures_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest predicts and proves, as figures."""
    timing, parameters = manifest.get("timing", {}), manifest.get("parameters", {})
    figures = {**timing, **manifest.get("prediction", {})}
    if "multipliers" in manifest:
        figures["multipliers"] = manifest["multipliers"]
    for program in manifest.get("programs", ()):
        for key in ("cycles", "products", "bytes", "scratch_bytes"):
            if key in program:
                figures[key] = figures.get(key, 0) + program[key]
    if "cycles_per_group" in timing and {"length", "lanes"} <= parameters.keys():
        samples = parameters["length"] * parameters["lanes"]
        figures["samples_per_cycle"] = samples / timing["cycles_per_group"]
    elif "cycles_per_frame" in timing:
        samples = math.prod(parameters.get(key, 1) for key in ("channels", "height", "width"))
        figures["samples_per_cycle"] = samples / timing["cycles_per_frame"]
    proved = manifest.get("certificate", {})
    return {
        **{f"predicted.{key}": value for key, value in figures.items() if _is_number(value)},
        **{f"proved.{key}": value for key, value in proved.items() if _is_number(value)},
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _simulate(task: Task, folders: Folders) -> dict[str, Any]:
    manifest, built = _built(task, folders)
    cache = Path(folders.simulations)
    if built.manifest.get("kind") == "network":
        return _run(manifest, cache)
    if not can_simulate(built):
        raise ParameterError("simulate", "of a build of one stream in and one out", built.name)
    timing = waves_of(built, cache).timing
    return {f"simulated.{key}": value for key, value in timing.items()}


def _run(manifest: Path, cache: Path) -> dict[str, Any]:
    """Return what comes of a random image through a network."""
    ready = accelerated(manifest, cache, RunOptions())
    shape = (1, *ready.network.maps[ready.network.input].shape)
    (ran,) = ready.run(np.random.default_rng(1).normal(size=shape))
    figures: dict[str, Any] = {"cycles": ran.cycles, "mismatches": sum(ran.different.values())}
    if ran.read_bytes:
        figures |= {"read_bytes": ran.read_bytes, "written_bytes": ran.written_bytes}
    return {f"simulated.{key}": value for key, value in figures.items()}


def _implement(task: Task, folders: Folders) -> dict[str, Any]:
    manifest, _ = _built(task, folders)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "report.json"
        how = ["--no-placement"]
        if task.seeds is not None:
            first, count = task.seeds
            how = ["--first-seed", str(first), "--seeds", str(count)]
        command = ["implement", str(manifest), "--device", task.device, "--jobs", "1"]
        places = ["--cache", folders.cache, "--out", str(out)]
        done = subprocess.run(
            [sys.executable, "-m", _COMMAND, *command, *how, *places],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            kind = _RefusedError if done.returncode == 2 else _FailedError
            raise kind(last_line(done.stderr).removeprefix(f"{_PARC}: "))
        report = json.loads(out.read_bytes())
    return implemented_figures(report, placed=task.seeds is not None)


def implemented_figures(report: Mapping[str, Any], *, placed: bool) -> dict[str, Any]:
    """Return what `implement` came to, as figures."""
    origin = "placed" if placed else "synthesised"
    figures = {**report["resources"], "fmax_mhz": report["fmax_mhz"]}
    return {f"{origin}.{key}": value for key, value in figures.items() if value is not None}


_STEPS: Mapping[str, Callable[[Task, Folders], dict[str, Any]]] = {
    "build": _build,
    "simulate": _simulate,
    "synthesise": _implement,
    "place": _implement,
}
