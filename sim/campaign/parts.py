"""The parts of the campaign by name; each is imported where it is asked for."""

from collections.abc import Callable

from sim.campaign.part import Part


def _fuzz() -> Part:
    from sim.campaign.fuzz.part import Fuzz

    return Fuzz()


PARTS: dict[str, Callable[[], Part]] = {"fuzz": _fuzz}
