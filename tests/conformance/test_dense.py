"""Layers that mix channels, and linear convolutions, held to what their manifests promise."""

import shutil

import numpy as np
import pytest

from hw.build import run
from tests.conformance.check import PromiseError, check

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus")

PAUSES = [(0.3, 0.3), (0.6, 0.0), (0.0, 0.6)]
BOTH = "engines.height = {engine}\nengines.width = {engine}"
DENSE = [
    ("4 6 7 7 1", BOTH, '{engine = "direct"}', "output.bits = 8"),
    ("4 2 8 8 2", BOTH, '{engine = "direct", macs = 3, products = 2}', ""),
    ("3 2 14 5 1", 'axis = "height"\nengines.height = {engine}', '{engine = "fermat"}', ""),
    ("8 6 7 7 1", BOTH, '{engine = "fermat", products = 2, parts = 2}', "output.low = -9"),
    ("2 8 14 14 2", BOTH, '{engine = "fermat"}', "weight_bits = 5"),
    ("1 3 2 8 1", 'axis = "width"\nengines.width = {engine}', '{engine = "fermat"}', ""),
    ("4 4 8 8 4", BOTH, '{engine = "fft", products = 2}', "output.bits = 8"),
    (
        "4 6 7 10 1",
        'engines.height = {engine}\nengines.width = {engine = "fermat", products = 2}',
        '{engine = "direct", macs = 4}',
        "output.bits = 8",
    ),
    ("3 2 4 14 2", 'axis = "width"\nengines.width = {engine}', '{engine = "fft"}', ""),
]
LINEAR = [
    ("2 7 7 1", "height = {taps = 5}\nwidth = {taps = 5}", "direct", "output.bits = 8"),
    ("2 16 8 2", "height = {taps = 13, stride = 2}\nwidth = {taps = 4}", "fermat", ""),
    ("1 8 14 2", "height = {taps = 3}\nwidth = {taps = 27, origin = 0}", "fft", ""),
    ("3 5 9 1", "height = {taps = 1}\nwidth = {taps = 31, stride = 2}", "direct", ""),
    ("1 56 4 1", "height = {taps = 31, stride = 2}\nwidth = {taps = 2}", "fermat", ""),
]


def built(text, folder, capsys):
    (folder / "layer.toml").write_text(f'name = "layer"\n{text}')
    status = run(["layer", "--config", str(folder / "layer.toml"), "-o", str(folder)])
    assert status == 0, capsys.readouterr().err
    return folder / "layer.json", folder / "layer.npz"


def dense(case):
    sizes, places, engine, more = case
    names = ("channels", "out_channels", "height", "width", "lanes")
    lines = [f"{key} = {size}" for key, size in zip(names, sizes.split(), strict=True)]
    return "\n".join(['form = "dense"', *lines, more, places.replace("{engine}", engine)])


def linear(case):
    sizes, kernels, engine, more = case
    lines = [
        f"{key} = {size}"
        for key, size in zip(("channels", "height", "width", "lanes"), sizes.split(), strict=True)
    ]
    engines = [f'engines.{axis}.engine = "{engine}"' for axis in ("height", "width")]
    shapes = ["between.bits = 7", more, *engines, "[kernels]", kernels]
    return "\n".join(['form = "linear"', *lines, *shapes])


CASES = [*map(dense, DENSE), *map(linear, LINEAR)]


@needs_icarus
@pytest.mark.parametrize("number", range(len(CASES)))
def test_layer_keeps_its_promises(number, tmp_path, capsys):
    manifest, weights = built(CASES[number], tmp_path, capsys)
    check(manifest, weights, tmp_path / "free")
    pauses = PAUSES[number % len(PAUSES)]
    check(manifest, weights, tmp_path / "paused", pauses=pauses, frames=1, pattern="extreme")


@needs_icarus
@pytest.mark.parametrize("number", [0, 3, 8])
def test_other_weights_are_found(number, tmp_path, capsys):
    """The checker sees a kernel's last tap change by one, in the last channel of all."""
    manifest, weights = built(CASES[number], tmp_path, capsys)
    arrays = dict(np.load(weights))
    arrays["width.weight"][(-1,) * arrays["width.weight"].ndim] ^= 1
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(PromiseError, match="is off by"):
        check(manifest, tmp_path / "other.npz", tmp_path / "free", frames=1, pattern="extreme")
