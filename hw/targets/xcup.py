"""AMD's UltraScale+: DSP48E2s and block RAMs by inference, and no prediction."""

from golden.targets import FACTS
from hw.targets.device import Device
from hw.targets.target import Target
from hw.targets.xilinx import Dsp48, synthesis

XCUP = Target(
    facts=FACTS["xcup"],
    multiplier=Dsp48(FACTS["xcup"]),
    # DSP48E2s, LUT6s, and halves of block RAMs.
    devices=(Device("xcvu13p", "xcup", 12_288, 1_728_000, 5_376),),
    synthesis=synthesis("xcup"),
)
