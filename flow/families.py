"""Device families: how Yosys maps to each, what its cells count as, how nextpnr is told."""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.errors import ParameterError


@dataclass(frozen=True)
class Family:
    """What the parts of a family have in common.

    Parameters
    ----------
    name
        As `nextpnr-NAME` has it.
    synthesis
        Yosys commands from a hierarchy of RTL to a netlist of the family's cells; ``{top}``
        stands for the module.
    cells
        For each figure that is counted in the netlist, the cells that count, and for how much.
    placed
        For each figure that only placement knows, the kinds of site that count.
    register
        A flip-flop of the family: an instance from ``{d}`` to ``{q}`` in Verilog.
    """

    name: str
    synthesis: tuple[str, ...]
    cells: Mapping[str, Mapping[str, int]]
    placed: Mapping[str, tuple[str, ...]]
    register: str


ECP5 = Family(
    name="ecp5",
    synthesis=("synth_ecp5 -top {top}",),
    cells={
        "lut": {"LUT4": 1},
        "carry": {"CCU2C": 1},
        "ff": {"TRELLIS_FF": 1},
        "dsp": {"MULT18X18D": 1},
        "block_ram": {"DP16KD": 1, "PDPW16KD": 1},
        "distributed_ram": {"TRELLIS_DPR16X4": 1},
    },
    # Each LUT4 is one, each CCU2C two, each TRELLIS_DPR16X4 four, and so are the cells that
    # placement adds where a carry chain begins or ends in the fabric.
    placed={"lut4_equivalents": ("TRELLIS_COMB",)},
    register=(
        'TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), .LSRMUX("LSR"), '
        '.SRMODE("LSR_OVER_CE"), .REGSET("RESET")) '
        "{name} (.CLK({clock}), .LSR(1'b0), .CE(1'b1), .DI({d}), .Q({q}));"
    ),
)


@dataclass(frozen=True)
class Device:
    """A part: its family, and the arguments that tell nextpnr which part it is."""

    name: str
    family: Family
    arguments: tuple[str, ...]


def _ecp5(size: int, speed: int) -> Device:
    part = ("--12k", "--25k", "--45k", "--85k")[(12, 25, 45, 85).index(size)]
    arguments = (part, "--speed", str(speed), "--package", "CABGA381")
    return Device(f"lfe5u-{size}f-{speed}", ECP5, (*arguments, "--lpf-allow-unconstrained"))


DEVICES: Mapping[str, Device] = {
    device.name: device for device in [_ecp5(s, v) for s in (12, 25, 45, 85) for v in (6, 7, 8)]
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
