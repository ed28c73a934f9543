"""What can be synthesised for: the targets' families and parts, and those of no target yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from golden.inputs.errors import ParameterError
from hw.targets.registry import TARGETS
from hw.targets.synthesis import Family, PlacedFamily
from hw.targets.target import Target

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

_OTHERS = (GOWIN, GATEMATE, NEXUS, CYCLONEV)
"""Families that a build for no device in particular is synthesised for."""


def families() -> dict[str, Family]:
    """Return all families by name."""
    own = (target.synthesis for target in TARGETS.values() if target.synthesis is not None)
    return {family.name: family for family in (*own, *_OTHERS)}


@dataclass(frozen=True)
class Part:
    """A part, or a whole family where there is only an estimate.

    Parameters
    ----------
    name, family
        Of the part.
    arguments
        Tell nextpnr which part it is.
    files
        Text of files that the arguments name; ``{clock}`` stands for the clock's port.
    target
        What to build for.
    """

    name: str
    family: Family
    arguments: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    target: str = "generic"


def _parts_of(target: Target) -> list[Part]:
    """Return the parts of a target that nextpnr places on, or its family where there is none."""
    family = target.synthesis
    if family is None:
        return []
    placed = [device for device in target.devices if device.placing]
    if not placed:
        return [Part(family.name, family, target=target.name)]
    return [Part(d.name, family, d.placing, target=target.name) for d in placed]


_GOWIN_PINS = 'IO_LOC "{clock}" H11;\nIO_LOC "serial" L14;\nIO_LOC "folded" N14;\n'

# Of the pins tried, E2 alone reaches the global clocks in nextpnr 0.11: L13, G13, R1 and L5 fail.
_NEXUS_PINS = "".join(
    f"ldc_set_location -site {{{{{site}}}}} [get_ports {port}]\n"
    for port, site in (("{clock}", "E2"), ("serial", "G14"), ("folded", "G15"))
)

_OTHER_PARTS = (
    Part(
        "gw2a-18",
        GOWIN,
        (
            *("--device", "GW2A-LV18PG256C8/I7", "--vopt", "family=GW2A-18"),
            *("--vopt", "cst=pins.cst"),
        ),
        files={"pins.cst": _GOWIN_PINS},
    ),
    Part("ccgm1a1", GATEMATE, ("--device", "CCGM1A1", "--vopt", "allow-unconstrained")),
    *(
        Part(
            f"lifcl-40-{speed}",
            NEXUS,
            ("--device", f"LIFCL-40-{speed}BG400C", "--pdc", "pins.pdc"),
            files={"pins.pdc": _NEXUS_PINS},
        )
        for speed in (7, 8, 9)
    ),
    Part(CYCLONEV.name, CYCLONEV),
)


def parts() -> dict[str, Part]:
    """Return all parts by name."""
    own = (part for target in TARGETS.values() for part in _parts_of(target))
    return {part.name: part for part in (*own, *_OTHER_PARTS)}


def part_named(name: str) -> Part:
    """Return the part called ``name``.

    Raises
    ------
    ParameterError
        Where there is none.
    """
    known = parts()
    if name not in known:
        raise ParameterError("device", f"one of {', '.join(known)}", repr(name))
    return known[name]
