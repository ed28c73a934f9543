"""No option is taken in silence: each changes what is built, or is refused by its name."""

import itertools
import json
from dataclasses import dataclass

import click
import numpy as np
import pytest

import hw.build
from hw.build import main, run
from hw.emit.manifest import describe_line
from hw.line.engine import LineEngine

# Components are made for what they promise, and never elaborated.
pytestmark = [
    pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable"),
    pytest.mark.usefixtures("collected"),
]

BASE = {"length": 8}
GIVEN = {
    "length": 16,
    "channels": 2,
    "rows": 4,
    "lanes": 4,
    "data_bits": 7,
    "weight_bits": 7,
    "weights": "kernels.npz",
    "weights_port": True,
    "start_bits": 9,
    "output": "requantized",
    "output_bits": 9,
    "output_low": -7,
    "output_high": 7,
    "zero_point": 3,
    "target": "xc7",
    "clock": "aclk",
    "reset": "aresetn",
    "reset_active": "low",
    "name": "other",
    "registers": True,
    "harden": "control",
    "package": "litex",
    "mhz": 33,
    "out": "elsewhere",
    "macs": 3,
    "products": "single",
    "operand_bits": 20,
    "twiddle_bits": 16,
    "spectrum_bits": 17,
    "guard_bits": 1,
    "result_f_bits": 1,
    "exact": True,
    "ring": 32,
}
"""A value of every option that is not its default."""
CONTEXTS = {
    "direct": ["weights_port", "output"],
    "fft": ["weights_port", "output", "exact"],
    "fermat": ["weights_port", "output"],
}
"""Options that decide whether others have an effect."""


def contexts(engine):
    """Every choice of them, as options."""
    for chosen in itertools.product([False, True], repeat=len(CONTEXTS[engine])):
        keys = itertools.compress(CONTEXTS[engine], chosen)
        yield BASE | {key: GIVEN[key] for key in keys}


def arguments(engine, options):
    words = [engine]
    for key, value in options.items():
        option = f"--{key.replace('_', '-')}"
        words += [option] if value is True else [option, str(value)]
    return words


@dataclass
class Builds:
    """What command lines come to, short of their Verilog."""

    capsys: pytest.CaptureFixture
    caught: list

    def of(self, words):
        """The build of a command line as text, or None and its refusal."""
        self.caught.clear()
        status = run(words)
        complaint = self.capsys.readouterr().err
        if status:
            assert (status, complaint.count("\n")) == (2, 1)
            return None, complaint
        design, names, options, inputs = self.caught
        arrays = {} if design.weights is None else design.weights.arrays()
        manifest = describe_line(design, LineEngine(design), names, {}, models=[])
        held = {key: array.tolist() for key, array in arrays.items()}
        asked = [str(options[key]) for key in ("out", "registers", "harden", "package", "mhz")]
        return json.dumps([manifest, held, *asked, str(inputs)]), None


@pytest.fixture
def builds(capsys, monkeypatch, tmp_path):
    caught = []

    def finish_build(*what, **_):
        caught.extend(what)

    monkeypatch.setattr(hw.build, "finish_build", finish_build)
    monkeypatch.chdir(tmp_path)
    ones = np.ones(1, dtype=np.int64)
    np.savez("kernels.npz", weight=np.ones((1, 8)), multiplier=ones, shift=ones, zero_point=5)
    return Builds(capsys, caught)


@pytest.mark.parametrize("engine", CONTEXTS)
def test_an_option_changes_the_build_or_is_refused(engine, builds):
    known = [option.name for option in main.get_command(click.Context(main), engine).params]
    assert set(known) <= set(GIVEN)
    for context in contexts(engine):
        plain, complaint = builds.of(arguments(engine, context))
        assert plain is not None, complaint
        for option in known:
            if option in context and option != "length":
                continue
            words = arguments(engine, context | {option: GIVEN[option]})
            changed, complaint = builds.of(words)
            if changed is None:
                assert complaint.startswith(f"hw.build: --{option.replace('_', '-')} must be ")
            else:
                assert changed != plain, words


@pytest.mark.parametrize("value", [8, 127, -128, 0, 24])
def test_a_default_that_is_spelt_out_is_refused_all_the_same(value, builds):
    for option in ("output-bits", "output-low", "output-high", "zero-point", "start-bits"):
        changed, complaint = builds.of(["direct", "--length", "8", f"--{option}", str(value)])
        assert changed is None
        assert complaint.startswith(f"hw.build: --{option} must be left out without --")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("-o x direct --length 4", "--out must be left out ahead of direct, not x"),
        (
            "--preset direct_28 fft --length 4",
            "--preset must be left out ahead of fft, not direct_28",
        ),
        (
            "--list-presets direct --length 4",
            "--list-presets must be left out ahead of direct, not given",
        ),
        ("--list-presets -o x", "--out must be left out with --list-presets, not x"),
        ("--list-presets --preset a", "--preset must be left out with --list-presets, not a"),
    ],
)
def test_options_of_all_presets_go_with_no_command(words, message, builds):
    assert builds.of(words.split()) == (None, f"hw.build: {message}\n")
