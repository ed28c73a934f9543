"""The command line: a network's folder to an accelerator's files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from golden.accelerator.abilities import ALL, LEAST, abilities_for
from golden.accelerator.compile import compile_network
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.sizes import Sizes
from golden.inputs.errors import ParameterError
from hw.accelerator.built import capacity_of
from hw.accelerator.external.predict import predict_external
from hw.accelerator.timing import Timeline
from hw.build import ABILITY_OPTIONS, MEMORY_OPTIONS, capacity_for, run
from sim.networks import Builder, folder_of, grouped, metaformer, normed, squares


def test_build_writes_all_that_is_promised(tmp_path: Path) -> None:
    _, network = grouped()
    config = folder_of(network, tmp_path / "net")
    out = tmp_path / "out"
    arguments = ["network", "--config", str(config), "--target", "ecp5", "-o", str(out)]
    assert run([*arguments, "--scalers", "2", "--name", "little"]) == 0
    manifest = json.loads((out / "little.json").read_text())
    verilog = (out / "little.v").read_text()
    program = compile_network(network, Sizes(scalers=2, positions=35, target="ecp5"))
    assert manifest["kind"] == "network"
    assert manifest["multipliers"] == 4 * 4 // 2 + 2 + 2 * 2
    assert manifest["programs"][0]["cycles"] == Timeline(program).cycles_per_frame
    layers = manifest["programs"][0]["layers"]
    assert sum(layer["cycles"] for layer in layers) == Timeline(program).cycles_per_frame
    assert sum(layer["products"] for layer in layers) == network.products
    assert manifest["outputs"]["map_2"]["beats"] == 2 * 3 * 2
    assert verilog.count("module little(") == 1
    cells = manifest["prediction"]
    assert cells["block_rams"] == count(verilog, "DP16KD")


def count(verilog: str, cell: str) -> int:
    """Return how many cells of a kind all instances of all modules have."""
    modules: dict[str, list[str]] = {}
    name = ""
    for line in verilog.splitlines():
        words = line.split()
        if words[:1] == ["module"]:
            name = words[1].split("(")[0]
            modules[name] = []
        elif words and line.startswith("  ") and not line.startswith("   "):
            modules.setdefault(name, []).append(words[0])

    def within(module: str) -> int:
        return sum(
            1 if word == cell else within(word) if word in modules else 0
            for word in modules[module]
        )

    return within("little")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tile", "6"], "--tile must be a multiple of 4, not 6"),
        (["--scalers", "3"], "--scalers must be a divisor of 4 channels, not 3"),
        (["--logic-scalers", "5"], "--logic-scalers must be from 0 to 4, not 5"),
        (["--factor-bits", "8"], "--factor-bits must be at least the 1"),
        (["--positions", "1"], "--positions must be from 2 to 2048, not 1"),
        (["--name", "a b"], "--name"),
    ],
)
def test_refusals(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = Builder((1, 2, 2))
    config = folder_of(builder.network(builder.convolution("image", 2)), tmp_path / "net")
    out = tmp_path / "out"
    assert run(["network", "--config", str(config), "-o", str(out), *options]) == 2
    assert capsys.readouterr().err.startswith(f"hw.build: {message}")
    assert not out.exists()


def test_abilities_are_what_networks_need_and_more() -> None:
    _, network = normed()
    options = dict.fromkeys((*MEMORY_OPTIONS, *ABILITY_OPTIONS, "positions", "scalers"))
    options |= {"tile": 8, "target": "generic", "logic_scalers": 0, "factor_bits": 17}
    assert capacity_for([network], options).abilities == replace(LEAST, norm=20)
    wider = capacity_for([network], options | {"product": True, "norm": 77, "single": True})
    assert wider.abilities == replace(ALL, norm=77, single=True, addition=True)
    with pytest.raises(ParameterError, match=r"^Norm must be from 0 to 8192, not 9000$"):
        capacity_for([network], options | {"norm": 9000})
    for abilities in (ALL, replace(ALL, norm=19)):
        with pytest.raises(ParameterError, match=r"^Operator must be a layer norm of at most"):
            compile_external(network, Capacity(abilities=abilities))


def test_products_of_maps_are_built_where_a_network_has_one() -> None:
    builder = Builder((3, 4, 4))
    x, y = (builder.convolution("image", 3) for _ in range(2))
    gain = builder.average(x, (4, 4))
    gains, products = (builder.network(builder.times(x, one)) for one in (gain, y))
    assert abilities_for([gains]) == LEAST
    assert abilities_for([gains, products]) == ALL
    assert "product" not in Capacity(abilities=LEAST).compute
    compile_external(gains, Capacity(abilities=LEAST))
    message = "Operator must be no product of two maps on this accelerator, not map_4"
    with pytest.raises(ParameterError, match=rf"^{message}$"):
        compile_external(products, Capacity(abilities=LEAST))


def test_build_with_memory_outside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = []
    for number, make in enumerate((grouped, metaformer)):
        configs += ["--config", str(folder_of(make()[1], tmp_path / f"net{number}"))]
    out = tmp_path / "out"
    options = ["--memory", "axi", "--tile", "8", "--scalers", "2", "--map-bytes", "4096"]
    assert run(["network", *configs, *options, "-o", str(out), "--name", "acc"]) == 0
    manifest = json.loads((out / "acc.json").read_text())
    assert manifest["parameters"]["memory"] == "axi"
    printed = capsys.readouterr().out.splitlines()
    assert printed[1].split()[-1] == "limit"
    assert printed[-3].split()[-4:] == ["scratch,", "at", "its", "peak"]
    assert [line.split()[-1] for line in printed[-2:]] == ["0", "0"]
    capacity = Capacity(sizes=Sizes(tile=8, scalers=2), map_bytes=4096, abilities=LEAST)
    assert manifest["hash"] == f"{capacity.hash:016x}"
    assert capacity_of(manifest) == capacity
    image = (out / "acc.bin").read_bytes()
    for make, program in zip((grouped, metaformer), manifest["programs"], strict=True):
        expected = compile_external(make()[1], capacity, packs=True).image
        assert image[program["offset"] :][: program["bytes"]] == expected
    assert manifest["registers"] == {"file": "acc.rdl", "interface": "s_axi", "bytes": 256}
    left = {"parc.c", "parc.h", "parc.py", "parc_registers.h", "acc.h", "acc.py", "acc.rdl"}
    assert left <= manifest["sha256"].keys()
    # Another build beside it has the same driver.
    assert run(["network", *configs, *options, "-o", str(out), "--name", "other"]) == 0
    assert {path.name for path in out.glob("*.h")} >= {"acc.h", "other.h", "parc.h"}


def test_build_with_line_engines(tmp_path: Path) -> None:
    config = folder_of(squares(20)[1], tmp_path / "net")
    options = ["--memory", "axi", "--tile", "8", "--depthwise", "3", "--lines", "direct:20"]
    assert run(["network", "--config", str(config), *options, "-o", str(tmp_path)]) == 0
    manifest = json.loads((tmp_path / "network.json").read_text())
    assert manifest["parameters"]["lines"] == "direct:20"
    capacity = capacity_of(manifest)
    assert manifest["hash"] == f"{capacity.hash:016x}"
    assert manifest["multipliers"] == predict_external(capacity).multipliers
    program = compile_external(squares(20)[1], capacity, packs=True)
    assert any(one.line for one in program.descriptors)
    assert (tmp_path / "network.bin").read_bytes() == program.image


@pytest.mark.parametrize("name", ["parc", "PARC_registers"])
def test_no_build_is_called_as_its_driver(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder_of(grouped()[1], tmp_path / "net")
    arguments = ["network", "--config", str(config), "--memory", "axi", "--tile", "8"]
    assert run([*arguments, "-o", str(tmp_path / "out"), "--name", name]) == 2
    message = f"hw.build: --name must be another name than that of a driver's file, not '{name}'\n"
    assert capsys.readouterr().err == message
