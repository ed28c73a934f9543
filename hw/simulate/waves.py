"""The first transactions of a build in simulation, and what cycles they took."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from golden.inputs.errors import ParameterError
from hw.emit.product import Built
from hw.simulate.verilator import Compiled, SimulationError

MAIN, BENCH = (Path(__file__).parent / name for name in ("waves.cpp", "waves.v"))
_BENCH = "waves_bench"
_SHOWN = 14
"""Cycles about each beginning."""
_LONGEST = 2_000_000
"""Cycles that are simulated at most."""


@dataclass(frozen=True)
class Waves:
    """What was seen.

    Parameters
    ----------
    signals
        A value a cycle that is shown: a bit, a word as hexadecimal digits, or nothing.
    cycles
        Which these are.
    timing
        Entries of the manifest's ``timing`` as they were seen.
    """

    signals: Mapping[str, Sequence[str]]
    cycles: Sequence[int]
    timing: Mapping[str, int]


def can_simulate(built: Built) -> bool:
    """Whether a build has one stream in and one out, and needs no weights first."""
    streams = built.manifest.get("streams", {})
    return {"s_axis", "m_axis"} == set(streams) and built.manifest.get("kind") != "network"


def waves_of(built: Built, cache: Path) -> Waves:
    """Simulate a build from reset until some results are out.

    Raises
    ------
    ParameterError
        Where none come out.
    """
    timing = built.manifest["timing"]
    beats = int(timing.get("cycles_per_group", 1))
    length = timing["latency_cycles"] + 3 * beats + 4 * _SHOWN
    length = min(int(length), _LONGEST)
    verilog = {**built.models, **built.sources, f"{_BENCH}.v": _bench(built, beats)}
    program = Compiled(_BENCH, verilog, MAIN).build(cache)
    done = subprocess.run([program, str(length)], capture_output=True, encoding="utf-8")
    if done.returncode:
        raise SimulationError(done.stdout + done.stderr)
    return _read([line.split() for line in done.stdout.splitlines()], built)


def _bench(built: Built, beats: int) -> bytes:
    """Return the Verilog around a build."""
    manifest = built.manifest
    into, out = (manifest["streams"][name] for name in ("s_axis", "m_axis"))
    reset = manifest["reset"]
    macros = {
        "TOP": built.name,
        "CLOCK": built.clock,
        "RESET": reset["name"],
        "RESET_LEVEL": "reset" if reset["active"] == "high" else "~reset",
        "LANES": manifest["parameters"].get("lanes", 1),
        "BEATS": beats,
        "IN_BITS": into["sample_bits"],
        "IN_SLOT": into["slot_bits"],
        "OUT_SLOT": out["slot_bits"],
    }
    head = "".join(f"`define {name} {value}\n" for name, value in macros.items())
    return head.encode() + BENCH.read_bytes()


def _read(rows: list[list[str]], built: Built) -> Waves:
    taken = [cycle for cycle, row in enumerate(rows) if row[0] == "1"]
    given = [cycle for cycle, row in enumerate(rows) if row[3] == "1"]
    if not taken or not given:
        raise ParameterError(
            "manifest", "of a build that gives results", f"{built.name}: none came"
        )
    ends = [cycle for cycle in given if rows[cycle][4] == "1"]
    timing = {"latency_cycles": given[0] - taken[0]}
    steps = {after - before for before, after in pairwise(ends)}
    if len(steps) == 1:
        timing["cycles_per_group"] = steps.pop()
    beginnings = (taken[0], given[0])
    cycles = sorted(
        {
            cycle
            for begin in beginnings
            for cycle in range(max(begin - 2, 0), begin + _SHOWN)
            if cycle < len(rows)
        }
    )
    shown = [rows[cycle] for cycle in cycles]
    signals = {
        "s_axis_tready": [row[0] for row in shown],
        "s_axis_tlast": [row[1] for row in shown],
        "s_axis_tdata": [_end(row[2]) if row[0] == "1" else "" for row in shown],
        "m_axis_tvalid": [row[3] for row in shown],
        "m_axis_tlast": [row[4] if row[3] == "1" else "0" for row in shown],
        "m_axis_tdata": [_end(row[5]) if row[3] == "1" else "" for row in shown],
    }
    return Waves(signals, cycles, timing)


def _end(word: str) -> str:
    """Return a word's low digits, which a cycle has room for."""
    return word if len(word) <= 6 else f"..{word[-4:]}"
