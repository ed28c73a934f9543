"""Accelerators of `hw.build network --memory axi` in LiteX: import `ParcAccelerator`."""

from parc_litex.accelerator import ParcAccelerator

__all__ = ["ParcAccelerator"]
