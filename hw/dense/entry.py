"""What must be known of a dense engine: a part of an engine's entry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from golden.dense.design import DenseDesign
from hw.line.core import Core
from hw.targets.cost import Cost


@dataclass(frozen=True, kw_only=True)
class DenseEngine:
    """A dense engine.

    Parameters
    ----------
    design
        Describes one.
    core
        Makes a core of a design, with a `hw.dense.engine.pace_of_groups`.
    predict
        What a design takes of a device.
    ahead
        Cycles from a sample taken to its word's writing, of a line's first.
    behind
        Cycles from an output channel's last step to its last result.
    """

    design: type[DenseDesign]
    core: Callable[..., Core]
    predict: Callable[[Any], Cost]
    ahead: Callable[[Any], int]
    behind: Callable[[Any], int]
