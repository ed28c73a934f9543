"""The accelerator's Verilog against its program, word for word."""

from pathlib import Path

import numpy as np
import pytest

from golden.accelerator.compile import compile_network
from golden.accelerator.sizes import Sizes
from golden.accelerator.words import frames_of
from hw.accelerator.accelerator import Accelerator, word_layout
from hw.accelerator.timing import Timeline
from sim.networks import grouped, metaformer
from sim.runner import simulators
from sim.unit import beats_of, run_unit


@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (metaformer, Sizes()),
        (
            grouped,
            Sizes(scalers=2, positions=12, target="ecp5", logic_scalers=1, factor_bits=16),
        ),
    ],
)
def test_verilog_equals_the_program(make, sizes, tmp_path: Path) -> None:
    builder, network = make()
    program = compile_network(network, sizes)
    frames = frames_of(builder.images(2, network), sizes)
    expected = np.concatenate([program.run(frame) for frame in frames])
    layout = word_layout(sizes.tile)
    ends = np.tile(np.arange(program.given) == program.given - 1, len(frames))
    cycles = run_unit(
        Accelerator(program),
        "accelerator",
        {"s_axis": beats_of(layout, {"samples": frames.reshape(-1, sizes.tile)}, last=False)},
        beats_of(layout, {"samples": expected}, ends),
        tmp_path,
        simulator=simulators()[-1],
    )
    timeline = Timeline(program)
    first = cycles["s_axis"][0]
    assert cycles["s_axis"][program.taken] - first == timeline.cycles_per_frame
    assert cycles["m_axis"][0] - first == timeline.latency
