"""Steps of a program for external memory, before it is known what each has to wait for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from golden.accelerator.descriptor import (
    ANY,
    Descriptor,
    Kind,
    Source,
    Transfer,
    Windows,
)

_NOWHERE = Source(0, 1, 1, signed=True, zero_point=0)


@dataclass(frozen=True, eq=False)
class Step:
    """A descriptor, and which steps must be over before it begins.

    Parameters
    ----------
    descriptor
        What is done; its `loads` and `stores` are not looked at.
    name
        The map that it works for.
    after
        Transfers among the steps before that must be over.
    """

    descriptor: Descriptor
    name: str
    after: tuple["Step", ...] = ()


def loading(transfer: Transfer, *, waits: bool = False) -> Descriptor:
    """Return the descriptor that brings words in."""
    return Descriptor(Kind.LOAD, waits, _NOWHERE, Windows(), transfer=transfer)


def storing(transfer: Transfer) -> Descriptor:
    """Return the descriptor that takes words out, once all that was computed is written."""
    return Descriptor(Kind.STORE, True, _NOWHERE, Windows(), transfer=transfer)


def timed(steps: Iterable[Step]) -> list[Descriptor]:
    """Return the descriptors, each with how many transfers may be under way when it begins.

    Loads are over in their order, and stores in theirs.
    """
    order: dict[Step, int] = {}
    counts = {Kind.LOAD: 0, Kind.STORE: 0}
    timed_ones = []
    for step in steps:
        left = {Kind.LOAD: ANY, Kind.STORE: ANY}
        for other in step.after:
            kind = other.descriptor.kind
            left[kind] = min(left[kind], counts[kind] - order[other])
        timed_ones.append(replace(step.descriptor, loads=left[Kind.LOAD], stores=left[Kind.STORE]))
        kind = step.descriptor.kind
        if kind in counts:
            counts[kind] += 1
            order[step] = counts[kind]
    return timed_ones
