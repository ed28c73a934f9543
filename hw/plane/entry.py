"""What must be known of a two-dimensional engine: a part of an engine's entry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from golden.plane.design import PlaneDesign
from hw.line.core import Core
from hw.targets.cost import Cost


@dataclass(frozen=True, kw_only=True)
class PlaneEngine:
    """A two-dimensional engine.

    Parameters
    ----------
    design
        Describes one.
    core
        Makes a core of a design.
    predict
        What a design takes of a device.
    """

    design: type[PlaneDesign]
    core: Callable[[Any], Core]
    predict: Callable[[Any], Cost]
