"""Programs against the networks that they are made of, in integers."""

import numpy as np
import pytest

from golden.accelerator.compile import compile_network
from golden.accelerator.program import Program
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of, maps_of
from golden.network.network import Network
from golden.numbers.interval import Integers
from sim.networks import grouped, metaformer

NETWORKS = {"metaformer": metaformer, "grouped": grouped}


def results_of(network: Network, program: Program, words: Integers) -> dict[str, Integers]:
    """Return the words of frames as the maps that leave."""
    results, first = {}, 0
    for name in network.outputs:
        data = network.maps[name]
        count = -(-data.channels // program.sizes.tile) * data.height * data.width
        results[name] = maps_of(words[:, first : first + count], data, program.sizes)
        first += count
    return results


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("sizes", [Sizes(), Sizes(tile=8, scalers=2, positions=12)])
def test_program_does_what_the_network_does(name: str, sizes: Sizes) -> None:
    builder, network = NETWORKS[name]()
    program = compile_network(network, sizes)
    images = builder.images(3, network)
    words = np.stack([program.run(frame) for frame in frames_of(images, sizes)])
    expected = network.run({network.input: images})
    results = results_of(network, program, words)
    for output in network.outputs:
        assert np.ptp(expected[output]) > 20, "Results must not all be alike"
        np.testing.assert_array_equal(results[output], expected[output])
