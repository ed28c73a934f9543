"""Layer norms over channels: statistics of positions, then tiles brought to them."""

from dataclasses import dataclass

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import Term, narrow
from golden.network.layer_norm import LayerNorm


@dataclass(frozen=True, eq=False)
class Normal:
    """A layer norm on its way to descriptors.

    Parameters
    ----------
    op
        What it computes.
    source
        Name of the map.
    """

    op: LayerNorm
    source: str

    @property
    def terms(self) -> tuple[Term, ...]:
        """Samples times the number of channels."""
        channels = self.op.gives.channels
        weight = np.full((channels, 1, 1, 1), channels, np.int64)
        return narrow((Term(self.source, weight, Windows(), apart=True),))


def layer_norm(op: LayerNorm, names: tuple[str, ...]) -> Normal:
    """Return the operator: it is more than sums."""
    return Normal(op, names[0])
