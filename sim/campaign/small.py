"""Small builds of every kind, for trials of each cycle and each bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.sizes import Sizes
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.network.network import Network
from hw.engines import ENGINES
from hw.layer.config import read_layer
from sim.external import CAPACITY
from sim.networks import Builder

_NARROW = {"operand_bits": 11, "twiddle_bits": 9, "spectrum_bits": 10}
"""So few that each bit that is rounded off may be seen in a result."""
LINES: dict[str, dict[str, Any]] = {
    "direct": {"length": 3, "channels": 2},
    "direct-folded-requantized": {"length": 5, "macs": 2, "lanes": 2, "requantized": True},
    "direct-paired": {"length": 6, "channels": 2, "lanes": 2, "macs": 6, "paired": True},
    "direct-loaded": {"length": 3, "channels": 2, "port": True, "target": "ecp5"},
    "direct-folded-loaded": {"length": 4, "macs": 3, "port": True, "requantized": True},
    "fft": {"length": 4, "lanes": 2, "target": "ecp5"},
    "fft-of-other-length": {"length": 3, "lanes": 2, **_NARROW},
    "fft-loaded": {"length": 4, "lanes": 2, "port": True},
    "fermat": {"length": 4, "channels": 2, "target": "ecp5"},
    "fermat-loaded": {"length": 4, "port": True, "requantized": True},
}
LONG: dict[str, dict[str, Any]] = {
    "direct": {"length": 56, "channels": 4, "rows": 3},
    "fft": {"length": 56, "lanes": 2},
    "fermat": {"length": 56, "channels": 2},
}
"""Engines, not so small, that run for long."""
AXES = """
    channels = 2
    height = 3
    width = 4
    engines.height.engine = "direct"
    engines.width.engine = "direct"
"""
LAYERS = {
    "serial": f'form = "serial"\ntarget = "ecp5"\n{AXES}',
    "parallel": f'form = "parallel"\n{AXES}',
    "metaformer": f"""
        form = "metaformer"
        weights_port = true
        residual = {{multiplier = 99999, shift = 17, zero_point = -4}}
        between = {{}}
        output = {{}}
        {AXES}
    """,
    "metaformer-transformed": f"""
        form = "metaformer"
        residual = true
        between = {{}}
        output = {{}}
        channels = 2
        height = 3
        width = 4
        engines.height = {{engine = "fft", {", ".join(f"{k} = {v}" for k, v in _NARROW.items())}}}
        engines.width.engine = "fermat"
    """,
    "filter": """
        form = "global_filter"
        channels = 2
        height = 2
        width = 4
        engines.plane.engine = "fft"
    """,
    "shared": f"""
        form = "serial"
        shared_engine = true
        between = {{}}
        output = {{}}
        {AXES.replace("width = 4", "width = 3")}
    """,
    "dense": f'form = "dense"\nout_channels = 2\n{AXES.replace("width = 4", "width = 3")}',
    "dense-streamed": """
        form = "dense"
        weights_port = true
        streamed = true
        axis = "width"
        channels = 2
        out_channels = 2
        height = 2
        width = 4
        engines.width.engine = "fft"
    """,
    "linear": f"""
        form = "linear"
        between = {{}}
        kernels.height.taps = 3
        kernels.width.taps = 3
        {AXES}
    """,
    "depthwise": """
        form = "depthwise"
        channels = 2
        height = 3
        width = 3
        kernel = 3
        engines.plane.engine = "fermat"
    """,
}

SMALL: Capacity = replace(
    CAPACITY,
    sizes=Sizes(tile=4, scalers=2, positions=32),
    map_bytes=1 << 11,
    constants=256,
    tables=2,
    weight_bytes=1 << 9,
    patience=12,
    depthwise=3,
)
"""Of all that can be built the smallest that is no special case."""


def line_of(case: str) -> LineDesign:
    """Return the engine of `LINES`."""
    options = dict(LINES[case])
    port, requantized = (options.pop(key, False) for key in ("port", "requantized"))
    requantization = Requantization() if requantized else None
    formats = {"length": options["length"], "channels": options.get("channels", 1)}
    weights = example_weights(
        **formats,
        data_bits=8,
        weight_bits=8,
        requantized=requantization.clip if requantization else None,
    )
    return ENGINES[case.split("-")[0]].design(
        name="engine",
        weights=None if port else weights,
        requantization=requantization,
        **options,
    )


def layer_of(case: str, folder: Path) -> LayerDesign:
    """Return the layer of `LAYERS`, whose file is written to ``folder``."""
    (folder / "layer.toml").write_text(LAYERS[case], encoding="utf-8")
    return read_layer(folder / "layer.toml")


def least() -> tuple[Builder, Network]:
    """Return a network of a few hundred cycles."""
    b = Builder((3, 3, 2), seed=8)
    x = b.pointwise(b.convolution("image", 5, 2))
    return b, b.network(b.plus(x, b.convolution(x, 5, groups=5)))


def every() -> tuple[Builder, Network]:
    """Return a little of all that units do, of odd sizes."""
    b = Builder((3, 6, 5), seed=8)
    x = b.convolution("image", 6, 3, stride=2, padding=(1, 1, 1, 1))
    d = b.convolution(x, 6, 3, groups=6)
    y = b.pointwise(b.convolution(d, 5))
    n = b.circular(b.layer_norm(y), 0, embedding=(3, 1))
    z = b.times(n, b.convolution(b.average(n, (3, 3)), 5))
    return b, b.network(b.plus(y, z))
