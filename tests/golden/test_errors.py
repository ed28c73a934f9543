"""Refusals name parameters; whoever tells the user calls them what the user does."""

import ast
import re
from pathlib import Path

import click
import pytest

from golden.direct.design import DirectDesign
from golden.inputs.config import Table
from golden.inputs.errors import ParameterError, named
from hw.command import told_of

GOLDEN = Path(__file__).resolve().parents[2] / "golden"


def refused():
    return ParameterError("output_low", f"at most {named('output_high')} (4)", 5)


def test_a_refusal_speaks_of_parameters():
    assert str(refused()) == "Output low must be at most output high (4), not 5"
    assert refused().complaint == "must be at most output high (4), not 5"


def test_a_command_line_speaks_of_options():
    told = told_of(click.Command("build"), refused())
    assert str(told) == "--output-low must be at most --output-high (4), not 5"


def test_a_configuration_speaks_of_keys():
    keys = {"output_high": "output.high"}
    with pytest.raises(ParameterError) as error, Table({}, "output.").naming(keys):
        raise refused()
    line = "output.output_low must be at most output.high (4), not 5"
    assert str(error.value) == line
    # A command line leaves what a configuration has said.
    assert str(told_of(click.Command("build"), error.value)) == line


def test_engines_in_a_configuration_speak_of_keys():
    with pytest.raises(ParameterError) as error, Table({}, "engines.width.").naming():
        DirectDesign(name="n", length=4, macs=1, paired=True, weights=None)
    assert str(error.value) == (
        f"engines.width.{DirectDesign.pairing} must be single with engines.width.macs 1, not paired"
    )


def test_values_are_told_as_they_are():
    """What a user wrote is no name of ours."""
    told = told_of(click.Command("build"), ParameterError("name", "a name", "`lanes` {lanes} %s"))
    assert str(told) == "--name must be a name, not `lanes` {lanes} %s"


def test_nothing_in_golden_knows_a_command_line():
    for path in sorted(GOLDEN.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                told = id(node) in documented or not re.search(r"(^|\s)--[a-z]", node.value)
                assert told, f"{path}:{node.lineno}"
