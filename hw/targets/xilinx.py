"""What AMD's families have in common: a DSP48, which two lanes share where it is wide enough."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from amaranth.hdl import Module, Signal, Value, signed

from golden.targets import TargetFacts
from hw.parts.delay import delay
from hw.targets.multiplier import MultiplierRecipe
from hw.targets.synthesis import Family

_CELLS = {
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


def synthesis(name: str) -> Family:
    """Return how the family ``name`` is synthesised."""
    return Family(
        name=name,
        synthesis=(f"synth_xilinx -family {name} -flatten -noiopad -noclkbuf -top {{top}}",),
        models="+/xilinx/cells_sim.v",
        cells=_CELLS,
    )


@dataclass(frozen=True)
class Dsp48(MultiplierRecipe):
    """Infers DSP48s, which have two registers more than others; two lanes share one where they can.

    Parameters
    ----------
    facts
        Of the target: how wide its DSP48 is.
    """

    facts: TargetFacts
    registers: int = field(default=4, init=False)
    addend_attributes: Mapping[str, int] = field(default_factory=dict, init=False)

    def products(self, m: Module, a: Sequence[Value], b: Value) -> Iterator[Value]:
        shared = self.facts.two_share(a_bits=max(map(len, a)), b_bits=len(b))
        paired = len(a) // 2 * 2 if shared else 0
        for lane in range(0, paired, 2):
            yield from _pair(m, lane, a[lane], a[lane + 1], b)
        for lane in range(paired, len(a)):
            a_early = delay(m, a[lane], 1, name=f"a_early_{lane}")
            p = _dsp48(m, str(lane), a_early, delay(m, b, 1, name=f"b_early_{lane}"))
            yield delay(m, p, 1, name=f"p_late_{lane}")

    def two_apart(
        self, m: Module, lane: int, a: tuple[Value, Value], b: tuple[Value, Value]
    ) -> tuple[Value, Value]:
        product = len(a[0]) + len(b[0])
        places = product + 1, product
        wide = (
            _beside(m, f"{name}_meet_{lane}", *operands, place)
            for name, operands, place in zip("ab", (a, b), places, strict=True)
        )
        return _fields(m, lane, _dsp48(m, f"meet_{lane}", *wide), product, sum(places))


def _pair(m: Module, lane: int, below: Value, above: Value, b: Value) -> tuple[Value, Value]:
    """Multiply two lanes at once, ``(above * 2^s + below) * b``, s being a product's width."""
    s = len(below) + len(b)
    both = _beside(m, f"a_pair_{lane}", below, above, s)
    p = _dsp48(m, f"pair_{lane}", both, delay(m, b, 1, name=f"b_early_{lane}"))
    return _fields(m, lane, p, s, s)


def _beside(m: Module, name: str, below: Value, above: Value, place: int) -> Signal:
    """Return ``above * 2^place + below`` a cycle later."""
    both = Signal(signed(place + len(above) + 1), name=name, reset_less=True)
    m.d.sync += both.eq((above << place) + below)
    return both


def _fields(m: Module, lane: int, p: Value, width: int, place: int) -> tuple[Value, Value]:
    """Return the products of ``width`` at 0 and at ``place`` of ``p``, a cycle later."""
    low = Signal(signed(width), name=f"p_low_{lane}", reset_less=True)
    high = Signal(signed(width), name=f"p_high_{lane}", reset_less=True)
    # What is below the high product has, where it is negative, taken one from it.
    m.d.sync += [low.eq(p[:width].as_signed()), high.eq((p >> place) + p[place - 1])]
    return low, high


def _dsp48(m: Module, name: str, a: Value, b: Value) -> Value:
    """Infer a DSP48 with operand and product registers."""
    b = delay(m, b, 1, name=f"b_{name}")
    a = delay(m, a, 1, name=f"a_{name}")
    p = Signal(signed(len(a) + len(b)), name=f"p_{name}", reset_less=True, attrs={"use_dsp": "yes"})
    m.d.sync += p.eq(a * b)
    return p
