"""What a certificate proves of the nodes inside: their ranges, and the bits that they have."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NodeRange:
    """A node's range.

    Parameters
    ----------
    low, high
        Least and greatest value over every input.
    bits
        That it has, in two's complement.
    """

    low: int
    high: int
    bits: int


def ranges_of(certificate: Mapping[str, Any], inside: str = "") -> dict[str, NodeRange]:
    """Return the ranges of all nodes that a certificate has a width for, by name.

    Entries ``X_low``, ``X_high`` and ``X_bits`` are of node X; tables inside are of parts.
    """
    found: dict[str, NodeRange] = {}
    for key, value in certificate.items():
        if isinstance(value, Mapping):
            found |= ranges_of(value, key if key != "layers" else inside)
        elif key.endswith("_bits") and f"{key.removesuffix('_bits')}_low" in certificate:
            node = key.removesuffix("_bits")
            name = f"{inside}: {node}" if inside else node
            ends = (certificate[f"{node}_low"], certificate[f"{node}_high"])
            found[name] = NodeRange(*ends, value)
    return found
