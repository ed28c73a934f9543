"""Images with pixels as channels: the same results, of fewer taps."""

import numpy as np
import pytest

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.packing import Packing, packed
from golden.accelerator.words import maps_of
from golden.network.convolution import Convolution
from golden.numbers.interval import wrap
from sim.external import CAPACITY
from sim.networks import Builder


@pytest.mark.parametrize("seed", range(60))
def test_blocks_of_pixels_give_what_the_image_gives(seed: int) -> None:
    generator = np.random.default_rng(seed)
    kernel, stride = (int(number) for number in generator.integers((1, 1), (8, 5)))
    height, width = (int(side) for side in generator.integers(kernel, kernel + 14, 2))
    pads = generator.integers(0, kernel, 4)
    above, left, below, right = (int(pad) for pad in pads)
    b = Builder((int(generator.integers(1, 5)), height, width), seed, signed=seed % 2 == 0)
    sides = (above, left, below, right)
    network = b.network(b.convolution("image", 5, kernel, stride=stride, padding=sides))
    packing, computed = packed(network, 16)
    images = b.images(2, network)
    expected = network.run({"image": images})
    made = computed.run({"image": packing.maps(images)})
    np.testing.assert_array_equal(made["map_0"], expected["map_0"])


@pytest.mark.parametrize(
    ("channels", "kernel", "block", "taps"), [(3, 3, (3, 3), (1, 1)), (4, 4, (2, 2), (2, 2))]
)
def test_few_channels_with_stride_2_are_few_passes(
    channels: int, kernel: int, block: tuple[int, int], taps: tuple[int, int]
) -> None:
    b = Builder((channels, 24, 20))
    network = b.network(b.convolution("image", 8, kernel, stride=2, padding=(1, 1, 1, 1)))
    packing, computed = packed(network, 16)
    first = computed.operators["map_0"]
    assert isinstance(first, Convolution)
    assert first.weight.shape == (8, channels * block[0] * block[1], *taps)
    assert (packing.rows, packing.columns, packing.down, packing.right) == (*block, 2, 2)
    assert (packing.above, packing.left) == (1, 1)


def test_program_takes_images_so() -> None:
    b = Builder((3, 25, 19), signed=False)
    x = b.convolution("image", 8, 5, stride=3, padding=(2, 2, 2, 2))
    network = b.network(b.convolution(x, 16))
    program = compile_external(network, CAPACITY, packs=True)
    images = b.images(2, network)
    expected = network.run({"image": images})["map_1"]
    for frame, one in zip(program.frames(images), expected, strict=True):
        words = wrap(np.frombuffer(program.run(frame), np.uint8).astype(np.int64), 8)
        data = network.maps["map_1"]
        given = maps_of(words.reshape(1, -1, CAPACITY.sizes.tile), data, CAPACITY.sizes)
        np.testing.assert_array_equal(given[0], one)


def test_an_image_that_others_take_too_stays_as_it_is() -> None:
    b = Builder((4, 12, 12))
    x = b.convolution("image", 8, 3, stride=2)
    network = b.network(x, b.pointwise("image"))
    assert packed(network, 16) == (Packing.none(network), network)
