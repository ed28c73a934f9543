"""The depthwise unit alone, against sums of products of plain integers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from golden.accelerator.external.capacity import SHIFTS, Capacity
from golden.accelerator.external.depthwise import Record, groups_of
from golden.accelerator.sizes import Sizes
from golden.numbers.interval import Integers
from hw.accelerator.external.depthwise import DepthwiseUnit
from hw.accelerator.maps import MAPS_LATENCY
from hw.accelerator.reader import ADDRESS_STAGES

_PATIENCE = 60_000


@dataclass(frozen=True)
class Case:
    """A tile of windows: kernel, stride, padding and map, each rows and columns.

    Parameters
    ----------
    kernel, side, stride, padding
        Of rows, and of columns.
    signed
        Whether samples are.
    around
        Whether windows go on at the other end.
    """

    kernel: tuple[int, int]
    side: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    signed: bool = True
    around: bool = False

    @property
    def windows(self) -> tuple[int, int]:
        """How many rows and columns of windows there are; around an end, all."""
        if self.around:
            return self.side
        rows, columns = (
            (s + 2 * p - k) // d + 1
            for s, p, k, d in zip(self.side, self.padding, self.kernel, self.stride, strict=True)
        )
        return rows, columns


CASES = [
    Case((3, 3), (5, 6), padding=(1, 1)),
    Case((1, 1), (2, 3), signed=False),
    Case((2, 4), (5, 7), (2, 3), (1, 2)),
    Case((5, 5), (7, 6), (2, 2), (2, 2), signed=False),
    Case((7, 7), (8, 8), padding=(3, 3)),
    Case((1, 7), (2, 9), (1, 2)),
    Case((6, 1), (6, 2)),
    Case((3, 3), (1, 1), padding=(1, 1)),
    Case((2, 2), (4, 4), (2, 2)),
    Case((3, 6), (4, 6), around=True),
    Case((3, 2), (9, 4), (5, 4)),
]


class Bench:
    """A unit with maps around it, and what it is told.

    Parameters
    ----------
    capacity
        Of the accelerator.
    seed
        Of all that is drawn.
    stalls
        How often of 8 times it may not read or write.
    """

    def __init__(self, capacity: Capacity, seed: int, stalls: int = 0) -> None:
        self.capacity = capacity
        self.generator = np.random.default_rng(seed)
        self.stalls = stalls
        self.tile = capacity.sizes.tile
        self.maps = self.generator.integers(0, 256, (capacity.map_words, self.tile))
        self.unit = DepthwiseUnit(capacity)
        self.kernels: dict[int, Integers] = {}
        self.tables = self.generator.integers(0, 256, (capacity.tables, 256))
        self.tables[0] = np.arange(256)
        self.tasks: list[dict[str, Any]] = []
        self.expected: dict[int, Integers] = {}
        self._source, self._target, self._kernel = 0, capacity.map_words // 2, 0
        self.done = 0
        self.cycles = 0

    def add(self, case: Case, *, record: Record | None = None, table: int = 0) -> None:
        """Draw a map and a kernel; keep what must come of them."""
        g, tile = self.generator, self.tile
        rows, columns = case.windows
        if record is None:
            record = Record(
                g.integers(-128, 128, (tile, *case.kernel)),
                g.integers(-(1 << 12), 1 << 12, tile),
                g.integers(1, 1 << 17, tile),
                g.integers(26, 32, tile),
            )
        low = -128 if case.signed else 0
        zero = int(g.integers(low, low + 256))
        height, width = case.side
        base = self._source
        words = self.maps[base : base + height * width].reshape(height, width, tile)
        samples = (words if not case.signed else (words ^ 128) - 128) - zero
        offset, (least, most) = int(g.integers(-100, 100)), np.sort(g.integers(-128, 128, 2))
        total = np.zeros((rows, columns, tile), np.int64) + record.bias
        for row, column, r, c in np.ndindex(rows, columns, *case.kernel):
            y = row * case.stride[0] - case.padding[0] + r
            x = column * case.stride[1] - case.padding[1] + c
            if case.around:
                y, x = y % height, x % width
            if 0 <= y < height and 0 <= x < width:
                total[row, column] += samples[y, x] * record.kernel[:, r, c]
        # Half to even, with integers alone.
        product, one = total * record.multiplier, 1 << record.shift
        whole, rest = product >> record.shift, product & (one - 1)
        up = (2 * rest > one) | ((2 * rest == one) & (whole & 1 == 1))
        result = np.clip(whole + up + offset, least, most)
        written = self.tables[table][result & 255]
        for row, column in np.ndindex(rows, columns):
            self.expected[self._target + row * (columns + 1) + 1 + column] = written[row, column]
        packed = record.packed(self.capacity.depthwise)
        for word, content in enumerate(packed):
            self.kernels[self._kernel + word] = content
        kernel_rows, kernel_columns = case.kernel
        read = {
            "base": base,
            "height": height,
            "width": width,
            "plane": height * width,
            "signed": case.signed,
            "zero_point": zero,
            "around": case.around,
            "row": -case.padding[0],
            "column": -case.padding[1],
            "row_address": -case.padding[0] * width,
            "last_column": groups_of(kernel_columns, self.capacity.depthwise) - 1,
            "last_row": kernel_rows - 1,
            "row_stride": 1,
            "row_step": width,
            "last_kernel_column": (columns - 1) * case.stride[1] + kernel_columns - 1,
            "last_kernel_row": rows - 1,
            "kernel_column_stride": 1,
            "kernel_row_stride": case.stride[0],
            "kernel_row_step": case.stride[0] * width,
        }
        finish = {
            "offset": offset,
            "low": int(least),
            "high": int(most),
            "table": table,
            "target": self._target + 1,
            "target_row": columns + 1,
            "target_column": 1,
            "last_column": columns - 1,
            "last_row": rows - 1,
            "bias": 3,
            "scale": 5,
        }
        apart = {
            "kernels": self._kernel,
            "before": kernel_columns - 1,
            "between": case.stride[1] - 1,
        }
        self.tasks.append({"read": read, "finish": finish, "apart": apart, "banks": 1})
        self._source += height * width
        self._target += rows * (columns + 1)
        self._kernel += len(packed)

    def run(self) -> None:
        """Run all tasks, and compare what was written."""
        simulator = Simulator(self.unit)
        simulator.add_clock(1e-8)
        simulator.add_testbench(self._drive)
        simulator.run()
        assert self.done == len(self.tasks)

    async def _drive(self, ctx: Any) -> None:
        unit = self.unit
        await self._fill(ctx)
        tasks: Iterator[dict[str, Any]] = iter(self.tasks)
        addresses, held = [0] * MAPS_LATENCY, [False] * ADDRESS_STAGES
        written: dict[int, Integers] = {}
        task = next(tasks, None)
        for cycle in range(_PATIENCE):
            stalls = self.generator.integers(0, 8, 2) < self.stalls
            ctx.set(unit.hold, bool(stalls[0]))
            ctx.set(unit.w_ready, not stalls[1])
            word = self.maps[addresses[0]]
            ctx.set(unit.r_data, int.from_bytes(bytes(word.astype(np.uint8)), "little"))
            ctx.set(unit.task.valid, task is not None)
            if task is not None:
                ctx.set(unit.task.payload, task)
            assert not (ctx.get(unit.r_en) and held[0]), cycle
            if ctx.get(unit.w_en) and not stalls[1]:
                address = ctx.get(unit.w_addr)
                assert address not in written
                data = ctx.get(unit.w_data).to_bytes(self.tile, "little")
                written[address] = np.frombuffer(data, np.uint8)
            self.done += ctx.get(unit.done)
            if self.done == len(self.tasks):
                self.cycles = cycle
                break
            taken = ctx.get(unit.task.ready)
            addresses = [*addresses[1:], ctx.get(unit.r_addr)]
            held = [*held[1:], bool(stalls[0])]
            await ctx.tick()
            if taken:
                task = next(tasks, None)
        assert written.keys() == self.expected.keys()
        for address, content in self.expected.items():
            np.testing.assert_array_equal(written[address], content, str(address))

    async def _fill(self, ctx: Any) -> None:
        unit = self.unit
        for address, content in self.kernels.items():
            word = int.from_bytes(bytes(content.astype(np.uint8)), "little")
            ctx.set(unit.kernels, {"en": 1, "addr": address, "word": word})
            await ctx.tick()
        ctx.set(unit.kernels, {"en": 0, "addr": 0, "word": 0})
        for address, entry in enumerate(self.tables.reshape(-1)):
            ctx.set(unit.fill.tables, 1)
            ctx.set(unit.fill.addr, address)
            ctx.set(unit.fill.word, int(entry))
            await ctx.tick()
        ctx.set(unit.fill.tables, 0)


def capacity_of(taps: int, *, tile: int = 4, target: str = "generic") -> Capacity:
    """Return a small capacity."""
    return Capacity(
        sizes=Sizes(tile=tile, scalers=1, target=target),
        data_bits=32,
        map_bytes=1 << 13,
        tables=2,
        side_bits=6,
        depthwise=taps,
    )


@pytest.mark.parametrize(
    ("taps", "stalls", "cases"), [(3, 3, CASES[:3]), (3, 0, CASES[3:]), (5, 0, CASES[2:4])]
)
def test_windows_are_sums_of_products(taps: int, stalls: int, cases: list[Case]) -> None:
    bench = Bench(capacity_of(taps), seed=taps, stalls=stalls)
    for number, case in enumerate(cases):
        bench.add(case, table=number % 2)
    bench.run()


def test_lanes_side_by_side() -> None:
    bench = Bench(capacity_of(3, tile=8), seed=1)
    bench.add(CASES[0])
    bench.run()


def test_ties_and_ends_of_ranges() -> None:
    bench = Bench(capacity_of(3), seed=2)
    tile = bench.tile
    bench.maps[:4] = [[255] * tile, [0] * tile, [1] * tile, [3] * tile]
    nothing = np.zeros((tile, 1, 1), np.int64)
    least = SHIFTS.low
    for bias in (1, 3, -1, -3, (1 << 23) - 1, -(1 << 23)):
        for multiplier, shift in ((1 << least - 1, least), ((1 << 17) - 1, SHIFTS.high)):
            factors = (np.full(tile, value) for value in (bias, multiplier, shift))
            bench.add(Case((1, 1), (1, 1)), record=Record(nothing, *factors))
    for weight in (-128, 127):
        kernel = np.full((tile, 7, 7), weight)
        factors = (np.full(tile, value) for value in (0, 1, least))
        bench.maps[bench._source : bench._source + 49] = 255
        bench.add(Case((7, 7), (7, 7), signed=False), record=Record(kernel, *factors))
    bench.run()
