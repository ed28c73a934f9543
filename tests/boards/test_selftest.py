"""The self-test of a build, as the netlist that goes onto the board, simulated to its LEDs."""

from pathlib import Path

import pytest

from boards.selftest import TOP
from boards.ulx3s import DEVICES, constraints
from flow.bitstream import bitstream, board_device, golden_design, self_tested
from flow.cache import Cache
from flow.families import families
from flow.netlist import Netlist
from flow.product import build
from flow.simulation import simulated
from flow.synthesis import synthesise
from flow.tools import Yosys
from golden.inputs.errors import ParameterError
from hw.emit.product import Built
from hw.targets.registry import models_for
from sim.runner import build as compile_for
from sim.runner import simulators

ECP5 = families()["ecp5"]
ARGUMENTS = ["direct", "--length", "4", "--channels", "2", "--lanes", "2", "--target", "ecp5"]


def self_test_of(folder: Path, *, wrong_weight: bool) -> Built:
    product = build("tested", ARGUMENTS, folder)
    design = golden_design(product, folder / "tested.npz")
    return self_tested(product, design, wrong_weight=wrong_weight)


@pytest.mark.parametrize(("bench", "wrong_weight"), [("passes", False), ("fails", True)])
def test_netlist_lights_the_right_led(bench: str, wrong_weight: bool, tmp_path: Path) -> None:
    test = self_test_of(tmp_path, wrong_weight=wrong_weight)
    netlist = synthesise(test, ECP5, Yosys(), Cache(None))
    verilog = simulated(netlist, TOP, ECP5, Yosys(), Cache(None))
    sources = [tmp_path / "netlist.v"]
    sources[0].write_text(verilog)
    for name, text in models_for(verilog).items():
        sources.append(tmp_path / name)
        sources[-1].write_text(text)
    simulator = simulators()[-1]
    options = ["-Wno-PINMISSING"] if simulator == "verilator" else []
    built = compile_for(sources, TOP, simulator=simulator, options=options)
    assert built.run("sim.bench_selftest", folder=tmp_path / "run", tests=[bench]) == [bench]


def test_constraints_name_every_port(tmp_path: Path) -> None:
    test = self_test_of(tmp_path, wrong_weight=False)
    ports = Netlist(synthesise(test, ECP5, Yosys(), Cache(None)), TOP).ports
    bits = [f"{p.name}[{n}]" if p.width > 1 else p.name for p in ports for n in range(p.width)]
    placed = [line.split('"')[1] for line in constraints().splitlines() if "LOCATE" in line]
    assert sorted(bits) == sorted(placed)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    product = build("tested", ARGUMENTS, tmp_path)
    build("other", ["direct", "--length", "4", "--data-bits", "7", "--channels", "2"], tmp_path)
    with pytest.raises(ParameterError) as refusal:
        golden_design(product, tmp_path / "other.npz")
    path = tmp_path / "other.npz"
    assert str(refusal.value) == f"Weights must be those that tested was built from, not {path}"


def test_weights_port_is_refused(tmp_path: Path) -> None:
    product = build("tested", [*ARGUMENTS, "--weights-port"], tmp_path)
    with pytest.raises(ParameterError) as refusal:
        golden_design(product, tmp_path / "tested.npz")
    assert str(refusal.value) == "Board must be left out for a build with --weights-port, not given"


def test_unknown_board_is_refused() -> None:
    with pytest.raises(ParameterError) as refusal:
        board_device("ulx4s")
    assert str(refusal.value) == f"Board must be one of {', '.join(DEVICES)}, not 'ulx4s'"


@pytest.mark.bench
def test_bitstream_is_packed(tmp_path: Path) -> None:
    test = self_test_of(tmp_path, wrong_weight=False)
    packed = bitstream(test, "ulx3s-85f", cache=Cache(None), progress=lambda _step: None)
    assert b"LFE5U-85F" in packed
