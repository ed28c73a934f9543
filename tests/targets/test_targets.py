"""Targets: what they know of themselves, and what plans for them promise."""

import pytest

from golden.targets import FACTS, TargetFacts
from hw.emit.toml import to_toml
from hw.layer.config import read_layer
from hw.layer.layer import schedule_of
from hw.plan.network import PlannedLayer
from hw.plan.option import Option, Predictions
from hw.targets.cost import Cost
from hw.targets.registry import TARGETS, counted_for, device_named, devices


def test_facts_and_objects_are_of_the_same_targets():
    assert list(FACTS) == list(TARGETS) == ["generic", "ecp5", "ice40", "xc7", "xcup"]
    for name, target in TARGETS.items():
        assert target.name == name
        assert target.facts is FACTS[name]
        assert {device.target for device in target.devices} <= {name}


def test_devices_have_names_of_their_own():
    assert len(devices()) == sum(len(target.devices) for target in TARGETS.values())


@pytest.mark.parametrize(
    ("target", "device", "blocks", "kbits"),
    [
        ("ecp5", "lfe5u-85f-6", 208, 18),
        ("ice40", "hx8k", 32, 4),
        ("xc7", "xc7vx1140t", 3760, 18),
        ("xcup", "xcvu13p", 5376, 18),
    ],
)
def test_largest_device_of_a_target(target, device, blocks, kbits):
    largest = TARGETS[target].largest
    assert largest is device_named(device)
    assert (largest.block_rams, largest.block_kbits) == (blocks, kbits)


def test_blocks_of_another_size_count_by_their_bits():
    up5k = device_named("up5k")
    assert up5k.usable == Cost(8, 30 * 4 // 18, int(5280 * 0.8))
    assert up5k.blocks_of(Cost(block_rams=2)) == 9


@pytest.mark.parametrize(
    ("target", "cells"),
    [("generic", "ecp5"), ("ecp5", "ecp5"), ("ice40", "ecp5"), ("xc7", "ecp5"), ("xcup", "ecp5")],
)
def test_whose_cells_figures_are_in(target, cells):
    assert counted_for(target).name == cells


@pytest.mark.parametrize(
    ("bits", "two"), [((8, 8), True), ((9, 8), False), ((8, 9), False), ((7, 10), True)]
)
def test_two_products_share_a_multiplier_that_is_wide_enough(bits, two):
    """Two samples a_bits apart by a product, and a bit for the borrow, in 25 bits."""
    a_bits, b_bits = bits
    facts = FACTS["xc7"]
    assert facts.two_share(a_bits=a_bits, b_bits=b_bits) == two
    assert facts.multipliers(lanes=3, a_bits=a_bits, b_bits=b_bits) == (2 if two else 3)
    assert not FACTS["ecp5"].two_share(a_bits=2, b_bits=2)


@pytest.mark.parametrize(("bits", "two"), [(4, True), (5, True), (6, False), (9, False)])
def test_two_products_apart_share_a_multiplier_that_is_wide_enough(bits, two):
    """Both operands of the one have room above the other's product, with a bit for the borrow."""
    for name in ("xc7", "xcup"):
        assert FACTS[name].two_meet(bits=bits) == two
        assert FACTS[name].multipliers_apart(lanes=3, bits=bits) == (2 if two else 3)
    assert not FACTS["ecp5"].two_meet(bits=2)


def test_a_target_must_be_able_to_requantize():
    rule = r"^Factor bits must be at least 18, which a requantiser has, not 17$"
    with pytest.raises(ValueError, match=rule):
        TargetFacts(name="narrow", factor_bits=17)


def test_planned_cycles_are_those_of_the_target_that_is_built(tmp_path):
    """Counts are of ECP5, but other multipliers are faster, and with them a frame of this layer."""
    options = {"form": "dense", "axis": "width", "height": 8, "width": 8, "out_channels": 2}
    layer = PlannedLayer("a", options, 4)
    engines = {"width": {"engine": "fft", "products": 2}}
    cycles = {}
    for target in ("ecp5", "ice40"):
        unit = Option((layer,), engines, 2, "port", known=Predictions(target))
        path = tmp_path / f"{target}.toml"
        path.write_bytes(to_toml(unit.config("a", target)))
        design = read_layer(path)
        assert unit.cycles == schedule_of(design).cycles_per_frame
        cycles[target] = unit.cycles
    assert cycles["ice40"] < cycles["ecp5"]
