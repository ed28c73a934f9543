"""Two builds and a page about them."""

import json

import pytest
from click.testing import CliRunner

from hw.build import main as build
from hw.report.command import main

FFT, DIRECT = "parc_fft_16", "parc_direct_6"


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("builds")
    for line in ("fft --length 16 --lanes 2 --target ecp5", "direct --length 6 --channels 3"):
        done = CliRunner().invoke(build, [*line.split(), "-o", str(folder)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    (folder / f"{FFT}.lfe5u-85f-6.json").write_text(json.dumps(measured(folder / f"{FFT}.json")))
    return folder


def measured(manifest):
    prediction = json.loads(manifest.read_text())["prediction"]
    return {
        "name": FFT,
        "device": "lfe5u-85f-6",
        "how": "placed and routed",
        "resources": {"dsp": prediction["multipliers"], "lut4_equivalents": 2},
        "fmax_mhz": 200.5,
        "seeds": {"1": 200.5},
        "critical_path": {
            "start": "a",
            "end": "b",
            "logic_ns": 1.0,
            "routing_ns": 2.0,
            "steps": [{"net": "n", "cell_ns": 1.0, "net_ns": 2.0}],
        },
        "floorplan": {
            "units": ["core.a", "others"],
            "tiles": [[1, 2, 0, 3], [1, 3, 0, 1], [4, 2, 1, 8]],
            "slack": [[-100, 0, 2], [0, 100, 40]],
        },
    }


@pytest.fixture(scope="module")
def page(builds):
    out = builds / "page.html"
    names = [str(builds / f"{name}.json") for name in (FFT, DIRECT)]
    done = CliRunner().invoke(
        main, [*names, "--no-simulation", "-o", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return out
