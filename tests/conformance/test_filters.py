"""Two-dimensional filters over forms, engines and shapes, held to what their manifests promise."""

import shutil

import numpy as np
import pytest

from hw.build import run
from tests.conformance.check import PromiseError, check

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="needs Icarus")

GRID = [
    ("global_filter", (2, 7, 7), "fermat", "kernel_f_bits = 2"),
    ("global_filter", (3, 4, 8), "fft", "output = {bits = 8}"),
    ("global_filter", (1, 14, 14), "fermat", "output = {low = 0}"),
    ("depthwise", (2, 7, 7), "fermat", "kernel = 5\noutput = {bits = 8}"),
    ("depthwise", (3, 6, 5), "fft", "kernel = 4\norigin = 0"),
    ("depthwise", (1, 5, 3), "fermat", "kernel = 9"),
    ("depthwise", (2, 6, 7), "fermat", "kernel = [11, 3]\norigin = [4, 1]\noutput = {bits = 8}"),
    ("depthwise", (1, 4, 6), "fft", "kernel = [1, 5]"),
    ("depthwise", (2, 7, 7), "fft", "kernel = 5\noutput = {low = 0}"),
    ("global_filter", (2, 4, 8), "fft", "lanes = 2\noutput = {bits = 8}"),
    ("depthwise", (3, 6, 4), "fft", "lanes = 2\nkernel = 4\norigin = 0"),
]


def built(case, folder):
    form, shape, engine, more = case
    lines = [f'form = "{form}"', 'name = "layer"', more, f'engines.plane.engine = "{engine}"']
    names = ("channels", "height", "width")
    lines += [f"{key} = {size}" for key, size in zip(names, shape, strict=True)]
    (folder / "layer.toml").write_text("\n".join(lines))
    assert run(["layer", "--config", str(folder / "layer.toml"), "-o", str(folder)]) == 0
    return folder / "layer.json", folder / "layer.npz"


@needs_icarus
@pytest.mark.parametrize("case", GRID, ids=str)
def test_filter_keeps_its_promises(case, tmp_path):
    manifest, weights = built(case, tmp_path)
    check(manifest, weights, tmp_path / "free")
    pauses = (0.4, 0.2)
    check(manifest, weights, tmp_path / "paused", pauses=pauses, frames=1, pattern="extreme")


@needs_icarus
def test_a_kernel_turned_about_breaks_the_promise(tmp_path):
    """A convolution where a correlation is promised: the same build, other weights."""
    manifest, weights = built(GRID[3], tmp_path)
    arrays = dict(np.load(weights))
    arrays["weight"] = arrays["weight"][:, ::-1, ::-1]
    np.savez(tmp_path / "turned.npz", **arrays)
    with pytest.raises(PromiseError, match="is off by"):
        check(manifest, tmp_path / "turned.npz", tmp_path / "work", frames=1)
