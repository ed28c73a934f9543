"""From a network to a program in external memory."""

from dataclasses import replace

import numpy as np

from golden.accelerator.compile import compile_network
from golden.accelerator.descriptor import Descriptor, Kind, Region, Transfer
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.constants import ConstantsLoader
from golden.accelerator.external.program import ExternalProgram, rows_of
from golden.accelerator.external.steps import Step, loading, storing, timed
from golden.accelerator.program import Program
from golden.inputs.errors import ParameterError
from golden.network.network import Network
from golden.numbers.interval import Integers


def compile_external(network: Network, capacity: Capacity) -> ExternalProgram:
    """Return the program that computes ``network`` on an accelerator of ``capacity``.

    Raises
    ------
    ParameterError
        Where an operator is not done, or something does not fit.
    """
    program = compile_network(network, capacity.sizes)
    if program.words > capacity.map_words:
        rule = f"of maps that fit {capacity.map_words} words"
        raise ParameterError("network", rule, program.words)
    loader = ConstantsLoader(capacity, program.rom)
    steps = loader.load(_steps(program, capacity))
    descriptors, rows = _with_rows(timed(steps), program.rom.weights, capacity)
    return ExternalProgram(
        capacity,
        tuple(descriptors),
        rows,
        loader.image,
        tuple(step.name for step in steps),
        program.taken * capacity.word_beats,
        program.given * capacity.word_beats,
        0,
    )


def _steps(program: Program, capacity: Capacity) -> list[Step]:
    """Return a program's steps, with transfers in the place of streams."""
    steps: list[Step] = []
    taken = given = 0
    after: tuple[Step, ...] = ()
    for one, name in zip(program.descriptors, program.names, strict=True):
        words = one.windows.positions
        if one.kind == Kind.TAKE:
            far = taken * capacity.word_beats
            step = Step(
                loading(Transfer(near=one.source.base, region=Region.INPUT, far=far, words=words)),
                name,
            )
            taken += words
            after = (step,)
        elif one.kind == Kind.GIVE:
            far = given * capacity.word_beats
            step = Step(
                storing(Transfer(near=one.source.base, region=Region.OUTPUT, far=far, words=words)),
                name,
            )
            given += words
        else:
            step = Step(one, name, after)
            after = ()
        steps.append(step)
    return steps


def _with_rows(
    descriptors: list[Descriptor], weights: Integers, capacity: Capacity
) -> tuple[list[Descriptor], Integers]:
    """Return descriptors with their rows one behind the other, as they are taken."""
    rows: list[Integers] = [np.zeros((0, capacity.sizes.tile), np.int64)]
    moved, address = [], 0
    for one in descriptors:
        count = rows_of(one, capacity)
        rows.append(weights[one.weight_address :][:count])
        moved.append(replace(one, weight_address=address, last=False))
        address += count
    return moved, np.concatenate(rows)
