"""Steps of a program for external memory, before it is known what each has to wait for."""

from dataclasses import dataclass

from golden.accelerator.descriptor import Descriptor, Kind, Source, Transfer, Windows

_NOWHERE = Source(0, 1, 1, signed=True, zero_point=0)


@dataclass(frozen=True, eq=False)
class Step:
    """A descriptor, and the map that it works for."""

    descriptor: Descriptor
    name: str


def loading(transfer: Transfer) -> Descriptor:
    """Return the descriptor that brings words in."""
    return Descriptor(Kind.LOAD, False, _NOWHERE, Windows(), transfer=transfer)


def storing(transfer: Transfer) -> Descriptor:
    """Return the descriptor that takes words out."""
    return Descriptor(Kind.STORE, False, _NOWHERE, Windows(), transfer=transfer)
