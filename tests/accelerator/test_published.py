"""The smallest published network, pixels to classes, at 64 x 64, through one small Verilog."""

from pathlib import Path

import numpy as np

from flow.converted import converted
from golden.accelerator.descriptor import Kind
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.registers import Stop
from hw.accelerator.external.timing import ExternalTimeline
from hw.simulate.external import ExternalBench
from nets.settle import images
from nets.zoo import FACTORIES
from sim.external import MEMORY, Session, built, frames_as_bytes
from tests.accelerator.external.test_depthwise import BUILT, outputs_of

SIDE = 64
NAME = "mobilenetv2-parc"


def test_a_published_network_through_the_verilog(tmp_path: Path) -> None:
    """Its logits are the network's; `scripts/soak_published.py` has all, at their own sizes."""
    shown = images((SIDE, SIDE), 2, seed=7).numpy()
    network = converted(tmp_path, f"nets.zoo:{FACTORIES[NAME].__name__}", shown)
    program = compile_external(network, BUILT)
    own = [one for one in program.descriptors if one.kind == Kind.DEPTHWISE]
    assert any(one.source.plane is not None for one in own), "no rows roll"
    taken = network.quantize(shown[:1].astype(np.float64))
    with ExternalBench(built(BUILT), MEMORY) as bench:
        session = Session(bench, program, frames_as_bytes(taken, BUILT.sizes))
        session.set()
        outcome = session.run()
        assert outcome.code == Stop.NONE
        assert session.right
    (output,) = network.outputs
    (logits,) = outputs_of(network, program, session.expected)
    np.testing.assert_array_equal(logits, network.run({network.input: taken})[output])
    assert abs(outcome.cycles / ExternalTimeline(program).cycles - 1) < 0.03
