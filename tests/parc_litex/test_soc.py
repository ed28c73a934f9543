"""A processor runs a network: LiteX's SoC under Verilator, and what its UART says."""

import json
import shutil
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("litex", reason="LiteX must be installed: make .venv/litex")

from golden.line.example import example_weights
from golden.line.weights import check_weights
from hw.accelerator.built import external_program_of, network_of
from hw.build import run
from hw.emit.manifest import design_of
from hw.emit.product import load_product
from hw.package.beats import field_beats
from hw.package.vectors import known_lines
from parc_hdl.command import run as parc
from parc_litex import ParcAccelerator, ParcEngine, attach, module, ulx3s
from parc_litex.simulation import BEGINS, ENDS, simulate, simulate_engine
from sim.networks import build_network, metaformer
from sim.runner import CACHE

COMPILER = "riscv64-unknown-elf-gcc"
OPTIONS = ("--memory=axi", "--tile=8", "--scalers=2", "--map-bytes=8192", "--name=acc")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A build whose bus is as wide as LiteX's, two frames, and the bytes that come of each."""
    return built(tmp_path_factory.mktemp("made"), 32)


def built(folder, data_bits):
    """Return a build, two frames, and the bytes that come of each."""
    builder, network = metaformer()
    build_network(network, folder, *OPTIONS, f"--data-bits={data_bits}")
    manifest = json.loads((folder / "acc.json").read_text())
    network = network_of(manifest, folder)
    program = external_program_of(manifest, network, folder, 0)
    frames = program.frames(builder.images(2, network))
    return folder / "acc.json", frames, [program.run(frame) for frame in frames]


needs_compiler = pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"{COMPILER} must be installed, by the system"
)
# Migen looks into frames in a way that Python 3.11 and later call deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
]


@needs_compiler
@pytest.mark.parametrize("sdram", [False, True])
def test_firmware_tells_what_the_model_does(made, tmp_path, sdram):
    """From ROM, memory on the bus; or behind LiteX's BIOS, from SDRAM that has a port for it."""
    check_firmware(made, tmp_path, sdram=sdram)


@needs_compiler
def test_a_wide_build_on_a_bus_of_32_bits(tmp_path):
    """By LiteX's converter; scripts/soak_system.py has 128 bits, and SDRAM of 16, by LiteDRAM's."""
    check_firmware(built(tmp_path / "made", 64), tmp_path, sdram=False)


def check_firmware(made, tmp_path, *, sdram):
    """Check what the UART says of a build's frames."""
    manifest, frames, expected = made
    text, found = simulate(manifest, frames, tmp_path, CACHE, sdram=sdram)
    # What LiteDRAM's model of the chip says of commands too early and refresh too late.
    assert "violation" not in text
    lines = text.replace("\r", "").splitlines()
    begin = lines.index(BEGINS)
    assert (begin > 0) == sdram
    assert lines[-1] == ENDS
    assert len(lines) == begin + len(frames) + 2
    assert [one.output for one in found] == expected
    channels = load_product(manifest).manifest["outputs"]
    (facts,) = channels.values()
    kind = np.int8 if facts["signed"] else np.uint8
    for one, output in zip(found, expected, strict=True):
        scores = np.frombuffer(output, kind)[: facts["channels"]]
        assert one.chosen == scores.argmax()
        assert one.cycles > 1000


ENGINES = {
    "direct": "--channels 2 --weights-port --lanes 2",
    "fft": "--channels 1 --lanes 2",
    "fermat": "--channels 2 --lanes 3 --rows 6 --output requantized",
}
"""Beats of one, two and four bytes to write, a beat of weights of two words."""


@needs_compiler
@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_between_readers_and_writers_of_memory(engine, tmp_path):
    options = ["--length=6", "--registers", *ENGINES[engine].split(), "--name=eng"]
    assert run([engine, *options, "-o", str(tmp_path / "built")]) == 0
    manifest = tmp_path / "built" / "eng.json"
    facts = json.loads(manifest.read_text())
    parameters = facts["parameters"]
    form = {key: parameters[key] for key in ("length", "channels", "data_bits", "weight_bits")}
    design = design_of(facts, None)
    words = []
    if parameters["weights"] == "port":
        weights = example_weights(**form, requantized=None)
        beats = field_beats(facts["streams"]["w_axis"]["fields"], design.port_tables(weights))
        words = [word for word, _ in beats]
    else:
        form["requantized"] = design.requantization and design.requantization.clip
        weights = check_weights(np.load(tmp_path / "built" / "eng.npz"), **form)
        design = design_of(facts, weights)
    lines = known_lines(design, 4 * design.channels * design.groups_per_channel)
    text, found = simulate_engine(manifest, lines, words, tmp_path / "soc", CACHE)
    groups = len(lines) // design.lanes
    counts = f"taken {groups} given {groups} frames 4 wrong 0"
    assert f"PARC counts {counts}" in text.splitlines()
    assert found.tolist() == design.model(lines, weights).tolist()


def test_what_is_no_build_is_refused(made, tmp_path):
    manifest, _, _ = made
    facts = json.loads(manifest.read_text())
    platform = Platform()
    with pytest.raises(ValueError, match=r"^Manifest must be of a line engine with --registers"):
        ParcEngine(platform, manifest)
    for name in facts["files"]:
        (tmp_path / name).write_text("module acc; endmodule\n")
    changed = tmp_path / manifest.name
    changed.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"^Manifest must be the manifest of the acc\.v beside it"):
        ParcAccelerator(platform, changed)
    changed.write_text(json.dumps(facts | {"files": [], "models": [], "parameters": {}}))
    with pytest.raises(ValueError, match=r"^Manifest must be of hw.build network --memory axi, "):
        ParcAccelerator(platform, changed)
    assert platform.sources == []


def test_buses_that_litex_cannot_convert_to_are_refused(made):
    manifest, _, _ = made
    accelerator = ParcAccelerator(Platform(), manifest)
    soc = SimpleNamespace(bus=SimpleNamespace(data_width=64))
    with pytest.raises(ValueError, match=r"^Data bits must be from 64 to 1024, not 32$"):
        accelerator.attach(soc)
    accelerator.manifest["parameters"] |= {"data_bits": 256, "burst": 64}
    soc.bus.data_width = 32
    with pytest.raises(ValueError, match=r"^Data bits must be from 32 to 128, not 256$"):
        accelerator.attach(soc)


def test_a_build_is_read_once(made, monkeypatch):
    manifest, _, _ = made
    read = []

    def load(path):
        read.append(path)
        return load_product(path)

    for where in (attach, module):
        monkeypatch.setattr(where, "load_product", load)
    monkeypatch.setattr(ParcAccelerator, "attach", lambda self, _: self)
    found = attach.add(SimpleNamespace(platform=Platform()), manifest)
    assert isinstance(found, ParcAccelerator)
    assert read == [manifest]


@needs_compiler
def test_a_boards_files_are_the_same_again(made, tmp_path, monkeypatch):
    """But for the BIOS, which takes a minute to compile."""
    manifest, frames, _ = made
    monkeypatch.setattr(ulx3s, "Builder", partial(ulx3s.Builder, compile_software=False))
    first, second = (
        ulx3s.board_files(ulx3s.Ulx3sSoC(manifest), tmp_path / name, frames)
        for name in ("first", "second")
    )
    assert first == second
    assert {"acc.v", "VexRiscv.v", "ulx3s.v"} <= first.product.sources.keys()
    assert b'LOCATE COMP "sdram_clock"' in first.pins
    assert len(first.program) > 1000


def test_a_board_that_is_none_is_refused_in_a_line(made, capsys):
    manifest, _, _ = made
    assert parc(["soc", str(manifest), "--board", "icestick"]) == 2
    boards = "ulx3s-12f, ulx3s-25f, ulx3s-45f, ulx3s-85f"
    assert capsys.readouterr().err == f"parc: --board must be one of {boards}, not 'icestick'\n"


class Platform:
    """Of LiteX's, what is called."""

    def __init__(self):
        self.sources = []

    def add_source(self, path):
        self.sources.append(path)
