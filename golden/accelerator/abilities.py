"""What an accelerator does beside sums of products: built where a program needs it."""

from dataclasses import dataclass


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
    """

    largest: bool = False
    product: bool = False
    norm: int = 0
    single: bool = False


NONE = Abilities()
ALL = Abilities(largest=True, product=True)
