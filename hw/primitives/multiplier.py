"""Multipliers. The only file that knows a device's multiplier primitives."""

from amaranth.hdl import C, Cat, ClockSignal, Const, Instance, Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.inputs.errors import ParameterError
from golden.numbers.multipliers import DSP48_BITS, OPERAND_BITS, two_share
from hw.parts.delay import delay
from hw.parts.ports import Component, View

_MULT18_BITS = OPERAND_BITS["ecp5"]
_LIMB_BITS = _MULT18_BITS - 1
"""An operand wider than a multiplier goes in unsigned limbs of so many bits and a signed rest."""

_REGISTERS = {"generic": 2, "ecp5": 4, "ice40": 2, "xc7": 4, "xcup": 4}
"""Registers around a multiplier: operands and product, and on ECP5 one more on either side.

The blocks stand in columns: the ways to and from the logic around them need a cycle of their own
(3.8 ns of 5.5 without). A DSP48 has two more of its own.
"""


class SharedMultiplier(Component):
    """Products of one operand with `lanes` others, in registered multipliers that never stall.

    One product a lane and cycle, `latency` cycles after its operands. Every register that a DSP
    block offers around its multiplier is in here, so that a block's own ones are used: on ecp5 by
    instances, since Yosys pulls none in there; on ice40 (SB_MAC16), xc7 and xcup (DSP48) by
    inference, which Yosys and the vendors' tools take alike. Where a DSP48 is wide enough, two
    lanes share one.

    Parameters
    ----------
    lanes
        Number of products.
    a_bits
        Width of each lane's operand, two's complement.
    b_bits
        Width of the shared operand, two's complement; on ecp5 at most 18.
    target
        Device family, one of `golden.line.design.TARGETS`.

    Members
    -------
    a : In, array of `lanes` signed
    b : In, signed
    p : Out, array of `lanes` signed of `a_bits + b_bits`

    Raises
    ------
    ParameterError
        Where `b_bits` is wider than the target's multiplier.
    """

    a: View
    b: Signal
    p: View

    def __init__(self, *, lanes: int, a_bits: int, b_bits: int, target: str) -> None:
        if target == "ecp5" and b_bits > _MULT18_BITS:
            raise ParameterError("weight_bits", f"at most {_MULT18_BITS} on ecp5", b_bits)
        self._lanes = lanes
        self._target = target
        self._a_shape = signed(a_bits)
        self._b_shape = signed(b_bits)
        self._p_shape = signed(a_bits + b_bits)
        super().__init__(
            {
                "a": In(data.ArrayLayout(self._a_shape, lanes)),
                "b": In(self._b_shape),
                "p": Out(data.ArrayLayout(self._p_shape, lanes)),
            }
        )

    @staticmethod
    def latency_on(target: str, *, a_bits: int = _MULT18_BITS) -> int:
        """Cycles from operands to product on ``target``, for lanes' operands of ``a_bits``."""
        return _REGISTERS[target] + multipliers_on(target, a_bits=a_bits) - 1

    @property
    def latency(self) -> int:
        """Cycles from operands to product."""
        return self.latency_on(self._target, a_bits=self._a_shape.width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._target in DSP48_BITS:
            self._share_blocks(m)
            return m
        build = self._limbs if self._target == "ecp5" else self._infer
        for lane in range(self._lanes):
            m.d.comb += self.p[lane].eq(build(m, lane))
        return m

    def _share_blocks(self, m: Module) -> None:
        """Give two lanes a DSP48 where it is wide enough, else each its own."""
        a_bits, b_bits = self._a_shape.width, self._b_shape.width
        shared = two_share(self._target, a_bits=a_bits, b_bits=b_bits)
        paired = self._lanes // 2 * 2 if shared else 0
        for lane in range(0, paired, 2):
            low, high = self._pair(m, lane)
            m.d.comb += [self.p[lane].eq(low), self.p[lane + 1].eq(high)]
        for lane in range(paired, self._lanes):
            p = self._dsp48(m, str(lane), delay(m, self.a[lane], 1, name=f"a_early_{lane}"))
            m.d.comb += self.p[lane].eq(delay(m, p, 1, name=f"p_late_{lane}"))

    def _pair(self, m: Module, lane: int) -> tuple[Value, Value]:
        """Multiply two lanes at once, ``(high * 2^s + low) * b``, s being a product's width."""
        s = self._p_shape.width
        both = Signal(signed(s + self._a_shape.width + 1), name=f"a_pair_{lane}", reset_less=True)
        m.d.sync += both.eq((self.a[lane + 1] << s) + self.a[lane])
        p = self._dsp48(m, f"pair_{lane}", both)
        low = Signal(self._p_shape, name=f"p_low_{lane}", reset_less=True)
        high = Signal(self._p_shape, name=f"p_high_{lane}", reset_less=True)
        # A negative low product has taken one from the high one.
        m.d.sync += [low.eq(p[:s].as_signed()), high.eq((p >> s) + p[s - 1])]
        return low, high

    def _dsp48(self, m: Module, name: str, a: Value) -> Value:
        """Infer a DSP48 with operand and product registers, a cycle after ``a``."""
        b = delay(m, self.b, 2, name=f"b_{name}")
        a = delay(m, a, 1, name=f"a_{name}")
        p = Signal(
            signed(len(a) + len(b)), name=f"p_{name}", reset_less=True, attrs={"use_dsp": "yes"}
        )
        m.d.sync += p.eq(a * b)
        return p

    def _infer(self, m: Module, lane: int) -> Value:
        a = Signal(self._a_shape, name=f"a_{lane}", reset_less=True)
        b = Signal(self._b_shape, name=f"b_{lane}", reset_less=True)
        p = Signal(self._p_shape, name=f"p_{lane}", reset_less=True)
        m.d.sync += [a.eq(self.a[lane]), b.eq(self.b), p.eq(a * b)]
        return p

    def _limbs(self, m: Module, lane: int) -> Value:
        """Add up the limbs' products from the lowest, a register each."""
        a = self.a[lane].as_unsigned()
        n_limbs = multipliers_on(self._target, a_bits=len(a))
        total: Value = Const(0)
        for limb in range(n_limbs):
            low = limb * _LIMB_BITS
            last = limb == n_limbs - 1
            part = a[low:].as_signed() if last else Cat(a[low : low + _LIMB_BITS], C(0)).as_signed()
            product = self._mult18(m, f"{lane}_{limb}", part)
            product = delay(m, product, max(limb - 1, 0), name=f"product_{lane}_{limb}")
            if limb == 0:
                total = product
                continue
            # The bits below the limb are final: only what is above them goes through the adder.
            below = delay(m, total[:low], 1, name=f"below_{lane}_{limb}")
            above = Signal(
                signed(self._p_shape.width - low), name=f"above_{lane}_{limb}", reset_less=True
            )
            m.d.sync += above.eq((total >> low) + product)
            total = Cat(below, above).as_signed()
        return total

    def _mult18(self, m: Module, name: str, a: Value) -> Value:
        """Instantiate a MULT18X18D with its operand and output registers, and others beside it.

        Above 300 MHz, which nothing around it reaches, it would need its pipeline register too.
        """
        operands: dict[str, Value] = {}
        for port, value in (("A", a), ("B", self.b)):
            near = delay(m, value, 1, name=f"{port.lower()}_beside_{name}")
            wide = Signal(signed(_MULT18_BITS), name=f"{port.lower()}_{name}")
            m.d.comb += wide.eq(near)
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
        return delay(m, p, 1, name=f"beside_{name}")


def multipliers_on(target: str, *, a_bits: int) -> int:
    """Multiplier blocks that a product of ``a_bits`` takes on ``target``."""
    if target != "ecp5":
        return 1
    return 1 + max(0, -(-(a_bits - _MULT18_BITS) // _LIMB_BITS))


def addend_attributes(target: str) -> dict[str, int]:
    """Return the attributes of a register that is added to a product.

    Where two products are added in a chain, Yosys 0.70 (`ice40_dsp`) moves the register between the
    two adders into the second SB_MAC16 and loses the first sum; a kept one it leaves alone.
    """
    return {"keep": 1} if target == "ice40" else {}
