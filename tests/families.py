"""A small build of every family, by the command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hw.build import run
from hw.emit.toml import to_toml
from sim.networks import Builder, folder_of

LINES: Mapping[str, str] = {
    "direct": "direct --length 6 --lanes 2 --channels 2",
    "direct_ecp5": "direct --length 7 --macs 3 --target ecp5",
    "fft": "fft --length 8 --reset aresetn --reset-active low --clock aclk",
    "fermat": "fermat --length 6 --channels 2 --output requantized",
    "loaded": "fermat --length 5 --channels 2 --weights-port --output requantized",
    "registered": "direct --length 5 --channels 2 --weights-port --registers",
}
"""Line engines: the rest of their command lines."""


def _engines(height: str, width: str) -> dict[str, Any]:
    return {"engines": {"height": {"engine": height}, "width": {"engine": width}}}


_BETWEEN = {"between": {"bits": 8}}
_OUTPUT = {"output": {"bits": 8}}
LAYERS: Mapping[str, Mapping[str, Any]] = {
    "serial": _engines("fermat", "fft") | _BETWEEN,
    "parallel": _engines("direct", "direct") | _OUTPUT | {"weights_port": True},
    "metaformer": _engines("direct", "fermat") | _BETWEEN | _OUTPUT | {"residual": True},
    "metaformer_loaded": _engines("direct", "fermat")
    | _BETWEEN
    | _OUTPUT
    | {
        "form": "metaformer",
        "weights_port": True,
        "residual": {"multiplier": 65536, "shift": 16},
    },
    "dense": _engines("fermat", "fermat"),
    "dense_streamed": _engines("direct", "direct")
    | _OUTPUT
    | {"form": "dense", "weights_port": True, "streamed": True},
    "linear": _engines("direct", "fft")
    | _BETWEEN
    | {"kernels": {axis: {"taps": 3} for axis in ("height", "width")}},
    "global_filter": {"engines": {"plane": {"engine": "fft"}}},
    "depthwise": {"kernel": 3, "engines": {"plane": {"engine": "fermat"}}},
}
"""Layers: what their configurations have of their own; the name is the form unless one is given."""

NETWORKS: Mapping[str, str] = {
    "network": "--tile 4",
    "network_axi": "--tile 4 --memory axi --data-bits 32 --map-bytes 4096 --weight-bytes 4096",
}
"""Accelerators: the rest of their command lines."""

FAMILIES = (*LINES, *LAYERS, *NETWORKS)


def build(family: str, folder: Path, *options: str) -> Path:
    """Build one of `FAMILIES` by its name into ``folder``; return its manifest."""
    out = (*options, "--name", family, "-o", str(folder))
    if family in LINES:
        arguments = LINES[family].split()
    elif family in LAYERS:
        own = {"form": family, "channels": 2, "height": 4, "width": 4} | dict(LAYERS[family])
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / f"{family}.toml"
        config.write_bytes(to_toml(own))
        arguments = ["layer", "--config", str(config)]
    else:
        config = folder_of(small_network(), folder.parent / f"{family}_config")
        arguments = ["network", "--config", str(config), *NETWORKS[family].split()]
    assert run([*arguments, *out]) == 0
    return folder / f"{family}.json"


def small_network() -> Any:
    """Return a network of a convolution, ParC, an addition and an average."""
    builder = Builder((3, 6, 5))
    first = builder.convolution("image", 4, 3)
    turned = builder.circular(first, 0, embedding=(6, 1))
    added = builder.plus(first, turned)
    last = builder.average(added, (6, 5))
    return builder.network(added, last)
