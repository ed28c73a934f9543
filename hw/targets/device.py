"""Parts of a target, and what they have."""

from collections.abc import Mapping
from dataclasses import dataclass

from hw.targets.cost import BLOCK_KBITS, Cost

USABLE: Mapping[str, float] = {"dsp": 1.0, "lut4_equivalents": 0.8, "ff": 0.8, "block_ram": 1.0}
"""How much of each a full device is taken to use; beyond it fabric does not route well."""


@dataclass(frozen=True)
class Device:
    """A part.

    Parameters
    ----------
    name
        Of the part.
    target
        What to build for.
    multipliers
        Of the target's own kind.
    luts
        Likewise.
    block_rams, block_kbits
        Likewise, and the size of one.
    placing
        Tells nextpnr which part it is; empty where that does not place on it.
    """

    name: str
    target: str
    multipliers: int
    luts: int
    block_rams: int
    block_kbits: int = BLOCK_KBITS
    placing: tuple[str, ...] = ()

    @property
    def capacity(self) -> Mapping[str, int]:
        """What there is, by the names of a report's figures."""
        return {
            "dsp": self.multipliers,
            "lut4_equivalents": self.luts,
            "ff": self.luts,
            "block_ram": self.block_rams,
        }

    @property
    def kbits(self) -> int:
        """Size of all block RAMs."""
        return self.block_rams * self.block_kbits

    @property
    def usable(self) -> Cost:
        """What a design may take."""
        return Cost(
            int(self.multipliers * USABLE["dsp"]),
            int(self.kbits // BLOCK_KBITS * USABLE["block_ram"]),
            int(self.luts * USABLE["lut4_equivalents"]),
        )

    def blocks_of(self, cost: Cost) -> int:
        """Return the block RAMs of this part that hold as many bits as those of ``cost``."""
        return -(-cost.block_rams * BLOCK_KBITS // self.block_kbits)
