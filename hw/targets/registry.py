"""The targets by name, and their devices."""

import re

from golden.inputs.errors import ParameterError
from golden.targets import FACTS
from hw.targets.device import Device
from hw.targets.ecp5 import ECP5
from hw.targets.generic import GENERIC
from hw.targets.ice40 import ICE40
from hw.targets.target import Target
from hw.targets.xc7 import XC7
from hw.targets.xcup import XCUP

TARGETS: dict[str, Target] = {target.name: target for target in (GENERIC, ECP5, ICE40, XC7, XCUP)}
REFERENCE = ECP5
"""The target in whose cells `hw.predict` counts."""
assert REFERENCE.prices is not None
PRICES = REFERENCE.prices
"""Of those cells."""


def counted_for(target: str) -> Target:
    """Return the target in whose cells figures for ``target`` are: `REFERENCE` without a model."""
    model = TARGETS[target].cost_model
    return REFERENCE if model is None else TARGETS[model.cells]


def register(target: Target) -> None:
    """Add a target to those that can be built for.

    Raises
    ------
    ValueError
        Where there is one of its name already, or a device of one of its devices'.
    """
    if target.name in TARGETS:
        raise ValueError(f"Target must have a name of its own, not {target.name!r}")
    known = devices()
    for device in target.devices:
        if device.name in known:
            raise ValueError(f"Device must have a name of its own, not {device.name!r}")
    FACTS[target.name] = target.facts
    TARGETS[target.name] = target


def unregister(name: str) -> None:
    """Take out what `register` added."""
    del TARGETS[name], FACTS[name]


def devices() -> dict[str, Device]:
    """Return the devices of all targets by name."""
    return {device.name: device for target in TARGETS.values() for device in target.devices}


def device_named(name: str) -> Device:
    """Return the device called ``name``.

    Raises
    ------
    ParameterError
        Where there is none.
    """
    known = devices()
    if name not in known:
        raise ParameterError("device", f"one of {', '.join(known)}", repr(name))
    return known[name]


def models_for(verilog: str) -> dict[str, str]:
    """Return the models of the primitives that ``verilog`` instantiates, by file name."""
    words = set(re.findall(r"^ *(\w+) (?:#\(|\S+ +\()", verilog, re.MULTILINE))
    return {
        f"{name}.v": text
        for target in TARGETS.values()
        for name, text in target.models.items()
        if name in words
    }
