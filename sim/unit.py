"""A unit by itself, whatever it computes: beats in on its streams, beats out compared."""

import itertools
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from golden.numbers.interval import Integers
from hw.emit.axi import AxiWrapper, PortNames, slots_of, weight_ports
from hw.emit.verilog import to_verilog
from hw.parts.ports import StreamComponent
from hw.targets.registry import models_for
from sim.runner import build
from sim.stream import Beat

CYCLES = "cycles.pickle"
"""Beside a job: cycles of the handshakes of the run at full pace, by the stream's name."""


@dataclass(frozen=True)
class UnitJob:
    """What a run is about.

    Attributes
    ----------
    given
        Beats to send, by the stream's name: ``s_axis``, ``w_axis`` and the like.
    expected
        Beats to come.
    cycles
        In which all must have come.
    paces
        How many of the bench's paces, from the full one on; 0 is all.
    step
        Cycles between two in which it is reset, where it is.
    """

    given: Mapping[str, Sequence[Beat]]
    expected: Sequence[Beat]
    cycles: int
    paces: int = 0
    step: int = 1


def beats_of(layout: Any, values: Mapping[str, Any], last: Any) -> list[Beat]:
    """Return arrays as beats of ``layout``, from the first axis: fields of a beat, or their parts.

    Parameters
    ----------
    layout
        Of the stream's payload.
    values
        By field, int64 ``[n]``, or ``[n, parts]`` where the field is an array.
    last
        ``[n]``, or one for all.
    """
    columns: dict[str, Integers] = {}
    for name, array in values.items():
        array = np.asarray(array)
        columns |= (
            {name: array}
            if array.ndim == 1
            else {f"{name}[{part}]": array[:, part] for part in range(array.shape[1])}
        )
    slots = slots_of(layout)
    n_beats = len(next(iter(columns.values())))
    data: Any = np.zeros(n_beats, object)
    for slot in slots:
        mask = (1 << slot.slot_bits if slot.signed else 1 << slot.sample_bits) - 1
        data = data | (columns[slot.name].astype(object) & mask) << slot.offset
    lasts = np.broadcast_to(last, n_beats)
    return [Beat(int(word), bool(end)) for word, end in zip(data, lasts, strict=True)]


def run_unit(
    unit: StreamComponent,
    name: str,
    given: Mapping[str, Sequence[Beat]],
    expected: Sequence[Beat],
    folder: Path,
    *,
    simulator: str = "verilator",
    cycles: int = 100_000,
    paces: int = 0,
    step: int = 1,
    test: str = "exchange",
    edit: Callable[[str], str] = lambda verilog: verilog,
) -> dict[str, list[int]]:
    """Send beats through ``unit`` at many paces, and hold what comes out to ``expected``.

    ``test`` names another test of `sim.bench_unit`; ``edit`` changes the Verilog before that.

    Returns
    -------
    Cycles of the handshakes at full pace, by the stream's name.

    Raises
    ------
    sim.runner.SimulationError
        Where a beat is wrong, missing or too many, or a stream breaks its rules.
    """
    wrapper = AxiWrapper(unit, PortNames())
    verilog = edit(to_verilog(wrapper, name, wrapper.ports))
    folder.mkdir(parents=True, exist_ok=True)
    texts = {f"{name}.v": verilog} | models_for(verilog)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    simulation = build([folder / file for file in texts], name, simulator=simulator)
    streams = {"s_axis", *(f"{port}_axis" for port in weight_ports(unit))}
    if streams != set(given):
        raise ValueError(f"Beats must be given for {sorted(streams)}, not {sorted(given)}")
    job = UnitJob(given, expected, cycles, paces, step)
    (folder / "unit.pickle").write_bytes(pickle.dumps(job))
    env = {"UNIT_FOLDER": str(folder.resolve())}
    simulation.run("sim.bench_unit", folder=folder, tests=(test,), env=env)
    return dict(pickle.loads((folder / CYCLES).read_bytes())) if test == "exchange" else {}


def rows_of(results: Sequence[Integers]) -> tuple[Integers, list[bool]]:
    """Return arrays end to end, and where each ends."""
    ends = list(itertools.accumulate(len(result) for result in results))
    return np.concatenate(results), [index + 1 in ends for index in range(ends[-1])]
