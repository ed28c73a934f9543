"""What is planned: the ParC layers of a network, as configurations that lack engines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError, first_line
from golden.inputs.read import read_json
from golden.line.weights import Arrays
from golden.operator.networks import NETWORKS, LayerShape, Size
from hw.layer.config import LayerConfig

_FILE = "network.json"
_OF_LAYER = ("name", "channels", "weights", "weights_port", "engines", "lanes", "target")
"""Keys of a configuration that the planner decides, or that layers of a kind differ in."""
_MOST_PIXELS = 1 << 20
"""Of a side of an image."""
_SCALARS: Mapping[str, tuple[str, ...]] = {
    "between": ("zero_point",),
    "output": ("zero_point",),
    "residual": ("multiplier", "shift", "zero_point"),
}
"""What holds for a whole layer, by the table of a configuration that has it."""
_PORTS: Mapping[str, Mapping[str, bool]] = {
    "between": {"zero_point_port": True},
    "output": {"zero_point_port": True},
    "residual": {"port": True},
}
"""The same where it arrives with the weights."""


@dataclass(frozen=True, eq=False)
class PlannedLayer:
    """A ParC layer of a network.

    Parameters
    ----------
    name
        Apart from the network's others.
    options
        Its configuration as it reads with weights on ports, without what the planner decides, and
        without ``scalars``. Layers of the same options can share an engine.
    channels
        Of its map.
    arrays
        Its weights, or None where only its shape is known.
    scalars
        What a configuration has of zero points and of the residual's scale, by its tables.
    """

    name: str
    options: Mapping[str, Any]
    channels: int
    arrays: Arrays | None = None
    scalars: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def form(self) -> str:
        """As `hw.build layer` has it."""
        return str(self.options["form"])

    @property
    def kind(self) -> str:
        """What layers have in common that an engine can serve in turn."""
        return json.dumps(self.options, sort_keys=True)


@dataclass(frozen=True, eq=False)
class PlannedNetwork:
    """A network to plan for.

    Parameters
    ----------
    name
        What the user called it.
    layers
        In the order in which a map takes them.
    size
        Height and width of the images, where they are known.
    read_from
        Files that it was read from.
    """

    name: str
    layers: Sequence[PlannedLayer]
    size: Size | None = field(default=None)
    read_from: tuple[Path, ...] = ()


def with_scalars(options: Mapping[str, Any], layers: Sequence[PlannedLayer]) -> dict[str, Any]:
    """Return ``options`` with zero points and scales that ``layers`` have in common.

    Those in which they differ come with their weights.
    """
    config = dict(options)
    for key, port in _PORTS.items():
        given = [layer.scalars.get(key, {}) for layer in layers]
        if key in config and any(given):
            same = all(scalars == given[0] for scalars in given)
            config[key] = config[key] | (given[0] if same else port)
    return config


def for_prediction(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with any zero points and scales: predictions need neither."""
    options = dict(config)
    for key, names in _SCALARS.items():
        if key in options:
            options[key] = {k: v for k, v in options[key].items() if k not in names}
    if options.get("residual") == {}:
        options["residual"] = {"multiplier": 1, "shift": 0}
    return options


def in_rom(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration for ports as it reads where the weights hold all values."""
    options = for_prediction(config)
    del options["weights_port"]
    for key in ("between", "output"):
        if key in options:
            options[key] = {k: v for k, v in options[key].items() if k != "zero_point_port"}
    if "residual" in options:
        options["residual"] = True
    return options


def published(name: str, size: Size | None = None) -> PlannedNetwork:
    """Return one of `golden.operator.networks.NETWORKS`, all maps of 8 bits.

    Raises
    ------
    ParameterError
        Where there is no such network, or the size is out of range.
    """
    if name not in NETWORKS:
        rule = f"a folder that hw.convert wrote, or one of {', '.join(NETWORKS)}"
        raise ParameterError("network", rule, name)
    network = NETWORKS[name]
    shapes = network.layers(size)
    layers = [_of_shape(shape) for shape in shapes]
    return PlannedNetwork(name, layers, size or (network.size, network.size))


def converted(folder: Path) -> PlannedNetwork:
    """Return the network whose layers `hw.convert` wrote to ``folder``.

    Raises
    ------
    ParameterError
        Where a file is missing, or does not hold what it should.
    """
    rule = f"a folder with a {_FILE} that hw.convert wrote"
    listed = read_json(folder / _FILE, "network", rule)
    try:
        configs = [folder / entry["config"] for entry in listed["layers"]]
        height, width = (_checked_size(size) for size in listed["input"][-2:])
    except (ValueError, LookupError, TypeError) as reason:
        raise ParameterError("network", rule, f"{folder} ({type(reason).__name__})") from None
    if not configs:
        raise ParameterError("network", "a network with layers", f"{folder} (none)")
    layers = [_read(path) for path in configs]
    read_from = [file for layer in layers for file in layer.read_from]
    planned = [_of_config(layer) for layer in layers]
    return PlannedNetwork(str(folder), planned, (height, width), (folder / _FILE, *read_from))


def in_memory(
    name: str, configs: Sequence[LayerConfig], size: Size | None = None
) -> PlannedNetwork:
    """Return the network of layers that `hw.convert` made, as they are."""
    return PlannedNetwork(name, [_of_config(config) for config in configs], size)


def _checked_size(value: object) -> int:
    if type(value) is not int:
        raise TypeError("a size is a whole number")
    if not 1 <= value <= _MOST_PIXELS:
        raise ValueError("a size is positive")
    return value


def _read(path: Path) -> LayerConfig:
    """Return a configuration of a file that `hw.build layer` takes, and that names its weights."""
    try:
        config = LayerConfig.read(path)
        config.design()
        for key in ("name", "weights"):
            Table(config.options).take(key, str)
        return config
    except ParameterError as reason:
        text = f"{path} ({first_line(reason)})"
        raise ParameterError("network", "of layers that hw.build takes", text) from None


def _of_shape(shape: LayerShape) -> PlannedLayer:
    options: dict[str, Any] = {"form": shape.form, "height": shape.height, "width": shape.width}
    if shape.form == "metaformer":
        options["between"] = {"bits": 8}
    options["output"] = {"bits": 8}
    return PlannedLayer(shape.name, options, shape.channels)


def _of_config(config: LayerConfig) -> PlannedLayer:
    assert config.arrays is not None
    options = {key: value for key, value in config.options.items() if key not in _OF_LAYER}
    scalars = _take_scalars(options, config.arrays)
    name, channels = config.options["name"], config.options["channels"]
    return PlannedLayer(name, options, channels, config.arrays, scalars)


def _take_scalars(options: dict[str, Any], arrays: Arrays) -> dict[str, dict[str, int]]:
    """Take what holds for a whole layer and is found in its weights, by tables of ``options``."""
    if options.get("residual") is True:
        options["residual"] = {}
    elif options.get("residual") is False:
        del options["residual"]
    return {
        key: {name: int(arrays.get(f"{key}.{name}", np.int64(0))) for name in names}
        for key, names in _SCALARS.items()
        if key in options
    }
