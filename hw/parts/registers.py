"""Registers behind the channels of an AXI4-Lite port."""

from collections.abc import Sequence
from enum import IntEnum
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Member, Out

from golden.registers import WORD, Access, RegisterMap
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import Component, Stream, View

WRITE_LAYOUT = data.StructLayout({"data": WORD, "strobe": WORD // 8})
_GATHERED = 6
"""Words of which one is chosen in a cycle."""
READ_LAYOUT = data.StructLayout({"data": WORD, "response": 2})


class AxiResponse(IntEnum):
    """Of AXI4-Lite."""

    OKAY = 0
    SLVERR = 2


def register_ports(registers: RegisterMap) -> dict[str, Member]:
    """Return the channels of a port to ``registers``."""
    address = stream.Signature(registers.address_bits)
    return {
        "aw": In(address),
        "w": In(stream.Signature(WRITE_LAYOUT)),
        "b": Out(stream.Signature(2)),
        "ar": In(address),
        "r": Out(stream.Signature(READ_LAYOUT)),
    }


def fields_layout(registers: RegisterMap, access: Access) -> data.StructLayout:
    """Return the layout of all fields of one access."""
    return data.StructLayout(
        {name: Shape(field.bits) for name, _, field in registers.fields(access)}
    )


class RegisterBlock(Component):
    """Registers that a driver reads and writes; an access a cycle at most.

    A write is done and answered in the cycle after, a read answered two after that.

    Bytes without a strobe stay as they are; the two lowest bits of an address are not looked at.
    Where no register is, or none that is written, the answer is SLVERR and nothing happens. A write
    to a register that locks does nothing while `busy`. Reading changes nothing.

    Parameters
    ----------
    registers
        What there is.

    Members
    -------
    aw, w, b, ar, r : streams
        Channels of the port.
    busy : In
        Registers that lock are not written.
    kept : Out
        Fields of that access.
    pulses : Out
        Likewise, each for a cycle.
    told : In
        Fields of status.
    sets : In
        Pulses that set causes.
    causes : Out
    """

    aw: Stream
    w: Stream
    b: Stream
    ar: Stream
    r: Stream
    busy: Signal
    kept: View
    pulses: View
    told: View
    sets: View
    causes: View

    def __init__(self, registers: RegisterMap) -> None:
        self._registers = registers
        super().__init__(
            {
                **register_ports(registers),
                "busy": In(1),
                "kept": Out(fields_layout(registers, Access.KEPT)),
                "pulses": Out(fields_layout(registers, Access.PULSE)),
                "told": In(fields_layout(registers, Access.STATUS)),
                "sets": In(fields_layout(registers, Access.CAUSE)),
                "causes": Out(fields_layout(registers, Access.CAUSE)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._write(m)
        self._read(m)
        return m

    def _write(self, m: Module) -> None:
        written = Signal()
        m.d.comb += [
            written.eq(self.aw.valid & self.w.valid & (~self.b.valid | self.b.ready)),
            self.aw.ready.eq(written),
            self.w.ready.eq(written),
        ]
        with m.If(self.b.ready):
            m.d.sync += self.b.valid.eq(0)
        with m.If(written):
            m.d.sync += [self.b.valid.eq(1), self.b.payload.eq(AxiResponse.SLVERR)]
            with m.Switch(self.aw.payload[2:]):
                for register in self._registers.registers.values():
                    if register.written:
                        with m.Case(register.at >> 2):
                            m.d.sync += self.b.payload.eq(AxiResponse.OKAY)
        # What all registers look at is in registers beside them: the port may be far.
        taken = delay(m, self.w.payload, 1, name="taken")
        word = Value.cast(taken.data)
        self._strobe = Value.cast(taken.strobe)
        writes = {
            register.at: delay_valid(
                m,
                written & (self.aw.payload[2:] == register.at >> 2),
                1,
                name=f"writes_{register.at:x}",
            )
            for register in self._registers.registers.values()
            if register.written
        }
        self._keep(m, writes, word)
        for name, register, field in self._registers.fields(Access.PULSE):
            ones = self._strobed(word)[field.low : field.low + field.bits]
            m.d.comb += self.pulses[name].eq(Mux(writes[register.at], ones, 0))
        for name, register, field in self._registers.fields(Access.CAUSE):
            ones = self._strobed(word)[field.low : field.low + field.bits]
            stays = Value.cast(self.causes[name]) & ~Mux(writes[register.at], ones, 0)
            m.d.sync += self.causes[name].eq(stays | self.sets[name])

    def _strobed(self, word: Value) -> Value:
        """Return a word with bytes that are not written as zeros."""
        return word & Value.cast(self._mask())

    def _mask(self) -> Value:
        return Cat(*(bit.replicate(8) for bit in self._strobe))

    def _keep(self, m: Module, writes: dict[int, Value], word: Value) -> None:
        mask = self._mask()
        for name, register, field in self._registers.fields(Access.KEPT):
            kept = Signal(field.bits, name=name, init=field.reset)
            bits = slice(field.low, field.low + field.bits)
            open_ = ~self.busy if register.locks else Value.cast(1)
            with m.If(writes[register.at] & open_):
                m.d.sync += kept.eq((kept & ~mask[bits]) | (word[bits] & mask[bits]))
            m.d.comb += self.kept[name].eq(kept)

    def _read(self, m: Module) -> None:
        words = {register.at: Value.cast(0) for register in self._registers.registers.values()}
        sources = {Access.STATUS: self.told, Access.KEPT: self.kept, Access.CAUSE: self.causes}
        for access, view in sources.items():
            for name, register, field in self._registers.fields(access):
                words[register.at] |= Value.cast(view[name]) << field.low
        for _, register, field in self._registers.fields(Access.CONSTANT):
            words[register.at] |= field.reset << field.low
        asked, found = Signal(name="asked"), Signal(name="found")
        chosen = {at: Signal(name=f"reads_{at:x}") for at in words}
        free = ~self.r.valid | self.r.ready
        goes = asked & (~found | free)
        m.d.comb += self.ar.ready.eq(~asked | ~found | free)
        with m.If(self.r.ready):
            m.d.sync += self.r.valid.eq(0)
        parts, there = self._gathered(m, goes, [(chosen[at], word) for at, word in words.items()])
        with m.If(found & free):
            m.d.sync += [
                found.eq(0),
                self.r.valid.eq(1),
                self.r.payload.data.eq(reduce(or_, parts)),
                self.r.payload.response.eq(Mux(there, AxiResponse.OKAY, AxiResponse.SLVERR)),
            ]
        with m.If(goes):
            m.d.sync += [asked.eq(0), found.eq(1)]
        with m.If(self.ar.valid & self.ar.ready):
            m.d.sync += [
                asked.eq(1),
                *(one.eq(self.ar.payload[2:] == at >> 2) for at, one in chosen.items()),
            ]

    @staticmethod
    def _gathered(
        m: Module, goes: Value, words: Sequence[tuple[Value, Value]]
    ) -> tuple[list[Value], Value]:
        """Return of some words each what is chosen, and whether any is: a cycle after ``goes``."""
        there = Signal()
        parts: list[Value] = []
        for first in range(0, len(words), _GATHERED):
            some = words[first : first + _GATHERED]
            part = Signal(WORD, name=f"part_{first}", reset_less=True)
            with m.If(goes):
                m.d.sync += part.eq(reduce(or_, (Mux(one, word, 0) for one, word in some)))
            parts.append(part)
        with m.If(goes):
            m.d.sync += there.eq(Cat(*(one for one, _ in words)).any())
        return parts, there
