"""AMD's 7 series: DSP48E1s and block RAMs by inference, and no prediction."""

from golden.targets import FACTS
from hw.targets.device import Device
from hw.targets.synthesis import EdalizeFlow
from hw.targets.target import Target
from hw.targets.xilinx import Dsp48, synthesis

XC7 = Target(
    facts=FACTS["xc7"],
    multiplier=Dsp48(FACTS["xc7"]),
    # DSP48E1s, LUT6s, and halves of block RAMs.
    devices=(
        Device("xc7a35t", "xc7", 90, 20_800, 100),
        Device("xc7a100t", "xc7", 240, 63_400, 270),
        Device("xc7a200t", "xc7", 740, 134_600, 730),
        Device("xc7vx1140t", "xc7", 3_360, 712_000, 3_760),
    ),
    synthesis=synthesis("xc7"),
    flow=EdalizeFlow("vivado", {"part": "xc7a35tcpg236-1", "pnr": "none"}, "xdc"),
)
