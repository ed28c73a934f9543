"""What is read from netlists: counts, and the design's own names."""

import json

import pytest

from flow.netlist import Netlist, Port


def netlist() -> Netlist:
    module = {
        "ports": {
            "clk": {"direction": "input", "bits": [2]},
            "y": {"direction": "output", "bits": [5, 6]},
        },
        "cells": {
            "core.sum_LUT4_Z": {"type": "LUT4", "connections": {"A": [5], "Z": [7]}},
            "core.sum_TRELLIS_FF_Q_1": {
                "type": "TRELLIS_FF",
                "connections": {"CLK": [2], "DI": [7], "Q": [5]},
            },
            "core.sum_TRELLIS_FF_Q": {
                "type": "TRELLIS_FF",
                "connections": {"CLK": [2], "DI": ["0"], "Q": [6]},
            },
        },
        "netnames": {
            "clk": {"hide_name": 0, "bits": [2]},
            "y": {"hide_name": 0, "bits": [5, 6]},
            "core.sum": {"hide_name": 0, "bits": [5, 6]},
            "core.deep.sum_TRELLIS_FF_Q_DI": {"hide_name": 0, "bits": [6]},
            "core.deep._012_": {"hide_name": 0, "bits": [5]},
            "$abc$12$auto$mux$3": {"hide_name": 1, "bits": [7]},
        },
    }
    return Netlist(json.dumps({"modules": {"top": module}}).encode(), "top")


def test_ports_and_counts() -> None:
    assert netlist().ports == [Port("clk", "input", 1), Port("y", "output", 2)]
    assert netlist().count({"TRELLIS_FF": 1, "LUT4": 10, "MULT18X18D": 100}) == 12


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("core.sum_TRELLIS_FF_Q_1", "core.sum[0]"),
        ("core.sum_TRELLIS_FF_Q", "core.sum[1]"),
        ("core.sum_TRELLIS_FF_Q_DFFLC", "core.sum[1]"),
        ("core.other_LUT4_Z_LC", "logic of core.other"),
        ("nothing.known", "nothing.known"),
    ],
)
def test_registers_are_named_by_what_they_hold(cell: str, name: str) -> None:
    assert netlist().register_name(cell) == name


@pytest.mark.parametrize(
    ("net", "name"),
    [
        ("core.sum[3]", "core.sum[3]"),
        ("core.sum_LUT4_Z_A[0]", "logic of core.sum"),
        ("core._012__LUT4_Z_A[0]", "logic of core"),
        ("core.a_1_b[0]", "core.a_1_b[0]"),
        ("$flatten\\core.\\sum$1_p", "logic of core.sum"),
        ("$auto$12", "$auto$12"),
    ],
)
def test_logic_is_named_by_what_it_is_part_of(net: str, name: str) -> None:
    assert netlist().plain_name(net) == name


def test_ends_of_paths_are_named_by_their_register() -> None:
    assert netlist().held_by("$auto$mux$3", {"TRELLIS_FF"}) == "core.sum[0]"
    assert netlist().held_by("core.sum", {"TRELLIS_FF"}) == "core.sum"
    assert netlist().held_by("$auto$other", {"TRELLIS_FF"}) == "$auto$other"
