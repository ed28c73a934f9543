"""A processor runs a network: LiteX's SoC under Verilator, and what its UART says."""

import json
import shutil

import numpy as np
import pytest

pytest.importorskip("litex", reason="LiteX must be installed: make .venv/litex")

from golden.accelerator.words import frames_of
from hw.accelerator.built import external_program_of, network_of, sizes_of
from hw.emit.product import load_product
from parc_litex.accelerator import ParcAccelerator
from parc_litex.simulation import BEGINS, ENDS, simulate
from sim.runner import CACHE
from tests.accelerator.networks import build_network, metaformer

COMPILER = "riscv64-unknown-elf-gcc"
OPTIONS = ("--memory=axi", "--tile=8", "--scalers=2", "--data-bits=32", "--map-bytes=8192")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A build, two frames, and the bytes that come of each."""
    folder = tmp_path_factory.mktemp("made")
    builder, network = metaformer()
    build_network(network, folder, *OPTIONS, "--name=acc")
    manifest = json.loads((folder / "acc.json").read_text())
    frames = [
        (frame & 255).astype(np.uint8).tobytes()
        for frame in frames_of(builder.images(2, network), sizes_of(manifest))
    ]
    network = network_of(manifest, folder)
    program = external_program_of(manifest, network, folder, 0)
    return folder / "acc.json", frames, [program.run(frame) for frame in frames]


@pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"{COMPILER} must be installed, by the system"
)
# Migen looks into frames in a way that Python 3.11 and later call deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_firmware_tells_what_the_model_does(made, tmp_path):
    manifest, frames, expected = made
    text, found = simulate(manifest, frames, tmp_path, CACHE)
    lines = text.replace("\r", "").splitlines()
    assert (lines[0], lines[-1]) == (BEGINS, ENDS)
    assert len(lines) == len(frames) + 2
    assert [one.output for one in found] == expected
    channels = load_product(manifest).manifest["outputs"]
    (facts,) = channels.values()
    kind = np.int8 if facts["signed"] else np.uint8
    for one, output in zip(found, expected, strict=True):
        scores = np.frombuffer(output, kind)[: facts["channels"]]
        assert one.chosen == scores.argmax()
        assert one.cycles > 1000


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_no_build_is_refused(made, tmp_path):
    manifest, _, _ = made
    facts = json.loads(manifest.read_text())
    platform = Platform()
    for name in facts["files"]:
        (tmp_path / name).write_text("module acc; endmodule\n")
    changed = tmp_path / manifest.name
    changed.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match=r"^Verilog must be the one that acc\.json describes: "):
        ParcAccelerator(platform, changed)
    facts["parameters"]["memory"] = "internal"
    changed.write_text(json.dumps(facts))
    with pytest.raises(
        ValueError, match=r"^Manifest must be of hw.build network --memory axi, not"
    ):
        ParcAccelerator(platform, changed)
    assert platform.sources == []


class Platform:
    """Of LiteX's, what is called."""

    def __init__(self):
        self.sources = []

    def add_source(self, path):
        self.sources.append(path)
