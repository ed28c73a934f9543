"""Device families: how Yosys maps to each, what its cells count as, how nextpnr is told."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from golden.inputs.errors import ParameterError


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
    remark
        What to know of its figures.
    maps
        Verilog that the commands of ``synthesis`` and ``pads`` name as files.
    """

    name: str
    synthesis: tuple[str, ...]
    models: str
    cells: Mapping[str, Mapping[str, int]]
    remark: str = ""
    maps: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class PlacedFamily(Family):
    """A family that nextpnr places and routes.

    Parameters
    ----------
    nextpnr
        What follows `nextpnr-` in the tool's name.
    pads
        As `synthesis`, of a top module: with what the family wants at pins.
    placed
        For each figure that only placement knows, the kinds of site that count.
    timed
        Whether nextpnr times all that matters.
    """

    nextpnr: str = ""
    pads: tuple[str, ...] = ()
    placed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timed: bool = True


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
    pads=("synth_ecp5 -top {top}",),
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
    remark="nextpnr does not time the way through an SB_MAC16: Fmax is that of all the rest",
    nextpnr="ice40",
    pads=("synth_ice40 -device u -dsp -top {top}",),
)

GOWIN = PlacedFamily(
    name="gowin",
    synthesis=("synth_gowin -family gw2a -noiopads -top {top}",),
    models="+/gowin/cells_sim.v",
    cells={
        "lut": {f"LUT{inputs}": 1 for inputs in range(1, 5)},
        "carry": {"ALU": 1},
        "ff": {"DFF": 1, "DFFE": 1, "DFFS": 1, "DFFSE": 1, "DFFR": 1, "DFFRE": 1},
        "dsp": {"MULT9X9": 1, "MULT18X18": 1, "MULT36X36": 1},
        "block_ram": {"SP": 1, "SPX9": 1, "DPB": 1, "DPX9B": 1, "SDPB": 1, "SDPX9B": 1, "pROM": 1},
        "distributed_ram": {"RAM16SDP4": 1, "RAM16SDP2": 1, "RAM16SDP1": 1},
    },
    remark="nextpnr 0.11 times no MULT and under half of the registers here: no clock is given",
    nextpnr="himbaechel-gowin",
    pads=("synth_gowin -family gw2a -top {top}",),
    timed=False,
)

GATEMATE = PlacedFamily(
    name="gatemate",
    synthesis=("synth_gatemate -luttree -nomx8 -noiopad -noclkbuf -top {top}",),
    models="+/gatemate/cells_sim.v",
    cells={
        "lut": {"CC_LUT1": 1, "CC_LUT2": 1, "CC_L2T4": 1, "CC_L2T5": 1},
        "carry": {"CC_ADDF": 1},
        "ff": {"CC_DFF": 1},
        "dsp": {"CC_MULT": 1},
        "block_ram": {"CC_BRAM_20K": 1, "CC_BRAM_40K": 2},
    },
    remark="GateMate has no multiplier blocks: a CC_MULT is an array of its logic cells",
    nextpnr="himbaechel-gatemate",
    pads=("synth_gatemate -luttree -nomx8 -top {top}",),
)

_NEXUS_CARRY = Path(__file__).with_name("nexus_carry.v")


def _nexus(options: str) -> tuple[str, ...]:
    return (
        f"synth_nexus {options}-top {{top}} -run begin:map_cells",
        f"techmap -map {_NEXUS_CARRY.name}",
        f"synth_nexus {options}-top {{top}} -run map_cells:",
    )


NEXUS = PlacedFamily(
    name="nexus",
    synthesis=_nexus("-noiopad "),
    models="+/nexus/cells_sim.v",
    cells={
        "lut": {"LUT4": 1, "INV": 1, "WIDEFN9": 2},
        "carry": {"CCU2": 1},
        "ff": {"FD1P3BX": 1, "FD1P3DX": 1, "FD1P3IX": 1, "FD1P3JX": 1},
        "dsp": {"MULT9X9": 1, "MULT18X18": 1, "MULT18X36": 1, "MULT36X36": 1},
        "block_ram": {"PDPSC16K": 1, "PDP16K": 1, "DP16K": 1},
        "distributed_ram": {"DPR16X4": 1},
    },
    nextpnr="nexus",
    pads=_nexus(""),
    placed={"lut4_equivalents": ("OXIDE_COMB",)},
    maps={_NEXUS_CARRY.name: _NEXUS_CARRY.read_bytes()},
)

_XILINX_CELLS = {
    "lut": {f"LUT{inputs}": 1 for inputs in range(1, 7)} | {"INV": 1, "SRL16E": 1, "SRLC32E": 1},
    "carry": {"CARRY4": 1, "CARRY8": 1},
    "ff": {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1},
    "dsp": {"DSP48E1": 1, "DSP48E2": 1},
    "block_ram": {"RAMB36E1": 2, "RAMB18E1": 1, "RAMB36E2": 2, "RAMB18E2": 1},
    "distributed_ram": {
        "RAM32M": 4,
        "RAM64M": 4,
        "RAM32M16": 8,
        "RAM64M8": 8,
        "RAM32X1D": 2,
        "RAM64X1D": 2,
        "RAM128X1D": 4,
        "RAM256X1D": 8,
    },
}


def _xilinx(name: str) -> Family:
    return Family(
        name=name,
        synthesis=(f"synth_xilinx -family {name} -flatten -noiopad -noclkbuf -top {{top}}",),
        models="+/xilinx/cells_sim.v",
        cells=_XILINX_CELLS,
    )


XC7 = _xilinx("xc7")
XCUP = _xilinx("xcup")

CYCLONEV = Family(
    name="cyclonev",
    synthesis=("synth_intel_alm -family cyclonev -noiopad -noclkbuf -top {top}",),
    models="+/intel_alm/cyclonev/cells_sim.v",
    cells={
        "lut": {f"MISTRAL_ALUT{inputs}": 1 for inputs in range(2, 7)} | {"MISTRAL_NOT": 1},
        "carry": {"MISTRAL_ALUT_ARITH": 1},
        "ff": {"MISTRAL_FF": 1},
        "dsp": {"MISTRAL_MUL9X9": 1, "MISTRAL_MUL18X18": 1, "MISTRAL_MUL27X27": 1},
        "block_ram": {"MISTRAL_M10K": 1},
        "distributed_ram": {"MISTRAL_MLAB": 1},
    },
)

FAMILIES: Mapping[str, Family] = {
    family.name: family for family in (ECP5, ICE40, GOWIN, GATEMATE, NEXUS, XC7, XCUP, CYCLONEV)
}


@dataclass(frozen=True)
class Device:
    """A part, or a whole family where there is only an estimate.

    Parameters
    ----------
    name, family
        Of the part.
    arguments
        Tell nextpnr which part it is.
    files
        Text of files that the arguments name; ``{clock}`` stands for the clock's port.
    """

    name: str
    family: Family
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)


def _ecp5(size: int, speed: int) -> Device:
    part = {12: "--12k", 25: "--25k", 45: "--45k", 85: "--85k"}[size]
    arguments = (part, "--speed", str(speed), "--package", "CABGA381", "--out-of-context")
    return Device(f"lfe5u-{size}f-{speed}", ECP5, arguments)


_GOWIN_PINS = 'IO_LOC "{clock}" H11;\nIO_LOC "serial" L14;\nIO_LOC "folded" N14;\n'

# Of the pins tried, E2 alone reaches the global clocks in nextpnr 0.11: L13, G13, R1 and L5 fail.
_NEXUS_PINS = "".join(
    f"ldc_set_location -site {{{{{site}}}}} [get_ports {port}]\n"
    for port, site in (("{clock}", "E2"), ("serial", "G14"), ("folded", "G15"))
)

DEVICES: Mapping[str, Device] = {
    device.name: device
    for device in [
        *(_ecp5(size, speed) for size in (12, 25, 45, 85) for speed in (6, 7, 8)),
        Device("up5k", ICE40, ("--up5k", "--package", "sg48")),
        Device(
            "gw2a-18",
            GOWIN,
            (
                *("--device", "GW2A-LV18PG256C8/I7", "--vopt", "family=GW2A-18"),
                *("--vopt", "cst=pins.cst"),
            ),
            files={"pins.cst": _GOWIN_PINS},
        ),
        Device("ccgm1a1", GATEMATE, ("--device", "CCGM1A1", "--vopt", "allow-unconstrained")),
        *(
            Device(
                f"lifcl-40-{speed}",
                NEXUS,
                ("--device", f"LIFCL-40-{speed}BG400C", "--pdc", "pins.pdc"),
                files={"pins.pdc": _NEXUS_PINS},
            )
            for speed in (7, 8, 9)
        ),
        *(Device(family.name, family) for family in (XC7, XCUP, CYCLONEV)),
    ]
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
