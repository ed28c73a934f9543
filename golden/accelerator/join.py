"""Programs behind each other: one accelerator that does all of them, a frame of each in turn."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from golden.accelerator.descriptor import Descriptor
from golden.accelerator.program import Program, Rom


def joined(programs: Sequence[Program]) -> Program:
    """Return the program that does ``programs``, all of one accelerator's sizes, in turn.

    Raises
    ------
    ValueError
        Where their sizes differ.
    """
    sizes = programs[0].sizes
    if any(program.sizes != sizes for program in programs):
        raise ValueError("Programs must be of one accelerator's sizes")
    descriptors: list[Descriptor] = []
    weights = bias = scale = table = 0
    for program in programs:
        for one in program.descriptors:
            finish = replace(
                one.finish,
                bias=one.finish.bias + bias,
                scale=one.finish.scale + scale,
                table=one.finish.table + table,
            )
            address = one.weight_address + weights
            descriptors.append(replace(one, weight_address=address, finish=finish))
        weights += len(program.rom.weights)
        bias += len(program.rom.bias)
        scale += len(program.rom.multiplier)
        table += len(program.rom.tables)
    names = ("weights", "bias", "multiplier", "shift", "tables", "kernels")
    rom = Rom(*(np.concatenate([getattr(p.rom, name) for p in programs]) for name in names))
    return Program(
        sizes,
        tuple(descriptors),
        rom,
        max(program.words for program in programs),
        tuple(f"{n}.{name}" for n, program in enumerate(programs) for name in program.names),
    )
