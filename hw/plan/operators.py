"""What is planned of a whole network in integers: its circular convolutions, each a layer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from golden.inputs.errors import ParameterError
from golden.network.circular import Circular
from golden.network.files import CONFIG, read_network
from hw.plan.network import PlannedLayer, PlannedNetwork

FILE = CONFIG


def whole(folder: Path) -> PlannedNetwork:
    """Return the circular convolutions of what `hw.convert --whole` wrote to ``folder``.

    Halves of a map that have a convolution each are layers of their own. Shapes alone are planned.

    Raises
    ------
    ParameterError
        Where a file is missing or broken, or has no circular convolution, or one that no form of
        layers does.
    """
    network = read_network(folder / FILE)
    layers = [
        PlannedLayer(name, _options(name, operator), operator.gives.channels)
        for name, operator in network.operators.items()
        if isinstance(operator, Circular)
    ]
    if not layers:
        raise ParameterError("network", "a network with circular convolutions", f"{folder} (none)")
    image = network.maps[network.input]
    return PlannedNetwork(str(folder), layers, (image.height, image.width), (folder / FILE,))


def _options(name: str, operator: Circular) -> Mapping[str, Any]:
    """Return a layer's configuration, without what the planner decides."""
    (data,) = operator.takes
    sides = {"height": data.height, "width": data.width}
    size = dict(zip(sides, operator.weight.shape[2:], strict=True))
    along = [axis for axis, taps in size.items() if taps > 1]
    apart = operator.groups == data.channels == operator.gives.channels
    full = all(size[axis] == sides[axis] for axis in along)
    common = {**sides, "output": {"bits": operator.gives.bits}}
    if apart and full and len(along) == 1:
        return {"form": "serial", "order": along, **common}
    if apart and full and len(along) == 2:
        return {"form": "global_filter", **common}
    if full and len(along) == 1 and operator.groups == 1 and data.channels == len(operator.weight):
        return {"form": "dense", "axis": along[0], **common}
    rule = "of kernels as long as the map, a channel each or of all channels"
    found = f"{name}, {operator.weight.shape} of {operator.groups} groups"
    raise ParameterError("network", rule, found)
