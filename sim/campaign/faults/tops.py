"""Small builds with weights in ROM, and accelerators, that faults are put into."""

import tempfile
from pathlib import Path

from golden.accelerator.compile import compile_network
from golden.accelerator.sizes import Sizes
from sim.campaign.faults.external import ExternalSubject
from sim.campaign.faults.loaded import LoadedSubject
from sim.campaign.faults.streams import DesignSubject, ProgramSubject
from sim.campaign.faults.subject import Build, Subject
from sim.campaign.faults.unit import UNITS, UnitSubject
from sim.campaign.small import LINES, every, layer_of, line_of

ACCELERATOR, EXTERNAL = "accelerator", "accelerator-axi"
STREAMED = (
    *("direct", "direct-folded-requantized", "direct-paired", "fft", "fft-of-other-length"),
    *("fermat", "dense", "linear", "depthwise", "metaformer-transformed", "filter"),
)
"""Engines and layers with their weights in ROM."""
LOADED = ("direct-loaded",)
TOPS = (*STREAMED, *LOADED, ACCELERATOR, EXTERNAL)
_UNIT_AT = {f"{EXTERNAL}/{unit}": unit for unit in UNITS}
UNIT_TOPS = tuple(_UNIT_AT)
"""Units of the accelerator with memory outside, as tops of their own."""


def any_subject_of(top: str) -> Subject:
    """Return the build of a top, or a unit of one: of `TOPS` and `UNIT_TOPS`."""
    return UnitSubject(_UNIT_AT[top]) if top in _UNIT_AT else subject_of(top)


def subject_of(top: str, *, hardened: bool = False) -> Build:
    """Return the build of a top."""
    if top == EXTERNAL:
        return ExternalSubject(hardened=hardened)
    if top == ACCELERATOR:
        program = compile_network(every()[1], Sizes(tile=4, scalers=1, positions=16))
        return ProgramSubject(program, hardened=hardened)
    if top in LOADED:
        return LoadedSubject(line_of(top), hardened=hardened)
    if top in LINES:
        return DesignSubject(line_of(top), hardened=hardened)
    with tempfile.TemporaryDirectory() as folder:
        return DesignSubject(layer_of(top, Path(folder)), hardened=hardened)
