"""A build that tests itself: stored lines in, results compared with stored golden ones, LEDs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from amaranth.hdl import C, Cat, ClockDomain, Elaboratable, Module, Mux, Signal, Value, unsigned
from amaranth.hdl import _ir as ir
from amaranth.lib import memory
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from golden.line.design import LineDesign
from golden.line.weights import LineWeights
from golden.numbers.interval import Integers
from hw.emit.axi import AxiInstance
from hw.emit.verilog import Ports, to_verilog
from hw.package.beats import line_beats
from hw.package.vectors import known_lines
from hw.parts.ports import Component, Stream

TOP = "selftest"
N_GROUPS = 8
N_LEDS = 8
RESET_CYCLES = 16


@dataclass(frozen=True)
class Vectors:
    """What is stored.

    Parameters
    ----------
    sent, expected
        Beats to send and beats that must come back: tdata, and the end of a group above it.
    cycles
        After which all of them must have come, and none more.
    """

    sent: list[int]
    expected: list[int]
    cycles: int


def vectors(design: LineDesign, manifest: dict[str, Any], *, wrong_weight: bool) -> Vectors:
    """Return lines for ``design``, with weights in ROM, and the golden model's results.

    Random lines over the full range, the two extremes, and a line of ones.

    Parameters
    ----------
    design, manifest
        Of the build.
    wrong_weight
        Expect the results of a kernel that differs in one weight: the test must fail.
    """
    lines = known_lines(design, N_GROUPS)
    golden = replace(design, weights=_disturbed(design)) if wrong_weight else design
    streams, timing = manifest["streams"], manifest["timing"]
    unstalled = timing["latency_cycles"] + (N_GROUPS + 2) * timing["cycles_per_group"]
    return Vectors(
        sent=_words(lines, design.lanes, streams["s_axis"]["slot_bits"]),
        expected=_words(golden.model(lines), design.lanes, streams["m_axis"]["slot_bits"]),
        cycles=4 * unstalled,
    )


def _disturbed(design: LineDesign) -> LineWeights:
    """Return the weights of ``design`` with channel 0's first tap one off."""
    weights = design.weights
    assert weights is not None
    weight = weights.weight.copy()
    weight[0, 0] += 1 if weight[0, 0] < 0 else -1
    return replace(weights, weight=weight)


def _words(lines: Integers, lanes: int, slot_bits: int) -> list[int]:
    """Return ``lines`` ``[L, N]`` as words: `lanes` lines side by side, last on top."""
    return [last << lanes * slot_bits | word for word, last in line_beats(lines, lanes, slot_bits)]


class WordsInTurn(Component):
    """Stored words, one after the other.

    Parameters
    ----------
    words
        The words.
    width
        Bits of one.
    endless
        Whether they begin again once all were.

    Members
    -------
    step : In
        On to the next word.
    word : Out
        The word in turn; undefined once all were.
    over : Out
        All were.
    """

    step: Signal
    word: Signal
    over: Signal

    def __init__(self, words: Sequence[int], width: int, *, endless: bool = False) -> None:
        self._words = list(words)
        self._width = width
        self._endless = endless
        super().__init__({"step": In(1), "word": Out(width), "over": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n_words = len(self._words)
        rom: memory.Memory[Any, Any] = memory.Memory(
            shape=unsigned(self._width), depth=n_words, init=self._words
        )
        m.submodules.rom = rom
        place = Signal(range(n_words + 1))
        after = Signal.like(place)
        read = rom.read_port()
        back = place == n_words - 1 if self._endless else C(0)
        m.d.comb += [
            after.eq(Mux(self.step, Mux(back, 0, place + 1), place)),
            read.addr.eq(after),
            self.word.eq(read.data),
            self.over.eq(place == n_words),
        ]
        m.d.sync += place.eq(after)
        return m


class Shown(Component):
    """What LEDs show.

    Members
    -------
    leds : Out
        All but the last.
    """

    leds: Signal

    def __init__(self) -> None:
        super().__init__({"leds": Out(N_LEDS - 1)})


class SelfTest(Shown):
    """Sends stored beats to an engine at a broken pace, and compares what comes back.

    After a fixed number of cycles it has passed where every beat came, each as expected, and none
    more, or else failed.

    Parameters
    ----------
    manifest
        Of the build; its Verilog module is instantiated by name.
    vectors
        What to send and to expect.

    LED 0 is done, 1 pass, 2 fail.
    """

    def __init__(self, manifest: dict[str, Any], vectors: Vectors) -> None:
        self._manifest = manifest
        self._vectors = vectors
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.engine = engine = AxiInstance(self._manifest)
        # Sixteen bits of a maximal sequence: a beat is offered, and one taken, three times in four.
        noise = Signal(16, init=1)
        m.d.sync += noise.eq(Mux(noise[0], (noise >> 1) ^ 0xB400, noise >> 1))
        self._send(m, engine.i, noise[0] | noise[5])
        right = self._compare(m, engine.o, noise[3] | noise[9])
        cycle = Signal(range(self._vectors.cycles + 1))
        done = Signal()
        m.d.comb += done.eq(cycle == self._vectors.cycles)
        with m.If(~done):
            m.d.sync += cycle.eq(cycle + 1)
        with m.Else():
            m.d.sync += self.leds.eq(Cat(C(1, 1), right, ~right))
        return m

    def _send(self, m: Module, o: Stream, pace: Value) -> None:
        width = len(o.payload.as_value())
        m.submodules.sent = sent = WordsInTurn(self._vectors.sent, width)
        offered = Signal()
        m.d.comb += [
            o.payload.eq(sent.word),
            o.valid.eq(offered & ~sent.over),
            sent.step.eq(o.valid & o.ready),
        ]
        with m.If(~offered | sent.step):
            m.d.sync += offered.eq(pace)

    def _compare(self, m: Module, i: Stream, pace: Value) -> Signal:
        """Return whether all beats came so far, each as expected, and none more."""
        width = len(i.payload.as_value())
        m.submodules.expected = expected = WordsInTurn(self._vectors.expected, width)
        ready = Signal()
        came = Signal()
        same = Signal()
        over = Signal()
        wrong = Signal()
        right = Signal()
        m.d.comb += [i.ready.eq(ready), expected.step.eq(i.valid & i.ready)]
        m.d.sync += [
            ready.eq(pace),
            came.eq(expected.step),
            same.eq(i.payload.as_value() == expected.word),
            over.eq(expected.over),
        ]
        with m.If(came & (over | ~same)):
            m.d.sync += wrong.eq(1)
        m.d.comb += right.eq(expected.over & ~came & ~wrong)
        return right


class BoardTop(Elaboratable):
    """What is shown, on a board: clock, a button that starts it again, and LEDs.

    The last LED lights while the button is held.

    Attributes
    ----------
    ports
        By name, for `hw.emit.verilog.to_verilog`.
    """

    def __init__(self, test: Shown) -> None:
        self._test = test
        self._clock = Signal(name="clock")
        self._restart = Signal(name="restart")
        self._leds = Signal(N_LEDS, name="leds")
        self.ports: Ports = {
            "clock": (self._clock, ir.PortDirection.Input),
            "restart": (self._restart, ir.PortDirection.Input),
            "leds": (self._leds, ir.PortDirection.Output),
        }

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The stubs have neither clk nor rst.
        power: Any = ClockDomain("power", reset_less=True)
        sync: Any = ClockDomain("sync")
        m.domains.power, m.domains.sync = power, sync
        m.d.comb += [power.clk.eq(self._clock), sync.clk.eq(self._clock)]
        pressed = Signal()
        m.submodules.button = FFSynchronizer(self._restart, pressed, o_domain="power")
        # The registers' contents after configuration begin the first reset.
        cycles = Signal(range(RESET_CYCLES))
        with m.If(pressed):
            m.d.power += cycles.eq(0)
        with m.Elif(sync.rst):
            m.d.power += cycles.eq(cycles + 1)
        m.d.comb += sync.rst.eq(cycles != RESET_CYCLES - 1)
        m.submodules.test = test = self._test
        leds: Signal = test.leds
        m.d.comb += self._leds.eq(Cat(leds, pressed))
        return m


def self_test(manifest: dict[str, Any], design: LineDesign, *, wrong_weight: bool = False) -> str:
    """Return Verilog of module `TOP` that tests the build of ``manifest`` on a board."""
    test = SelfTest(manifest, vectors(design, manifest, wrong_weight=wrong_weight))
    top = BoardTop(test)
    return to_verilog(top, TOP, top.ports)
