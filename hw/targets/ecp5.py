"""Lattice's ECP5: multipliers, block RAMs and carry cells by instances, and a prediction."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from amaranth.hdl import C, Cat, ClockSignal, Const, Instance, Module, Signal, Value, signed

from golden.targets import FACTS
from hw.parts.delay import delay
from hw.targets.ccu2c import CarryCells
from hw.targets.cost import CellPrices, CostModel
from hw.targets.device import Device
from hw.targets.memory import MemoryRecipe, Wanted
from hw.targets.models import model_texts
from hw.targets.multiplier import MultiplierRecipe
from hw.targets.synthesis import EdalizeFlow, PlacedFamily
from hw.targets.target import Target

CELLS = CostModel("ecp5")
"""`hw.predict` counts in its cells."""

_MULT18_BITS = 18
_LIMB_BITS = _MULT18_BITS - 1
"""An operand wider than a multiplier goes in unsigned limbs of so many bits and a signed rest."""

_PRICES = CellPrices(
    carry_bits=2,
    carry_luts=2,
    ram_words=16,
    ram_bits=4,
    ram_luts=4,
    rom_words=16,
    counted_bit=1.5,
    digit_bits=4,
    carried_bit=3.7,
    block_address=14,
    row_choice=1.6,
    limb_bits=_LIMB_BITS,
)
"""Fitted to synthesis, which `tests/flow/test_predict.py` holds them to."""


class Mult18(MultiplierRecipe):
    """Instantiates MULT18X18Ds, since Yosys pulls no register into one.

    The blocks stand in columns: the ways to and from the logic around them need a cycle of their
    own (3.8 ns of 5.5 without).
    """

    registers = 4
    addend_attributes: Mapping[str, int] = {}

    def blocks(self, *, a_bits: int) -> int:
        return 1 + max(0, -(-(a_bits - _MULT18_BITS) // _LIMB_BITS))

    def products(self, m: Module, a: Sequence[Value], b: Value) -> Iterator[Value]:
        for lane, operand in enumerate(a):
            yield self._limbs(m, str(lane), operand, b)

    def _limbs(self, m: Module, lane: str, operand: Value, b: Value) -> Value:
        """Add up the limbs' products from the lowest, a register each."""
        a = operand.as_unsigned()
        n_limbs = self.blocks(a_bits=len(a))
        total: Value = Const(0)
        for limb in range(n_limbs):
            low = limb * _LIMB_BITS
            last = limb == n_limbs - 1
            part = a[low:].as_signed() if last else Cat(a[low : low + _LIMB_BITS], C(0)).as_signed()
            product = _mult18(m, f"{lane}_{limb}", part, b)
            product = delay(m, product, max(limb - 1, 0), name=f"product_{lane}_{limb}")
            if limb == 0:
                total = product
                continue
            # The bits below the limb are final: only what is above them goes through the adder.
            below = delay(m, total[:low], 1, name=f"below_{lane}_{limb}")
            above = Signal(
                signed(len(a) + len(b) - low), name=f"above_{lane}_{limb}", reset_less=True
            )
            m.d.sync += above.eq((total >> low) + product)
            total = Cat(below, above).as_signed()
        return total


def _mult18(m: Module, name: str, a: Value, b: Value) -> Value:
    """Instantiate a MULT18X18D with its operand and output registers, and others beside it.

    Above 300 MHz, which nothing around it reaches, it would need its pipeline register too.

    Operands stand at the top: zeros below are the block's own, where copies of a sign above would
    each be a wire to route, into the columns that have the most of them.
    """
    operands: dict[str, Value] = {}
    spare = 0
    for port, value in (("A", a), ("B", b)):
        near = delay(m, value, 1, name=f"{port.lower()}_beside_{name}")
        wide = Signal(signed(_MULT18_BITS), name=f"{port.lower()}_{name}")
        below = _MULT18_BITS - len(value)
        m.d.comb += wide.eq(Cat(C(0, below), near))
        spare += below
        operands |= {f"i_{port}{bit}": wide[bit] for bit in range(_MULT18_BITS)}
    p = Signal(signed(2 * _MULT18_BITS), name=f"p_{name}")
    registers = {
        f"p_REG_{register}_{kind}": value
        for register in ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT", "INPUTC")
        for kind, value in (
            ("CLK", "NONE" if register in ("INPUTC", "PIPELINE") else "CLK0"),
            ("CE", "CE0"),
            ("RST", "RST0"),
        )
    }
    m.submodules[f"mult_{name}"] = Instance(
        "MULT18X18D",
        **registers,
        **{f"p_CLK{index}_DIV": "ENABLED" for index in range(4)},
        p_GSR="DISABLED",
        p_RESETMODE="SYNC",
        p_SOURCEB_MODE="B_SHIFT",
        p_MULT_BYPASS="DISABLED",
        p_CAS_MATCH_REG="FALSE",
        **operands,
        **{f"i_C{bit}": Const(0, 1) for bit in range(_MULT18_BITS)},
        **{f"o_P{bit}": p[bit] for bit in range(2 * _MULT18_BITS)},
        i_SIGNEDA=Const(1, 1),
        i_SIGNEDB=Const(1, 1),
        i_SOURCEA=Const(0, 1),
        i_SOURCEB=Const(0, 1),
        i_CLK0=ClockSignal(),
        i_CE0=Const(1, 1),
        i_RST0=Const(0, 1),
    )
    return delay(m, p[spare:].as_signed(), 1, name=f"beside_{name}")


_BLOCK_SHAPES = ((18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Width and depth of a block, the widest first."""
_BLOCK_ADDRESS_BITS = 14
_DEEPEST_IN_LUTS = 32
"""Deeper memories go into blocks: from here on a block costs less of a device than its LUTs."""


class BlockRam(MemoryRecipe):
    """Instantiates DP16KDs, with their output registers; what is small goes into LUTs."""

    deepest = 1 << _BLOCK_ADDRESS_BITS
    words = MappingProxyType({"DP16KD": ("DIA", "DOB")})

    def blocks(self, *, depth: int, width: int, writable: bool) -> int:
        del writable
        return 0 if depth <= _DEEPEST_IN_LUTS else -(-width // _block_shape(depth)[0])

    def attributes(self, *, writable: bool) -> Mapping[str, str]:
        # Synthesis would put a small ROM into a block, and leave the block's output register out.
        return super().attributes(writable=writable) if writable else {"rom_style": "logic"}

    def build(self, m: Module, wanted: Wanted) -> None:
        depth, width = wanted.depth, wanted.width
        n_blocks = self.blocks(depth=depth, width=width, writable=wanted.writable)
        for column in range(n_blocks):
            _block(m, column, wanted)
        if not n_blocks:
            self.infer(m, wanted)


def _block(m: Module, column: int, wanted: Wanted) -> None:
    """Instantiate a DP16KD: port A writes, port B reads through its output register."""
    width, _ = _block_shape(wanted.depth)
    low = column * width
    bits = slice(low, min(low + width, wanted.width))
    words = [(word >> low) & ((1 << width) - 1) for word in wanted.init]
    unused = {18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]  # low address bits: byte enables, or none
    r_addr = Signal(_BLOCK_ADDRESS_BITS, name=f"r_addr_{column}")
    w_addr = Signal(_BLOCK_ADDRESS_BITS, name=f"w_addr_{column}")
    w_data = Signal(18, name=f"w_data_{column}")
    r_data = Signal(18, name=f"r_data_{column}")
    m.d.comb += [r_addr[unused:].eq(wanted.r_addr), wanted.r_data[bits].eq(r_data)]
    w_en: Value = Const(0, 1)
    if wanted.write is not None:
        w_en = wanted.write.en
        m.d.comb += [
            w_addr[unused:].eq(wanted.write.addr),
            w_data.eq(wanted.write.data[bits]),
        ]
    if width == 18:
        m.d.comb += w_addr[:2].eq(0b11)  # both bytes are written
    ports: dict[str, object] = {}
    for port, addr, data in (("A", w_addr, w_data), ("B", r_addr, C(0, 18))):
        ports |= {f"i_AD{port}{bit}": addr[bit] for bit in range(_BLOCK_ADDRESS_BITS)}
        ports |= {f"i_DI{port}{bit}": data[bit] for bit in range(18)}
        ports |= {f"i_CS{port}{bit}": Const(0, 1) for bit in range(3)}
        ports |= {f"i_CLK{port}": ClockSignal(), f"i_RST{port}": Const(0, 1)}
        ports |= {f"p_DATA_WIDTH_{port}": width, f"p_CLK{port}MUX": f"CLK{port}"}
        ports |= {f"p_CSDECODE_{port}": "0b000", f"p_WRITEMODE_{port}": "NORMAL"}
    ports |= {f"o_DOB{bit}": r_data[bit] for bit in range(18)}
    rows = _initval(words, width)  # 0 where it is not told
    ports |= {f"p_INITVAL_{row:02X}": word for row, word in enumerate(rows) if word.value}
    m.submodules[f"block_{column}"] = Instance(
        "DP16KD",
        p_REGMODE_A="NOREG",
        p_REGMODE_B="OUTREG",
        p_RESETMODE="SYNC",
        p_ASYNC_RESET_RELEASE="SYNC",
        p_GSR="DISABLED",
        i_CEA=w_en,
        i_OCEA=Const(0, 1),
        i_WEA=w_en,
        i_CEB=wanted.r_en,
        i_OCEB=wanted.r_en,
        i_WEB=Const(0, 1),
        **ports,
    )


def _block_shape(depth: int) -> tuple[int, int]:
    return next(shape for shape in _BLOCK_SHAPES if shape[1] >= depth)


def _initval(words: Sequence[int], width: int) -> list[Const]:
    """Return a DP16KD's 64 rows of contents: 16 fields of 20 bits with 18 bits of data each.

    A byte has nine bits; words of less than nine leave the ninth unused.
    """
    flat = 0
    for index, word in enumerate(words):
        per_byte = max(8 // width, 1)
        place = index * width if width >= 9 else index // per_byte * 9 + index % per_byte * width
        flat |= word << place
    halves = [(flat >> (18 * index)) & 0x3FFFF for index in range(1024)]
    return [
        Const(sum(half << (20 * field) for field, half in enumerate(halves[row : row + 16])), 320)
        for row in range(0, 1024, 16)
    ]


_SYNTHESIS = PlacedFamily(
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
    # Of an accelerator of 24,000 cells, placed so, nextpnr 0.11 expects 95 MHz; by its own weights
    # of long ways 70, by its static placer 74.
    large=("--placer-heap-timingweight", "100", "--placer-heap-critexp", "4"),
    # Of the one of 16 x 16, 80,000 cells, they expect 76 MHz, and no router ends. The static
    # placer's ways are a third shorter in sum; the default router leaves some hundred of them.
    huge=("--placer", "static", "--router", "router2"),
    # The default router does not end with those.
    large_on_pins=("--placer", "static", "--router", "router2"),
)

_HAS = {12: (28, 12_096, 32), 25: (28, 24_288, 56), 45: (72, 43_848, 108), 85: (156, 83_640, 208)}
"""Multipliers, LUT4s and block RAMs of the LFE5U by the thousands of LUTs."""


def _part(size: int, speed: int) -> tuple[str, ...]:
    """Return what tells nextpnr which part it is."""
    return f"--{size}k", "--speed", str(speed), "--package", "CABGA381"


def _device(size: int, speed: int) -> Device:
    placing = (*_part(size, speed), "--out-of-context")
    return Device(f"lfe5u-{size}f-{speed}", "ecp5", *_HAS[size], placing=placing)


ECP5 = Target(
    facts=FACTS["ecp5"],
    multiplier=Mult18(),
    memory=BlockRam(),
    adder=CarryCells(),
    devices=tuple(_device(size, speed) for size in _HAS for speed in (6, 7, 8)),
    cost_model=CELLS,
    prices=_PRICES,
    synthesis=_SYNTHESIS,
    # Ports at pins: out of context nextpnr makes nothing to pack. The ways to pins are long.
    flow=EdalizeFlow(
        "trellis",
        {
            "nextpnr_options": [
                *_part(85, 6),
                "--lpf-allow-unconstrained",
                "--timing-allow-fail",
            ]
        },
        "lpf",
    ),
    models=model_texts("CCU2C", "DP16KD", "MULT18X18D"),
)
