"""The direct engine between its streams: samples in, correlation sums out."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import wiring

from golden.direct.design import DirectDesign
from hw.direct.chain import TapChain
from hw.direct.pairs import chain_of
from hw.direct.replay import LineReplay
from hw.direct.sequencer import Sequencer
from hw.line.core import Core, core_ports
from hw.parts.accumulate import accumulate_turns
from hw.parts.counter import counted_layout, one_more
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import View, flipped, view
from hw.parts.tables import Table
from hw.primitives.memory import READ_LATENCY, Memory, blocks_on

KERNEL_STAGE = Table.latency
"""Cycles from the decision to step until the step's weight is on the chain's bus."""
DATA_STAGE = KERNEL_STAGE + 1
"""Cycles from the decision to step until its samples stand before the multipliers."""


def pipeline_latency(design: DirectDesign) -> int:
    """Cycles from the decision to take a step to the sum that it finishes."""
    return KERNEL_STAGE + chain_of(design).latency_of(design) + (design.turns > 1)


def latency(design: DirectDesign) -> int:
    """Cycles from the first sample taken to the first sum, with no stalls."""
    if design.passes == 1:
        steps = design.taps - 1
    else:
        line_taken = design.length
        steps = line_taken + (design.passes - 1) * design.length + design.taps - 1
    return steps + pipeline_latency(design)


class DirectCore(Core):
    """Circular cross-correlation of every line with its channel's kernel, exact.

    With P = N a sample enters and a sum leaves every cycle; with P < N a group takes
    N * ceil(N/P) cycles, and the next one is taken meanwhile.

    Members
    -------
    As of `hw.line.core.Core`.
    """

    def __init__(self, design: DirectDesign) -> None:
        self._design = design
        super().__init__(core_ports(design, depth=self._depth, coefficient_bits=design.weight_bits))

    @property
    def _depth(self) -> int:
        return self._design.channels * self._design.coefficient_stride

    @property
    def ahead(self) -> int:
        """See `Core`."""
        return TapChain.ahead_of(self._design)

    @property
    def pipeline_latency(self) -> int:
        """Cycles from the decision to take a step to the sum on `o` that it finishes."""
        return pipeline_latency(self._design)

    @property
    def latency(self) -> int:
        """Cycles from the first sample taken to the first sum, with no stalls."""
        return latency(self._design)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.sequence = sequence = Sequencer(design)
        m.d.comb += [
            sequence.credit.eq(self.credit),
            self.take.eq(sequence.take),
            self.frame.eq(sequence.new & sequence.last_frame),
            self.idle.eq(self._idle(sequence)),
        ]
        samples = self._take_in(m)
        early, sums = self._correlate(m, sequence, samples)
        if design.turns == 1:
            for lane, total in enumerate(sums):
                m.d.comb += self.o.payload[lane].eq(total)
            self._announce(m, early, ahead=self.ahead)
        else:
            self._accumulate(m, early, sums)
        return m

    def _idle(self, sequence: Sequencer) -> Value:
        """Return whether the kernels' reader has begun nothing, and needs no kept set."""
        return sequence.idle

    def _take_in(self, m: Module) -> View:
        """Return the samples that the engine steps through, `READ_LATENCY` cycles later."""
        return self._stream_in(m) if self._design.passes == 1 else self._replay_in(m)

    def _correlate(
        self, m: Module, sequence: Sequencer, samples: View
    ) -> tuple[Value, Sequence[Value]]:
        """Return partial sums a lane, and when they are there, `ahead` cycles ahead."""
        m.submodules.chain = chain = chain_of(self._design)(self._design)
        self._lead(m, sequence, [chain])
        m.d.comb += [
            chain.new.eq(delay_valid(m, sequence.new, KERNEL_STAGE, name="new")),
            chain.old.eq(delay_valid(m, sequence.old, KERNEL_STAGE, name="old")),
            chain.last.eq(delay_valid(m, sequence.last_position, KERNEL_STAGE, name="last")),
            chain.weight.eq(self._fetch_weight(m, sequence)),
            chain.x_new.eq(delay(m, samples, DATA_STAGE - READ_LATENCY, name="x_new")),
        ]
        if self._design.taps > 1:
            m.d.comb += chain.x_old.eq(self._remember(m, sequence, samples))
        return chain.early, [chain.sums[lane] for lane in range(self._design.lanes)]

    def _lead(self, m: Module, sequence: Sequencer, chains: Sequence[TapChain]) -> None:
        """Tell chains in pairs where the waves stand."""
        if not self._design.in_pairs:
            return
        for name in ("position", "old_position", "full"):
            later = delay(m, getattr(sequence, name), DATA_STAGE, name=f"{name}_in_chain")
            m.d.comb += [getattr(chain, name).eq(later) for chain in chains]

    def _stream_in(self, m: Module) -> View:
        """Let the samples step the engine as they come; return them `READ_LATENCY` cycles later."""
        sequence = m.submodules.sequence
        m.d.comb += [
            sequence.available.eq(self.i.valid & self.available),
            self.i.ready.eq(self.credit & self.available),
        ]
        return delay(m, self.i.payload.samples, READ_LATENCY, name="x")

    def _replay_in(self, m: Module) -> View:
        """Let whole lines step the engine; return the samples `READ_LATENCY` cycles later."""
        sequence = m.submodules.sequence
        m.submodules.replay = replay = LineReplay(self._design)
        wiring.connect(m, flipped(self.i), replay.i)
        m.d.comb += [
            sequence.available.eq(replay.available & self.available),
            replay.step.eq(sequence.new),
            replay.last_pass_step.eq(sequence.last_position),
            replay.last_line_step.eq(sequence.last_line),
        ]
        return replay.x

    def _fetch_weight(self, m: Module, sequence: Sequencer) -> Signal:
        """Return the weight of the tap that the new wave reaches, at the kernel stage."""
        design = self._design
        weights = design.weights
        words = None if weights is None else [int(w) for w in design.padded(weights.weight).flat]
        m.submodules.kernels = kernels = Table(
            words=words,
            depth=self._depth,
            width=design.weight_bits,
            target=design.target,
            padded=design.coefficient_stride > design.coefficient_words,
        )
        if words is None:
            wiring.connect(m, flipped(self.coefficients), kernels.load)
        self._walk_kernels(m, sequence, kernels.addr)
        return kernels.data

    def _walk_kernels(self, m: Module, sequence: Sequencer, addr: Value) -> None:
        """Drive the address of the weight of the tap that the new wave reaches."""
        design = self._design
        layout = counted_layout(len(addr))
        address = view(layout, name="address")
        channel_base = view(layout, name="channel_base")
        following = view(layout, name="following")
        reaching = Signal(init=1)  # the new wave has taps before it
        m.d.comb += [
            addr.eq(address.value),
            following.eq(Mux(reaching, one_more(address), address)),
        ]
        with m.If(sequence.new):
            m.d.sync += address.eq(following)
            if design.taps < design.length:
                with m.If(sequence.position == design.taps - 1):
                    m.d.sync += reaching.eq(0)
                with m.If(sequence.last_position):
                    m.d.sync += reaching.eq(1)
            with m.If(sequence.last_line):
                m.d.sync += address.eq(channel_base)
            with m.If(sequence.last_channel):
                m.d.sync += [address.eq(following), channel_base.eq(following)]
            with m.If(sequence.last_frame):
                m.d.sync += [address.eq(0), channel_base.eq(0)]

    def _remember(self, m: Module, sequence: Sequencer, samples: View) -> Signal:
        """Keep the first P - 1 samples of a pass for the old wave, in a ring.

        The old wave steps whenever the new one does and is never behind it, so reading a cycle
        before writing keeps the two off the same word. Out of block RAM, which is far from the
        chain, what is read another cycle before stands beside it; but of a line of two samples,
        the first word is written just then.
        """
        design = self._design
        depth, width = design.taps - 1, len(samples.as_value())
        far = blocks_on(design.target, depth=depth, width=width, writable=True) > 0
        beside = DATA_STAGE - READ_LATENCY if far and design.length > 2 else 0
        m.submodules.ring = ring = Memory(depth=depth, width=width, target=design.target)
        keep = Signal()
        m.d.comb += keep.eq(sequence.new & ~sequence.full)
        m.d.comb += [
            ring.w_en.eq(delay_valid(m, keep, READ_LATENCY, name="keep")),
            ring.w_addr.eq(delay(m, sequence.position, READ_LATENCY, name="position")),
            ring.w_data.eq(samples.as_value()),
            ring.r_en.eq(1),
            ring.r_addr.eq(
                delay(
                    m,
                    sequence.old_position,
                    DATA_STAGE - READ_LATENCY - beside,
                    name="old_position",
                )
            ),
        ]
        return delay(m, ring.r_data, beside, name="x_old")

    def _accumulate(self, m: Module, early: Value, sums: Sequence[Value]) -> None:
        """Add up the passes of a line."""
        design = self._design
        finished, totals = accumulate_turns(
            m,
            early,
            sums,
            ahead=self.ahead,
            width=design.core_bits,
            length=design.length,
            turns=design.turns,
            target=design.target,
        )
        m.d.comb += self.o.payload.eq(totals)
        self._announce(m, finished, ahead=self.ahead + 1)

    def _announce(self, m: Module, finished: Value, *, ahead: int) -> None:
        """Drive `early` and the valid bit from a sign that is ``ahead`` cycles ahead of it."""
        m.d.comb += [
            self.early.eq(delay_valid(m, finished, ahead - self.ahead, name="early")),
            self.o.valid.eq(delay_valid(m, finished, ahead, name="valid")),
        ]
