"""Engines broken on purpose, which the benches must find."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from amaranth.hdl import Module, Signal

from golden.direct.design import DirectDesign
from golden.line.design import Requantization
from golden.line.example import example_weights
from hw.parts.requantize import Requantizer
from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.runner import simulators

SIMULATOR = simulators()[-1]
"""Icarus where it is: it compiles faster."""

Edit = Callable[[str], str]


def folded(*, requantized: bool = False) -> DirectDesign:
    clip = Requantization()
    formats = {"length": 5, "channels": 2, "data_bits": 4, "weight_bits": 3}
    weights = example_weights(**formats, requantized=clip.clip if requantized else None)
    if requantized:
        # Two bits to round off: a quarter of the results are ties.
        weights = replace(
            weights, multiplier=weights.multiplier * 0 + 1, shift=weights.shift * 0 + 2
        )
    requantization = clip if requantized else None
    return DirectDesign(
        name="engine", rows=2, macs=3, weights=weights, requantization=requantization, **formats
    )


def in_module(module: str, pattern: str, replacement: str) -> Edit:
    """Replace every ``pattern`` in a module; there must be one."""

    def edit(verilog: str) -> str:
        begin = re.search(rf"^module \w+__{module}\(", verilog, re.MULTILINE)
        assert begin, module
        end = verilog.index("endmodule", begin.start())
        text, count = re.subn(pattern, replacement, verilog[begin.start() : end])
        assert count, pattern
        return verilog[: begin.start()] + text + verilog[end:]

    return edit


ANY, RESET, LAST = "all_paces", "reset_in_midstream", "wrong_last"
MUTANTS = {
    "taps subtract": (ANY, "tap_chain", r" \+ ", " - "),
    "starts are subtracted": (ANY, "output_stage", r"\) \+ \$signed", ") - $signed"),
    "tlast never comes": (ANY, "output_stage", r"<= last_position", "<= 1'h0"),
    "a door without credit": (ANY, "sequencer", r"available & credit", "available"),
    "a line memory without reset": (RESET, "line_replay", r"= rst ", "= 1'h0 "),
    "a buffer without reset": (RESET, "output_buffer", r"= rst ", "= 1'h0 "),
    "a payload that moves": (ANY, "output_buffer", r"if \(pop\)", "if (1'h1)"),
    "a valid that is withdrawn": (ANY, "output_buffer", r" \? pop : o__valid", " & pop"),
    "an event too many": (ANY, "line_engine", r"= ~ last", "= 1'h1"),
    "an event too long": (LAST, "line_engine", r"step & ", ""),
}
"""Test that must fail, module that is broken, what is replaced in it, and by what."""


WHOLE, SLIDING = (6, 6), (5, 4)
"""Length and macs of chains in pairs: a whole even line, and part of an odd one."""
MIDDLE = {WHOLE: "whole_sums", SLIDING: "sliding_sum"}
PAIRED_MUTANTS = {
    "a line's sums begin with the last one's": (WHOLE, MIDDLE[WHOLE], r"begins_2 \?", "1'h0 ?"),
    "a line's ends are not multiplied": (WHOLE, MIDDLE[WHOLE], r"ends \? x_old", "1'h0 ? x_old"),
    "even outputs have the odd sum": (WHOLE, MIDDLE[WHOLE], r"first_3 \? 1'h0", "first_3 ? 1'h1"),
    "a kernel's weights change places": (WHOLE, "pair_chain", r"\? weight_before", "? weight"),
    "the old wave forgets the line's end": (
        SLIDING,
        "pair_chain",
        r"last_1 <= \w+",
        "last_1 <= 1'h0",
    ),
    "products are kept too late": (SLIDING, MIDDLE[SLIDING], r"~ full", "full"),
    "the new wave follows too early": (SLIDING, MIDDLE[SLIDING], r"\bnew_ & full", "new_"),
}
"""Chain, module that is broken, what is replaced in it, and by what; `all_paces` must fail."""


def run(design: DirectDesign, folder: Path, tests: list[str], edit: Edit | None = None) -> None:
    simulate(
        design,
        "sim.bench_line",
        simulator=SIMULATOR,
        folder=folder,
        groups=12,
        tests=tests,
        edit=edit,
    )


def test_unbroken_engines_pass(tmp_path: Path) -> None:
    tests = sorted({test for test, *_ in MUTANTS.values()})
    run(folded(), tmp_path, tests)
    run(folded(requantized=True), tmp_path, ["all_paces"])


@pytest.mark.parametrize("name", MUTANTS)
def test_broken_verilog_is_found(name: str, tmp_path: Path) -> None:
    test, module, pattern, replacement = MUTANTS[name]
    edit = in_module(module, pattern, replacement)
    with pytest.raises(SimulationError, match=f"^{test} failed"):
        run(folded(), tmp_path, [test], edit)


def in_pairs(length: int, macs: int) -> DirectDesign:
    formats = {"length": length, "channels": 2, "data_bits": 4, "weight_bits": 3}
    weights = example_weights(**formats, requantized=None)
    return DirectDesign(name="engine", macs=macs, rows=2, paired=True, weights=weights, **formats)


@pytest.mark.parametrize("chain", [WHOLE, SLIDING])
def test_unbroken_pairs_pass(chain: tuple[int, int], tmp_path: Path) -> None:
    run(in_pairs(*chain), tmp_path, [ANY])


@pytest.mark.parametrize("name", PAIRED_MUTANTS)
def test_broken_pairs_are_found(name: str, tmp_path: Path) -> None:
    chain, module, pattern, replacement = PAIRED_MUTANTS[name]
    edit = in_module(module, pattern, replacement)
    with pytest.raises(SimulationError, match=f"^{ANY} failed"):
        run(in_pairs(*chain), tmp_path, [ANY], edit)


def test_rounding_half_up_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_up(self: Requantizer, m: Module, aligned: Signal, lane: int) -> Signal:
        point = self._shifts.high
        rounded = Signal.like(aligned, name=f"rounded_{lane}", reset_less=True)
        m.d.sync += rounded.eq((aligned + (1 << (point - 1))) >> point)
        return rounded

    monkeypatch.setattr(Requantizer, "_round", half_up)
    with pytest.raises(SimulationError, match=r"^all_paces failed"):
        run(folded(requantized=True), tmp_path, ["all_paces"])
