"""Proofs by induction: graphs, what is drawn, and that no mutant that can be seen is proved."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sim.campaign.faults import draws
from sim.campaign.faults.draws import Levels, of
from sim.campaign.faults.graph import Graph, ands_of
from sim.campaign.faults.induction import unchanged
from sim.campaign.faults.netlist import with_mutants


def test_operands_are_read_from_differences(tmp_path: Path) -> None:
    path = tmp_path / "some.aig"
    # 402 is 400 and 3, 404 is 403 and 400: differences above 127 take two bytes.
    path.write_bytes(b"aig 202 200 0 2 2\n405\n0\n" + bytes([2, 0x8D, 3, 1, 3]))
    assert ands_of(path) == (200, [405, 0], [(400, 3), (403, 400)])


def test_graph_folds_and_answers() -> None:
    graph = Graph(3)
    a, b, c = 2, 4, 6
    assert graph.both(a, b) == graph.both(b, a)
    assert [graph.both(a, other) for other in (0, 1, a, a ^ 1)] == [0, a, a, 0]
    assert graph.differ(a, a) == 0
    same = graph.differ(a, b) ^ 1
    rules = graph.rules([[a], [same]])
    assert graph.possible([b ^ 1], [rules]) is None
    found = graph.possible([graph.both(c, b)], [rules])
    assert found is not None
    assert (found(a), found(b), found(c), found(1), found(0)) == (True, True, True, True, False)
    graph.drop(rules)
    assert graph.possible([b ^ 1]) is not None


def test_levels_are_ands_one_by_one() -> None:
    generator = np.random.default_rng(1)
    n_inputs, n_ands = 9, 200
    ands = [
        (int(a), int(b))
        for a, b in (generator.integers(0, 2 * (n_inputs + 1 + n), 2) for n in range(n_ands))
    ]
    values = np.zeros((n_inputs + 1 + n_ands, 2), np.uint64)
    words = generator.integers(0, 1 << 63, (n_inputs, 2), np.uint64)
    values[1 : 1 + n_inputs] = words
    expected = values.copy()
    for number, pair in enumerate(ands, start=n_inputs + 1):
        a, b = (of(expected, np.array([literal]))[0] for literal in pair)
        expected[number] = a & b
    Levels(n_inputs, ands).run(values)
    np.testing.assert_array_equal(values, expected)


TURNED = """
module turned(input clk, input rst, input i_valid, input [1:0] i_data, output reg o_valid,
              output reg [1:0] o_data, output is_three);
  reg [1:0] count = 2'd0; reg on = 1'b0;
  assign is_three = on & count == 2'd3;
  always @(posedge clk) begin
    o_valid <= i_valid & ~rst; on <= 1'b1;
    o_data <= i_valid ? i_data : count;
    if (rst) count <= 2'd0;
    else if (i_valid) count <= count == 2'd2 ? 2'd0 : count + 2'd1;
  end
endmodule
"""
"""Counts to 2, and passes on what is valid."""


@cache
def _mutants() -> list[str]:
    return with_mutants(TURNED, "turned", 600, 1).faults


@pytest.mark.parametrize(
    ("of_mutants", "is_proved"),
    [
        (("const0", "-wire is_three"), True),  # it never is
        (("const1", "-wire is_three"), False),
        (("const0", "$eq$design.v:5", "-port A -portbit 0"), True),
        (("const1", "$eq$design.v:5", "-port A -portbit 0"), False),  # 2 becomes 3
        (("inv", "$ternary$design.v:8", "-port A -portbit 1"), True),  # nothing is valid then
        (("inv", "$ternary$design.v:8", "-port B -portbit 1"), False),
        (("inv", "$ternary$design.v:8", "-port S"), False),
        (("inv", "$add$design.v:10", "-port Y -portbit 0"), False),
    ],
    ids=str,
)
def test_what_can_be_seen_is_not_proved(of_mutants: tuple[str, ...], *, is_proved: bool) -> None:
    found = [fault for fault in _mutants() if all(part in fault for part in of_mutants)]
    assert found
    assert unchanged(TURNED, "turned", found, streams=True) == found * is_proved


def test_of_modules_payloads_count_whatever_is_valid() -> None:
    parts = ("inv", "$ternary$design.v:8", "-port A")
    unheard = [fault for fault in _mutants() if all(part in fault for part in parts)]
    assert unchanged(TURNED, "turned", unheard, streams=True) == unheard
    assert not unchanged(TURNED, "turned", unheard)


def test_of_no_registers_nothing_is_proved() -> None:
    plain = (
        "module plain(input clk, input i_data, output o_data); assign o_data = ~i_data; endmodule"
    )
    assert not unchanged(plain, "plain", with_mutants(plain, "plain", 6, 1).faults)


def test_mutants_are_drawn_for_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [fault for fault in _mutants() if "-port CLK" not in fault][::4]
    together = unchanged(TURNED, "turned", some, streams=True)
    assert 0 < len(together) < len(some)
    monkeypatch.setattr(draws, "_MOST_WORDS", 1)
    assert unchanged(TURNED, "turned", some, streams=True) == together
