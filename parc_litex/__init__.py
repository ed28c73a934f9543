"""Accelerators of `hw.build network --memory axi` in LiteX: `ParcAccelerator`, or `add`."""

from parc_litex.accelerator import ParcAccelerator, add

__all__ = ["ParcAccelerator", "add"]
