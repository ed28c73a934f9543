"""What an accelerator does beside sums of products: built where a program needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from golden.accelerator.operators.arithmetic import multiplies_maps
from golden.network.arithmetic import Add, Multiply
from golden.network.layer_norm import GAIN_BITS, LayerNorm
from golden.network.network import Network
from golden.network.rescale import SIGNIFICAND_BITS
from golden.numbers.interval import Interval
from golden.numbers.quantize import MULTIPLIER_BITS

SINGLE_SHIFTS = Interval(14, 57)
"""Of factors of float32: beyond either end all comes to a clip, or to nothing."""


@dataclass(frozen=True)
class Abilities:
    """What is built.

    Parameters
    ----------
    largest
        Finds the largest samples of windows.
    product
        Multiplies samples of two maps.
    norm
        Channels of the widest layer norm; 0 is none.
    single
        Rounds as float32 does, for scales of others.
    addition
        Adds two products as float32 does, with them.
    """

    largest: bool = False
    product: bool = False
    norm: int = 0
    single: bool = False
    addition: bool = False

    @property
    def factor_bits(self) -> int:
        """Width of a factor: a significand's; a gain of a layer norm has a sign."""
        if self.single:
            return SIGNIFICAND_BITS
        return GAIN_BITS if self.norm else MULTIPLIER_BITS


NONE = Abilities()
LEAST = Abilities(largest=True)
"""What every accelerator has whose programs are in memory."""
ALL = replace(LEAST, product=True)
"""All that networks with scales of our own take, but for layer norms."""


def abilities_for(networks: Sequence[Network]) -> Abilities:
    """Return what an accelerator must be able to do that runs any of ``networks`` from memory."""
    operators = [one for network in networks for one in network.operators.values()]
    norms = [one.takes[0].channels for one in operators if isinstance(one, LayerNorm)]
    return replace(
        LEAST,
        product=any(
            isinstance(node.stage, Multiply) and multiplies_maps(node.stage, node.sources)
            for network in networks
            for node in network.nodes
        ),
        norm=max(norms, default=0),
        single=not all(network.own for network in networks),
        addition=any(isinstance(one, Add) and one.rescale.single for one in operators),
    )
