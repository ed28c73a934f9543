"""Packages of builds of every family, each held up by its own tool."""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from hw.build import run
from hw.package.clock import ClockRate, rate_for
from hw.package.core import finished
from hw.simulate.verilator import verilator_environment
from sim.lint import lint
from tests.families import FAMILIES, build
from tests.package import ipxact, platform_designer

FUSESOC = Path(sys.executable).with_name("fusesoc")
QUICKLY = " OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
"""For make: a bench is compiled for a run of a moment."""
SILICON = Path(sys.prefix) / "silicon" / "bin" / "python"
needs_fusesoc = pytest.mark.skipif(
    not FUSESOC.exists(), reason="needs the extra 'packages': make .venv/packages"
)
needs_icarus = pytest.mark.skipif(not shutil.which("iverilog"), reason="needs iverilog")
ALL_OF = ("ipxact:busType", ">m_axi:s_axi<")
SOME = ("direct", "loaded", "registered", "network_axi")
"""Families of all kinds of interfaces."""
CONTROLS = {"registered": 0x18, "network_axi": 0x10}
"""Where a register is, in families that have them."""


@cache
def packaged(family):
    """Build a family with all packages, once in a process; return its folder."""
    folder = Path(tempfile.mkdtemp(prefix="a package ")) / family
    atexit.register(shutil.rmtree, folder.parent)
    build(family, folder, "--package", "all")
    return folder


def core_of(folder, family):
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return finished(files, family, ClockRate(100, ""), "0.1.0"), files


def ports_of(core):
    return {port.name: ("out" if port.given else "in", port.width) for port in core.ports}


def fusesoc(folder, core, target, work):
    """Run a target; return its status and what was said."""
    environment = os.environ | verilator_environment(os.environ)
    environment["MAKEFLAGS"] += QUICKLY
    command = [FUSESOC, "--cores-root", folder, "run", "--target", target]
    done = subprocess.run(
        [*command, "--work-root", work, core],
        env=environment,
        cwd=work.parent,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_a_build_of_every_family_is_as_its_tools_want_it(family, tmp_path):
    folder = packaged(family)
    core, files = core_of(folder, family)
    sources = [folder / name for name in core.manifest["files"]]
    assert not any(lint(sources, family).values()), lint(sources, family)
    if shutil.which("iverilog"):
        check_simulated(folder, core, tmp_path / "bench")
    component = (folder / f"{family}.ipxact.xml").read_text()
    assert ipxact.complaints(component, ports_of(core), files) == []
    if core.target == "generic":
        script = (folder / f"{family}_hw.tcl").read_text()
        assert platform_designer.complaints(script, ports_of(core), files) == []


def check_simulated(folder, core, program):
    """The bench finds what the model has, under Icarus."""
    sources = [*core.manifest["files"], f"{core.name}_tb.sv"]
    command = ["iverilog", "-g2012", "-s", f"{core.name}_tb", "-o", program, *sources]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["vvp", "-n", program], cwd=folder, capture_output=True, text=True)
    passed = rf"{core.name}_tb: \d+ (beats|words in memory), all as the model has them\n"
    assert re.fullmatch(passed, done.stdout), done.stdout + done.stderr
    assert done.returncode == 0


@needs_icarus
@needs_fusesoc
@pytest.mark.parametrize("family", ["direct", "network_axi"])
def test_fusesoc_lints_and_simulates_it(family, tmp_path):
    for target in ("lint", "sim"):
        status, said = fusesoc(packaged(family), family, target, tmp_path / target)
        assert status == 0, said
        assert "Warning" not in said, said
    assert f"{family}_tb: " in said
    assert ", all as the model has them" in said


@pytest.mark.bench
@needs_fusesoc
@pytest.mark.parametrize("family", SOME)
def test_the_bench_ends_under_verilator(family, tmp_path):
    status, said = fusesoc(packaged(family), family, "sim_verilator", tmp_path / "work")
    assert status == 0, said
    assert f"{family}_tb: " in said
    assert ", all as the model has them" in said


@needs_icarus
@needs_fusesoc
@pytest.mark.parametrize(("family", "what"), [("direct", "m_axis"), ("network_axi", "expected")])
def test_the_bench_sees_a_wrong_bit(family, what, tmp_path):
    folder = tmp_path / "wrong"
    shutil.copytree(packaged(family), folder)
    words = folder / f"{family}_tb_{what}.hex"
    *others, last = words.read_text().split()
    words.write_text("\n".join([*others, f"{int(last, 16) ^ 1:0{len(last)}x}"]) + "\n")
    status, said = fusesoc(folder, family, "sim", tmp_path / "work")
    assert status != 0
    assert f"{family}_tb: " in said
    assert " must be " in said


@pytest.mark.parametrize("family", SOME)
def test_ipyxact_reads_the_component(family):
    reader = pytest.importorskip("ipyxact.ipyxact", reason="needs the extra 'packages'")
    folder = packaged(family)
    component = reader.Component()
    component.load(str(folder / f"{family}.ipxact.xml"))
    core, _ = core_of(folder, family)
    assert component.name == family
    assert {port.name for port in component.model.ports.port} == set(core.port)
    names = {interface.name for interface in component.busInterfaces.busInterface}
    assert names >= {"clock", "reset", *(bus.name for bus in core.buses)}
    if family in CONTROLS:
        (block,) = component.memoryMaps.memoryMap[0].addressBlock
        places = {register.name: register.addressOffset for register in block.register}
        assert (places["ID"], places["CONTROL"]) == (0, CONTROLS[family])


@pytest.mark.parametrize("family", ["registered", "network_axi"])
@pytest.mark.parametrize("package", ["parc_litex", "parc_hdl.parc_litex"])
def test_litex_is_given_the_build(family, package, monkeypatch):
    calls = []
    there = ModuleType(package)
    there.add = lambda *given, **options: calls.append((given, options))
    for name in ("parc_litex", "parc_hdl.parc_litex"):
        monkeypatch.setitem(sys.modules, name, there if name == package else None)
    path = packaged(family) / f"{family}_litex.py"
    names = {"__file__": str(path)}
    exec(compile(path.read_text(), path, "exec"), names)
    names[f"add_{family}"]("a SoC", name="mine")
    assert calls == [(("a SoC", path.with_name(f"{family}.json")), {"name": "mine"})]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (">s_axi_wdata<", ">wd<", "['wd'] of keyref"),
        ("<ipxact:direction>in", "<ipxact:direction>inwards", "inwards"),
        ("ipxact:busType", "ipxact:busKind", "busKind"),
        ('memoryMapRef="s_axi"', 'memoryMapRef="nowhere"', "['nowhere'] of keyref"),
        ("<ipxact:name>network_axi.v<", "<ipxact:name>other.v<", "other.v is no file"),
        ("<ipxact:left>31<", "<ipxact:left>30<", "ports must be"),
        (">m_axi:s_axi<", ">m_axi:s_axo<", "s_axo is none for ASSOCIATED_BUSIF"),
    ],
)
def test_a_wrong_component_is_seen(before, after, said):
    folder = packaged("network_axi")
    core, files = core_of(folder, "network_axi")
    text = (folder / "network_axi.ipxact.xml").read_text()
    assert before in text
    wrong = text.replace(before, after, -1 if before in ALL_OF else 1)
    assert any(said in line for line in ipxact.complaints(wrong, ports_of(core), files))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("add_interface_port s_axi s_axi_wdata wdata Input 32\n", "", "s_axi_wdata is there 0"),
        ("s_axi_wdata wdata", "s_axi_wdata writedata", "writedata is no role of axi4lite"),
        ("s_axi_wdata wdata Input 32", "s_axi_wdata wdata Input 64", "must be ('in', 32)"),
        ("add_interface s_axi", "add_interfaces s_axi", "invalid command name"),
        ("m_axi associatedClock clock", "m_axi associatedClock clk", "must have a associatedClock"),
        ("network_axi.v VERILOG", "other.v VERILOG", "other.v is no file"),
        ("add_interface m_axi axi4 start", "add_interface m_axi axi4 end", "must be an output"),
        ("{network_axi}", "{network_axi", "missing close-brace"),
    ],
)
def test_a_wrong_platform_designer_component_is_seen(before, after, said):
    folder = packaged("network_axi")
    core, files = core_of(folder, "network_axi")
    text = (folder / "network_axi_hw.tcl").read_text()
    assert before in text
    wrong = text.replace(before, after)
    found = platform_designer.complaints(wrong, ports_of(core), files)
    assert any(said in line for line in found), found


def test_the_manifest_names_what_the_next_build_removes(tmp_path):
    made = build("direct", tmp_path, "--package", "all")
    first = json.loads(made.read_text())["sha256"]
    assert set(first) == {path.name for path in tmp_path.iterdir()} - {"direct.json"}
    made = build("direct", tmp_path, "--package", "quartus", "--mhz", "250")
    names = set(json.loads(made.read_text())["sha256"])
    assert names == {"direct.v", "direct.veo", "direct.npz", "direct_hw.tcl", "direct.sdc"}
    assert names == {path.name for path in tmp_path.iterdir()} - {"direct.json"}
    assert (
        "create_clock -name clk -period 4.000 [get_ports clk]"
        in (tmp_path / "direct.sdc").read_text()
    )
    made = build("direct", tmp_path)
    assert json.loads(made.read_text())["sha256"]["direct.v"] == first["direct.v"]
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--mhz 100", "--mhz must be left out without --package, not 100.0"),
        ("--package litex --mhz 0", "--mhz must be from 0.01 to 10000, not 0.0"),
        ("--package litex --mhz nan", "--mhz must be from 0.01 to 10000, not nan"),
        (
            "--package litex",
            "--package must be of a network with --memory axi, or an engine with --registers for "
            "litex, not Circular convolution, direct engine, 4 samples",
        ),
        (
            "--package quartus --target ecp5",
            "--package must be of --target generic for quartus, not ecp5",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message, tmp_path, capsys):
    out = tmp_path / "out"
    assert run(["direct", "--length", "4", *options.split(), "-o", str(out)]) == 2
    assert capsys.readouterr().err == f"hw.build: {message}\n"
    assert not out.exists()


def test_a_clock_is_what_was_measured_of_such_engines():
    facts = {"engine": "direct", "parameters": {"target": "ecp5", "length": 60}}
    rate = rate_for(facts)
    assert 100 < rate.mhz < 500
    assert rate.why == "at which direct, 56 samples, was placed on lfe5u-85f-6"
    for other in ({"target": "generic"}, {"length": 3}, {"target": "xc7"}):
        unknown = {**facts, "parameters": facts["parameters"] | other}
        assert rate_for(unknown).mhz == 100, other
    assert rate_for(facts, 33.0).period_ns == 30.303


@pytest.mark.skipif(not SILICON.exists(), reason="needs SiliconCompiler: make .venv/silicon")
@pytest.mark.parametrize("step", ["lint", "elaborate"])
def test_siliconcompiler_takes_it(step, tmp_path):
    folder = tmp_path / "chip"
    shutil.copytree(packaged("direct"), folder)
    done = subprocess.run(
        [SILICON, "direct_asic.py", step], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Number of errors: 0" in done.stdout
    made = folder / "build" / "direct" / "job0" / "elaborate" / "0" / "outputs" / "direct.v"
    assert made.is_file() == (step == "elaborate")
