"""Chains of operators, band by band: every map is the network's, whatever is cut where."""

from dataclasses import replace

import numpy as np
import pytest

from golden.accelerator.descriptor import Kind
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram, ExternalRun
from golden.accelerator.external.work import Work
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of, maps_of
from golden.network.network import Network
from golden.numbers.interval import Integers, wrap
from sim.external import CAPACITY, frames_as_bytes
from sim.networks import Builder

SMALL = replace(CAPACITY, map_bytes=1 << 12)
WIDE = Capacity(
    sizes=Sizes(tile=16, scalers=4, positions=37), map_bytes=1 << 13, constants=256, tables=4
)


def bottlenecks(
    shape: tuple[int, int, int] = (5, 23, 11), seed: int = 4
) -> tuple[Builder, Network]:
    """Return inverted bottlenecks, strides of both kinds, a residual, ConvNeXt's order."""
    b = Builder(shape, seed)
    x = b.convolution("image", 12, 3, stride=2, padding=(1, 1, 1, 1))
    for stride in (1, 2):
        y = b.pointwise(b.convolution(x, 40))
        y = b.convolution(b.convolution(y, 40, 3, groups=40, stride=stride), 12)
        x = b.plus(x, y) if stride == 1 else y
    y = b.pointwise(b.convolution(b.convolution(x, 12, 5, groups=12), 50))
    return b, b.network(b.plus(x, b.convolution(y, 12)))


def drawn(seed: int) -> tuple[Builder, Network]:
    """Return operators in a row, drawn at random, with residuals where shapes allow."""
    generator = np.random.default_rng(seed)
    sides = generator.integers(9, 30, 2)
    b = Builder((int(generator.integers(1, 20)), int(sides[0]), int(sides[1])), seed)
    x, before = "image", []
    for _ in range(generator.integers(4, 9)):
        before.append(x)
        data = b.maps[x]
        alike = [name for name in before[:-1] if b.maps[name].shape == data.shape]
        kernel = int(generator.choice([1, 1, 2, 3, 5]))
        small = min(data.height, data.width) < 6
        stride = 1 if small else int(generator.choice([1, 1, 2]))
        pads = generator.integers(0, kernel, 4).tolist() if kernel > 1 else [0] * 4
        padding = (pads[0], pads[1], pads[2], pads[3])
        kernel = 1 if small else kernel
        padding = (0, 0, 0, 0) if small else padding
        match generator.integers(8):
            case 0 | 1:
                x = b.convolution(
                    x, int(generator.integers(1, 60)), kernel, stride=stride, padding=padding
                )
            case 2 | 3:
                x = b.convolution(
                    x, data.channels, kernel, groups=data.channels, stride=stride, padding=padding
                )
            case 4:
                x = b.pointwise(x)
            case 5:
                x = b.circular(x, 1, embedding=(1, data.width))
            case 6 if alike:
                x = b.plus(x, alike[0])
            case 6 | 7 if not small:
                x = b.average(x, (2, 3), stride)
    return b, b.network(
        *({x: 0, **({before[-1]: 0} if seed % 3 == 0 and before[-1] != "image" else {})})
    )


def different(b: Builder, network: Network, program: ExternalProgram) -> dict[str, int]:
    """Return how many words of each map are not the network's; nothing asks for some rows.

    Of a map whose last tile is not full the lanes are compared that all tiles have.
    """
    images = b.images(1, network)
    sizes = program.capacity.sizes
    trace = network.trace({network.input: images})
    run = ExternalRun(program, frames_as_bytes(images, sizes)[0])
    outputs = wrap(np.frombuffer(run.output(), np.uint8).astype(np.int64), 8)
    made: dict[str, list[Integers]] = {}
    for name, words in zip(program.finished, run.made, strict=True):
        made.setdefault(name, []).append(words)
    counts = {}
    for name, parts in made.items():
        lanes = network.maps[name].channels % sizes.tile or sizes.tile
        golden = frames_of(trace[name], sizes)[0]
        counts[name] = len(_distinct(np.concatenate(parts), lanes) - _distinct(golden, lanes))
    first = 0
    for name in network.outputs:
        data, size = network.maps[name], frames_of(trace[name], sizes).size
        found = maps_of(outputs[first : first + size].reshape(1, -1, sizes.tile), data, sizes)
        counts[name] += int(np.count_nonzero(found != trace[name]))
        first += size
    return counts


def _distinct(words: Integers, lanes: int) -> set[bytes]:
    return set(map(bytes, (words[:, :lanes] & 255).astype(np.uint8)))


@pytest.mark.parametrize("capacity", [CAPACITY, WIDE, replace(WIDE, depthwise=3)])
def test_bottlenecks_do_not_leave_the_buffer(capacity: Capacity) -> None:
    b, network = bottlenecks((5, 41, 25))
    program = compile_external(network, capacity)
    assert not any(different(b, network, program).values())
    steps = zip(program.names, program.descriptors, strict=True)
    stored = {name for name, one in steps if one.kind == Kind.STORE}
    assert max(network.maps[name].channels for name in stored) == 12


@pytest.mark.parametrize("seed", range(24))
def test_any_chain_is_what_the_network_gives(seed: int) -> None:
    b, network = drawn(seed)
    capacity = replace((SMALL, WIDE, CAPACITY)[seed % 3], depthwise=seed % 2 * 3)
    program = compile_external(network, capacity)
    assert not any(different(b, network, program).values())


@pytest.mark.parametrize("shape", [(40, 7, 5), (8, 3, 3), (100, 2, 9), (17, 1, 4)])
def test_a_whole_average_is_a_window_a_tile(shape: tuple[int, int, int]) -> None:
    b = Builder(shape)
    mean = b.average(b.convolution("image", shape[0]), shape[1:])
    network = b.network(b.convolution(mean, 10))
    for capacity in (SMALL, WIDE):
        program = compile_external(network, capacity)
        assert not any(different(b, network, program).values())
    steps = zip(program.names, program.descriptors, strict=True)
    assert sum(name == mean and one.kind == Kind.COMPUTE for name, one in steps) == 1


def test_a_band_a_row_short_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Work.rows

    def short(self: Work, name: str, of: range) -> range:
        found = rows(self, name, of)
        return found[:-1] if len(found) > 2 else found

    monkeypatch.setattr(Work, "rows", short)
    b, network = bottlenecks()
    program = compile_external(network, SMALL)
    assert any(different(b, network, program).values())


def test_slices_of_maps_beyond_the_buffer_go_row_by_row() -> None:
    b = Builder((20, 31, 24), seed=5)
    x = b.convolution("image", 20, 1)
    x = b.select(x, list(range(20)), list(range(1, 31, 2)), list(range(0, 24, 3)))
    network = b.network(b.convolution(x, 9, 1))
    words = 3 * 31 * 24
    assert words > SMALL.map_words
    assert not any(different(b, network, compile_external(network, SMALL)).values())
