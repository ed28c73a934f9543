"""What a certificate proves of the nodes inside, and how near its bound a search comes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.numbers.search import climb
from hw.emit.manifest import design_of, integers_of
from hw.report.subject import Subject

_GENERATIONS = 1024
"""Of inputs times their length: seconds."""


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


def largest_found(subject: Subject) -> float | None:
    """Return the largest error of a sum that a search finds; None where there is none to look for.

    The search is short, and the same again: an input further off may well exist, up to the bound.
    """
    manifest = subject.manifest
    if "engine" not in manifest or not subject.weights:
        return None
    design = design_of(manifest, integers_of(manifest, subject.weights))
    one = design.searchable()
    if one is None:
        return None
    generations = max(_GENERATIONS // design.length, 1)
    return climb(one, generations, np.random.default_rng(design.length))
