"""The parts of the campaign by name; each is imported where it is asked for."""

from collections.abc import Callable

from sim.campaign.part import Part


def _fuzz() -> Part:
    from sim.campaign.fuzz.part import Fuzz

    return Fuzz()


def _unknown() -> Part:
    from sim.campaign.unknown import Unknown

    return Unknown()


def _mutants() -> Part:
    from sim.campaign.faults.mutants import Mutants

    return Mutants()


def _upsets() -> Part:
    from sim.campaign.faults.upsets import Upsets

    return Upsets()


def _certificates() -> Part:
    from sim.campaign.certificates import Certificates

    return Certificates()


def _designs() -> Part:
    from sim.campaign.designs import Designs

    return Designs()


def _protocol() -> Part:
    from sim.campaign.protocol import Protocol

    return Protocol()


def _long() -> Part:
    from sim.campaign.long import Long

    return Long()


PARTS: dict[str, Callable[[], Part]] = {
    "fuzz": _fuzz,
    "unknown": _unknown,
    "protocol": _protocol,
    "mutants": _mutants,
    "upsets": _upsets,
    "certificates": _certificates,
    "designs": _designs,
    "long": _long,
}
