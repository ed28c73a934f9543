"""The port that kernels arrive on, and the change from one set to the next between frames."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from hw.parts.counter import Odometer
from hw.parts.ports import Component, Stream
from hw.parts.tables import Load, LoadSignature

FRAMES_IN_FLIGHT_BITS = 8


W_EVENTS = ("last_unexpected", "last_missing")
"""What is said of `last` on a stream of weights."""


class BankFollower(Component):
    """A reader's bank, which follows a leading reader's once all frames between the two are read.

    The leader changes banks only between its frames, and the follower reads a frame's first step
    `LAG` cycles or more after the leader did: time to count without a path through the counter.

    Members
    -------
    leader : In
        The bank of the leader.
    leader_frame, frame : In
        Pulses: the leader, the follower is at the last step of a frame.
    bank : Out
    """

    leader: Signal
    leader_frame: Signal
    frame: Signal
    bank: Signal

    LAG = 3

    def __init__(self) -> None:
        super().__init__({"leader": In(1), "leader_frame": In(1), "frame": In(1), "bank": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        behind = Signal(FRAMES_IN_FLIGHT_BITS)  # frames between the two readers
        old_frames = Signal(FRAMES_IN_FLIGHT_BITS)  # of those, the ones under the bank before
        none = Signal()  # what `old_frames` is, known in time
        one = Signal()  # likewise
        seen = Signal()
        counting = Signal()
        counted = Signal()
        m.d.sync += [
            behind.eq(behind + self.leader_frame - self.frame),
            old_frames.eq(old_frames - self.frame),
            none.eq((old_frames == 0) | ((old_frames == 1) & self.frame)),
            one.eq(Mux(self.frame, old_frames == 2, old_frames == 1)),
            seen.eq(self.leader),
            counted.eq(counting),
        ]
        with m.If(self.leader != seen):
            m.d.sync += [old_frames.eq(behind - self.frame), counting.eq(1)]
        with m.If(counted & (none | (one & self.frame))):
            m.d.sync += [self.bank.eq(self.leader), counting.eq(0), counted.eq(0)]
        return m


class BankSwitch(Component):
    """Two banks of tables: who reads which, who may be written, and when they change places.

    Kernels are read as lines enter the engine, start values as they leave it, frames later; so the
    output's bank follows the kernels' bank after the frames then on their way have left.

    Members
    -------
    full : In
        Pulse: the bank being written holds a whole set now.
    kernel_frame : In
        Pulse: the kernels' reader is at the last step of a frame.
    kernel_idle : In
        The kernels' reader has begun no frame, and begins none in this cycle.
    output_frame : In
        Pulse: the output's reader is at the last step of a frame.
    writable : Out
        The idle bank may be written.
    available : Out
        A set is in effect.
    kernel_bank, output_bank : Out
    """

    full: Signal
    kernel_frame: Signal
    kernel_idle: Signal
    output_frame: Signal
    writable: Signal
    available: Signal
    kernel_bank: Signal
    output_bank: Signal

    def __init__(self) -> None:
        super().__init__(
            {
                "full": In(1),
                "kernel_frame": In(1),
                "kernel_idle": In(1),
                "output_frame": In(1),
                "writable": Out(1),
                "available": Out(1),
                "kernel_bank": Out(1),
                "output_bank": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        waiting = Signal()  # a whole set stands in the idle bank
        m.submodules.output = output = BankFollower()
        m.d.comb += [
            output.leader.eq(self.kernel_bank),
            output.leader_frame.eq(self.kernel_frame),
            output.frame.eq(self.output_frame),
            self.output_bank.eq(output.bank),
            self.writable.eq(~waiting & (self.output_bank == self.kernel_bank)),
        ]
        with m.If(self.full):
            m.d.sync += waiting.eq(1)
        with m.If(waiting & (self.kernel_frame | self.kernel_idle)):
            m.d.sync += [
                waiting.eq(0),
                self.available.eq(1),
                self.kernel_bank.eq(~self.kernel_bank),
            ]
        return m


class WeightsPort(Component):
    """Writes the sets that arrive on `w` into tables of two banks.

    A set is C channels of `words` beats. Beat n of channel c carries the engine's coefficient n,
    the start value of position n (beats beyond the line length carry none), and, for requantised
    output, the channel's multiplier and shift, which are taken from the channel's last beat.

    One beat a cycle; `w.ready` is low while a whole set waits for its frame.

    Parameters
    ----------
    channels, words, length
        C, beats a channel, samples a line (at most `words`).
    coefficient_bits, start_bits, scale_bits
        Widths; `scale_bits` is 0 where output is not requantised.
    stride
        Words from one channel's coefficients to the next one's in the engine's table; beats beyond
        carry none.

    Members
    -------
    w : In, stream of {coefficient, start, scale, last}
    switch : `BankSwitch`'s frame inputs and `available`
    coefficients, starts, scales : Out, `LoadSignature`
    event_last_unexpected, event_last_missing : Out
        Pulses: `last` stood on another beat than a set's last one, or was absent there.
    """

    w: Stream
    kernel_frame: Signal
    kernel_idle: Signal
    output_frame: Signal
    available: Signal
    coefficients: Load
    starts: Load
    scales: Load
    event_last_unexpected: Signal
    event_last_missing: Signal

    def __init__(
        self,
        *,
        channels: int,
        words: int,
        length: int,
        coefficient_bits: int,
        start_bits: int,
        scale_bits: int,
        stride: int,
    ) -> None:
        if words < length:
            raise ValueError(f"Words must be at least {length}, not {words}")
        self._channels = channels
        self._words = words
        self._length = length
        self._stride = stride
        payload = data.StructLayout(
            {"coefficient": coefficient_bits, "start": start_bits, "scale": scale_bits, "last": 1}
        )
        super().__init__(
            {
                "w": In(stream.Signature(payload)),
                "kernel_frame": In(1),
                "kernel_idle": In(1),
                "output_frame": In(1),
                "available": Out(1),
                "coefficients": Out(LoadSignature(depth=channels * stride, width=coefficient_bits)),
                "starts": Out(LoadSignature(depth=channels * length, width=start_bits)),
                "scales": Out(LoadSignature(depth=channels, width=scale_bits)),
                "event_last_unexpected": Out(1),
                "event_last_missing": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.place = place = Odometer(word=self._words, channel=self._channels)
        m.submodules.banks = banks = BankSwitch()
        beat = self.w.payload
        taken = Signal()
        m.d.comb += [
            self.w.ready.eq(banks.writable),
            taken.eq(self.w.valid & self.w.ready),
            place.step.eq(taken),
            banks.full.eq(taken & place.last_channel),
            banks.kernel_frame.eq(self.kernel_frame),
            banks.kernel_idle.eq(self.kernel_idle),
            banks.output_frame.eq(self.output_frame),
            self.available.eq(banks.available),
        ]
        m.d.sync += [
            self.event_last_unexpected.eq(taken & beat.last & ~place.last_channel),
            self.event_last_missing.eq(taken & ~beat.last & place.last_channel),
        ]
        for load, bank in (
            (self.coefficients, banks.kernel_bank),
            (self.starts, banks.output_bank),
            (self.scales, banks.output_bank),
        ):
            m.d.comb += [load.read_bank.eq(bank), load.write_bank.eq(~banks.kernel_bank)]
        kept = min(self._words, self._stride)
        self._address(m, self.coefficients, taken, place, words=kept, stride=self._stride)
        self._address(m, self.starts, taken, place, words=self._length, stride=self._length)
        m.d.comb += [
            self.coefficients.data.eq(beat.coefficient),
            self.starts.data.eq(beat.start),
            self.scales.data.eq(beat.scale),
            self.scales.en.eq(taken & place.last_word),
            self.scales.addr.eq(place.channel),
        ]
        return m

    @staticmethod
    def _address(
        m: Module,
        load: Load,
        taken: Signal,
        place: Odometer,
        *,
        words: int,
        stride: int,
    ) -> None:
        """Write the first ``words`` beats of a channel, channels ``stride`` words apart."""
        m.d.comb += load.en.eq(taken & (place.word < words))
        addr = Signal.like(load.addr)
        m.d.comb += load.addr.eq(addr)
        with m.If(load.en):
            m.d.sync += addr.eq(addr + 1)
        with m.If(taken & place.last_word):
            m.d.sync += addr.eq(addr + load.en + (stride - words))
            with m.If(place.last_channel):
                m.d.sync += addr.eq(0)
