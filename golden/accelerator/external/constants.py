"""Bringing constants in: while one part of the steps is at work, the next one's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from golden.accelerator.descriptor import Descriptor, Finish, Kind, Region, Space, Transfer
from golden.accelerator.external.capacity import KERNEL_WORDS, Capacity
from golden.accelerator.external.depthwise import record_of
from golden.accelerator.external.format import pack_steps, scale_words
from golden.accelerator.external.steps import Step, loading
from golden.accelerator.program import Rom, finishes
from golden.accelerator.words import bytes_of
from golden.inputs.errors import ParameterError


@dataclass
class _Part:
    """Steps whose constants are there at the same time: rows of ROMs, kernels, and tables."""

    steps: list[Step] = field(default_factory=list)
    biases: frozenset[int] = frozenset()
    scales: frozenset[int] = frozenset()
    tables: frozenset[int] = frozenset()
    kernels: frozenset[int] = frozenset()


def _rows(one: Descriptor, parts: int) -> tuple[range, range]:
    """Return the rows of biases and of factors that a descriptor uses."""
    finish, windows = one.finish, one.windows
    parts += finish.adds
    beyond = finish.bias_row * (windows.rows - 1) + finish.bias_column * (windows.columns - 1)
    biases = range(finish.bias, finish.bias + beyond + parts)
    return biases, range(finish.scale, finish.scale + parts)


class ConstantsLoader:
    """Puts steps in parts, and before each the transfers of the next one's constants.

    Parameters
    ----------
    capacity
        Of the accelerator.
    rom
        All constants, by the addresses that the steps have.
    """

    def __init__(self, capacity: Capacity, rom: Rom) -> None:
        self._capacity = capacity
        self._rom = rom
        self._half = capacity.constants // 2
        self._size = 0  # in beats
        self._slots: dict[int, int] = {}  # table: slot, the one used last at the end
        self._stored: dict[bytes, int] = {}

    @property
    def image(self) -> bytes:
        """What the transfers bring."""
        return b"".join(self._stored)

    def load(self, steps: Sequence[Step]) -> list[Step]:
        """Return the steps with their transfers, and with addresses in the memories."""
        parts = list(self._parts(steps))
        loads = self._loads(parts[0], 0)
        made = list(loads)
        for number, part in enumerate(parts):
            slots = dict(self._slots)
            if number + 1 < len(parts):
                # Those that are at work in the other half must be over: as the first step waits.
                loads = self._loads(parts[number + 1], number + 1, part.tables)
                made += loads
            made += self._moved(part, number, slots)
        return made

    def _parts(self, steps: Sequence[Step]) -> Iterator[_Part]:
        part = _Part()
        group: list[Step] = []
        for step in steps:
            group.append(step)
            one = step.descriptor
            if one.kind == Kind.COMPUTE and not one.final:
                continue
            grown = self._grown(part, group)
            if grown is None:
                yield part
                grown = self._grown(_Part(), group)
                if grown is None:
                    rule = f"of operators whose biases take {self._half} steps"
                    raise ParameterError("network", rule, f"more ({step.name})")
            part, group = grown, []
        yield replace(part, steps=[*part.steps, *group])

    def _grown(self, part: _Part, group: list[Step]) -> _Part | None:
        """Return a part with more steps, or None where their constants have no place."""
        biases, scales, tables, kernels = part.biases, part.scales, part.tables, part.kernels
        for one in (step.descriptor for step in group if not step.descriptor.turns):
            if one.kind == Kind.DEPTHWISE:
                kernels = kernels.union(record_of(one, self._capacity))
                tables |= {one.finish.table}
            elif finishes(one):
                of_biases, of_scales = _rows(one, self._capacity.sizes.parts)
                biases, scales = biases.union(of_biases), scales.union(of_scales)
                tables |= {one.finish.table}
        fits = max(len(biases), len(scales)) <= self._half
        fits = fits and len(kernels) <= KERNEL_WORDS // 2
        if not fits or len(tables) > max(self._capacity.tables // 2, 1):
            return None
        return _Part([*part.steps, *group], biases, scales, tables, kernels)

    def _loads(self, part: _Part, number: int, held: frozenset[int] = frozenset()) -> list[Step]:
        """Return the transfers of a part's constants."""
        rom, capacity = self._rom, self._capacity
        near = number % 2 * self._half
        loads = []
        if part.biases:
            rows, factors = sorted(part.biases), sorted(part.scales)
            packed = {
                Space.BIASES: pack_steps(rom.bias[rows], capacity),
                Space.SCALES: pack_steps(
                    scale_words(rom.multiplier[factors], rom.shift[factors], capacity.scales),
                    capacity,
                ),
            }
            for space, words in packed.items():
                count = len(words) // (capacity.step_beats * capacity.beat_bytes)
                loads.append(Transfer(space, near, Region.PROGRAM, self._store(words), count))
        if part.kernels:
            words = rom.kernels[sorted(part.kernels)].astype(np.uint8).tobytes()
            half = number % 2 * KERNEL_WORDS // 2
            far, count = self._store(words), len(part.kernels)
            loads.append(Transfer(Space.KERNELS, half, Region.PROGRAM, far, count))
        for table in sorted(part.tables):
            if table in self._slots:
                self._slots[table] = self._slots.pop(table)
                continue
            slot = self._slot(held | part.tables)
            self._slots[table] = slot
            far = self._store(bytes_of(rom.tables[table]))
            beats = capacity.table_beats
            loads.append(Transfer(Space.TABLES, slot * beats, Region.PROGRAM, far, beats))
        return [Step(loading(one), part.steps[0].name) for one in loads]

    def _slot(self, held: frozenset[int]) -> int:
        """Return a slot for a table: a free one, or that of which the use is longest ago."""
        if len(self._slots) < self._capacity.tables:
            return len(self._slots)
        oldest = next(table for table in self._slots if table not in held)
        return self._slots.pop(oldest)

    def _store(self, packed: bytes) -> int:
        """Return where constants lie in the program, in beats; the same ones lie there once."""
        if packed not in self._stored:
            self._stored[packed] = self._capacity.header_beats + self._size
            self._size += len(packed) // self._capacity.beat_bytes
        return self._stored[packed]

    def _moved(self, part: _Part, number: int, slots: dict[int, int]) -> Iterator[Step]:
        """Yield a part's steps, their constants where they were brought."""
        near = number % 2 * self._half
        half = number % 2 * KERNEL_WORDS // 2
        biases, scales, kernels = (
            {row: first + place for place, row in enumerate(sorted(rows))}
            for first, rows in ((near, part.biases), (near, part.scales), (half, part.kernels))
        )
        for step in part.steps:
            one = step.descriptor
            if one.turns:
                yield step
                continue
            if one.kind == Kind.DEPTHWISE:
                finish = replace(one.finish, table=slots[one.finish.table])
                moved = replace(one, weight_address=kernels[one.weight_address], finish=finish)
                yield Step(moved, step.name)
                continue
            if one.kind != Kind.COMPUTE:
                yield step
                continue
            finish = one.finish if one.final else Finish()
            if finishes(one):
                finish = replace(
                    one.finish,
                    bias=biases[one.finish.bias],
                    scale=scales[one.finish.scale],
                    table=slots[one.finish.table],
                )
            yield Step(replace(one, finish=finish), step.name)
