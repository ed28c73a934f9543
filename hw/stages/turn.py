"""The corner turn: planes that come by rows leave by columns."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.stages.turn import Turn
from hw.graph.count import Counted, CountedStage
from hw.graph.stage import StageHardware
from hw.line.output import beat_layout
from hw.line.pace import BufferPace, DelayPace
from hw.parts.counter import Counter
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import StreamComponent, flipped
from hw.parts.streams import OutputBuffer, connect_streams
from hw.predict import adder, buffer, counter, ram
from hw.primitives.memory import READ_LATENCY, Memory
from hw.targets.cost import Cost

_ADDRESS_STAGE = 1
"""Cycles from a step of writer or reader to its address before the memory."""


@dataclass(frozen=True)
class TurnedPlanes:
    """Consecutive planes of one shape.

    Parameters
    ----------
    planes
        How many.
    rows, columns
        Of a plane as it comes, each a multiple of the lanes.
    turned
        Whether it leaves by columns; else as it came.
    """

    planes: int
    rows: int
    columns: int
    turned: bool


def turn_in_flight(lanes: int) -> int:
    """Cycles from a step of the reader to its beat before the buffer."""
    return _ADDRESS_STAGE + READ_LATENCY + (lanes > 1)


def buffer_depth(lanes: int) -> int:
    """Beats that the buffer at the end of a corner turn holds."""
    return OutputBuffer.depth_for(turn_in_flight(lanes))


def turn_latency(lanes: int) -> int:
    """Cycles from a plane's last beat taken to its first beat given, unstalled."""
    return 1 + turn_in_flight(lanes) + OutputBuffer.latency_of(buffer_depth(lanes))


class CornerTurn(StreamComponent):
    """Takes planes in bands of `lanes` rows, and gives them in bands of `lanes` columns.

    A plane of R x C samples comes in R * C / lanes beats, band by band; lane j of a beat is row
    ``band * lanes + j``. It leaves in as many beats, lane j of a beat being column
    ``band * lanes + j``. Two planes have room, so one is written while the one before is read: a
    beat in and a beat out in every cycle, and a plane leaves `turn_latency` cycles after its last
    beat came, whatever follows. Only the ends stall.

    Sample (r, c) lies in bank (r + c) mod lanes, so the samples of a beat lie in as many banks,
    whether the beat is a piece of a column, as it comes, or of a row, as it leaves. The n-th beat
    of either kind is rotated by n mod lanes.

    Parameters
    ----------
    runs
        Planes of a frame in the order in which they come; all have the same number of samples.
    bits, lanes
        Width of a sample, samples in a beat.
    target
        Device family.

    Members
    -------
    i : In, stream of beats
        `last` is not looked at.
    o : Out, stream of beats
        `last` stands at the end of a frame.
    """

    def __init__(self, *, runs: Sequence[TurnedPlanes], bits: int, lanes: int, target: str) -> None:
        sizes = {run.rows * run.columns for run in runs}
        if len(sizes) != 1:
            raise ValueError(f"Planes must have one number of samples, not {sorted(sizes)}")
        if any(side % lanes for run in runs for side in (run.rows, run.columns)):
            raise ValueError(f"Rows and columns must be multiples of {lanes} lanes")
        self._runs = list(runs)
        self._planes = sum(run.planes for run in runs)
        self._bits = bits
        self._lanes = lanes
        self._target = target
        self._beats = sizes.pop() // lanes
        beat = stream.Signature(beat_layout(bits, lanes))
        super().__init__({"i": In(beat), "o": Out(beat)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.fill = fill = Counter(self._beats)
        m.submodules.read = read = Counter(self._beats)
        m.submodules.buffer = buffer = OutputBuffer(
            shape=beat_layout(self._bits, self._lanes),
            depth=buffer_depth(self._lanes),
            target=self._target,
        )
        full = Signal(2)
        write_half = Signal()
        read_half = Signal()
        taken = Signal()
        step = Signal()
        m.d.comb += [
            self.i.ready.eq(~full.bit_select(write_half, 1)),
            taken.eq(self.i.valid & self.i.ready),
            step.eq(full.bit_select(read_half, 1) & buffer.credit),
            fill.step.eq(taken),
            read.step.eq(step),
            buffer.take.eq(step),
        ]
        with m.If(taken & fill.last):
            m.d.sync += [full.bit_select(write_half, 1).eq(1), write_half.eq(~write_half)]
        with m.If(step & read.last):
            m.d.sync += [full.bit_select(read_half, 1).eq(0), read_half.eq(~read_half)]
        banks = [
            Memory(depth=2 * self._beats, width=self._bits, target=self._target)
            for _ in range(self._lanes)
        ]
        for index, bank in enumerate(banks):
            m.submodules[f"bank_{index}"] = bank
        self._write(m, banks, taken, Cat(write_half, fill.value))
        last = self._read(m, banks, step, read, read_half)
        cycles = turn_in_flight(self._lanes)
        m.d.comb += [
            buffer.i.valid.eq(delay_valid(m, step, cycles, name="step")),
            buffer.i.payload.last.eq(delay(m, last, cycles, name="last")),
        ]
        connect_streams(m, buffer.o, flipped(self.o))
        return m

    def _write(self, m: Module, banks: Sequence[Memory], taken: Signal, address: Value) -> None:
        # As late as the read address: a beat is read after the cycle in which it is taken, and
        # overwritten after the cycle in which its reading steps.
        phase = self._phase(m, taken, name="w_phase")
        samples = [self.i.payload.samples[lane] for lane in range(self._lanes)]
        for bank, sample in zip(banks, _rotated(samples, phase, up=True), strict=True):
            m.d.comb += [
                bank.w_en.eq(delay_valid(m, taken, _ADDRESS_STAGE, name="w_en")),
                bank.w_addr.eq(delay(m, address, _ADDRESS_STAGE, name="w_addr")),
                bank.w_data.eq(delay(m, sample, _ADDRESS_STAGE, name="w_data")),
            ]

    def _phase(self, m: Module, step: Signal, *, name: str) -> Signal:
        """Return the number of the beat modulo lanes."""
        m.submodules[name] = phase = Counter(self._lanes)
        m.d.comb += phase.step.eq(step)
        return phase.value

    def _read(
        self,
        m: Module,
        banks: Sequence[Memory],
        step: Signal,
        place: Counter,
        half: Signal,
    ) -> Value:
        """Read a beat of every bank with ``step``; return whether it ends a frame."""
        phase = self._phase(m, step, name="r_phase")
        run, last_plane = self._run(m, step & place.last)
        turned = self._fact(run, [int(run.turned) for run in self._runs])
        address = self._walk(m, step, place, phase, run, turned)
        words = []
        for index, bank in enumerate(banks):
            # Along a row, the bank holds column (bank - row) mod lanes of the band.
            offset = Array((index - p) % self._lanes for p in range(self._lanes))[phase]
            within = Signal(range(self._beats), name=f"within_{index}")
            m.d.comb += within.eq(address + Mux(turned, offset, 0))
            r_addr = delay(m, Cat(half, within), _ADDRESS_STAGE, name=f"r_addr_{index}")
            m.d.comb += [bank.r_en.eq(1), bank.r_addr.eq(r_addr)]
            words.append(bank.r_data)
        later = delay(m, phase, _ADDRESS_STAGE + READ_LATENCY, name="phase")
        samples = Cat(_rotated(words, later, up=False))
        layout = data.ArrayLayout(signed(self._bits), self._lanes)
        beat = delay(m, layout(samples), int(self._lanes > 1), name="beat")
        m.d.comb += m.submodules.buffer.i.payload.samples.eq(beat)
        return place.last & last_plane

    def _run(self, m: Module, plane_read: Value) -> tuple[Value, Value]:
        """Return the number of the run that is read, and whether its plane ends a frame."""
        m.submodules.plane = plane = Counter(self._planes)
        m.d.comb += plane.step.eq(plane_read)
        if len(self._runs) == 1:
            return Const(0, 1), plane.last
        number = Signal(range(len(self._runs)))
        ends = itertools.accumulate(run.planes for run in self._runs)
        with m.If(plane_read):
            for following, end in enumerate(ends, start=1):
                with m.If(plane.value == end - 1):
                    m.d.sync += number.eq(following % len(self._runs))
        return number, plane.last

    @staticmethod
    def _fact(run: Value, facts: Sequence[int]) -> Value:
        """Return the fact of the run that is read."""
        if len(set(facts)) == 1:
            return Const(facts[0], max(facts[0].bit_length(), 1))
        return Array(facts)[run]

    def _walk(
        self, m: Module, step: Signal, place: Counter, phase: Signal, run: Value, turned: Value
    ) -> Signal:
        """Return the address of the band that is read, in every bank."""
        address = Signal(range(self._beats))
        column = Signal(range(max(run.columns for run in self._runs) + self._lanes))
        band = Signal(range(max(run.rows for run in self._runs) // self._lanes))
        last_band = self._fact(run, [run.rows // self._lanes - 1 for run in self._runs])
        columns = self._fact(run, [run.columns for run in self._runs])
        with m.If(step):
            with m.If(~turned):
                m.d.sync += address.eq(address + 1)
            with m.Elif(phase == self._lanes - 1):
                m.d.sync += [address.eq(address + columns), band.eq(band + 1)]
                with m.If(band == last_band):
                    following = column + self._lanes
                    m.d.sync += [address.eq(following), column.eq(following), band.eq(0)]
            with m.If(place.last):
                m.d.sync += [address.eq(0), column.eq(0), band.eq(0)]
        return address


def _rotated(samples: Sequence[Value], phase: Value, *, up: bool) -> list[Value]:
    """Return ``samples`` rotated by ``phase`` places, from lanes to banks if ``up``, else back."""
    lanes = len(samples)
    if lanes == 1:
        return list(samples)
    return [
        Array(samples[(place - p if up else place + p) % lanes] for p in range(lanes))[phase]
        for place in range(lanes)
    ]


class TurnPace:
    """A corner turn's control, for planes of so many beats."""

    def __init__(self, beats: int, lanes: int) -> None:
        self._beats = beats
        self._written, self._read, self._planes = 0, 0, [False, False]
        self._write_half, self._read_half = 0, 0
        self._delay = DelayPace(turn_in_flight(lanes))
        self._buffer = BufferPace(buffer_depth(lanes))

    @property
    def ready(self) -> bool:
        """See `Pace`."""
        return not self._planes[self._write_half]

    @property
    def valid(self) -> bool:
        """See `Pace`."""
        return self._buffer.valid

    def step(self, i_valid: bool, o_ready: bool) -> None:
        """See `Pace`."""
        taken = i_valid and self.ready
        read = self._planes[self._read_half] and self._buffer.credit
        self._buffer.step(self._delay.shift(read), read, o_ready)
        self._written += taken
        self._read += read
        if taken and self._written % self._beats == 0:
            self._planes[self._write_half] = True
            self._write_half ^= 1
        if read and self._read % self._beats == 0:
            self._planes[self._read_half] = False
            self._read_half ^= 1


class TurnHardware(StageHardware[Turn]):
    """See `CornerTurn`."""

    whole_planes = True
    marks_frames = True

    @cached_property
    def component(self) -> CornerTurn:
        """See `StageHardware`."""
        return CornerTurn(
            runs=self.runs,
            bits=self.stage.taken.bits,
            lanes=self.place.lanes,
            target=self.place.target,
        )

    @property
    def runs(self) -> tuple[TurnedPlanes, ...]:
        """Planes as `CornerTurn` takes them."""
        height, width = self.stage.taken.height, self.stage.taken.width
        return tuple(
            TurnedPlanes(
                planes=planes,
                rows=width if have else height,
                columns=height if have else width,
                turned=have != want,
            )
            for planes, have, want in self.stage.parts
        )

    @property
    def _beats(self) -> int:
        return self.place.plane_beats(self.stage.taken)

    @property
    def latency(self) -> int:
        """See `StageHardware`."""
        return turn_latency(self.place.lanes)

    @property
    def span(self) -> int:
        """See `StageHardware`."""
        return self._beats - 1

    @property
    def cycles_per_frame(self) -> int:
        """See `StageHardware`."""
        return self.place.frame_beats(self.stage.taken)

    @property
    def held(self) -> int:
        """See `StageHardware`."""
        return 2 * self._beats

    @property
    def cost(self) -> Cost:
        """See `StageHardware`."""
        lanes, bits, beats = self.place.lanes, self.stage.taken.bits, self._beats
        bank = ram(depth=2 * beats, width=bits)
        cost = Cost(block_rams=lanes * bank.block_rams, luts=lanes * bank.luts)
        cost += buffer(depth=buffer_depth(lanes), width=lanes * bits + 1)
        for size in (beats, beats, self.stage.taken.channels, lanes, lanes):
            cost += counter(size)
        address = adder(beats.bit_length()).luts
        rotated = 2 * lanes * bits * (lanes - 1) * _CHOICE_LUTS
        adders = _WALK_ADDERS + (lanes if lanes > 1 else 0)
        return cost + Cost(luts=rotated + adders * address)

    def counted(self, planes: int) -> Counted:
        """See `StageHardware`."""
        return CountedStage(TurnPace(self._beats, self.place.lanes))


_CHOICE_LUTS = 0.6
"""Of a bit that one of two lanes gives."""
_WALK_ADDERS = 2
