"""What devices have: the one table of capacities."""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.inputs.errors import ParameterError
from hw.predict import Cost


@dataclass(frozen=True)
class Device:
    """A part.

    Parameters
    ----------
    name
        As `scripts/implement.py` has it, where that places on it.
    target
        What to build for.
    multipliers
        18 x 18, or DSP48.
    luts
        LUT4s, or LUT6s.
    block_rams
        Of 18 kbit.
    """

    name: str
    target: str
    multipliers: int
    luts: int
    block_rams: int

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
    def usable(self) -> Cost:
        """What a design may take."""
        return Cost(
            int(self.multipliers * USABLE["dsp"]),
            int(self.block_rams * USABLE["block_ram"]),
            int(self.luts * USABLE["lut4_equivalents"]),
        )


USABLE: Mapping[str, float] = {"dsp": 1.0, "lut4_equivalents": 0.8, "ff": 0.8, "block_ram": 1.0}
"""How much of each a full device is taken to use; beyond it fabric does not route well."""

_ECP5 = {12: (28, 12_096, 32), 25: (28, 24_288, 56), 45: (72, 43_848, 108), 85: (156, 83_640, 208)}
"""Multipliers, LUT4s and block RAMs of Lattice's LFE5U by the thousands of LUTs."""
_ARTIX_7 = {"35t": (90, 20_800, 100), "100t": (240, 63_400, 270), "200t": (740, 134_600, 730)}
"""DSP48E1s, LUT6s and halves of block RAMs of AMD's XC7A."""

DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in (
        *(
            Device(f"lfe5u-{size}f-{speed}", "ecp5", *has)
            for size, has in _ECP5.items()
            for speed in (6, 7, 8)
        ),
        *(Device(f"xc7a{size}", "xc7", *has) for size, has in _ARTIX_7.items()),
    )
}


def device_named(name: str) -> Device:
    """Return the device called ``name``.

    Raises
    ------
    ParameterError
        Where there is none.
    """
    if name not in DEVICES:
        raise ParameterError("device", f"one of {', '.join(DEVICES)}", repr(name))
    return DEVICES[name]
