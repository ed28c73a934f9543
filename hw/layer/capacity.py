"""What block RAM the largest devices have, and the refusal of maps that do not fit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from hw.devices import DEVICES
from hw.predict import MODELLED, Cost


@dataclass(frozen=True)
class Family:
    """A target's largest member.

    Parameters
    ----------
    device
        Its name.
    blocks, block_kbits
        Its block RAMs, and their size.
    """

    device: str
    blocks: int
    block_kbits: int

    def needed(self, cost: Cost) -> int:
        """Return the blocks that a layer takes, whose cost is in blocks of 18 kb."""
        return -(-cost.block_rams * PREDICTED_KBITS // self.block_kbits)


PREDICTED_KBITS = 18
"""Size of the block RAMs that predictions count: 1024 x 18, as in ECP5 and half a RAMB36.

Of other targets' blocks about as many bits are taken.
"""

LARGEST: Mapping[str, Family] = {
    "ecp5": Family("LFE5U-85", DEVICES["lfe5u-85f-6"].block_rams, 18),
    "ice40": Family("HX8K", 32, 4),
    "xc7": Family("XC7VX1140T", 3760, 18),
    "xcup": Family("XCVU13P", 5376, 18),
}


def check_capacity(design: LayerDesign, predict: Callable[[LayerDesign], Cost]) -> None:
    """Refuse a layer that the largest device of its target has no block RAM for.

    ``predict`` says what it takes; it is asked only where the target's devices are known.

    Raises
    ------
    ParameterError
        Says how much it needs, and how much there is.
    """
    family = LARGEST.get(design.target)
    if family is not None and (needed := family.needed(predict(design))) > family.blocks:
        about = "" if design.target == MODELLED else "about "
        rule = f"a family with {about}{needed} block RAMs of {family.block_kbits} kb in a device"
        have = f"{design.target}, whose largest ({family.device}) has {family.blocks}"
        raise ParameterError("target", rule, have).renamed("target")
