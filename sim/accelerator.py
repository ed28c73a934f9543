"""Operators drawn at random through the accelerator's Verilog: words and cycles."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from golden.accelerator.compile import compile_network
from golden.accelerator.descriptor import Kind
from golden.accelerator.join import joined
from golden.accelerator.program import Program
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of, maps_of
from golden.network import cases
from golden.network.network import Network
from golden.network.registry import OPERATORS
from golden.numbers.interval import Integers
from hw.accelerator.accelerator import Accelerator, word_layout
from hw.accelerator.timing import Timeline
from sim.unit import beats_of, run_unit

KINDS = tuple(OPERATORS)
"""Operators that the accelerator does: all."""


def case_of(seed: int, *, own: bool = True) -> tuple[Network, Integers]:
    """Return the network and the frame that a seed draws; kinds take turns."""
    return cases.Draw(seed, own=own).case(KINDS[seed % len(KINDS)])


def run_cases(
    seeds: Iterable[int], sizes: Sizes, folder: Path, *, simulator: str, own: bool = True
) -> int:
    """Run what seeds draw: see `run_networks`."""
    drawn = [case_of(seed, own=own) for seed in seeds]
    return run_networks(drawn, sizes, folder, simulator=simulator)


def run_networks(
    drawn: Sequence[tuple[Network, Integers]], sizes: Sizes, folder: Path, *, simulator: str
) -> int:
    """Run networks, a frame each, as one program, and hold words and cycles to what they are.

    Returns
    -------
    Cycles that they took.

    Raises
    ------
    AssertionError
        Where a word or a cycle is another one.
    """
    programs, frames, given = zip(*(compare(*case, sizes) for case in drawn), strict=True)
    whole = joined(programs)
    timeline, layout = Timeline(whole), word_layout(sizes.tile)
    cycles = run_unit(
        Accelerator(whole),
        "accelerator",
        {"s_axis": beats_of(layout, {"samples": np.concatenate(frames)}, last=False)},
        beats_of(layout, {"samples": np.concatenate(given)}, _ends(given)),
        folder,
        simulator=simulator,
        cycles=2 * timeline.cycles_per_frame,
        paces=1,
    )
    for stream, kind, late in (("s_axis", Kind.TAKE, 0), ("m_axis", Kind.GIVE, timeline.given)):
        _hold(cycles[stream], cycles["s_axis"][0], timeline, kind, late)
    return timeline.cycles_per_frame


def compare(network: Network, words: Integers, sizes: Sizes) -> tuple[Program, Integers, Integers]:
    """Hold what a program gives to what its network does; return it, its words in, and out."""
    program = compile_network(network, sizes)
    (frame,) = frames_of(words, sizes)
    given = program.run(frame)
    (output,) = network.outputs
    made = maps_of(given[None], network.maps[output], sizes)
    np.testing.assert_array_equal(made, network.run({network.input: words})[output])
    return program, frame, given


def _ends(given: Sequence[Integers]) -> Integers:
    """Return where each program's words end."""
    return np.concatenate([np.arange(len(words)) == len(words) - 1 for words in given])


def _hold(found: Sequence[int], first: int, timeline: Timeline, kind: Kind, late: int) -> None:
    """Hold the first words of each descriptor of a kind to their cycles."""
    place = 0
    for step in timeline.steps:
        if step.descriptor.kind == kind:
            assert found[place] - first == step.begins + late, step.descriptor
            place += step.descriptor.windows.positions
