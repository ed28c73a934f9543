"""Neighbours' products, added up over all input channels as these come in: one middle for all."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.direct.dense import DenseDirectDesign
from hw.parts.accumulate import accumulate_turns
from hw.parts.counter import Odometer
from hw.parts.delay import delay_valid
from hw.parts.ports import Component, View, view
from hw.predict import accumulation, counter, ram
from hw.primitives.memory import READ_LATENCY, Memory
from hw.primitives.multiplier import SeparateMultiplier, SharedMultiplier
from hw.targets.cost import Cost

BEHIND = 2
"""Cycles that a group's samples are held later, so that its last sum is there when it is read."""


class NeighbourSums(Component):
    """Keeps ``sum_c x[c, t - 1] x[c, t]`` of each line of a group of channels, at place t.

    They do not depend on the output channel, so that one multiplier a lane makes them once, at the
    door, whatever the number of chains. One group is read while the next one comes in.

    Members
    -------
    take : In
        A beat comes in: `samples`.
    samples : In, a sample a lane
    half, place : In
        Read a word: of the group that is in this half, at a place of its lines.
    words : Out, a sum a lane
        `latency` cycles later.
    """

    take: Signal
    samples: View
    half: Signal
    place: Signal
    words: View

    latency = READ_LATENCY

    def __init__(self, design: DenseDirectDesign) -> None:
        self._design = design
        self._words = data.ArrayLayout(signed(design.neighbours.bits), design.lanes)
        super().__init__(
            {
                "take": In(1),
                "samples": In(data.ArrayLayout(signed(design.data_bits), design.lanes)),
                "half": In(1),
                "place": In(range(places_of(design))),
                "words": Out(self._words),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        ended, products = self._multiply(m)
        latency = SharedMultiplier.latency_on(design.target, a_bits=design.data_bits)
        finished, totals = accumulate_turns(
            m,
            ended,
            products,
            ahead=latency,
            width=design.neighbours.bits,
            length=places_of(design),
            turns=design.in_channels,
            target=design.target,
        )
        there = delay_valid(m, finished, latency + 1, name="there")
        m.submodules.memory = memory = Memory(
            depth=2 * places_of(design), width=self._words.size, target=design.target
        )
        m.d.comb += [
            memory.w_en.eq(there),
            memory.w_addr.eq(self._written(m, there)),
            memory.w_data.eq(totals.as_value()),
            memory.r_en.eq(1),
            memory.r_addr.eq(Cat(self.half, self.place)),
            self.words.as_value().eq(memory.r_data),
        ]
        return m

    def _multiply(self, m: Module) -> tuple[Value, list[Value]]:
        """Multiply each sample by the one before; return when, and the products.

        The line's first sample is multiplied by the last one in the cycle behind the line, in which
        the next line's first sample has nothing before it.
        """
        design = self._design
        m.submodules.line = line = Odometer(position=design.length)
        first = view(self.samples.shape(), name="first", reset_less=True)
        before = view(self.samples.shape(), name="before", reset_less=True)
        begins = line.position == 0
        m.d.comb += line.step.eq(self.take)
        around = delay_valid(m, self.take & line.last_position, 1, name="around")
        with m.If(self.take):
            m.d.sync += before.eq(self.samples)
            with m.If(begins):
                m.d.sync += first.eq(self.samples)
        m.submodules.multiply = multiply = SeparateMultiplier(
            lanes=design.lanes, bits=design.data_bits, target=design.target
        )
        for lane in range(design.lanes):
            m.d.comb += [
                multiply.a[lane].eq(before[lane]),
                multiply.b[lane].eq(Mux(around, first[lane], self.samples[lane])),
            ]
        return around | (self.take & ~begins), [multiply.p[lane] for lane in range(design.lanes)]

    def _written(self, m: Module, step: Value) -> Value:
        """Return where a sum goes: a line's come in the order 1, 2, ..., N - 1, 0."""
        design = self._design
        m.submodules.written = written = Odometer(
            position=design.length, line=design.groups_per_channel
        )
        place = Signal(range(places_of(design)), name="place_written", init=1)
        line = Signal(range(places_of(design)), name="line_written")
        half = Signal(name="write_half")
        m.d.comb += written.step.eq(step)
        with m.If(step):
            m.d.sync += place.eq(place + 1)
            with m.If(written.position == design.length - 2):
                m.d.sync += place.eq(line)
            with m.If(written.last_position):
                following = line + design.length
                m.d.sync += [line.eq(following), place.eq(following + 1)]
            with m.If(written.last_line):
                m.d.sync += [line.eq(0), place.eq(1), half.eq(~half)]
        return Cat(half, place)


def places_of(design: DenseDirectDesign) -> int:
    """Return the beats of an input channel."""
    return design.length * design.groups_per_channel


def predict(design: DenseDirectDesign) -> Cost:
    """Return what `NeighbourSums` takes."""
    bits, places = design.neighbours.bits, places_of(design)
    cost = accumulation(length=places, width=bits, words=design.lanes)
    cost += ram(depth=2 * places, width=design.lanes * bits)
    for size in (design.length, design.length, design.groups_per_channel, design.in_channels):
        cost += counter(size)
    moved = 5 * places.bit_length()
    return cost + Cost(design.lanes, 0, design.lanes * design.data_bits + moved)
