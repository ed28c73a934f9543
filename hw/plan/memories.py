"""External memories by name: what they give an accelerator."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from golden.inputs.errors import ParameterError
from hw.accelerator.external.timing import MemoryPace

LATENCY = 40
"""Cycles from an address to its first beat beyond the least, as measurements here have them."""


@dataclass(frozen=True)
class NamedMemory:
    """A memory.

    Parameters
    ----------
    rate
        Bytes a second that it gives and takes.
    source
        Where that is from.
    """

    rate: float
    source: str


MEMORIES: Mapping[str, NamedMemory] = {
    "ddr3-x16": NamedMemory(1.36e9, "16 bits, 800 MT/s, 85 % of the peak"),
    "ddr3-x16-open": NamedMemory(0.51e9, "the same, as open controllers for ECP5 are known for"),
    "sdr-x16": NamedMemory(0.226e9, "16 bits, 133 MHz, 85 % of the peak"),
}


def slower(text: str) -> str:
    """Return the name of a memory to be looked at beside another: the next one down the list."""
    names = list(MEMORIES)
    at = names.index(text) if text in names else 0
    return names[min(at + 1, len(names) - 1)]


def memory_named(text: str, clock: float) -> MemoryPace:
    """Return a memory by its name, or as ``ideal`` or ``LATENCY,BYTES`` say, at a clock in Hz.

    Raises
    ------
    ParameterError
        Where it is none of these.
    """
    if text == "ideal":
        return MemoryPace()
    if text in MEMORIES:
        return MemoryPace(LATENCY, round(MEMORIES[text].rate / clock, 3))
    found = re.fullmatch(r"(\d{1,6}),(\d{1,3}(?:\.\d{1,3})?)", text)
    if found is None or not float(found[2]):
        rule = f"ideal, {', '.join(MEMORIES)}, or cycles of latency and bytes a cycle with a comma"
        raise ParameterError("memory", rule, repr(text))
    return MemoryPace(int(found[1]), float(found[2]))
