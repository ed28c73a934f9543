"""Halves of the channels with an operator each: nothing is moved for them where a tile begins."""

from dataclasses import replace

import pytest

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.stacks import stacks_of
from golden.network.network import Network
from sim.external import CAPACITY
from sim.networks import Builder
from tests.accelerator.external.test_depthwise import assert_right


def halves(
    channels: int, sides: tuple[int, int] = (7, 5), *, kept: bool = False
) -> tuple[Builder, Network]:
    """Return ParC of ConvNets' form, and a convolution before and behind it."""
    height, width = sides
    b = Builder((6, height, width), seed=3)
    x = b.convolution("image", 2 * channels, 1)
    chosen = [
        b.select(x, list(range(first, first + channels)), list(range(height)), list(range(width)))
        for first in (0, channels)
    ]
    lower = b.circular(chosen[0], 0, embedding=(height, 1))
    upper = b.circular(chosen[1], 1, embedding=(1, width), like=lower)
    last = b.convolution(b.pointwise(b.concatenate(lower, upper)), 9, 1)
    return b, b.network(last, *(chosen[1:] if kept else []))


@pytest.mark.parametrize("capacity", [CAPACITY, replace(CAPACITY, depthwise=3)])
@pytest.mark.parametrize("channels", [8, 16, 12])
def test_program_does_what_the_network_does(channels: int, capacity: Capacity) -> None:
    builder, network = halves(channels)
    whole = channels % capacity.sizes.tile == 0
    assert bool(dict(stacks_of(network, capacity.sizes.tile))) == whole
    program = compile_external(network, capacity)
    selected = [name for name in network.operators if name in set(program.names)]
    assert len(selected) == (3 if whole else 7)
    assert_right(builder, network, program)


def test_what_else_is_taken_stays() -> None:
    _, network = halves(8, kept=True)
    assert not dict(stacks_of(network, 8))
