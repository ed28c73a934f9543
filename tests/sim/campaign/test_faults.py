"""Mutants of an engine, in one build: the benches' stimuli tell all that are not equivalent."""

import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sim.campaign.faults
from golden.layer.linear import LinearLayerDesign
from golden.line.design import LineDesign
from golden.line.weights import correlate
from golden.numbers.interval import Integers
from sim.campaign.faults.argued import Argument, described, is_argued, refuted
from sim.campaign.faults.equivalence import equivalent
from sim.campaign.faults.mutants import Trials
from sim.campaign.faults.netlist import module_of, with_check, with_mutants
from sim.campaign.faults.streams import Verdict, class_of
from sim.campaign.faults.subject import HANG, LASTING, MASKED, PASSING
from sim.campaign.faults.tops import TOPS, subject_of
from sim.campaign.faults.upsets import HARDENED, Upsets
from sim.campaign.small import layer_of, line_of
from sim.stimulus import rounding_lines

ARGUED = Path(sim.campaign.faults.__file__).with_name("argued.toml")


@pytest.mark.bench
@pytest.mark.parametrize(
    ("top", "kinds"),
    [("direct", {"value", "event", "last", "hang"}), ("direct-loaded", {"value", "event", "hang"})],
)
def test_mutants_are_told(top: str, kinds: set[str]) -> None:
    subject = subject_of(top)
    trials = Trials(subject, 60, 1)
    trials.tell(1)
    some = sum(trials.told.values())
    trials.tell()
    assert 0 < some < sum(trials.told.values()) == 60 - len(trials.alive)
    assert kinds <= trials.told.keys()


@pytest.mark.bench
def test_what_is_not_told_is_proved_and_nothing_else() -> None:
    subject = subject_of("direct")
    trials = Trials(subject, 60, 1)
    trials.tell()
    assert equivalent(subject.verilog, subject.name, trials.alive) == trials.alive
    killed = [fault for fault in trials.all if fault not in trials.alive]
    assert not equivalent(subject.verilog, subject.name, killed)


def test_only_what_is_generated_is_mutated() -> None:
    """Not models of primitives, nor what loads weights."""
    subject = subject_of("direct-loaded")
    assert "module MULT18X18D" in subject.verilog
    mutants = with_mutants(subject.verilog, subject.name, 300, 1).faults
    assert all(module_of(mutant).startswith("engine") for mutant in mutants)


PRODUCTS = """
module products(input clk, input rst, input i_valid, input [1:0] i_data,
                output reg o_valid, output reg [3:0] o_data);
  initial o_valid = 1'b0;
  reg valid = 1'b0;
  reg last = 1'b0;
  reg [1:0] count = 2'd0;
  reg [1:0] a, b;
  wire [1:0] following = count + 2'd1;
  wire [1:0] kept = i_valid ? count : b;
  always @(posedge clk) begin
    valid <= i_valid & ~rst;
    o_valid <= valid & ~rst;
    a <= i_data;
    b <= kept;
    o_data <= a * b;
    if (rst) {last, count} <= 3'd0;
    else if (i_valid) {last, count} <= {count == 2'd1, last ? 2'd0 : following};
  end
endmodule
"""
"""Of what comes with a count from 0 to 2."""


EQUIVALENT = {
    r"const0 .*\$eq\S+ -port A -portbit 1": True,  # the count is never 3
    r"const1 .*\$eq\S+ -port A -portbit 0": False,
    r"inv .*design.v:10\S+ -port A -portbit 0": True,  # nor is what is kept ever valid
    r"inv .*design.v:10\S+ -port B -portbit 0": False,
    r"inv .*-port Q -portbit 0 -wire last": False,
    r"inv .*-port CLK": False,
    r"const0 .*-port CLK": False,
}
"""Whether mutants of `PRODUCTS` are."""


@cache
def _mutants() -> list[str]:
    mutants = with_mutants(PRODUCTS, "products", 600, 1).faults
    return [next(fault for fault in mutants if re.search(each, fault)) for each in EQUIVALENT]


@pytest.mark.parametrize("place", range(len(EQUIVALENT)), ids=list(EQUIVALENT))
def test_what_is_seen_is_not_proved_away(place: int) -> None:
    fault = _mutants()[place]
    expected = list(EQUIVALENT.values())[place]
    assert equivalent(PRODUCTS, "products", [fault]) == [fault] * expected


def test_mutants_that_are_proved_together_are_those_that_are_alone() -> None:
    expected = [f for f, is_one in zip(_mutants(), EQUIVALENT.values(), strict=True) if is_one]
    assert equivalent(PRODUCTS, "products", _mutants()) == expected


STORED = """
module stored(input clk, input rst, input w_en, input [7:0] addr, input [1:0] i_data, other,
              output reg [1:0] o_data);
  reg [1:0] array [255:0];
  wire [1:0] word = w_en ? i_data : other;
  always @(posedge clk) begin
    if (w_en) array[addr] <= word;
    o_data <= array[addr];
  end
endmodule
"""
"""A memory that is not made into registers for a proof."""


def test_what_reaches_a_large_memory_is_seen() -> None:
    mutants = with_mutants(STORED, "stored", 400, 1).faults
    of_word = [fault for fault in mutants if "inv" in fault and "design.v:5" in fault]
    # Of the multiplexer: A is what is not written.
    unwritten = [fault for fault in of_word if "-port A" in fault]
    assert 0 < len(unwritten) < len(of_word)
    assert equivalent(STORED, "stored", of_word) == unwritten


PASSED_ON = """
module passed_on(input clk, input rst, input i_data, output reg o_data);
  reg [15:0] count = 16'd0;
  reg [1:0] word;
  wire late = &count;
  always @(posedge clk) begin
    count <= rst ? 16'd0 : count + 16'd1;
    word <= {late, i_data};
    o_data <= word[0];
  end
endmodule
"""
"""Of whose word one bit is asked for, the other is 1 after 65,535 cycles."""


def test_what_nothing_asks_for_is_not_seen_however_late_it_differs() -> None:
    mutants = with_mutants(PASSED_ON, "passed_on", 200, 1).faults
    late = [fault for fault in mutants if "const0" in fault and "-wire late" in fault]
    asked = [fault for fault in mutants if "const0" in fault and "-wire i_data" in fault]
    assert late
    assert asked
    assert equivalent(PASSED_ON, "passed_on", late + asked) == late


def test_no_upset_lasts_where_control_is_in_threes() -> None:
    outcome = Upsets().run(f"direct 400 {HARDENED}")
    assert not outcome["failures"]
    assert outcome["classes"].keys() == {MASKED, PASSING}


def test_mutants_are_named_by_their_module() -> None:
    assert module_of("mutate -mode inv -module engine__core -cell $add$1 -port A") == "engine__core"


ENTRIES = tomllib.loads(ARGUED.read_text(encoding="utf-8"))["argument"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["example"])
def test_an_argument_is_a_line_for_mutants_of_one_place(entry: dict[str, Any]) -> None:
    assert entry.keys() - {"never"} == {"tops", "mutants", "example", "why"}
    assert set(entry["tops"]) <= set(TOPS)
    assert "\n" not in entry["why"]
    assert entry["why"].endswith(".")
    assert [e for e in ENTRIES if re.fullmatch(e["mutants"], entry["example"])] == [entry]
    module, mode, place, statement = entry["example"].split(" ", 3)
    others = (f"{module}_9 {mode} {place} {statement}", f"{module} {mode} {place} x {statement}")
    assert not any(re.fullmatch(entry["mutants"], other) for other in others)


def test_a_mutant_is_described_by_its_statement() -> None:
    mutants = with_mutants(PRODUCTS, "products", 600, 1).faults
    found = {described(PRODUCTS, fault) for fault in mutants}
    assert "products inv B[0] i_valid ? count : b" in found
    assert "products cnot0[1] B[0] i_valid ? count : b" in found
    assert "products const1 Y[1] count + 2'd1" in found


def test_arguments_are_of_their_tops_alone() -> None:
    subject = subject_of("direct-folded-requantized")
    mutants = with_mutants(subject.verilog, subject.name, 1000, 1).faults
    argued = [m for m in mutants if is_argued("direct-folded-requantized", subject.verilog, m)]
    assert argued
    assert not any(is_argued("direct", subject.verilog, mutant) for mutant in argued)


def test_what_is_never_so_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    never = ("engine__pair_chain", "new_ & last_1")
    argument = Argument(("direct-paired",), re.compile(""), "A line ends.", never)
    monkeypatch.setattr("sim.campaign.faults.argued.arguments", lambda: [argument])
    assert list(refuted("direct-paired", subject_of("direct-paired"))) == [": ".join(never)]
    assert not list(refuted("direct", subject_of("direct")))


def test_what_is_looked_for_in_no_module_is_told() -> None:
    with pytest.raises(AssertionError, match="products_2 is no module of products"):
        with_check(PRODUCTS, "products", "products_2", "last")


@pytest.mark.bench
@pytest.mark.parametrize("top", sorted({top for e in ENTRIES if "never" in e for top in e["tops"]}))
def test_what_arguments_say_is_never_so(top: str) -> None:
    assert not list(refuted(top, subject_of(top)))


def orbit(following: Callable[[int], int]) -> list[int]:
    """Return the addresses from 0 on until one comes again, which must be 0."""
    order = [0]
    while (address := following(order[-1])) not in order:
        order.append(address)
    assert address == 0
    return order


def test_addresses_with_a_bit_turned_over_go_through_all_words() -> None:
    """What arguments of the addresses of 16 words say."""

    def paired(address: int) -> int:
        made = (address + 1) % 16
        return made if made & 8 else made ^ 4

    def fermat(address: int) -> int:
        made = (address + 1) % 16
        return made if made & 4 else made ^ 2

    def dense(address: int) -> int:
        return 0 if address == 7 else (address + 1 ^ 8) % 16  # behind 14 follows the last

    assert orbit(dense) == [0, 9, 2, 11, 4, 13, 6, 15, 8, 1, 10, 3, 12, 5, 14, 7]
    assert orbit(paired) == [0, 5, 2, 7, *range(8, 16), 4, 1, 6, 3]
    assert orbit(fermat) == [0, *range(3, 8), 10, 9, 8, *range(11, 16), 2, 1]


@pytest.mark.parametrize(
    "turned_over",
    [lambda made: made if made & 16 else made ^ 4, lambda made: made ^ 2],
    ids=["fermat", "fft-of-other-length"],
)
def test_addresses_of_two_parts_with_a_bit_turned_over_go_round_48_words(
    turned_over: Callable[[int], int],
) -> None:
    """What arguments of the transforms' 64 words say: the upper part is ahead."""

    def following(state: int) -> int:
        ends, carry, high, low = state >> 7, state >> 6 & 1, state >> 4 & 3, state & 15
        if ends:
            return 0
        carries = turned_over(low + 1) & 15 == 15
        ends = (high, low) == (3, 14)
        return ends << 7 | carries << 6 | (high + carry & 3) << 4 | low + 1 & 15

    addresses = [state & 63 for state in orbit(following)]
    assert len(addresses) == len(set(addresses)) == 48


def close_to_ties(design: LineDesign, channel: int) -> Integers:
    """Return a channel's sums whose product has no bits, or one, behind a half."""
    assert design.weights is not None
    multiplier, shift = (int(each[channel]) for each in design.weights.scales())
    assert shift == 24
    sums = np.arange(design.accumulator.low, design.accumulator.high + 1)
    half, below = np.divmod(sums * multiplier % (1 << shift), 1 << shift - 1)
    return np.asarray(sums[(half == 1) & np.isin(below, [0, *(1 << np.arange(shift - 1))])])


def test_no_sum_of_the_folded_engine_is_close_to_a_tie() -> None:
    """What arguments of its requantiser's low bits say."""
    design = line_of("direct-folded-requantized")
    assert design.weights is not None
    ((multiplier,), _) = design.weights.scales()
    assert multiplier == 0x13266
    sums = close_to_ties(design, 0)
    # One, whose result is far below the clip.
    assert sums.tolist() == [-40960]
    assert design.finish(sums[:, None], design.weights, np.zeros(1, int)).tolist() == [[-128]]
    assert -40960 * multiplier >> 24 < -180


def test_no_sum_of_the_linear_layer_is_close_to_a_tie(tmp_path: Path) -> None:
    layer = layer_of("linear", tmp_path)
    assert isinstance(layer, LinearLayerDesign)
    design = layer.engines["height"]
    assert design.weights is not None
    multipliers, _ = design.weights.scales()
    assert not any(close_to_ties(design, channel).size for channel in range(2))
    samples, taps = np.array([-128, 127]), design.weights.weight
    highest = np.maximum(*(taps * each for each in samples[:, None, None])).sum(axis=1)
    assert ((highest + design.weights.bias) * multipliers / 2**24 < 119).all()


def test_lines_bring_sums_that_low_bits_decide() -> None:
    design = line_of("direct-folded-requantized")
    weights = design.weights
    assert weights is not None
    frames = rounding_lines(design, 40, np.random.default_rng(1))
    assert frames.shape == (40, design.lines_per_channel, design.length)
    sums = correlate(frames, weights.weight[0]) + weights.start()[0]
    ((multiplier,), (shift,)) = weights.scales()
    from_tie = np.abs(sums * multiplier % (1 << shift) - (1 << shift >> 1))
    # 40 of 88,000 sums, one in each lane; few can't be had of these samples.
    assert ((from_tie < 1 << 13).any(axis=2).sum(axis=0) >= 30).all()


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("right", 0, 0, -1, False), MASKED),
        (Verdict("value", 3, 2, 59, False), PASSING),
        (Verdict("value", 3, 9, 60, False), LASTING),
        (Verdict("missing", 3, 1, 89, False), LASTING),
        (Verdict("value", 3, 9, 20, True), HANG),
    ],
)
def test_upsets_are_told_apart_by_the_last_third(verdict: Verdict, expected: str) -> None:
    assert class_of(verdict, 90) == expected
