"""Device families: how Yosys maps to each, what its cells count as, how nextpnr is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from golden.errors import ParameterError


@dataclass(frozen=True)
class Family:
    """What the parts of a family have in common.

    Parameters
    ----------
    name
        Of the family.
    synthesis
        Yosys commands from a hierarchy of RTL to a netlist of the family's cells; ``{top}``
        stands for the module.
    models
        Where Yosys keeps simulation models of the cells.
    cells
        For each figure that is counted in the netlist, the cells that count, and for how much.
    """

    name: str
    synthesis: tuple[str, ...]
    models: str
    cells: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class PlacedFamily(Family):
    """A family that nextpnr places and routes.

    Parameters
    ----------
    nextpnr
        What follows `nextpnr-` in the tool's name.
    register
        A flip-flop of the family: an instance from ``{d}`` to ``{q}`` in Verilog.
    placed
        For each figure that only placement knows, the kinds of site that count.
    """

    nextpnr: str
    register: str
    placed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ECP5 = PlacedFamily(
    name="ecp5",
    synthesis=("synth_ecp5 -top {top}",),
    models="+/ecp5/cells_sim.v",
    cells={
        "lut": {"LUT4": 1},
        "carry": {"CCU2C": 1},
        "ff": {"TRELLIS_FF": 1},
        "dsp": {"MULT18X18D": 1},
        "block_ram": {"DP16KD": 1, "PDPW16KD": 1},
        "distributed_ram": {"TRELLIS_DPR16X4": 1},
    },
    nextpnr="ecp5",
    register=(
        'TRELLIS_FF #(.GSR("DISABLED"), .CEMUX("1"), .CLKMUX("CLK"), .LSRMUX("LSR"), '
        '.SRMODE("LSR_OVER_CE"), .REGSET("RESET")) '
        "{name} (.CLK({clock}), .LSR(1'b0), .CE(1'b1), .DI({d}), .Q({q}));"
    ),
    # Each LUT4 is one, each CCU2C two, each TRELLIS_DPR16X4 four, and so are the cells that
    # placement adds where a carry chain begins or ends in the fabric.
    placed={"lut4_equivalents": ("TRELLIS_COMB",)},
)

ICE40 = PlacedFamily(
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
    nextpnr="ice40",
    register="SB_DFF {name} (.C({clock}), .D({d}), .Q({q}));",
)

XC7 = Family(
    name="xc7",
    synthesis=("synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top {top}",),
    models="+/xilinx/cells_sim.v",
    cells={
        "lut": {f"LUT{inputs}": 1 for inputs in range(1, 7)} | {"INV": 1},
        "carry": {"CARRY4": 1},
        "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
        "dsp": {"DSP48E1": 1},
        "block_ram": {"RAMB36E1": 2, "RAMB18E1": 1},
        "distributed_ram": {"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2},
    },
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in (ECP5, ICE40, XC7)}


@dataclass(frozen=True)
class Device:
    """A part: its family, and the arguments that tell nextpnr which part it is."""

    name: str
    family: PlacedFamily
    arguments: tuple[str, ...]


def _ecp5(size: int, speed: int) -> Device:
    part = {12: "--12k", 25: "--25k", 45: "--45k", 85: "--85k"}[size]
    arguments = (part, "--speed", str(speed), "--package", "CABGA381", "--out-of-context")
    return Device(f"lfe5u-{size}f-{speed}", ECP5, arguments)


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
