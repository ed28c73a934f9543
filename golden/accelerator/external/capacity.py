"""How large an accelerator is that takes its programs from memory: what every program must fit."""

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property

from golden.accelerator.abilities import ALL, SINGLE_SHIFTS, Abilities
from golden.accelerator.external.line_engines import LineEngines
from golden.accelerator.sizes import CENTRED_BITS, DATA_BITS, Sizes
from golden.inputs.errors import ParameterError, check_range
from golden.line.design import LineDesign
from golden.network.layer_norm import SPREAD_BITS
from golden.numbers.interval import Interval
from golden.numbers.quantize import MULTIPLIER_BITS

VERSION = 1
"""Of the format of programs, and of the registers."""
TABLE = 256
"""Entries of a table."""
SHIFTS = Interval(14, 45)
"""Of factors: smaller shifts are made larger, with the factor."""
NORM_SHIFTS = Interval(14, 47)
"""With layer norms."""


@dataclass(frozen=True)
class ScaleForm:
    """How factors with their shifts lie in memory.

    Parameters
    ----------
    bits
        Of a factor; above it is how much less than the largest its shift is.
    shifts
        Of all factors.
    own, own_bits
        Of those that are rounded once, and how wide these factors are.
    """

    bits: int
    shifts: Interval
    own: Interval
    own_bits: int = MULTIPLIER_BITS


OWN_SCALES = ScaleForm(MULTIPLIER_BITS, SHIFTS, SHIFTS)
SLOT_BYTES = 4
"""Of a bias, and of a factor with its shift."""
HEADER_WORDS = 16
"""Of 32 bits, before all else in a program."""
PASSES_BITS = 16
MOST_NORM = 8192
"""Channels of a layer norm at most."""
STATISTICS = 56
"""Cycles that statistics of a position take at most."""
_TILES_BITS = 8
_TRANSFERS_BITS = 4
KERNEL_SIDE = 7
"""Rows and columns of the depthwise unit's kernels at most."""
KERNEL_WORDS = 1024
"""Of its memory of kernels: a block RAM's depth where it is widest."""
HEAD = 2
"""Words of its memory of kernels before a kernel's."""
LEAST_TAPS, MOST_TAPS = 3, 7
"""Products a cycle and lane of a depthwise unit: a word of kernels holds a bias, or all taps."""


@dataclass(frozen=True)
class Capacity:
    """An accelerator whose programs, weights and maps are in external memory.

    Parameters
    ----------
    sizes
        Of its units.
    data_bits
        Of the bus: 32, 64, 128 or 256, and at most a word of ``sizes.tile`` bytes.
    address_bits
        Of the bus.
    burst
        Beats of a burst at most, a power of two.
    map_bytes
        Of the buffer of maps, a power of two.
    constants
        Steps whose biases, and whose factors, are kept at a time, a power of two.
    tables
        That are kept at a time, a power of two.
    weight_bytes
        Of the buffer that weights are fetched ahead into, a power of two.
    side_bits
        Of a map's height and width.
    patience
        It stops when nothing goes on for ``2^patience`` cycles.
    abilities
        What is built beside sums of products.
    depthwise
        Products a cycle and channel of a unit for kernels a channel, which works at the same time;
        0 is none, and the matrix unit does them.
    lines
        Engines in that unit for circular kernels as long as a line; None is none.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    sizes: Sizes = field(default_factory=lambda: Sizes(tile=8, scalers=2))
    data_bits: int = 64
    address_bits: int = 32
    burst: int = 16
    map_bytes: int = 1 << 17
    constants: int = 1 << 10
    tables: int = 8
    weight_bytes: int = 1 << 13
    side_bits: int = 10
    patience: int = 18
    abilities: Abilities = ALL
    depthwise: int = 0
    lines: LineEngines | None = None

    def __post_init__(self) -> None:
        if self.data_bits not in (32, 64, 128, 256):
            raise ParameterError("data_bits", "32, 64, 128 or 256", self.data_bits)
        if self.sizes.tile % self.beat_bytes:
            rule = f"at most a tile of {self.sizes.tile} bytes, and divide it"
            raise ParameterError("data_bits", rule, self.data_bits)
        check_range("address_bits", self.address_bits, 16, 64)
        for name, low, high in _POWERS:
            value = getattr(self, name)
            if value & (value - 1) or not low <= value <= high:
                raise ParameterError(name, f"a power of two from {low} to {high}", value)
        if self.map_bytes % self.sizes.tile:
            raise ParameterError("map_bytes", "a multiple of the tile", self.map_bytes)
        check_range("side_bits", self.side_bits, 4, 12)
        if self.depthwise:
            check_range("depthwise", self.depthwise, LEAST_TAPS, MOST_TAPS)
        if self.lines is not None:
            self._check_lines()
        check_range("norm", self.abilities.norm, 0, MOST_NORM)
        # Words of a descriptor may be on their way, and nothing else.
        each = max(self.sizes.parts, STATISTICS if self.abilities.norm else 0)
        check_range("patience", self.patience, (2 * self.sizes.positions * each).bit_length(), 30)

    def _check_lines(self) -> None:
        """Raise `ParameterError` unless there is a unit for line engines, with room for kernels."""
        if not self.depthwise:
            raise ParameterError("lines", "left out without a depthwise unit", self.lines)
        if self.line_words > KERNEL_WORDS // 2:
            rule = f"of kernels that take at most {KERNEL_WORDS // 2} words"
            raise ParameterError("lines", rule, f"{self.line_words} ({self.lines})")

    @property
    def beat_bytes(self) -> int:
        """Bytes of a beat of the bus."""
        return self.data_bits // 8

    @property
    def map_words(self) -> int:
        """Words of the buffer of maps."""
        return self.map_bytes // self.sizes.tile

    @property
    def word_beats(self) -> int:
        """Beats of a word of maps, and of a row of weights."""
        return self.sizes.tile // self.beat_bytes

    @property
    def step_beats(self) -> int:
        """Beats of a step's biases, or of its factors; what there is more of them is not used."""
        return max(1, -(-SLOT_BYTES * self.sizes.scalers // self.beat_bytes))

    @property
    def table_beats(self) -> int:
        """Beats of a table."""
        return TABLE // self.beat_bytes

    @property
    def beats_bits(self) -> int:
        """Width of an address in beats."""
        return self.address_bits - (self.beat_bytes - 1).bit_length()

    @property
    def depthwise_scalers(self) -> int:
        """Sums that the depthwise unit scales a cycle: a position in four, as 3 x 3 takes."""
        return self.sizes.tile // 4

    @cached_property
    def line_design(self) -> LineDesign:
        """Each of the line engines: as many as sums are scaled a cycle, each for some lanes."""
        assert self.lines is not None
        return self.lines.design(
            channels=self.sizes.tile // self.depthwise_scalers,
            target=self.sizes.target,
        )

    @property
    def line_parts(self) -> int:
        """Words of kernels that hold what a line engine is given of a place in its kernel."""
        design = self.line_design
        bits = design.added_bits + sum(design.coefficient_fields.values())
        return -(-bits // (DATA_BITS * self.depthwise))

    @property
    def line_words(self) -> int:
        """Words of kernels that a tile of lines' kernels takes."""
        return HEAD + self.line_design.coefficient_words * self.line_parts

    @property
    def kernel_beats(self) -> int:
        """Beats of a word of kernels."""
        return self.depthwise * self.word_beats

    @property
    def header_beats(self) -> int:
        """Beats of a program's header."""
        return max(1, 4 * HEADER_WORDS // self.beat_bytes)

    @property
    def map_bits(self) -> int:
        """Width of an address in the buffer of maps."""
        return (self.map_words - 1).bit_length()

    @property
    def scales(self) -> ScaleForm:
        """How factors lie in memory."""
        widest = NORM_SHIFTS if self.abilities.norm else SHIFTS
        bits = self.sizes.factor_bits
        # Narrower factors have less room to be made larger, with their shift.
        own = Interval(widest.low - (MULTIPLIER_BITS - bits), widest.high)
        least = min(SINGLE_SHIFTS.low, own.low)
        all_ = Interval(least, SINGLE_SHIFTS.high) if self.abilities.single else own
        return ScaleForm(self.abilities.factor_bits, all_, own, bits)

    @cached_property
    def common(self) -> dict[str, tuple[int, bool]]:
        """Fields of all descriptors: width, and whether signed."""
        waiting = (_TRANSFERS_BITS, False)
        fields = {"kind": (3, False), "waits": (1, False), "loads": waiting, "stores": waiting}
        return fields | ({"depthwise": waiting} if self.depthwise else {})

    @cached_property
    def compute(self) -> dict[str, tuple[int, bool]]:
        """Fields of what reads maps."""
        side = self.side_bits
        address = self.map_bits
        constant = (self.constants - 1).bit_length()
        unsigned = {
            "base": address,
            "height": side,
            "width": side,
            "signed": 1,
            "around": 1,
            "largest": 1,
            "last_column": side,
            "last_row": side,
            "last_kernel_column": side,
            "last_kernel_row": side,
            "last_tile": _TILES_BITS,
            "weights": 2,
            "first": 1,
            "final": 1,
            "raised": 1,
            "bias": constant,
            "bias_row": constant,
            "bias_column": constant,
            "scale": constant,
            "table": (self.tables - 1).bit_length(),
            "target": address,
        }
        if self.depthwise:
            unsigned |= {"kernels": (KERNEL_WORDS - 1).bit_length(), "turn": 2}
        if self.lines is not None:
            unsigned |= {"line": 1, "skips": (self.lines.length - 1).bit_length()}
        if self.abilities.product or self.abilities.addition:
            unsigned["product"] = 1
        if self.abilities.single:
            unsigned |= {"single": 1, "early": 1}
        if self.abilities.norm:
            unsigned |= {
                "squares": 1,
                "half": 2,
                "lanes": (self.sizes.tile - 1).bit_length(),
                "norm": 2,
                "channels": self.abilities.norm.bit_length(),
                "epsilon": SPREAD_BITS,
            }
        signed = {
            "pitch": address + 1,
            "plane": address + 1,
            "zero_point": CENTRED_BITS,
            "row": side + 1,
            "column": side + 1,
            "row_stride": side + 1,
            "column_stride": side + 1,
            "row_tap": side + 1,
            "column_tap": side + 1,
            "target_row": address + 1,
            "target_column": address + 1,
            "offset": CENTRED_BITS,
            "low": CENTRED_BITS,
            "high": CENTRED_BITS,
        }
        return {name: (bits, False) for name, bits in unsigned.items()} | {
            name: (bits, True) for name, bits in signed.items()
        }

    @cached_property
    def transfer(self) -> dict[str, tuple[int, bool]]:
        """Fields of what brings words."""
        near = max(
            self.map_bits, (self.constants - 1).bit_length(), (self.tables * TABLE - 1).bit_length()
        )
        if self.depthwise:
            near = max(near, (KERNEL_WORDS - 1).bit_length())
        far = self.beats_bits
        return {
            "space": (3 if self.depthwise else 2, False),
            "near": (near, False),
            "region": (2, False),
            "far": (far, False),
            "words": (near + 1, False),
            "last_block": (_TILES_BITS, False),
            "near_stride": (near, False),
            "far_stride": (far, False),
        }

    @property
    def descriptor_beats(self) -> int:
        """Beats of a descriptor."""
        body = max(sum(bits for bits, _ in f.values()) for f in (self.compute, self.transfer))
        return -(-(sum(bits for bits, _ in self.common.values()) + body) // self.data_bits)

    @property
    def descriptor_bytes(self) -> int:
        """Bytes of a descriptor in memory, whole beats."""
        return self.descriptor_beats * self.beat_bytes

    @cached_property
    def hash(self) -> int:
        """What a program must be made for: 64 bits of all that its format hangs on."""
        said = [f"{one.name}={getattr(self, one.name)!r}" for one in fields(self)]
        if self.lines is None:
            said.pop()  # as it was before there were any
        digest = hashlib.sha256(f"{VERSION} {' '.join(said)}".encode()).digest()
        return int.from_bytes(digest[:8], "little")


_POWERS = (
    ("burst", 2, 128),
    ("map_bytes", 1 << 10, 1 << 22),
    ("constants", 16, 1 << 14),
    ("tables", 2, 64),
    ("weight_bytes", 1 << 9, 1 << 20),
)
"""Parameters that are powers of two."""
