"""Builds in LiteX: `ParcAccelerator` of networks, `ParcEngine` of line engines, `add` of either."""

from parc_litex.accelerator import ParcAccelerator
from parc_litex.attach import add
from parc_litex.engine import ParcEngine

__all__ = ["ParcAccelerator", "ParcEngine", "add"]
