"""The accelerator with all in external memory, behind channels of AXI4 and AXI4-Lite."""

from typing import Any

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    DomainRenamer,
    Module,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.registers import REGISTER_MAP
from hw.accelerator.external.bus import ReadId, answer_layout, burst_layout, written_layout
from hw.accelerator.external.control import Control
from hw.accelerator.external.core import CLEARED, ExternalCore
from hw.accelerator.external.port import BurstWriter, ReadPort
from hw.accelerator.external.registers import COUNTER_BITS, DriverRegisters
from hw.parts.delay import copied, delay_valid
from hw.parts.ports import Component, Stream, flipped
from hw.parts.registers import register_ports
from hw.parts.streams import connect_streams


class ExternalAccelerator(Component):
    """Runs programs in memory on maps in memory, as a driver tells it through registers.

    Parameters
    ----------
    capacity
        How large it is; it runs any program for that.

    Members
    -------
    ar, r, aw, w, b : streams
        Channels to memory.
    s_aw, s_w, s_b, s_ar, s_r : streams
        Channels of the registers.
    interrupt : Out
    """

    ar: Stream
    r: Stream
    aw: Stream
    w: Stream
    b: Stream
    s_aw: Stream
    s_w: Stream
    s_b: Stream
    s_ar: Stream
    s_r: Stream
    interrupt: Signal

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        bursts = stream.Signature(burst_layout(capacity))
        super().__init__(
            {
                "ar": Out(bursts),
                "r": In(stream.Signature(answer_layout(capacity))),
                "aw": Out(bursts),
                "w": Out(stream.Signature(written_layout(capacity))),
                "b": In(stream.Signature(2)),
                **{f"s_{name}": port for name, port in register_ports(REGISTER_MAP).items()},
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        capacity = self.capacity
        m.submodules.registers = registers = DriverRegisters(capacity)
        m.submodules.control = control = Control(capacity)
        reads, writes, core = ReadPort(capacity), BurstWriter(capacity), ExternalCore(capacity)
        for name in CLEARED:
            self._cleared(m, name, control.clear)
        for name, unit in (("read_port", reads), ("write_port", writes), ("core", core)):
            m.submodules[name] = DomainRenamer(CLEARED[0])(unit)
        for name in ("aw", "w", "ar"):
            connect_streams(m, flipped(getattr(self, f"s_{name}")), getattr(registers, name))
        for name in ("b", "r"):
            connect_streams(m, getattr(registers, name), flipped(getattr(self, f"s_{name}")))
        connect_streams(m, reads.ar, flipped(self.ar))
        connect_streams(m, flipped(self.r), reads.r)
        connect_streams(m, writes.aw, flipped(self.aw))
        connect_streams(m, writes.w, flipped(self.w))
        connect_streams(m, flipped(self.b), writes.b)
        for one in ReadId:
            name = one.name.lower()
            connect_streams(m, getattr(core, f"{name}_address"), getattr(reads, name))
            connect_streams(m, getattr(reads, f"{name}_r"), getattr(core, f"{name}_r"))
        connect_streams(m, control.header, core.program)
        connect_streams(m, control.weights, core.weights)
        connect_streams(m, core.header, control.i)
        connect_streams(m, core.store_block, writes.block)
        connect_streams(m, core.store, writes.i)
        self._control(m, registers, control, core)
        m.d.comb += [
            control.goes.eq(core.goes | self.r.valid | self.b.valid),
            control.read_failed.eq(reads.failed),
            control.write_failed.eq(writes.failed),
            control.quiet.eq(delay_valid(m, reads.idle & writes.idle, 1, name="quiet")),
            writes.halt.eq(copied(m, control.halt, name="halt_writes")),
            core.written.eq(delay_valid(m, writes.idle, 1, name="written")),
            self.interrupt.eq(registers.interrupt),
        ]
        self._count(m, registers, control, core, writes)
        return m

    @staticmethod
    def _cleared(m: Module, name: str, clear: Value) -> None:
        """Make a clock domain of units that are reset between frames too.

        Its reset is a register, a cycle later: of what drives so much nothing is made on the way.
        So nothing may leave it in the cycle after a reset.
        """
        domain: Any = ClockDomain(name)  # the stubs have neither clk nor rst
        m.domains += domain
        # Units' ports are called as in the other domain, whose modules they share.
        domain.clk = Signal(name="clk")
        domain.rst = Signal(init=1, reset_less=True, name="rst", attrs={"keep": 1})
        m.d.comb += domain.clk.eq(ClockSignal())
        m.d.sync += domain.rst.eq(ResetSignal() | clear)

    @staticmethod
    def _control(
        m: Module, registers: DriverRegisters, control: Control, core: ExternalCore
    ) -> None:
        m.d.comb += [
            registers.number.eq(control.stopped_at),
            *(
                getattr(control, name).eq(getattr(registers, name))
                for name in ("start", "abort", "frames", "regions")
            ),
            *(
                getattr(registers, name).eq(getattr(control, name))
                for name in ("busy", "stuck", "stopped", "code", "frames_done", "ended", "broke")
            ),
            *(
                getattr(core, name).eq(getattr(control, name))
                for name in ("taking", "halt", "running", "bases", "sizes", "rows", "count")
            ),
            *(
                getattr(control, name).eq(getattr(core, name))
                for name in ("failed", "number", "failed_number", "ends")
            ),
        ]

    def _count(
        self,
        m: Module,
        registers: DriverRegisters,
        control: Control,
        core: ExternalCore,
        writes: BurstWriter,
    ) -> None:
        """Count cycles, those that wait for memory, and bytes."""
        n_bytes = self.capacity.beat_bytes
        steps = {
            "cycles": (control.busy, 1),
            "waiting": (control.running & core.waits, 1),
            "read_bytes": (self.r.valid, n_bytes),
            "written_bytes": (writes.written, n_bytes),
        }
        for name, (counts, step) in steps.items():
            count = Signal(COUNTER_BITS, name=name)
            # Who counts is far, and may be so late: a driver is later.
            with m.If(delay_valid(m, counts, 1, name=f"counts_{name}")):
                m.d.sync += count.eq(count + step)
            with m.If(registers.start):
                m.d.sync += count.eq(0)
            m.d.comb += registers.counts[name].eq(count)
