"""Layer norms over channels: statistics of positions, then tiles brought to them."""

from dataclasses import dataclass

import numpy as np

from golden.accelerator.descriptor import Windows
from golden.accelerator.operators.sums import ONE, Sums, Term, narrow, zeros
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
    row
        Of it, that results begin with.
    """

    op: LayerNorm
    source: str
    row: int = 0

    @property
    def windows(self) -> Windows:
        """Each position."""
        return Windows(row=self.row)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Samples times the number of channels."""
        channels = self.op.gives.channels
        weight = np.full((channels, 1, 1, 1), channels, np.int64)
        return narrow((Term(self.source, weight, self.windows, apart=True),))

    @property
    def reads(self) -> Sums:
        """Which windows it reads: of each position all channels."""
        channels = self.op.gives.channels
        term = Term(self.source, np.zeros((channels, 1, 1, 1), np.int64), self.windows)
        return Sums((term,), zeros(channels), ONE, self.op.clip, self.op.gives.zero_point)


def layer_norm(op: LayerNorm, names: tuple[str, ...]) -> Normal:
    """Return the operator: it is more than sums."""
    return Normal(op, names[0])
