"""What a package's test bench sends, and what the golden model says must come of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, repeat
from typing import Any

import numpy as np

from golden.accelerator.compile import compile_network
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalRun
from golden.accelerator.sizes import DATA_BITS, Sizes
from golden.accelerator.words import frames_of
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.line.weights import Arrays, LineWeights
from golden.network.network import Network
from golden.numbers.interval import Integers
from hw.package.beats import TupleBeat, field_beats, line_beats, map_beats

LEAST_GROUPS, MOST_GROUPS = 8, 64
MOST_BEATS = 20_000
"""Beyond so many, one frame must do."""
PAGE = 4096
"""Regions of memory begin at multiples of so many bytes."""


@dataclass(frozen=True)
class StreamVectors:
    """Words of streams: tdata with tlast above it.

    Parameters
    ----------
    sent
        By stream.
    expected
        What must come, and nothing else.
    cycles
        From a beat to the next at most, unstalled.
    """

    sent: Mapping[str, list[int]]
    expected: list[int]
    cycles: int


@dataclass(frozen=True)
class MemoryVectors:
    """A frame in memory.

    Parameters
    ----------
    bases, sizes
        Of regions by name, in bytes.
    contents
        Of memory from 0 on, as far as it is given.
    expected
        Of the region of output.
    n_bytes
        Of memory.
    cycles
        In which it must be done: several times what it is predicted to take.
    """

    bases: Mapping[str, int]
    sizes: Mapping[str, int]
    contents: bytes
    expected: bytes
    n_bytes: int
    cycles: int


def _on_top(beats: Iterable[TupleBeat], bits: int) -> list[int]:
    return [last << bits | word for word, last in beats]


def _packed(
    pack: Callable[[Integers, int, int], Iterable[TupleBeat]],
    samples: Integers,
    lanes: int,
    stream: Mapping[str, int],
) -> list[int]:
    """Return the beats of ``samples`` on a stream of the manifest, last on top."""
    slot = stream["slot_bits"]
    return _on_top(pack(samples, lanes, slot), slot * lanes)


def known_lines(design: LineDesign, n_groups: int) -> Integers:
    """Return lines ``[L, N]``: random ones, after a group of either extreme and one of ones."""
    generator = np.random.default_rng(1)
    low, high = design.data.low, design.data.high
    shape = (n_groups * design.lanes, design.length)
    lines = generator.integers(low, high, shape, endpoint=True)
    for group, value in enumerate((low, high, 1)):
        lines[group * design.lanes : (group + 1) * design.lanes] = value
    return lines


def line_vectors(design: LineDesign, manifest: Mapping[str, Any]) -> StreamVectors:
    """Return lines for an engine, each channel's where they are not too many."""
    frame = design.channels * design.groups_per_channel
    lines = known_lines(design, min(max(frame, LEAST_GROUPS), MOST_GROUPS))
    streams, sent = manifest["streams"], {}
    weights = design.weights
    if weights is None:
        weights = _loaded(design)
        fields = streams["w_axis"]["fields"]
        sent["w_axis"] = _on_top(field_beats(fields, design.port_tables(weights)), _bits(fields))
    sent["s_axis"] = _packed(line_beats, lines, design.lanes, streams["s_axis"])
    expected = _packed(line_beats, design.model(lines, weights), design.lanes, streams["m_axis"])
    timing = manifest["timing"]
    return StreamVectors(sent, expected, timing["latency_cycles"] + timing["cycles_per_group"])


def _loaded(design: LineDesign) -> LineWeights:
    """Return an example for the weights port; without start values where they do not fit."""
    form = design.requantization
    weights = example_weights(
        length=design.length,
        channels=design.channels,
        data_bits=design.data_bits,
        weight_bits=design.weight_bits,
        requantized=form.clip if form else None,
    )
    if form is not None:
        weights = replace(weights, zero_point=design.zero_points.low)
    start = weights.start()
    if start.min() < design.start_range.low or start.max() > design.start_range.high:
        weights = replace(weights, pe=0 * weights.pe, bias=0 * weights.bias)
    return weights


def _bits(fields: Iterable[Mapping[str, int]]) -> int:
    """Return the width of a beat of ``fields``."""
    return max(field["offset"] + field["slot_bits"] for field in fields)


def layer_vectors(design: LayerDesign, manifest: Mapping[str, Any]) -> StreamVectors:
    """Return two random frames for a layer, one channel of each at its ends; a large one alone."""
    generator = np.random.default_rng(1)
    n_frames = 2 if 2 * max(design.frame_beats, design.out_frame_beats) <= MOST_BEATS else 1
    low, high = design.data.low, design.data.high
    shape = (n_frames, design.channels, design.height, design.width)
    maps = generator.integers(low, high, shape, endpoint=True)
    maps[0, 0], maps[-1, -1] = low, high
    streams, sent = manifest["streams"], {}
    arrays = _arrays(design) if design.loaded else None
    if arrays is not None:
        for port, tables in design.port_tables(arrays).items():
            facts = streams[f"{port}_axis"]
            beats = chain.from_iterable(_sets(facts, tables, n_frames))
            sent[f"{port}_axis"] = _on_top(beats, _bits(facts["fields"]))
    sent["s_axis"] = _packed(map_beats, maps, design.lanes, streams["s_axis"])
    expected = _packed(map_beats, design.model(maps, arrays), design.lanes, streams["m_axis"])
    timing = manifest["timing"]
    return StreamVectors(sent, expected, timing["latency_cycles"] + timing["cycles_per_frame"])


def _arrays(design: LayerDesign) -> Arrays:
    """Return an example for weights ports; with zero points that the configuration says."""
    example = replace(design, example=True).weights
    assert example is not None
    arrays = dict(example)
    for key in arrays:
        form = getattr(design, key.removesuffix(".zero_point"), None)
        if isinstance(form, Requantization) and not form.zero_point_port:
            arrays[key] = np.array(form.zero_point or 0)
    return arrays


def _sets(
    facts: Mapping[str, Any], tables: Mapping[str, Integers], n_frames: int
) -> Iterator[Iterator[TupleBeat]]:
    """Yield what a weights port takes: one set; channel by channel for each frame if streamed."""
    if "sets_per_frame" not in facts:
        yield field_beats(facts["fields"], tables)
        return
    for channel in chain.from_iterable(repeat(range(facts["sets_per_frame"]), n_frames)):
        rows = {name: table[channel] for name, table in tables.items()}
        yield field_beats(facts["fields"], rows)


def _image(network: Network) -> Integers:
    """Return a random image ``[1, C, H, W]`` over all of the input's range."""
    data = network.maps[network.input]
    ends = data.range.low, data.range.high
    return np.random.default_rng(1).integers(*ends, (1, *data.shape), endpoint=True)


def network_vectors(network: Network, sizes: Sizes, manifest: Mapping[str, Any]) -> StreamVectors:
    """Return a random image for an accelerator with all inside."""
    program = compile_network(network, sizes)
    (frame,) = frames_of(_image(network), sizes)
    sent, given = (_words(words, sizes) for words in (frame, program.run(frame)))
    timing = manifest["timing"]
    return StreamVectors(
        {"s_axis": sent}, given, timing["latency_cycles"] + timing["cycles_per_frame"]
    )


def _words(words: Integers, sizes: Sizes) -> list[int]:
    """Return words ``[n, tile]`` as a frame's, the last one marked."""
    beats = line_beats(words.T, sizes.tile, DATA_BITS)
    return _on_top(beats, sizes.tile * DATA_BITS)


def memory_vectors(
    network: Network, capacity: Capacity, manifest: Mapping[str, Any]
) -> MemoryVectors:
    """Return a random image for the first program of an accelerator whose memory is outside."""
    program = compile_external(network, capacity, packs=True)
    (image,) = program.frames(_image(network))
    beat = capacity.beat_bytes
    contents = {"PROGRAM": program.image, "INPUT": image}
    sizes = {
        "PROGRAM": len(program.image),
        "INPUT": program.input * beat,
        "OUTPUT": program.output * beat,
        "SCRATCH": program.scratch * beat,
    }
    bases, end, memory = {}, PAGE, b""
    for name, size in sizes.items():
        bases[name] = end
        if name in contents:
            memory = memory.ljust(end, b"\0") + contents[name]
        end += -(-size // PAGE) * PAGE + PAGE
    cycles = manifest["programs"][0]["cycles"]
    return MemoryVectors(
        bases, sizes, memory, ExternalRun(program, image).output(), end, 100_000 + 10 * cycles
    )
