"""Where maps lie in memory outside, over a frame."""

from itertools import combinations

from golden.accelerator.external.compile import compile_external
from hw.accelerator.external.layers import begins_of
from hw.accelerator.external.places import Stay, stays
from tests.accelerator.external.bench import CAPACITY
from tests.accelerator.external.corrupt import small


def test_maps_lie_apart_in_time_or_in_memory():
    program = compile_external(small()[1], CAPACITY)
    begins = begins_of(program)
    found = [Stay(**one) for one in stays(program, begins)]
    assert len(found) > 1
    assert len({stay.end for stay in found}) > 1
    assert len({stay.name for stay in found}) == len(found)
    peak = program.scratch * program.capacity.beat_bytes
    assert max(stay.address + stay.bytes for stay in found) == peak
    for stay in found:
        assert stay.bytes > 0
        assert 0 <= stay.begin < stay.end <= begins[-1]
    for one, other in combinations(found, 2):
        apart = (
            one.address + one.bytes <= other.address or other.address + other.bytes <= one.address
        )
        assert apart or one.end <= other.begin or other.end <= one.begin
