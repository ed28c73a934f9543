"""cocotb bench of an accelerator between a driver and a memory, which are cocotbext-axi's.

Under Icarus it begins unknown: registers, memories and inputs are X until a reset of one cycle.
"""

import os
import pickle
import random
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, with_timeout
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam

from golden.accelerator.external.registers import BUSY, CODE_SHIFT, REGISTERS, START, Stop
from hw.simulate.external import bases_of
from sim.bench import BEFORE, STEPS
from sim.external import ExternalJob
from sim.stream import Known


class ExternalBench:
    """An accelerator between a memory and a driver.

    Attributes
    ----------
    job
        What it is to do.
    """

    def __init__(self, dut: Any, job: ExternalJob) -> None:
        self.job, self._dut = job, dut
        self._random = random.Random(1)
        for wire in dut:
            if wire._name.startswith(_DRIVEN) and wire._name not in _HANDSHAKES:
                wire.value = "X" * len(wire)
        self._known = Known([getattr(dut, name) for name in ("irq", *_HANDSHAKES)])

    async def start(self) -> None:
        """Begin unknown, reset for one cycle, and write what is in memory."""
        dut = self._dut
        Clock(dut.clk, STEPS, unit="step").start(start_high=False)
        for _ in range(BEFORE):
            await RisingEdge(dut.clk)
        self._driver = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axi"), dut.clk, dut.rst)
        self._memory = AxiRam(AxiBus.from_prefix(dut, "m_axi"), dut.clk, dut.rst, size=1 << 17)
        await self.reset()
        self._known.looks = True
        cocotb.start_soon(self._look())
        self._bases = bases_of(self.job.sizes)
        self._memory.write(self._bases["PROGRAM"], self.job.image)
        self._memory.write(self._bases["INPUT"], self.job.frames)

    async def _look(self) -> None:
        for cycle in count():
            await RisingEdge(self._dut.clk)
            self._known.step(cycle)

    async def reset(self) -> None:
        """Reset accelerator, driver and memory for one cycle."""
        self._dut.rst.value = 1
        await RisingEdge(self._dut.clk)
        self._dut.rst.value = 0
        await RisingEdge(self._dut.clk)

    def pause(self, probability: float) -> None:
        """Have each channel of memory pause in a cycle with a probability."""
        write, read = self._memory.write_if, self._memory.read_if
        for channel in (
            *(write.aw_channel, write.w_channel, write.b_channel),
            *(read.ar_channel, read.r_channel),
        ):
            channel.set_pause_generator(self._pauses(probability))

    def _pauses(self, probability: float) -> Iterator[bool]:
        while True:
            yield self._random.random() < probability

    async def write(self, register: str, value: int) -> None:
        """Write a register."""
        await self._driver.write_dword(REGISTERS[register].at, value)

    async def read(self, register: str) -> int:
        """Return a register."""
        return int(await self._driver.read_dword(REGISTERS[register].at))

    async def begin(self) -> None:
        """Name the regions, and start all frames."""
        for region, at in self._bases.items():
            await self.write(f"{region}_BASE", at)
            await self.write(f"{region}_BASE_HIGH", 0)
            await self.write(f"{region}_SIZE", self.job.sizes[region])
        self._memory.write(self._bases["OUTPUT"], bytes(len(self.job.expected)))
        await self.write("FRAMES", self.job.count)
        await self.write("INTERRUPT_CAUSE", 3)
        await self.write("INTERRUPT_ENABLE", 3)
        await self.write("CONTROL", START)

    async def exchange(self) -> None:
        """Run all frames, and compare what lies in memory then."""
        await self.begin()
        await with_timeout(RisingEdge(self._dut.irq), STEPS * 20 * self.job.cycles, "step")
        status = await self.read("STATUS")
        assert not status & BUSY
        assert Stop(status >> CODE_SHIFT) == Stop.NONE
        assert await self.read("FRAMES_DONE") == self.job.count
        given = self._memory.read(self._bases["OUTPUT"], len(self.job.expected))
        assert bytes(given) == self.job.expected, "Output must be the model's"

    async def run(self, cycles: int) -> None:
        """Let time pass."""
        for _ in range(cycles):
            await RisingEdge(self._dut.clk)


_DRIVEN = (
    *("rst", "s_axi_aw", "s_axi_w", "s_axi_ar", "s_axi_bready", "s_axi_rready"),
    *("m_axi_arready", "m_axi_awready", "m_axi_wready", "m_axi_b", "m_axi_r"),
)
"""How inputs' names begin, and those of `_HANDSHAKES`."""
_HANDSHAKES = (
    *(f"m_axi_{wire}" for wire in ("arvalid", "awvalid", "wvalid", "bready", "rready")),
    *(f"s_axi_{wire}" for wire in ("arready", "awready", "wready", "bvalid", "rvalid")),
)


def _bench(dut: Any) -> ExternalBench:
    return ExternalBench(dut, pickle.loads(Path(os.environ["EXTERNAL_JOB"]).read_bytes()))


@cocotb.test()
async def reset_once(dut: Any) -> None:
    """Reset an accelerator that is unknown for one cycle: at two paces it is as any other."""
    bench = _bench(dut)
    await bench.start()
    await bench.exchange()
    bench.pause(0.4)
    await bench.exchange()


@cocotb.test()
async def reset_at_every_cycle(dut: Any) -> None:
    """Reset at cycles of a run, all or every so many: nothing of it is left."""
    bench = _bench(dut)
    await bench.start()
    for cycle in range(0, bench.job.cycles, bench.job.step):
        bench.pause(0.4 * (cycle % 2))
        await bench.begin()
        await bench.run(cycle)
        await bench.reset()
        await bench.exchange()
