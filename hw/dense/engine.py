"""The dense engines' rate."""

from golden.dense.design import DenseDesign
from hw.engines import DENSE_ENGINES

_SET_GAP = 4
"""Cycles between the last beat of a set of streamed weights and the first of the next but one."""


def cycles_between_groups(design: DenseDesign) -> int:
    """Return cycles for two groups of channels in steady state.

    A half of the store is filled, waits for the last line's transform, and is then read; while one
    is, the other is too. Where that takes longest, the two groups take different times.
    """
    ahead = DENSE_ENGINES[type(design)].ahead(design)
    filled, read_twice = design.cycles_of_input, design.channels_per_group * _two_channels(design)
    return max(2 * filled, read_twice, filled + ahead + -(-read_twice // 2))


def pace_of_groups(design: DenseDesign) -> int:
    """Return the least cycles between two groups that make all of them alike; 0 where they are.

    A group that began sooner would only have the next one wait the longer.
    """
    between = cycles_between_groups(design)
    if between in (2 * design.cycles_of_input, 2 * design.cycles_of_output):
        return 0
    return -(-between // 2)


def cycles_of_group(design: DenseDesign) -> int:
    """Return cycles from a group's first step until the next one's can follow, if it is there."""
    return -(-design.channels_per_group * _two_channels(design) // 2)


def _two_channels(design: DenseDesign) -> int:
    """Return cycles for two output channels.

    Streamed weights come in while a channel is worked on, once all results of the channel before
    have left: their bank is its.
    """
    worked = design.cycles_per_group * design.groups_per_channel
    if not design.streamed:
        return 2 * worked
    loaded = design.coefficient_words
    leaving = DENSE_ENGINES[type(design)].behind(design) - 1
    return max(2 * worked, 2 * (loaded + _SET_GAP), worked + loaded + leaving)
