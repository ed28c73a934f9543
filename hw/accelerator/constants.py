"""What the post unit looks up, in ROM or in memories that are filled in."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from amaranth.hdl import Cat, Module, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from golden.accelerator.program import Rom
from golden.accelerator.sizes import DATA_BITS, SUM_BITS
from golden.numbers.interval import Integers, Interval
from hw.accelerator.layout import Layouts
from hw.parts.ports import Component, View
from hw.parts.tables import Table
from hw.primitives.memory import READ_LATENCY, Memory

TABLE = 1 << DATA_BITS
"""Entries of a table."""
SLOT_BITS = 32
"""Of a bias, and of a factor with its shift, where they are filled in."""


def shift_bits(shifts: Interval) -> int:
    """Return the width of a shift as it is kept: of how much less it is than the largest."""
    return max((shifts.high - shifts.low).bit_length(), 1)


def biases_layout(layouts: Layouts) -> data.ArrayLayout:
    """Return the layout of a step's biases."""
    return data.ArrayLayout(signed(SUM_BITS), layouts.sizes.scalers)


def scales_layout(layouts: Layouts) -> data.StructLayout:
    """Return the layout of a step's factors and shifts."""
    scalers, bits = layouts.sizes.scalers, shift_bits(layouts.shifts)
    return data.StructLayout(
        {
            "multiplier": data.ArrayLayout(unsigned(layouts.abilities.factor_bits), scalers),
            "shift": data.ArrayLayout(unsigned(bits), scalers),
        }
    )


def fill_layout(layouts: Layouts) -> data.StructLayout:
    """Return the layout of a word that is filled in, and of where: one of three memories.

    A word of biases or scales has `SLOT_BITS` a scaler; a word of a table is its low byte.
    """
    deepest = max(layouts.constants, layouts.tables * TABLE)
    return data.StructLayout(
        {
            "biases": 1,
            "scales": 1,
            "tables": 1,
            "addr": range(max(deepest, 2)),
            "word": SLOT_BITS * layouts.sizes.scalers,
        }
    )


class PostConstants(Component):
    """Biases, factors and tables; each is there `READ_LATENCY` cycles after its address.

    Parameters
    ----------
    layouts
        Of descriptors; ``rom`` says what there is, or else it is filled in.
    more
        Ports of those that keep factors elsewhere.

    Members
    -------
    bias_addr, biases : In, Out
    scale_addr, scales : In, Out
    entry : In
        A lane's address among the entries of all tables.
    samples : Out
        A lane's entry.
    fill : In
        A word that is written; only where there is no ROM.
    """

    bias_addr: Signal
    biases: View
    scale_addr: Signal
    scales: View
    entry: View
    samples: View
    fill: View

    def __init__(
        self, layouts: Layouts, more: Mapping[str, wiring.Member] = MappingProxyType({})
    ) -> None:
        self._layouts = layouts
        self._sizes = layouts.sizes
        rom = layouts.rom
        depths = (
            (layouts.constants, layouts.constants, layouts.tables * TABLE)
            if rom is None
            else (len(rom.bias), len(rom.multiplier), rom.tables.size)
        )
        self._depths = tuple(max(depth, 2) for depth in depths)
        scalers = self._sizes.scalers
        ports = {
            "bias_addr": In(range(self._depths[0])),
            "biases": Out(biases_layout(layouts)),
            "scale_addr": In(range(self._depths[1])),
            "scales": Out(scales_layout(layouts)),
            "entry": In(data.ArrayLayout(range(self._depths[2]), scalers)),
            "samples": Out(data.ArrayLayout(unsigned(DATA_BITS), scalers)),
            **more,
        }
        if rom is None:
            ports["fill"] = In(fill_layout(layouts))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self._layouts.rom is None:
            self._filled(m)
            self._tables(m)
        else:
            self._fixed(m, self._layouts.rom)
        return m

    def _fixed(self, m: Module, rom: Rom) -> None:
        """Keep all in ROM."""
        shifts = self._layouts.shifts
        bits = [self._layouts.abilities.factor_bits, shift_bits(shifts)]
        places = {
            "bias_rom": (_rows([rom.bias], [SUM_BITS]), self.bias_addr, self.biases),
            "scales_rom": (
                _rows([rom.multiplier, shifts.high - rom.shift], bits),
                self.scale_addr,
                self.scales,
            ),
        }
        tables = np.asarray(rom.tables).reshape(-1).tolist()
        for lane in range(self._sizes.scalers):
            places[f"table_{lane}"] = (tables, self.entry[lane], self.samples[lane])
        for name, (words, addr, word) in places.items():
            width = len(Value.cast(word))
            table = Table(words=words, depth=len(words), width=width, target=self._sizes.target)
            m.submodules[name] = table
            m.d.comb += [table.addr.eq(addr), Value.cast(word).eq(table.data)]

    def _filled(self, m: Module) -> None:
        """Keep biases and factors in memories that are filled in."""
        fill, scalers = self.fill, self._sizes.scalers
        slots = [fill.word.word_select(lane, SLOT_BITS) for lane in range(scalers)]
        bits = shift_bits(self._layouts.shifts)
        factor = self._layouts.abilities.factor_bits
        factors = [slot[:factor] for slot in slots]
        shifts = [slot[factor : factor + bits] for slot in slots]
        places = {
            "biases": (self._depths[0], self.bias_addr, self.biases, fill.word, fill.biases),
            "scales": (
                self._depths[1],
                self.scale_addr,
                self.scales,
                Cat(*factors, *shifts),
                fill.scales,
            ),
        }
        for name, (depth, addr, word, written, en) in places.items():
            self._keep(m, name, depth, addr, Value.cast(word), written, en)

    def _tables(self, m: Module) -> None:
        """Keep a lane's tables in a memory that is filled in."""
        word = self.fill.word[:DATA_BITS]
        for lane in range(self._sizes.scalers):
            entry, sample = self.entry[lane], Value.cast(self.samples[lane])
            self._keep(m, f"table_{lane}", self._depths[2], entry, sample, word, self.fill.tables)

    def _keep(
        self, m: Module, name: str, depth: int, addr: Value, word: Value, written: Value, en: Value
    ) -> None:
        """Keep words in a memory."""
        memory = Memory(depth=depth, width=len(word), target=self._sizes.target)
        m.submodules[f"{name}_memory"] = memory
        m.d.comb += [
            memory.r_en.eq(1),
            memory.r_addr.eq(addr),
            word.eq(memory.r_data),
            memory.w_en.eq(en),
            memory.w_addr.eq(self.fill.addr),
            memory.w_data.eq(written),
        ]


assert Table.latency == READ_LATENCY


def _rows(columns: Sequence[Integers], widths: Sequence[int]) -> list[int]:
    """Return words of ``columns``, each ``[n, scalers]``: first all lanes of the first."""
    words = []
    for rows in zip(*columns, strict=True):
        word = offset = 0
        for row, width in zip(rows, widths, strict=True):
            for value in row:
                word |= (int(value) & ((1 << width) - 1)) << offset
                offset += width
        words.append(word)
    return words
