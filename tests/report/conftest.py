"""Two builds and a page about them."""

import json

import pytest
from click.testing import CliRunner

from hw.build import main as build
from hw.measured.store import DONE, REFUSED, Result, Store
from hw.report.command import main

FFT, DIRECT = "parc_fft_16", "parc_direct_6"


def layer(name, cycles, products, moved, limit):
    traffic = {"read_bytes": moved - 10, "written_bytes": 10}
    return {"name": name, "cycles": cycles, "products": products, "limit": limit, **traffic}


PLAN = {
    "network": "tiny",
    "device": "lfe5u-85f-6",
    "clock_hz": 150e6,
    "frames_per_second": 50_000.0,
    "cycles": 3000,
    "products": 40_000,
    "parameters": {"tile": 8, "data_bits": 64},
    "prediction": {"target": "ecp5", "multipliers": 42, "block_rams": 9},
    "memory": {"bytes_per_cycle": 6.8},
    "layers": [
        layer("expand", 1000, 30_000, 1000, "products"),
        layer("project", 2000, 10_000, 9010, "memory"),
    ],
    "scratch": [
        {"name": "expand", "address": 0, "bytes": 1024, "begin": 0, "end": 1000},
        {"name": "project", "address": 1024, "bytes": 512, "begin": 900, "end": 3000},
    ],
    "maps": [{"name": "expand", "address": 0, "bytes": 256, "begin": 10, "end": 1200}],
}
SWEPT = {"a": (8, 400, 0.5), "b": (8, 500, 0.5), "c": (16, 900, 1.0)}
"""Multipliers, LUT4-equivalents and samples a cycle of points."""


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("builds")
    for line in ("fft --length 16 --lanes 2 --target ecp5", "direct --length 6 --channels 3"):
        done = CliRunner().invoke(build, [*line.split(), "-o", str(folder)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    (folder / f"{FFT}.lfe5u-85f-6.json").write_text(json.dumps(measured(folder / f"{FFT}.json")))
    (folder / "plan.json").write_text(json.dumps(PLAN))
    units = [{"config": "u.toml", "layers": ["l"], "weights": "rom", "cycles_per_frame": 3000}]
    units = [{**unit, "prediction": PLAN["prediction"]} for unit in units]
    of_layers = {key: PLAN[key] for key in ("device", "clock_hz", "frames_per_second")}
    of_layers |= {"network": "layers", "cycles_per_frame": 3000, "units": units}
    of_layers["prediction"] = PLAN["prediction"]
    (folder / "units.json").write_text(json.dumps(of_layers))
    names = ("predicted.multipliers", "predicted.lut4_equivalents", "predicted.samples_per_cycle")
    with Store(folder / "swept.sqlite") as store:
        results = {
            k: Result(DONE, figures=dict(zip(names, v, strict=True))) for k, v in SWEPT.items()
        }
        store.record(results | {"d": Result(REFUSED, "no room")})
        points = [({"engine": "direct", "length": n}, [key]) for n, key in enumerate("abcd", 2)]
        store.name_points("swept", points, (names[:2], names[2:]))
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


def of_page(builds):
    """Return what `page` is about."""
    names = (f"{FFT}.json", f"{DIRECT}.json", "plan.json", "units.json", "swept.sqlite")
    return [str(builds / name) for name in names]


@pytest.fixture(scope="module")
def page(builds):
    out = builds / "page.html"
    done = CliRunner().invoke(
        main, [*of_page(builds), "--no-simulation", "-o", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return out
