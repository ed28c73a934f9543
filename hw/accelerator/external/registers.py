"""DriverRegisters behind an AXI4-Lite port's channels."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Region
from golden.accelerator.external.capacity import VERSION, Capacity
from golden.accelerator.external.format import MAGIC
from golden.accelerator.external.registers import (
    ABORT,
    ADDRESS_BITS,
    CODE_SHIFT,
    COUNTERS,
    REGISTERS,
    START,
)
from hw.accelerator.external.prepare import CODE_BITS, NUMBER_BITS
from hw.parts.ports import Component, Stream, View

WORD = 32
WRITE_LAYOUT = data.StructLayout({"data": WORD, "strobe": WORD // 8})
COUNTER_BITS = 48


def region_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a region: in beats, and whether its address is not a whole one."""
    bits = capacity.beats_bits
    return data.StructLayout({"base": bits, "size": bits, "odd": 1})


def counts_layout() -> data.StructLayout:
    """Return the layout of what is counted."""
    return data.StructLayout({name.lower(): COUNTER_BITS for name in COUNTERS})


class DriverRegisters(Component):
    """A driver's view; one access at a time, answered in the cycle after.

    Parameters
    ----------
    capacity
        Of the accelerator.

    Members
    -------
    aw, w, b, ar, r : streams
        Channels of the port.
    start, abort : Out
        Pulses.
    frames, regions : Out
        As written.
    busy, stopped, code, number, frames_done, counts : In
        As read.
    ended, broke : In
        Pulses: all is done, or it stopped for another reason.
    interrupt : Out
    """

    aw: Stream
    w: Stream
    b: Stream
    ar: Stream
    r: Stream
    start: Signal
    abort: Signal
    frames: Signal
    regions: View
    busy: Signal
    stopped: Signal
    code: Signal
    number: Signal
    frames_done: Signal
    counts: View
    ended: Signal
    broke: Signal
    interrupt: Signal

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        address = stream.Signature(ADDRESS_BITS)
        super().__init__(
            {
                "aw": In(address),
                "w": In(stream.Signature(WRITE_LAYOUT)),
                "b": Out(stream.Signature(2)),
                "ar": In(address),
                "r": Out(stream.Signature(WORD)),
                "start": Out(1),
                "abort": Out(1),
                "frames": Out(WORD),
                "regions": Out(data.ArrayLayout(region_layout(capacity), len(Region))),
                "busy": In(1),
                "stopped": In(1),
                "code": In(CODE_BITS),
                "number": In(NUMBER_BITS),
                "frames_done": In(WORD),
                "counts": In(counts_layout()),
                "ended": In(1),
                "broke": In(1),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = {
            name: Signal(WORD, name=name.lower(), init=int(name == "FRAMES"))
            for name, register in REGISTERS.items()
            if register.written and name not in ("CONTROL", "INTERRUPT_CAUSE")
        }
        cause = Signal(2)
        self._write(m, kept, cause)
        self._read(m, kept, cause)
        m.d.comb += [
            self.frames.eq(kept["FRAMES"]),
            self.interrupt.eq((cause & kept["INTERRUPT_ENABLE"]).any()),
        ]
        shift = (self._capacity.beat_bytes - 1).bit_length()
        for region in Region:
            base = Cat(kept[f"{region.name}_BASE"], kept[f"{region.name}_BASE_HIGH"])
            beyond = base[self._capacity.address_bits :]
            m.d.comb += [
                self.regions[region].base.eq(base >> shift),
                self.regions[region].size.eq(kept[f"{region.name}_SIZE"] >> shift),
                self.regions[region].odd.eq((base[:shift] != 0) | (beyond != 0)),
            ]
        return m

    def _write(self, m: Module, kept: dict[str, Signal], cause: Signal) -> None:
        written = Signal()
        word = self.w.payload.data
        m.d.comb += [
            written.eq(self.aw.valid & self.w.valid & (~self.b.valid | self.b.ready)),
            self.aw.ready.eq(written),
            self.w.ready.eq(written),
        ]
        with m.If(self.b.ready):
            m.d.sync += self.b.valid.eq(0)
        with m.If(written):
            m.d.sync += self.b.valid.eq(1)
        for name, register in kept.items():
            chosen = written & (self.aw.payload[2:] == REGISTERS[name].at >> 2)
            for byte in range(WORD // 8):
                # What a region is does not change under a program that runs.
                with m.If(chosen & self.w.payload.strobe[byte] & ~self.busy):
                    bits = slice(8 * byte, 8 * byte + 8)
                    m.d.sync += register[bits].eq(word[bits])
        low = written & self.w.payload.strobe[0]
        control = low & (self.aw.payload[2:] == REGISTERS["CONTROL"].at >> 2)
        clears = low & (self.aw.payload[2:] == REGISTERS["INTERRUPT_CAUSE"].at >> 2)
        m.d.comb += [
            self.start.eq(control & (word & START).any() & ~self.busy),
            self.abort.eq(control & (word & ABORT).any()),
        ]
        m.d.sync += cause.eq((cause & ~Mux(clears, word[:2], 0)) | Cat(self.ended, self.broke))

    def _read(self, m: Module, kept: dict[str, Signal], cause: Signal) -> None:
        key = self._capacity.hash
        values: dict[str, Value] = {
            "ID": Value.cast(MAGIC),
            "VERSION": Value.cast(VERSION),
            "HASH_LOW": Value.cast(key & 0xFFFFFFFF),
            "HASH_HIGH": Value.cast(key >> 32),
            "CONTROL": Value.cast(0),
            "STATUS": Cat(self.busy, self.stopped).as_unsigned() | (self.code << CODE_SHIFT),
            "DESCRIPTOR": self.number,
            "FRAMES_DONE": self.frames_done,
            "INTERRUPT_CAUSE": cause,
            **kept,
        }
        for name in COUNTERS:
            count = self.counts[name.lower()]
            values |= {name: count[:WORD], f"{name}_HIGH": count[WORD:]}
        free = ~self.r.valid | self.r.ready
        m.d.comb += self.ar.ready.eq(free)
        with m.If(self.r.ready):
            m.d.sync += self.r.valid.eq(0)
        with m.If(self.ar.valid & free):
            m.d.sync += [self.r.valid.eq(1), self.r.payload.eq(0)]
            with m.Switch(self.ar.payload[2:]):
                for name, value in values.items():
                    with m.Case(REGISTERS[name].at >> 2):
                        m.d.sync += self.r.payload.eq(value)
