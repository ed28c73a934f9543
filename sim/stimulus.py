"""What tries an engine: noise of full range, extremes, sums at ends, spreads at borders."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from golden.layer.axes import AxesDesign
from golden.layer.design import LayerDesign
from golden.layer.forms import MetaFormerDesign
from golden.line.design import LineDesign
from golden.line.weights import Arrays, LineWeights, correlate
from golden.numbers.interval import Integers, Interval
from golden.numbers.quantize import requantization

_ROOT_BITS = 16


def random_lines(
    design: LineDesign, n_lines: int, generator: np.random.Generator, weights: LineWeights
) -> Integers:
    """Return ``[n_lines, N]`` in order of arrival from the first line of a frame.

    By turns: noise over the full range, noise of its two ends, the line that takes the accumulator
    of its channel highest, then lowest, an impulse, and a constant.
    """
    low, high = design.data.low, design.data.high
    lines = generator.integers(low, high, (n_lines, design.length), endpoint=True)
    for line in range(n_lines):
        channel = design.channel_of(line)
        match int(generator.integers(8)):
            case 0:
                lines[line] = generator.choice([low, high], design.length)
            case 1:
                lines[line] = extreme_line(design, weights, channel, highest=True)
            case 2:
                lines[line] = extreme_line(design, weights, channel, highest=False)
            case 3:
                lines[line] = 0
                lines[line, generator.integers(design.length)] = low
            case 4:
                lines[line] = generator.choice([low, high, 0, -1])
    return lines


def extreme_line(
    design: LineDesign, weights: LineWeights, channel: int, *, highest: bool
) -> Integers:
    """Return the line ``[N]`` with the highest, or lowest, accumulator that a channel can reach."""
    start = weights.start()[channel]
    position = int(start.argmax() if highest else start.argmin())
    positive = (weights.weight[channel] > 0) == highest
    return np.roll(np.where(positive, design.data.high, design.data.low), position)


def reaching_lines(design: LineDesign, weights: LineWeights) -> Integers:
    """Return whole frames ``[L, N]`` that reach both ends of every channel's accumulator."""
    rows = design.lines_per_channel
    n_frames = 2 if rows == 1 else 1
    return np.array(
        [
            extreme_line(design, weights, channel, highest=(frame + row) % 2 == 0)
            for frame in range(n_frames)
            for channel in range(design.channels)
            for row in range(rows)
        ]
    )


def rounding_lines(design: LineDesign, n_sums: int, generator: np.random.Generator) -> Integers:
    """Return frames ``[F, L, N]`` of which the lowest bits of a product decide results.

    For each channel, with weights in ROM, ``n_sums`` accumulators between the clips whose products
    are closest to what is rounded either way, in every lane.
    """
    weights, lanes, rows = design.weights, design.lanes, design.lines_per_channel
    assert weights is not None
    n_frames = -(-n_sums * lanes // rows)
    frames = np.empty((n_frames, design.channels, rows, design.length), dtype=np.int64)
    for channel in range(design.channels):
        own = [
            _line_with(design, weights, channel, total, turn % design.length, generator)
            for turn, total in enumerate(_deciding_sums(design, weights, channel)[:n_sums])
        ]
        repeated = np.resize(np.repeat(own, lanes, axis=0), (n_frames * rows, design.length))
        frames[:, channel] = repeated.reshape(n_frames, rows, design.length)
    return frames.reshape(n_frames, -1, design.length)


def _deciding_sums(design: LineDesign, weights: LineWeights, channel: int) -> Integers:
    """Return accumulators of a channel between the clips, the closest to a tie first."""
    multiplier, shift = (int(each[channel]) for each in weights.scales())
    reach, clip = design.accumulator, design.output_range
    sums = np.arange(reach.low, reach.high + 1)
    results = design.finish(sums[:, None], weights, np.full(len(sums), channel))[:, 0]
    sums = sums[(results > clip.low) & (results < clip.high)]
    from_tie = np.abs(sums * multiplier % (1 << shift) - (1 << shift >> 1))
    return sums[np.argsort(from_tie, kind="stable")]


def _line_with(
    design: LineDesign,
    weights: LineWeights,
    channel: int,
    total: int,
    position: int,
    generator: np.random.Generator,
) -> Integers:
    """Return a line with an accumulator at a position; of a thousand tries the last if none has."""
    kernel, data = weights.weight[channel], design.data
    first, second = np.argsort(-np.abs(kernel))[:2]
    values = np.arange(data.low, data.high + 1)
    pairs = np.add.outer(kernel[first] * values, kernel[second] * values).ravel()
    order = np.argsort(pairs)
    for _ in range(1000):
        line = generator.integers(data.low, data.high, design.length, endpoint=True)
        line[[first, second]] = 0
        rest = total - weights.start()[channel, position] - kernel @ line
        place = order[min(np.searchsorted(pairs, rest, sorter=order), len(order) - 1)]
        line[[first, second]] = values[place // len(values)], values[place % len(values)]
        if pairs[place] == rest:
            break
    return np.roll(line, position)


def exact_results(design: LineDesign, lines: Integers) -> Integers:
    """Return what an exact engine with weights in ROM would give for ``lines`` ``[L, N]``."""
    assert design.weights is not None
    channel = np.array([design.channel_of(line) for line in range(len(lines))])
    own = design.weights.of(channel)
    return design.finish(correlate(lines, own.weight) + own.start(), design.weights, channel)


def random_weights(design: LineDesign, generator: np.random.Generator) -> LineWeights:
    """Return a set for the weights port of ``design``, over the full range of its formats."""
    table = (design.channels, design.length)
    weight, data, start = Interval.signed(design.weight_bits), design.data, design.start_range
    kernels = generator.integers(weight.low, weight.high, table, endpoint=True)
    pe = generator.integers(data.low, data.high, table, endpoint=True)
    embedded = LineWeights(kernels, pe, np.zeros(design.channels, dtype=np.int64)).start()
    if embedded.min() < start.low or embedded.max() > start.high:
        pe, embedded = np.zeros_like(pe), np.zeros_like(embedded)
    bias = generator.integers(
        np.maximum(start.low - embedded.min(axis=1), -(1 << 31)),
        np.minimum(start.high - embedded.max(axis=1), (1 << 31) - 1),
        endpoint=True,
    )
    if design.requantization is None:
        return LineWeights(kernels, pe, bias)
    # A ratio that keeps most results between the clips, times what lets some of them go beyond.
    reach = 2.0 ** generator.uniform(-2, 2, design.channels)
    ratio = reach * (1 << design.output_bits) / (1 << design.accumulator.bits)
    multiplier, shift = requantization(np.clip(ratio, 2.0**-47, 1.0))
    zero_point: int | Integers = design.zero_points.low
    if design.zero_points_vary:
        ends = design.zero_points
        zero_point = generator.integers(ends.low, ends.high, design.channels, endpoint=True)
    return LineWeights(kernels, pe, bias, multiplier, shift, zero_point)


def random_arrays(design: LayerDesign, generator: np.random.Generator) -> Arrays:
    """Return arrays for the weights ports of a layer, over the full range of its formats."""
    if isinstance(design, AxesDesign):
        engines = design.engines.items()
        arrays = dict(design.arrays_of({n: random_weights(e, generator) for n, e in engines}))
        if isinstance(design, MetaFormerDesign) and design.skip_port:
            arrays |= random_skip(design, generator)
        return arrays
    example = replace(design, example=True).weights
    assert example is not None
    arrays = {
        key: generator.permuted(array, axis=-1) for key, array in example.items() if array.ndim
    }
    for key in example.keys() - arrays.keys():
        form = getattr(design, key.removesuffix(".zero_point"))
        arrays[key] = np.array(form.zero_point or 0)
        if form.zero_point_port:
            channels = design.out_shape[0]
            ends = form.clip
            arrays[key] = generator.integers(ends.low, ends.high, channels, endpoint=True)
    return arrays


def random_skip(design: MetaFormerDesign, generator: np.random.Generator) -> Arrays:
    """Return arrays that scale a residual map so that sums are near the clip."""
    assert design.output is not None
    reach = 2.0 ** generator.uniform(-3, 0, design.channels)
    multiplier, shift = requantization(reach * 2.0 ** (design.output.bits - design.data_bits))
    ends = design.data
    zero_point = generator.integers(ends.low, ends.high, design.channels, endpoint=True)
    values = {"multiplier": multiplier, "shift": shift, "zero_point": zero_point}
    return {f"residual.{name}": value for name, value in values.items()}


def border_spreads(generator: np.random.Generator, each: int) -> Iterator[int]:
    """Yield spreads, for `reciprocal_root`, that have a root just so, and those that do not.

    ``each`` pairs for roots of 2 to 16 bits that zeros follow. At a border it hangs on the last
    bits of what is left of 2^62 whether a bit of the root is 1.
    """
    for bits in range(2, _ROOT_BITS + 1):
        for root in generator.integers(1 << bits - 2, 1 << bits - 1, each):
            value = (1 << 62) // (int(root) * 2 + 1 << _ROOT_BITS - bits) ** 2
            for v in (value, value + 1):
                places = 2 * int(generator.integers(15))
                yield (v << places) + int(generator.integers(1 << places))
