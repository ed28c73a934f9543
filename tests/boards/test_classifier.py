"""A network between stored images and LEDs, as the netlist that goes onto a board."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from boards.classifier import TOP, classifier, stored_images
from flow.cache import Cache
from flow.families import families
from flow.simulation import simulated
from flow.synthesis import synthesise
from flow.tools import Yosys
from golden.inputs.errors import ParameterError
from hw.emit.product import Built, load_product
from hw.targets.registry import models_for
from sim import bench_classifier
from sim.networks import Builder, build_network, grouped
from sim.runner import build as compile_for
from sim.runner import simulators

ECP5 = families()["ecp5"]
HOLD = 20


def little():
    """Images of 3 x 4 pixels, five classes."""
    builder = Builder((1, 3, 4), seed=3)
    convolved = builder.convolution("image", 5, 3)
    return builder, builder.network(builder.average(convolved, (3, 4)))


def shown(folder: Path, *, wrong: bool, edit: Callable[[Built], str]) -> None:
    """Hold LEDs to golden's classes: those of what ``edit`` makes of a network on a board."""
    builder, network = little()
    build_network(network, folder, "--target", "ecp5", "--scalers", "1")
    product = load_product(folder / "network.json")
    maps = builder.images(3, network)
    images = network.maps[network.input].dequantize(maps)
    stored = stored_images(network, product.manifest, images, wrong=wrong)
    verilog = classifier(product.manifest, stored, HOLD)
    sources = product.sources | {f"{TOP}.v": verilog.encode()}
    edited = edit(Built(TOP, "clock", sources, product.manifest))
    files = {"edited.v": edited} | models_for(edited)
    for name, text in files.items():
        (folder / name).write_text(text)
    simulator = simulators()[0]
    options = ["-Wno-PINMISSING"] if simulator == "verilator" else []
    paths = [folder / name for name in files]
    built = compile_for(paths, TOP, simulator=simulator, options=options)
    (results,) = network.run({network.input: maps}).values()
    classes = results.reshape(len(results), -1).argmax(axis=1)
    assert len(set(classes)) > 1
    env = {
        bench_classifier.CLASSES: ",".join(map(str, classes)),
        bench_classifier.PATIENCE: str(2 * product.manifest["timing"]["cycles_per_frame"] + 99),
        bench_classifier.DIFFERENT: str(int(wrong)),
    }
    assert built.run("sim.bench_classifier", folder=folder / "run", env=env) == ["shows"]


@pytest.mark.bench
def test_netlist_shows_the_classes(tmp_path: Path) -> None:
    def netlist(test: Built) -> str:
        yosys, cache = Yosys(), Cache(None)
        return simulated(synthesise(test, ECP5, yosys, cache), TOP, ECP5, yosys, cache)

    shown(tmp_path, wrong=False, edit=netlist)


@pytest.mark.parametrize("wrong", [False, True])
def test_classes_are_shown_and_another_result_is_seen(wrong: bool, tmp_path: Path) -> None:
    shown(tmp_path, wrong=wrong, edit=lambda test: b"".join(test.sources.values()).decode())


def test_a_network_that_gives_maps_is_refused() -> None:
    _, network = grouped()
    with pytest.raises(ParameterError) as refusal:
        stored_images(network, {}, np.zeros((1, 1, 1, 1)), wrong=False)
    assert "without one output of at most 16 classes" in str(refusal.value)
