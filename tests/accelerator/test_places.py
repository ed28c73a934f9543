"""Where maps lie in memory, inside and outside, over a frame."""

from itertools import combinations

from golden.accelerator.compile import compile_network
from golden.accelerator.external.compile import compile_external
from golden.accelerator.sizes import Sizes
from hw.accelerator.external.layers import begins_of
from hw.accelerator.external.places import stays
from hw.accelerator.generate import begins_of as begins_inside
from hw.accelerator.places import Stay, inside
from hw.accelerator.timing import Timeline
from sim.corrupt import small
from sim.external import CAPACITY
from sim.networks import metaformer


def check_apart(found, peak, end):
    """Check that maps lie apart in time or in memory, and fill it at its peak."""
    assert len(found) > 1
    assert len({stay.end for stay in found}) > 1
    assert len({stay.name for stay in found}) == len(found)
    assert max(stay.address + stay.bytes for stay in found) == peak
    for stay in found:
        assert stay.bytes > 0
        assert 0 <= stay.begin < stay.end <= end
    for one, other in combinations(found, 2):
        apart = (
            one.address + one.bytes <= other.address or other.address + other.bytes <= one.address
        )
        assert apart or one.end <= other.begin or other.end <= one.begin


def test_maps_outside():
    program = compile_external(small()[1], CAPACITY)
    begins = begins_of(program)
    found = [Stay(**one) for one in stays(program, begins)]
    check_apart(found, program.scratch * program.capacity.beat_bytes, begins[-1])


def test_maps_inside():
    _, network = metaformer()
    program = compile_network(network, Sizes(tile=8))
    timeline = Timeline(program)
    found = [Stay(**one) for one in inside(program, begins_inside(timeline))]
    check_apart(found, program.words * program.sizes.tile, timeline.cycles_per_frame)
    assert found[0].name == network.input
    assert {stay.name for stay in found} >= set(network.outputs)
    (given,) = (stay for stay in found if stay.name in network.outputs)
    assert given.end == timeline.cycles_per_frame
    for stay in found:
        data = network.maps[stay.name]
        words = -(-data.channels // program.sizes.tile) * data.height * data.width
        assert stay.bytes == words * program.sizes.tile
