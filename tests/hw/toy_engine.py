"""A toy engine in one file: one multiplier a lane works through a line product by product.

All that an engine is, is here: its description with its one option, its core, and its entry, which
`register` makes known to command lines, layers and the planner.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring

from golden.line.design import LineDesign
from golden.line.options import EngineOption
from golden.line.weights import LineWeights, correlate
from golden.numbers.interval import Integers
from hw.entry import Engine
from hw.line.candidates import Candidates, EngineTable, Lines
from hw.line.core import Core, between_frames, core_ports
from hw.line.output import OutputStage
from hw.line.pace import LinePace
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import flipped
from hw.parts.tables import Table, walk_channels
from hw.predict import adder, counter, output_stage, product, ram, table, weights_port
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SharedMultiplier
from hw.targets.cost import Cost


@dataclass(frozen=True, kw_only=True, eq=False)
class ToyDesign(LineDesign):
    """Takes a line, then N * N products, one a cycle; exact.

    Parameters
    ----------
    rest
        Cycles that the engine rests after each line.
    """

    engine: ClassVar[str] = "toy"
    length_range: ClassVar[tuple[int, int]] = (2, 64)
    options: ClassVar[tuple[EngineOption, ...]] = (
        EngineOption(name="rest", help="Cycles of rest after a line."),
    )

    rest: int = 0

    @property
    def cycles_per_group(self) -> int:
        """See `LineDesign`."""
        return self.length + self.length**2 + self.rest

    @property
    def cycles_per_result(self) -> int:
        """See `LineDesign`: as many as a sum has products."""
        return self.length

    @property
    def own_parameters(self) -> dict[str, Any]:
        """See `LineDesign`."""
        return {"rest": self.rest}

    def accumulate(self, lines: Integers, weights: LineWeights) -> Integers:
        """See `LineDesign`."""
        return correlate(lines, weights.weight) + weights.start()


def pipeline_latency(design: ToyDesign) -> int:
    """Cycles from a step to the sum that it finishes."""
    return READ_LATENCY + multiplying(design) + 1


def multiplying(design: ToyDesign) -> int:
    """Cycles that a product takes."""
    return SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)


def latency(design: ToyDesign) -> int:
    """Cycles from the first sample taken to the first sum, with no stalls."""
    return 2 * design.length - 1 + pipeline_latency(design)


class ToyCore(Core):
    """A line's memory, a kernel's, a multiplier a lane."""

    def __init__(self, design: ToyDesign) -> None:
        self._design = design
        depth = design.channels * design.length
        super().__init__(core_ports(design, depth=depth, coefficient_bits=design.weight_bits))

    @property
    def pipeline_latency(self) -> int:
        """See `Core`."""
        return pipeline_latency(self._design)

    @property
    def latency(self) -> int:
        """See `Core`."""
        return latency(self._design)

    def elaborate(self, platform: object) -> Module:
        del platform
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.length,
            output=design.length,
            group=design.groups_per_channel,
            channel=design.channels,
        )
        m.submodules.rest = rest = Counter(max(design.rest, 1))
        whole, resting = Signal(), Signal()
        step = Signal()
        m.d.comb += [
            step.eq(whole & ~resting & self.credit & self.available),
            place.step.eq(step),
            rest.step.eq(resting),
            self.take.eq(step & place.last_position),
            self.frame.eq(step & place.last_channel),
            self.idle.eq(between_frames(m, step, place.last_channel)),
        ]
        filled = self._hold(m, whole, place)
        with m.If(filled):
            m.d.sync += whole.eq(1)
        with m.If(step & place.last_output):
            m.d.sync += [whole.eq(design.rest > 0), resting.eq(design.rest > 0)]
        with m.If(resting & rest.last):
            m.d.sync += [whole.eq(0), resting.eq(0)]
        self._add_up(m, step, place)
        return m

    def _hold(self, m: Module, whole: Signal, place: Odometer) -> Signal:
        """Take a line into the memory, read it round from each output's position on."""
        design = self._design
        m.submodules.fill = fill = Counter(design.length)
        m.submodules.line = line = Memory(
            depth=design.length, width=design.lanes * design.data_bits, target=design.target
        )
        address, base = Signal(range(design.length)), Signal(range(design.length))
        taken, filled = Signal(), Signal()

        def after(signal: Signal) -> Mux:
            return Mux(signal == design.length - 1, 0, signal + 1)

        m.d.comb += [
            self.i.ready.eq(~whole),
            taken.eq(self.i.valid & ~whole),
            fill.step.eq(taken),
            filled.eq(taken & fill.last),
            line.w_en.eq(taken),
            line.w_addr.eq(fill.value),
            line.w_data.eq(self.i.payload.samples.as_value()),
            line.r_en.eq(1),
            line.r_addr.eq(address),
        ]
        with m.If(place.step):
            m.d.sync += address.eq(after(address))
            with m.If(place.last_position):
                m.d.sync += [address.eq(after(base)), base.eq(after(base))]
        return filled

    def _add_up(self, m: Module, step: Signal, place: Odometer) -> None:
        design, weights = self._design, self._design.weights
        m.submodules.kernels = kernels = Table(
            words=None if weights is None else weights.weight.ravel().tolist(),
            depth=design.channels * design.length,
            width=design.weight_bits,
            target=design.target,
        )
        if weights is None:
            wiring.connect(m, flipped(self.coefficients), kernels.load)
        address = Signal.like(kernels.addr)
        walk_channels(m, address, place)
        m.submodules.multiply = multiply = SharedMultiplier(
            lanes=design.lanes,
            a_bits=design.data_bits,
            b_bits=design.weight_bits,
            target=design.target,
        )
        cycles = READ_LATENCY + multiplying(design)
        first = delay(m, place.position == 0, cycles, name="first")
        there = delay_valid(m, step, cycles, name="there")
        m.d.comb += [
            kernels.addr.eq(address),
            multiply.a.as_value().eq(m.submodules.line.r_data),
            multiply.b.eq(kernels.data),
            self.o.valid.eq(delay_valid(m, self.take, cycles + 1, name="valid")),
            self.early.eq(
                delay_valid(m, self.take, cycles + 1 - OutputStage.LOOKAHEAD, name="early")
            ),
        ]
        for lane in range(design.lanes):
            total = Signal(signed(design.core_bits), name=f"total_{lane}", reset_less=True)
            with m.If(there):
                m.d.sync += total.eq(multiply.p[lane] + Mux(first, 0, total))
            m.d.comb += self.o.payload[lane].eq(total)


def predict(design: ToyDesign) -> Cost:
    """Return about what it takes of a device."""
    cost = output_stage(design, in_flight=pipeline_latency(design)) + weights_port(design)
    cost += product(lanes=design.lanes, a_bits=design.data_bits, b_bits=design.weight_bits)
    cost += adder(design.core_bits).times(design.lanes)
    cost += ram(depth=design.length, width=design.lanes * design.data_bits)
    cost += table(design, depth=design.channels * design.length, width=design.weight_bits)
    for size in (design.length,) * 3 + (design.groups_per_channel, design.channels):
        cost += counter(size)
    return cost


class ToyPace(LinePace):
    """Takes a line, and gives a result every N cycles until the next."""

    def __init__(self, design: ToyDesign, in_flight: int) -> None:
        super().__init__(design, in_flight)
        self._filled, self._resting, self._rest = 0, 0, design.rest

    @property
    def ready(self) -> bool:
        """See `LinePace`."""
        return self._filled < self._length

    def advance(self, i_valid: bool) -> bool:
        """See `LinePace`."""
        if self._filled < self._length:
            self._filled += i_valid
            return False
        if self._place == self._length**2:
            self._resting += 1
        elif not self._buffer.credit:
            return False
        else:
            self._place += 1
        take = self._resting == 0 and self._place % self._length == 0
        if self._place == self._length**2 and self._resting == self._rest:
            self._filled = self._place = self._resting = 0
        return take


class ToyCandidates(Candidates):
    """With no rest, as it is by default."""

    def cycles_per_line(self, lines: Lines, table: EngineTable) -> int:
        """See `Candidates`."""
        del table
        return lines.length + lines.length**2


TOY = Engine(
    design=ToyDesign,
    about="""Toy engine: a multiplier a lane, exact.

    A group of lines takes N + N * N cycles.
    """,
    core=ToyCore,
    predict=predict,
    latency=latency,
    pipeline_latency=pipeline_latency,
    candidates=ToyCandidates(),
    pace=ToyPace,
)
