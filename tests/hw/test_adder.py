"""Additions with a choice of operands: carry cells against what they stand for, by proof."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amaranth.hdl import Cat, Module, Mux, Value, signed
from amaranth.hdl import _ir as ir
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from golden.fermat.ring import rotated_range
from golden.numbers.interval import Interval
from hw.emit.verilog import Ports, to_rtlil
from hw.emit.yosys import YosysError, run_yosys
from hw.fermat.words import rotation
from hw.parts.operands import ONE, Operands, bits_of
from hw.primitives.adder import chosen_sum, gated_sum, plain_sum
from hw.targets.models import MODELS

Cells = Callable[[Module, "Claim"], Value]
Meaning = Callable[["Claim"], Value]
TARGETS = ("generic", "ecp5")


class Claim(wiring.Component):
    """Two expressions of `chosen`, `x` and `y`: `holds` is always high if they are equal."""

    def __init__(self, bits: int, cells: Cells, meaning: Meaning) -> None:
        self._cells = cells
        self._meaning = meaning
        words = {name: In(signed(bits)) for name in ("x", "y")}
        super().__init__(words | {"chosen": In(1), "holds": Out(1)})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        have, want = self._cells(m, self), self._meaning(self)
        m.d.comb += self.holds.eq(have == want)
        return m


def ports_of(claim: Claim) -> Ports:
    inputs = {name: (getattr(claim, name), ir.PortDirection.Input) for name in ("x", "y", "chosen")}
    return inputs | {"holds": (claim.holds, ir.PortDirection.Output)}


def prove(claim: Claim, folder: Path) -> None:
    (folder / "claim.il").write_text(to_rtlil(claim, "claim", ports_of(claim)))
    script = [
        "read_verilog CCU2C.v",
        "read_rtlil claim.il",
        "hierarchy -top claim",
        "proc",
        "flatten",
        "opt -full",
        "sat -verify -prove holds 1 -set-def-inputs -timeout 300",
    ]
    # By a name without spaces, which a checkout's folder may have.
    (folder / "CCU2C.v").write_bytes(MODELS["CCU2C"].read_bytes())
    run_yosys(script, folder)


def added(target: str, width: int) -> Cells:
    def build(m: Module, c: Claim) -> Value:
        a, b = bits_of(c.x, "x"), bits_of(c.y, "y")
        return chosen_sum(
            m, c.chosen, Operands(a, b), Operands(a), width=width, target=target, name="sum"
        )

    return build


def subtracted(target: str, width: int) -> Cells:
    def build(m: Module, c: Claim) -> Value:
        a, b = bits_of(c.x, "x"), bits_of(c.y, "y")
        then = Operands(a, [~bit for bit in b], ONE)
        return chosen_sum(
            m, c.chosen, then, Operands(b), width=width, target=target, name="difference"
        )

    return build


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bits", [1, 2, 5, 34])
def test_sum_or_word(bits: int, target: str, tmp_path: Path) -> None:
    def meaning(c: Claim) -> Value:
        return Mux(c.chosen, c.x + c.y, c.x)

    prove(Claim(bits, added(target, bits + 1), meaning), tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("bits", [1, 2, 5, 34])
def test_difference_or_other_word(bits: int, target: str, tmp_path: Path) -> None:
    def meaning(c: Claim) -> Value:
        return Mux(c.chosen, c.x - c.y, c.y)

    prove(Claim(bits, subtracted(target, bits + 1), meaning), tmp_path)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("less", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 5, 34])
def test_sum_of_words_that_are_let_through(
    bits: int, less: bool, target: str, tmp_path: Path
) -> None:
    def cells(m: Module, c: Claim) -> Value:
        gates = Cat(c.chosen, c.x[-1])
        return gated_sum(m, c.x, c.y, gates, target=target, name="sum", less=less)

    def meaning(c: Claim) -> Value:
        first, second = Mux(c.chosen, c.x, 0), Mux(c.x[-1], c.y, 0)
        return first - second if less else first + second

    prove(Claim(bits, cells, meaning), tmp_path)


def high_part(word: Value, shift: int, bits: int) -> Value:
    """Return what a rotation takes off above: rounded below a shift of b, cut off from there on."""
    negative, distance = divmod(shift, bits)
    rest = bits - distance
    return word >> rest if negative else (word + (1 << (rest - 1))) >> rest


def turned(shift: int, bits: int) -> Meaning:
    """``x * 2^shift`` less a multiple of M = 2^b + 1, in plain arithmetic."""
    negative, distance = divmod(shift, bits)

    def meaning(c: Claim) -> Value:
        if negative and distance == 0:
            return -c.x
        high = high_part(c.x, shift, bits)
        result = (c.x << distance) - (high << bits) - high
        return -result if negative else result

    return meaning


ROTATIONS = [(4, shift) for shift in range(8)] + [
    *((28, shift) for shift in (0, 7, 14, 21, 28, 36, 52)),
    *((32, shift) for shift in (0, 1, 16, 31, 32, 33, 63)),
    *((48, shift) for shift in (0, 3, 24, 47, 90)),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("beyond", [1, 3])
@pytest.mark.parametrize(("bits", "shift"), ROTATIONS)
def test_rotation_and_fold_at_real_sizes(
    bits: int, shift: int, beyond: int, target: str, tmp_path: Path
) -> None:
    words = Interval.signed(bits + beyond)
    width = rotated_range(words, shift, bits).bits

    def cells(m: Module, c: Claim) -> Value:
        operands = rotation(bits_of(c.x, "x"), words, shift, bits)
        return plain_sum(m, operands, width=width, target=target, name="sum")

    prove(Claim(bits + beyond, cells, turned(shift, bits)), tmp_path)


@pytest.mark.parametrize("folds", [False, True])
@pytest.mark.parametrize(("bits", "shift"), ROTATIONS[8:])
def test_choice_of_rotation(bits: int, shift: int, folds: bool, tmp_path: Path) -> None:
    words = Interval.signed(bits + (3 if folds else 1))
    kept = rotated_range(words, 0, bits) if folds else words
    width = Interval.union((rotated_range(words, shift, bits), kept)).bits

    def cells(m: Module, c: Claim) -> Value:
        word = bits_of(c.x, "x")
        passed = rotation(word, words, 0, bits) if folds else Operands(word)
        rotated = rotation(word, words, shift, bits)
        return chosen_sum(m, c.chosen, rotated, passed, width=width, target="ecp5", name="sum")

    def meaning(c: Claim) -> Value:
        passed = turned(0, bits)(c) if folds else c.x
        return Mux(c.chosen, turned(shift, bits)(c), passed)

    prove(Claim(words.bits, cells, meaning), tmp_path)


@pytest.mark.parametrize("shift", [9, 24, 40])
def test_word_or_rotation_of_another(shift: int, tmp_path: Path) -> None:
    words = Interval.signed(29)
    width = Interval.union((rotated_range(words, shift, 28), words)).bits

    def cells(m: Module, c: Claim) -> Value:
        rotated = rotation(bits_of(c.x, "x"), words, shift, 28)
        other = Operands(bits_of(c.y, "y"))
        return chosen_sum(m, c.chosen, rotated, other, width=width, target="ecp5", name="sum")

    def meaning(c: Claim) -> Value:
        return Mux(c.chosen, turned(shift, 28)(c), c.y)

    prove(Claim(29, cells, meaning), tmp_path)


def test_a_wrong_claim_is_refuted(tmp_path: Path) -> None:
    def meaning(c: Claim) -> Value:
        return Mux(c.chosen, c.x + c.y, c.y)

    with pytest.raises(YosysError, match="proof did fail"):
        prove(Claim(5, added("ecp5", 6), meaning), tmp_path)


def test_one_cell_a_bit() -> None:
    """The choice costs no look-up table of its own: the point of the cells."""
    claim = Claim(8, added("ecp5", 8), lambda c: c.x)
    text = to_rtlil(claim, "claim", ports_of(claim))
    assert text.count("cell \\CCU2C") == 4
    assert "$mux" not in text


def test_model_of_the_cell_is_that_of_yosys(tmp_path: Path) -> None:
    cell = MODELS["CCU2C"].read_text()
    (tmp_path / "ours.v").write_text(cell.replace("CCU2C", "ours"))
    pins = "".join(f", input {name}{half}" for half in "01" for name in "ABCD")
    given = "".join(f", .{name}{half}({name}{half})" for half in "01" for name in "ABCD")
    tables = '.INIT0(16\'h96AA), .INIT1(16\'h{:04X}), .INJECT1_0("{}"), .INJECT1_1("{}")'
    checks = []
    for number, options in enumerate(
        [(0x1BE4, "NO", "NO"), (0x7C35, "NO", "YES"), (0xE817, "YES", "NO")]
    ):
        cells = "".join(
            f"{name} #({tables.format(*options)}) {name}_{number} (.CIN(CIN){given}, "
            f".S0({name}_o[0]), .S1({name}_o[1]), .COUT({name}_o[2]));\n"
            for name in ("ours", "CCU2C")
        )
        checks.append(
            f"module check_{number} (input CIN{pins}, output holds);\n"
            f"wire [2:0] ours_o, CCU2C_o;\n{cells}assign holds = ours_o == CCU2C_o;\nendmodule\n"
        )
    (tmp_path / "checks.v").write_text("".join(checks))
    for number in range(len(checks)):
        script = [
            "read_verilog -D NO_INCLUDES +/ecp5/cells_sim.v",
            "read_verilog ours.v checks.v",
            f"hierarchy -top check_{number}",
            "proc",
            "flatten",
            "opt -full",
            "sat -verify -prove holds 1",
        ]
        run_yosys(script, tmp_path)
