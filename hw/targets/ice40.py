"""Lattice's iCE40: inference, and no prediction."""

from golden.targets import FACTS
from hw.targets.device import Device
from hw.targets.multiplier import InferredMultiplier
from hw.targets.synthesis import PlacedFamily
from hw.targets.target import Target

_SYNTHESIS = PlacedFamily(
    name="ice40",
    synthesis=("synth_ice40 -device u -dsp -top {top}",),
    models="+/ice40/cells_sim.v",
    cells={
        "lut": {"SB_LUT4": 1},
        "carry": {"SB_CARRY": 1},
        "ff": {
            f"SB_DFF{edge}{kind}": 1
            for edge in ("", "N")
            for kind in ("", "E", "SR", "R", "SS", "S", "ESR", "ER", "ESS", "ES")
        },
        "dsp": {"SB_MAC16": 1},
        "block_ram": {"SB_RAM40_4K": 1},
    },
    remark="nextpnr does not time the way through an SB_MAC16: Fmax is that of all the rest",
    nextpnr="ice40",
    pads=("synth_ice40 -device u -dsp -top {top}",),
)

ICE40 = Target(
    facts=FACTS["ice40"],
    # Where two products are added in a chain, Yosys 0.70 (`ice40_dsp`) moves the register between
    # the two adders into the second SB_MAC16 and loses the first sum; a kept one it leaves alone.
    multiplier=InferredMultiplier(addend_attributes={"keep": 1}),
    devices=(
        Device("up5k", "ice40", 8, 5_280, 30, 4, ("--up5k", "--package", "sg48")),
        Device("hx8k", "ice40", 0, 7_680, 32, 4),
    ),
    synthesis=_SYNTHESIS,
)
