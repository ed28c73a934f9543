"""Dense layers' Verilog against their models, bit for bit and cycle for cycle."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from amaranth.hdl import Module, Signal, Value

import hw.fermat.dense
import hw.fft.dense
from hw.layer.config import read_layer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

CASES = {
    "direct-halves": """
        channels = 4
        out_channels = 4
        height = 7
        width = 7
        output.bits = 8
        engines.height.engine = "direct"
        engines.width.engine = "direct"
    """,
    "halves-of-other-lengths": """
        channels = 4
        out_channels = 6
        height = 7
        width = 4
        output.bits = 8
        engines.height.engine = "direct"
        engines.width = {engine = "direct", pairing = "single", macs = 3, products = 2}
    """,
    "halves-of-other-kinds": """
        channels = 4
        out_channels = 2
        height = 4
        width = 6
        lanes = 2
        engines.height = {engine = "fft", products = 2}
        engines.width = {engine = "fermat"}
    """,
    "halves-streamed": """
        weights_port = true
        streamed = true
        channels = 4
        out_channels = 2
        height = 3
        width = 5
        output = {bits = 8, zero_point = 3}
        engines.height = {engine = "fermat", products = 2}
        engines.width = {engine = "direct", products = 2}
    """,
    "halves-loaded-of-a-square": """
        weights_port = true
        channels = 6
        out_channels = 6
        height = 4
        width = 4
        engines.height = {engine = "direct", products = 3}
        engines.width = {engine = "direct", macs = 2}
    """,
    "direct-folded": """
        axis = "height"
        channels = 4
        out_channels = 3
        height = 8
        width = 14
        lanes = 2
        engines.height = {engine = "direct", macs = 3, products = 4}
    """,
    "fermat-columns": """
        axis = "height"
        channels = 2
        out_channels = 6
        height = 14
        width = 2
        lanes = 2
        engines.height = {engine = "fermat", products = 2}
    """,
    "fermat-parts": """
        axis = "width"
        channels = 3
        out_channels = 2
        height = 3
        width = 7
        output = {bits = 8, low = 0}
        engines.width = {engine = "fermat", parts = 3}
    """,
    "fft-paced": """
        axis = "height"
        channels = 5
        out_channels = 1
        height = 8
        width = 4
        lanes = 2
        engines.height.engine = "fft"
    """,
    "fft": """
        channels = 4
        out_channels = 4
        height = 8
        width = 8
        lanes = 2
        engines.height.engine = "fft"
        engines.width.engine = "fft"
    """,
    "fft-one-lane": """
        axis = "width"
        channels = 2
        out_channels = 4
        height = 3
        width = 7
        output.bits = 8
        engines.width = {engine = "fft", products = 2}
    """,
    "direct-port": """
        weights_port = true
        axis = "height"
        channels = 4
        out_channels = 2
        height = 5
        width = 3
        output = {bits = 8, zero_point = 3}
        engines.height = {engine = "direct", macs = 3, products = 4}
    """,
    "fermat-port": """
        weights_port = true
        channels = 4
        out_channels = 2
        height = 8
        width = 8
        engines.height = {engine = "fermat", products = 2}
        engines.width = {engine = "fermat", products = 2}
    """,
    "fft-port": """
        weights_port = true
        axis = "width"
        channels = 3
        out_channels = 4
        height = 4
        width = 7
        lanes = 1
        output.bits = 8
        engines.width = {engine = "fft", products = 3}
    """,
    "direct-streamed": """
        weights_port = true
        streamed = true
        axis = "width"
        channels = 4
        out_channels = 3
        height = 5
        width = 4
        output = {bits = 8, zero_point = 3}
        engines.width = {engine = "direct"}
    """,
    "fermat-streamed": """
        weights_port = true
        streamed = true
        channels = 4
        out_channels = 4
        height = 7
        width = 7
        output = {bits = 8, zero_point = 3}
        engines.height = {engine = "fermat", parts = 2}
        engines.width = {engine = "fermat", parts = 2}
    """,
    "fermat-streamed-too-slowly": """
        weights_port = true
        streamed = true
        axis = "width"
        channels = 8
        out_channels = 3
        height = 2
        width = 7
        engines.width = {engine = "fermat", products = 4}
    """,
    "fft-streamed": """
        weights_port = true
        streamed = true
        axis = "width"
        channels = 4
        out_channels = 4
        height = 8
        width = 8
        lanes = 2
        engines.width = {engine = "fft", products = 2}
    """,
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_layer_equals_model(case: str, tmp_path: Path) -> None:
    (tmp_path / "layer.toml").write_text(f'form = "dense"\n{case}')
    design = read_layer(tmp_path / "layer.toml")
    passed = simulate(
        design, "sim.bench_layer", simulator=SIMULATOR, folder=tmp_path, groups=1, resets=2
    )
    assert len(passed) == 5


def run_all_paces(case: str, folder: Path, edit: Callable[[str], str] | None = None) -> None:
    (folder / "layer.toml").write_text(f'form = "dense"\n{CASES[case]}')
    simulate(
        read_layer(folder / "layer.toml"),
        "sim.bench_layer",
        simulator=SIMULATOR,
        folder=folder,
        groups=2,
        tests=["all_paces"],
        edit=edit,
    )


def test_sums_begun_with_the_sum_before_are_found(tmp_path: Path) -> None:
    def edit(verilog: str) -> str:
        text, count = re.subn(r"(assign bin_first = ).*;", r"\1 1'h0;", verilog)
        assert count
        return text

    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        run_all_paces("fft", tmp_path, edit)


def round_down(m: Module, total: Value, dropped: int, whole: Value, _carry: Value) -> None:
    rest = Signal(whole.shape(), name="whole", reset_less=True)
    m.d.sync += rest.eq(total >> dropped)
    m.d.comb += whole.eq(rest)


MUTANTS: dict[str, tuple[str, ModuleType, str, object]] = {
    "bins held before they are there": ("fermat-parts", hw.fermat.dense, "LEAD", 1),
    "sums rounded down": ("fft", hw.fft.dense, "round_sum", round_down),
}
"""Case, and where its hardware is broken, but not its model: module, name, what stands for it."""


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_hardware_is_found(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, *change = MUTANTS[name]
    monkeypatch.setattr(*change)
    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        run_all_paces(case, tmp_path)
