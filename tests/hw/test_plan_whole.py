"""Plans of whole networks: the accelerator that fits, its cycles, what is kept."""

import json
from pathlib import Path

import pytest

from golden.accelerator.abilities import abilities_for
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.sizes import Sizes
from hw.accelerator.external.layers import predicted
from hw.accelerator.external.predict import predict_external
from hw.command import run_command
from hw.plan import whole
from hw.plan.command import main
from hw.plan.memories import MEMORIES, memory_named
from hw.targets.registry import device_named
from sim.networks import folder_of, grouped, squares


def plan(*arguments: object) -> int:
    return run_command(main, "hw.plan", [str(one) for one in arguments])


def test_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "KEPT", tmp_path / "kept")
    network = grouped()[1]
    folder = folder_of(network, tmp_path / "net").parent
    options = (folder, "--memory", "ideal", "--tile", 8, "--scalers", 2, "-o", tmp_path / "plan")
    assert plan(*options) == 0
    first = capsys.readouterr().out
    found = json.loads((tmp_path / "plan" / "plan.json").read_text())
    capacity = Capacity(
        sizes=Sizes(tile=8, scalers=2, target="ecp5"),
        map_bytes=found["parameters"]["map_bytes"],
        depthwise=found["parameters"]["depthwise"],
        abilities=abilities_for([network]),
    )
    cycles, layers = predicted(network, compile_external(network, capacity, packs=True))
    assert found["cycles"] == cycles == sum(layer["cycles"] for layer in found["layers"])
    assert found["products"] == network.products == sum(layer.products for layer in layers)
    assert found["frames_per_second"] == pytest.approx(150e6 / cycles)
    assert "beside" not in found
    # What was found is kept.
    monkeypatch.setattr(whole, "read_network", None)
    assert plan(*options) == 0
    assert capsys.readouterr().out == first


def test_roofline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dot a layer with products, on both memories; the same file every time."""
    monkeypatch.setattr(whole, "KEPT", tmp_path / "kept")
    folder = folder_of(grouped()[1], tmp_path / "net").parent
    drawn = [tmp_path / "first.svg", tmp_path / "second.svg"]
    options = ("--memory", "ddr3-x16", "--tile", 8, "--scalers", 2, "-o", tmp_path)
    for path in drawn:
        assert plan(folder, *options, "--plot", path) == 0
    first, second = (path.read_text(encoding="utf-8") for path in drawn)
    assert first == second
    found = json.loads((tmp_path / "plan.json").read_text())
    beside = found["beside"]
    assert beside["memory"]["bytes_per_cycle"] < found["memory"]["bytes_per_cycle"]
    assert beside["cycles"] > found["cycles"]
    for page in (found, beside):
        fps = 150e6 / page["cycles"]
        rate = page["memory"]["bytes_per_cycle"]
        assert f"{rate:g} bytes a cycle: {fps:,.1f} frames a second" in first
    limits = [
        layer["limit"] for page in (found, beside) for layer in page["layers"] if layer["products"]
    ]
    assert first.count("fill-opacity: 0.7") == len(limits) + len(set(limits)), "dots and a legend"


def test_the_largest_that_fits() -> None:
    wanted = whole.Planned(device_named("lfe5u-85f-6"), 150e6, memory_named("ddr3-x16", 150e6))
    best = next(whole.capacities(grouped()[1], wanted))
    cost = predict_external(best)
    assert best.sizes.tile == 16
    assert cost.multipliers <= wanted.device.usable.multipliers
    assert cost.block_rams <= wanted.device.usable.block_rams


def test_line_engines_where_they_win(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "KEPT", tmp_path / "kept")
    folder = folder_of(squares(56)[1], tmp_path / "net").parent
    options = ("--memory", "ideal", "--tile", 8, "--scalers", 2, "-o", tmp_path)
    assert plan(folder, *options) == 0
    found = json.loads((tmp_path / "plan.json").read_text())
    ((lines, cycles),) = found["with_lines"].items()
    assert found["cycles"] == cycles < found["without_lines"]
    assert found["parameters"]["lines"] == lines
    out = capsys.readouterr().out
    assert f"with --lines {lines} {cycles:,} cycles, without {found['without_lines']:,}" in out
    assert plan(folder, *options, "--lines", lines) == 0
    assert json.loads((tmp_path / "plan.json").read_text())["cycles"] == cycles
    # Where they are short, or little is done with them, none are tried.
    folder = folder_of(squares(8)[1], tmp_path / "short").parent
    assert plan(folder, *options) == 0
    assert json.loads((tmp_path / "plan.json").read_text())["parameters"]["lines"] is None


def test_memories() -> None:
    """As NETWORK.md has them: 9.1, 3.4 and 1.5 bytes a cycle at 150 MHz."""
    rates = [round(memory_named(name, 150e6).rate, 1) for name in MEMORIES]
    assert rates == [9.1, 3.4, 1.5]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--memory", "fast"], "--memory must be ideal, ddr3-x16"),
        (["--memory", "ideal", "--lines", "fft:56"], "engine whose sums are exact"),
        (["--tile", "8"], "--tile must be left out without --memory"),
        (["--plot", "a.svg"], "--plot must be left out without --memory"),
        (["--memory", "ideal", "--plot", "a.png"], "--plot must be a file .svg, not 'a.png'"),
        (["--memory", "ideal", "--tile", "64"], "--device must be one that an accelerator fits"),
    ],
)
def test_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    folder = folder_of(grouped()[1], tmp_path / "net").parent
    assert plan(folder, *arguments) == 2
    assert said in capsys.readouterr().err
