"""Butterflies: transforms of a few points on words that stand a delay apart in the flow."""

from functools import partial

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.fermat import plan
from golden.numbers.interval import Interval
from hw.fermat.latency import step_latency
from hw.fermat.words import LEAD, Word, WordsComponent, add_all, rotation, words_layout
from hw.parts.beat_delay import BeatDelay
from hw.parts.counter import Counter, Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.operands import ONE, Operands, bits_of
from hw.parts.ports import Component, View, view
from hw.primitives.adder import chosen_sum
from hw.primitives.memory import Memory


class WordStore(Component):
    """Words of a stage at places: in registers, or in a memory where they are many.

    A word written in cycle t + 2 can be read with an address of cycle t + `depth`, or of t + 4 in a
    memory; one that is read with an address of cycle t can be overwritten in cycle t + 2.

    Members
    -------
    r_addr : In
    r_data : Out, a word a lane
        `LEAD` cycles later.
    w_en, w_addr, w_data : In
    """

    r_addr: Signal
    r_data: View
    w_en: Signal
    w_addr: Signal
    w_data: View

    _DEEPEST_IN_REGISTERS = 3

    def __init__(self, *, depth: int, layout: data.ArrayLayout, target: str) -> None:
        self._depth = depth
        self._layout = layout
        self._target = target
        super().__init__(
            {
                "r_addr": In(range(depth)),
                "r_data": Out(layout),
                "w_en": In(1),
                "w_addr": In(range(depth)),
                "w_data": In(layout),
            }
        )

    @classmethod
    def in_memory(cls, depth: int) -> bool:
        """Whether so many words are in a memory."""
        return depth > cls._DEEPEST_IN_REGISTERS

    def elaborate(self, platform: object) -> Module:
        m = Module()
        (self._remember if self.in_memory(self._depth) else self._register)(m)
        return m

    def _remember(self, m: Module) -> None:
        """Instantiate a memory; the sums that are written wait a cycle before its port."""
        m.submodules.memory = memory = Memory(
            depth=self._depth, width=self._layout.size, target=self._target
        )
        m.d.comb += [
            memory.r_en.eq(1),
            memory.r_addr.eq(self.r_addr),
            self.r_data.eq(memory.r_data),
            memory.w_en.eq(delay_valid(m, self.w_en, 1, name="w_en")),
            memory.w_addr.eq(delay(m, self.w_addr, 1, name="w_addr")),
            memory.w_data.eq(delay(m, self.w_data, 1, name="w_data")),
        ]

    def _register(self, m: Module) -> None:
        words = [
            view(self._layout, name=f"word_{place}", reset_less=True)
            for place in range(self._depth)
        ]
        read = words[-1].as_value()
        if self._depth > 1:
            r_addr = delay(m, self.r_addr, LEAD - 1, name="r_addr")
            for place, word in enumerate(words[:-1]):
                read = Mux(r_addr == place, word, read)
            read = delay(m, read, 1, name="read")
        m.d.comb += self.r_data.eq(read)
        for place, word in enumerate(words):
            with m.If(self.w_en & (self.w_addr == place)):
                m.d.sync += word.eq(self.w_data)


class Butterfly(WordsComponent):
    """Sums and differences of words `delay` beats apart, in a single path with delayed feedback.

    The first half of a block is stored; with the second half come the sums, while the differences
    take the places of the first half. They leave in the cycles that follow, whether or not beats
    of the next block come: so what comes out never waits for more to go in, and nothing meets,
    since the next sums are `delay` beats away.

    One beat a cycle; `latency` cycles from a block's first word to its first sum.
    """

    def __init__(self, step: plan.Butterfly, *, lanes: int, target: str) -> None:
        if step.radix != 2:
            raise ValueError(f"Radix must be 2, not {step.radix}")
        self._step = step
        self._lanes = lanes
        self._target = target
        self.latency = step_latency(step)
        super().__init__(step.i, step.o, lanes=lanes)

    @property
    def _kept(self) -> Interval:
        """Range of stored words: of the first half, and of differences."""
        return Interval.union((self._step.i, self._step.o))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        lanes = self._lanes
        m.submodules.place = place = Odometer(position=step.delay, half=2)
        m.submodules.store = store = WordStore(
            depth=step.delay, layout=words_layout(self._kept, lanes), target=self._target
        )
        second = Signal()
        m.d.comb += [place.step.eq(self.i.valid), second.eq(self.i.valid & place.half)]
        leaves = self._read(m, place, second)
        adds = delay_valid(m, second, LEAD, name="adds")
        m.submodules.written = written = Counter(step.delay)
        words = self.i.payload
        kept = [self._add(m, lane, adds, store.r_data[lane], words[lane]) for lane in range(lanes)]
        m.d.comb += [
            self.o.valid.eq(delay_valid(m, leaves, 1, name="leaves")),
            store.w_en.eq(delay_valid(m, self.i.valid, LEAD, name="w_en")),
            written.step.eq(store.w_en),
            store.w_addr.eq(written.value),
            store.w_data.eq(Cat(kept)),
        ]
        return m

    def _add(self, m: Module, lane: int, adds: Value, before: Value, word: Value) -> Value:
        """Send on the sum, or the stored word as it is; return the difference, or the word."""
        result = Signal(signed(self._step.o.bits), name=f"sum_{lane}", reset_less=True)
        stored, new = bits_of(before, "before"), bits_of(word, "word")
        build = partial(chosen_sum, m, adds, target=self._target)
        total = build(
            Operands(stored, new), Operands(stored), width=len(result), name=f"add_{lane}"
        )
        m.d.sync += result.eq(total)
        m.d.comb += self.o.payload[lane].eq(result)
        difference = Operands(stored, [~bit for bit in new], ONE)
        return build(difference, Operands(new), width=self._kept.bits, name=f"subtract_{lane}")

    def _read(self, m: Module, place: Odometer, second: Signal) -> Signal:
        """Address the stored words, for sums and then for differences; return whether one leaves.

        Both go through the places once, so one counter serves.
        """
        differences = Signal()
        leaves = Signal()
        m.submodules.read = read = Counter(self._step.delay)
        m.d.comb += [
            leaves.eq(second | differences),
            read.step.eq(leaves),
            m.submodules.store.r_addr.eq(read.value),
        ]
        with m.If(differences & read.last):
            m.d.sync += differences.eq(0)
        with m.If(self.i.valid & place.last_half):
            m.d.sync += differences.eq(1)
        return leaves


class PointTransform(WordsComponent):
    """A transform of a few points, each rotated by a fixed amount from one output to the next.

    A block is collected; then every point has a cell that turns its word by wires and one addition
    for each further output, and the cells are added up. Outputs leave one a cycle, whether or not
    more comes in.

    One beat a cycle; `latency` cycles from a block's first word to its first output.
    """

    _SHORTEST_IN_MEMORY = 10
    """Delay from which on the other transforms' words wait for their turn in a memory."""

    def __init__(self, step: plan.Butterfly, *, lanes: int, target: str) -> None:
        self._step = step
        self._lanes = lanes
        self._target = target
        self.latency = step_latency(step)
        super().__init__(step.i, step.o, lanes=lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        step = self._step
        m.submodules.place = place = Odometer(position=step.delay, point=step.radix)
        m.submodules.leaving = leaving = Odometer(position=step.delay, output=step.radix)
        running = Signal()
        added_up = (step.radix - 1).bit_length()
        with m.If(running & leaving.last_output):
            m.d.sync += running.eq(0)
        with m.If(place.last_point & self.i.valid):
            m.d.sync += running.eq(1)
        first = Signal(init=1)  # the outputs of this cycle are number 0
        with m.If(running & leaving.last_position):
            m.d.sync += first.eq(leaving.last_output)
        m.d.comb += [
            place.step.eq(self.i.valid),
            leaving.step.eq(running),
            self.o.valid.eq(delay_valid(m, running, added_up + 1, name="leaves")),
        ]
        points = [self._collect(m, n, place, leaving) for n in range(step.radix)]
        load = delay(m, first, LEAD, name="load")
        waiting = self._waiting(m)
        for lane in range(self._lanes):
            cells = [
                Word(self._cell(m, n, lane, load, points[n][lane], waiting), step.cells[n], 0)
                for n in range(step.radix)
            ]
            total = add_all(m, cells, name=f"sum_{lane}")
            m.d.comb += self.o.payload[lane].eq(total.value)
        return m

    def _collect(self, m: Module, n: int, place: Odometer, leaving: Odometer) -> View:
        """Store point n of every transform of a block; return them one by one as they leave."""
        step = self._step
        layout = words_layout(step.i, self._lanes)
        store = WordStore(depth=step.delay, layout=layout, target=self._target)
        m.submodules[f"point_{n}"] = store
        ours = self.i.valid & (place.point == n)
        m.d.comb += [
            store.w_en.eq(delay_valid(m, ours, LEAD, name=f"w_en_{n}")),
            store.w_addr.eq(delay(m, place.position, LEAD, name=f"w_addr_{n}")),
            store.w_data.eq(self.i.payload),
            store.r_addr.eq(leaving.position),
        ]
        return store.r_data

    @property
    def _widest(self) -> int:
        return max(cell.bits for cell in self._step.cells)

    @classmethod
    def in_memory(cls, step: plan.Butterfly) -> bool:
        """Whether the cells' words wait in a memory."""
        return step.delay >= cls._SHORTEST_IN_MEMORY

    def _waiting(self, m: Module) -> BeatDelay | None:
        """Return where all cells' words wait while the block's other transforms have their turn."""
        step = self._step
        if not self.in_memory(step):
            return None
        m.submodules.waiting = waiting = BeatDelay(
            depth=step.delay - 1,
            width=self._lanes * step.radix * self._widest,
            target=self._target,
        )
        m.d.comb += waiting.step.eq(1)
        return waiting

    def _cell(
        self, m: Module, n: int, lane: int, load: Signal, word: Value, waiting: BeatDelay | None
    ) -> Signal:
        """Turn a point's word on for every output; transforms of a block take turns in it."""
        step = self._step
        shape = signed(step.cells[n].bits)
        cell = Signal(shape, name=f"cell_{n}_{lane}", reset_less=True)
        if waiting is None:
            before: Value = delay(m, cell, step.delay - 1, name=f"before_{n}_{lane}")
        else:
            place = (lane * step.radix + n) * self._widest
            m.d.comb += waiting.i[place : place + self._widest].eq(cell)
            before = waiting.o[place : place + len(cell)].as_signed()
        if step.shifts[n]:
            old = bits_of(before, "before")
            turned = chosen_sum(
                m,
                ~load,
                rotation(old, step.cells[n], step.shifts[n], step.bits),
                Operands(bits_of(word, "word")),
                width=len(cell),
                target=self._target,
                name=f"turn_{n}_{lane}",
            )
            m.d.sync += cell.eq(turned)
        else:
            m.d.sync += cell.eq(Mux(load, word, before))
        return cell
