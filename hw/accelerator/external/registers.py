"""DriverRegisters: the accelerator's, and what its control makes of them."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.accelerator.descriptor import Region
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.registers import COUNTERS, registers_of
from golden.registers import WORD
from hw.accelerator.external.prepare import CODE_BITS, NUMBER_BITS
from hw.parts.ports import Component, Stream, View, flipped
from hw.parts.registers import RegisterBlock, register_ports
from hw.parts.streams import connect_streams

COUNTER_BITS = 48


def region_layout(capacity: Capacity) -> data.StructLayout:
    """Return the layout of a region: in beats, and whether its address is not a whole one."""
    bits = capacity.beats_bits
    return data.StructLayout({"base": bits, "size": bits, "odd": 1})


def counts_layout() -> data.StructLayout:
    """Return the layout of what is counted."""
    return data.StructLayout({name.lower(): COUNTER_BITS for name in COUNTERS})


class DriverRegisters(Component):
    """A driver's view of the accelerator.

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
    busy, stuck, stopped, code, number, frames_done, counts : In
        As read; what is stuck is not busy, and not started.
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
    stuck: Signal
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
        self._registers = registers_of(capacity)
        super().__init__(
            {
                **register_ports(self._registers),
                "start": Out(1),
                "abort": Out(1),
                "frames": Out(WORD),
                "regions": Out(data.ArrayLayout(region_layout(capacity), len(Region))),
                "busy": In(1),
                "stuck": In(1),
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
        m.submodules.block = block = RegisterBlock(self._registers)
        for name in ("aw", "w", "ar"):
            connect_streams(m, flipped(getattr(self, name)), getattr(block, name))
        for name in ("b", "r"):
            connect_streams(m, getattr(block, name), flipped(getattr(self, name)))
        kept, told, pulses = block.kept, block.told, block.pulses
        m.d.comb += [
            self.abort.eq(pulses.control_abort),
            self.frames.eq(kept.frames),
            told.status_busy.eq(self.busy & ~self.stuck),
            told.status_stopped.eq(self.stopped),
            told.status_code.eq(self.code),
            told.descriptor.eq(self.number),
            told.frames_done.eq(self.frames_done),
            block.sets.interrupt_cause_done.eq(self.ended),
            block.sets.interrupt_cause_stopped.eq(self.broke),
            self.interrupt.eq(
                (block.causes.interrupt_cause_done & kept.interrupt_enable_done)
                | (block.causes.interrupt_cause_stopped & kept.interrupt_enable_stopped)
            ),
        ]
        m.d.sync += [
            self.start.eq(pulses.control_run & ~self.busy & ~self.start),
            # A register, which drives much: it is there with `start`.
            block.busy.eq(self.busy | self.start | pulses.control_run),
        ]
        for name in COUNTERS:
            count = self.counts[name.lower()]
            halves = (told[name.lower()], told[f"{name.lower()}_high"])
            m.d.comb += Cat(*map(Value.cast, halves)).eq(count)
        self._regions(m, kept)
        return m

    def _regions(self, m: Module, kept: View) -> None:
        shift = (self._capacity.beat_bytes - 1).bit_length()
        for region in Region:
            base, high, size = (
                Value.cast(kept[f"{region.name}_{part}".lower()])
                for part in ("BASE", "BASE_HIGH", "SIZE")
            )
            base = Cat(base, high)
            beyond = base[self._capacity.address_bits :]
            m.d.comb += [
                self.regions[region].base.eq(base >> shift),
                self.regions[region].size.eq(size >> shift),
                self.regions[region].odd.eq((base[:shift] != 0) | (beyond != 0)),
            ]
