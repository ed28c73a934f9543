"""Faults in an accelerator whose memory is outside, told by what its driver and its bus see."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import REGIONS, REGISTERS, START, Stop
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.registers import Access
from hw.simulate.external import BusError, ExternalBench, Outcome, compiled
from sim.accelerator import case_of
from sim.campaign.faults.netlist import Faulty
from sim.campaign.faults.subject import HANG, LASTING, MASKED, PASSING, RIGHT, Trial, built
from sim.campaign.small import SMALL, every
from sim.corrupt import (
    ABORTED,
    WRONG_HEADERS,
    broken,
    ends,
    ends_far_apart,
    ends_with,
    small,
    with_bits_of_descriptors,
    with_bits_of_sizes,
    with_header,
    wrong_descriptors,
    wrong_kernels,
    wrong_regions,
    wrong_turns,
)
from sim.external import TOP, WILD, Session, expected_of, frames_as_bytes, verilog_of
from sim.moves import bytes_for, moving
from sim.networks import Builder, pairs
from sim.stimulus import border_spreads

_MEMORY = 1 << 18
_FAST: Mapping[str, int] = {}
_SLOW = {"latency": 40, "rate": 1500}
_NEAR = {"latency": 5}
_LATE = {"latency": 300, "most": 64}
"""Writes come to wait for as many answers as may be open."""
_PATIENCE = 60_000
"""Cycles in which a frame of a few hundred must have ended, or the watchdog have told."""
_REST = 10_000
"""In which an abort must end."""
_NORMED = (1, 2, 3, 13, 64, 100, 127, 128)
"""Channels of layer norms of their own, up to as many as there may be."""
_NORM_PLANE = (1, 2)
_SPREADS = (0, 0.3, 0.6, 1, 2, 4, 8, 16, 32, 64, 100, 400)
"""Of their frames' words, about any middle."""
_STORED = (12, 11)
"""Rows and columns of twelve channels, of which not all maps fit in."""
_ROOTS = 2
"""Pairs of spreads at borders of roots of so many bits each."""
_LONG_SIDE = 253
"""Of windows, of up to 255, and so many tiles."""
_BIT_STEP = 7
"""Of bits of descriptors that are turned over, one in so many of a kind's."""
_LONG = 1_200
"""Cycles after which a program with such a bit, that goes on, is stopped."""
_MOVES, _MOVING = 3, 20
"""Programs of transfers alone, and how many these are."""
_ORIGINS = (0xA5A5_A000, 0x5A5A_5000, (1 << 32) - _MEMORY)
"""Addresses at which memory begins."""
_APART = (0x1555, 0x0AAA)
"""Memories between a frame and the next, of which there are 2^14."""
_SILENT_AT = 500
"""Cycle of a frame from which on a channel of memory is silent."""
_OPERATORS = [seed for seed in range(24) if seed not in (7, 10)]
"""Drawn by `sim.accelerator.case_of`; of those left out one takes as long as ten others."""
_SHORT = _OPERATORS.index(6)
"""Which is over soonest."""

Seen: TypeAlias = list[tuple[str, Any]]
"""What a step of a trial sees, by what kind of thing it is."""
Step: TypeAlias = Callable[[ExternalBench], Seen]


@dataclass(frozen=True)
class _Work:
    """A network's program, frames for it, and what they give."""

    program: ExternalProgram
    frames: list[bytes]
    expected: bytes

    @staticmethod
    def of(network: Network, frames: Integers) -> "_Work":
        """Compile a network, and run its model."""
        program, images = compile_external(network, SMALL), frames_as_bytes(frames, SMALL.sizes)
        return _Work(program, images, expected_of(program, images))

    def session(self, bench: ExternalBench) -> Session:
        """Return it in memory."""
        return Session(bench, self.program, self.frames, self.expected)


class ExternalSubject:
    """The accelerator beside a memory; see `sim.campaign.faults.subject.Subject`.

    Parameters
    ----------
    hardened
        As of `hw.emit.generate.generate`.
    """

    generated = name = TOP
    first: int = 2

    def __init__(self, *, hardened: bool = False) -> None:
        self.verilog = b"".join(verilog_of(SMALL, hardened=hardened).values()).decode()
        builder, network = every()
        images = builder.images(2, network)
        self._every, self._one = _Work.of(network, images), _Work.of(network, images[:1])

    @cached_property
    def _steps(self) -> list[Step]:
        return [
            partial(self._run, self._every, _FAST),
            _registers,
            partial(self._run, self._every, WILD),
            partial(self._run, self._every, _SLOW),
            *(partial(self._run, work, _FAST) for work in (self._roots, self._stored)),
            *(partial(self._run, work, WILD) for work in self._moves),
            *(partial(self._elsewhere, origin) for origin in _ORIGINS),
            *(partial(self._run, work, _FAST) for work in self._pairs),
            *(partial(self._run, work, _FAST) for work in self._longest),
            partial(self._run, self._moves[0], _LATE),
            *(partial(self._apart, apart) for apart in _APART),
            self._wrong_answers,
            self._wrong_regions,
            self._bits_of_headers,
            self._bits_of_registers,
            self._aborts,
            *(partial(self._silence, channel) for channel in range(5)),
            self._wrong_programs,
            self._bits_of_descriptors,
            *(partial(self._run, work, _FAST) for work in self._norms),
            *(partial(self._operator, work) for work in self._operators),
        ]

    @cached_property
    def _norms(self) -> list[_Work]:
        """Layer norms of few channels and of many, of words far from each other and close."""
        made = []
        for channels in _NORMED:
            b = Builder((channels, *_NORM_PLANE), seed=channels)
            network, generator = b.network(b.layer_norm("image")), np.random.default_rng(channels)
            shape = (len(_SPREADS), channels, *_NORM_PLANE)
            middle = generator.integers(-128, 128, (len(_SPREADS), 1, *_NORM_PLANE))
            spread = np.reshape(_SPREADS, (-1, 1, 1, 1)) * generator.standard_normal(shape)
            words = np.clip(np.rint(middle + spread), -128, 127).astype(np.int64)
            made.append(_Work.of(network, words))
        return made

    @cached_property
    def _roots(self) -> _Work:
        """Layer norms of one position, of which epsilon makes the spread: `border_spreads`."""
        words = np.array([1, -1, 0, 0]).reshape(1, -1, 1, 1)
        b = Builder(words.shape[1:])
        own = words.size * int((words * words).sum()) - int(words.sum()) ** 2
        spreads = border_spreads(np.random.default_rng(0), _ROOTS)
        norms = [b.layer_norm("image", epsilon=v - own, like="image") for v in spreads]
        return _Work.of(b.network(b.concatenate(*norms)), words)

    @cached_property
    def _stored(self) -> _Work:
        """Maps that do not fit in, stored and loaded in blocks of rows and channels."""
        builder, network = small(*_STORED)
        return _Work.of(network, builder.images(1, network))

    @cached_property
    def _moves(self) -> list[_Work]:
        """Transfers in blocks that have room between, as no compiler of ours makes them."""
        made = []
        for seed in range(_MOVES):
            generator = np.random.default_rng(seed)
            program = moving(SMALL, generator, _MOVING)
            frames = [bytes_for(program, generator)]
            made.append(_Work(program, frames, expected_of(program, frames)))
        return made

    @cached_property
    def _longest(self) -> list[_Work]:
        """Windows of nearly as many rows, columns and tiles as there may be."""
        made = []
        for size in ((1, _LONG_SIDE), (_LONG_SIDE, 1)):
            for operator in (Builder.average, Builder.maximum):
                b = Builder((SMALL.sizes.tile, *size))
                made.append((b, b.network(operator(b, "image", size))))
        b = Builder((SMALL.sizes.tile * _LONG_SIDE, 1, 1))
        made.append((b, b.network(b.convolution("image", 1))))
        return [_Work.of(network, b.images(1, network)) for b, network in made]

    @cached_property
    def _pairs(self) -> list[_Work]:
        return [_Work.of(*pairs(SMALL.sizes.tile, signed=signed)) for signed in (False, True)]

    @cached_property
    def _operators(self) -> list[_Work]:
        return [_Work.of(*case_of(seed)) for seed in _OPERATORS]

    def ran(self, verilog: str) -> Iterator[Path]:
        """Run all steps, each in a bench of its own, which works in the folder that is yielded.

        ``verilog`` is this build's, with an input `FAULT`.
        """
        for step in self._steps:
            with _Benches(Faulty(verilog, [])) as benches:
                bench = benches.with_fault(0)
                _plain(step, bench)
                yield bench.folder

    def trials(self, faulty: Faulty) -> list[Trial]:
        """See `sim.campaign.faults.subject.Subject`."""
        return [partial(_tell, faulty, step) for step in self._steps]

    def strike(self, faulty: Faulty, faults: Sequence[int], seed: int) -> list[str]:
        """See `sim.campaign.faults.subject.Subject`."""
        with _Benches(faulty) as benches:
            session = self._one.session(benches.with_fault(0))
            session.set(**_NEAR)
            plain = session.run()
            assert plain.code == Stop.NONE
            assert session.right
            cycles = np.random.default_rng([seed, 1]).integers(plain.cycles, size=len(faults))
            return [
                self._class_of(benches.with_fault(0), fault, int(cycle))
                for fault, cycle in zip(faults, cycles, strict=True)
            ]

    def _class_of(self, bench: ExternalBench, fault: int, cycle: int) -> str:
        """Return what comes of a fault in a cycle of a frame, by how the next goes."""
        session = self._one.session(bench)
        session.set(**_NEAR)
        bench.poke(session.bases["OUTPUT"], bytes(len(session.expected)))
        bench.start(len(session.frames))
        bench.tell("fault", fault, cycle)
        try:
            masked = bench.wait(_PATIENCE).code == Stop.NONE and session.right
        except BusError as error:
            masked = False
            if _kind(error) != "late" or not _rests(bench):
                return HANG
        try:
            right = session.run().code == Stop.NONE and session.right
        except BusError:
            return HANG
        return LASTING if not right else MASKED if masked else PASSING

    def _run(self, work: _Work, settings: Mapping[str, int], bench: ExternalBench) -> Seen:
        session = work.session(bench)
        session.set(**settings)
        return self._result_of(session, session.run())

    def _result_of(self, session: Session, outcome: Outcome) -> Seen:
        return [
            ("code", outcome.code),
            ("value", session.right),
            ("count", outcome),
        ]

    def _operator(self, work: _Work, bench: ExternalBench) -> Seen:
        return [*self._run(work, _FAST, bench), *self._run(work, WILD, bench)]

    def _wrong_answers(self, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set()
        seen: Seen = []
        for setting, numbers in (("read_error", (3, 90, 150)), ("write_error", (0, 1))):
            for number in numbers:
                bench.tell("set", "error", 2 + number % 2)
                bench.tell("set", setting, number)
                bench.start()
                outcome = bench.wait(_PATIENCE)
                seen.append(("error", (outcome.code, outcome.descriptor)))
                bench.tell("set", setting, -1)
        return [*seen, ("code", session.run().code), ("value", session.right)]

    def _aborts(self, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set(**WILD)
        seen: Seen = []
        for cycle in (1, 40, 333, 900, 1500):
            bench.start()
            bench.tell("run", cycle)
            bench.abort()
            seen.append(("abort", bench.wait(_REST)))
        bench.start()
        bench.tell("run", 400)
        bench.tell("reset", 2)
        session.bases = bench.name_regions(session.sizes)
        return [*seen, ("code", session.run().code), ("value", session.right)]

    def _elsewhere(self, origin: int, bench: ExternalBench) -> Seen:
        bench.locate(origin)
        return self._run(self._every, WILD, bench)

    def _apart(self, apart: int, bench: ExternalBench) -> Seen:
        session = self._operators[_SHORT].session(bench)
        session.set()
        outcome = ends_far_apart(session, apart * _MEMORY // SMALL.beat_bytes, 2)
        return self._result_of(session, outcome)

    def _wrong_regions(self, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set()
        seen: Seen = []
        for region in REGIONS:
            for register, value, _ in wrong_regions(session, region):
                outcome = ends_with(session, register, value)
                seen.append(("refused", (outcome.code, outcome.descriptor)))
        bench.start(len(session.frames) + 1)
        return [*seen, ("refused", bench.wait(_PATIENCE))]

    def _bits_of_headers(self, bench: ExternalBench) -> Seen:
        """Run a program with each bit of its header's sizes and places turned over."""
        session = self._operators[_SHORT].session(bench)
        session.set()
        images = with_bits_of_sizes(session.program.image)
        return [("refused", _end(session, image)) for image in images]

    def _bits_of_descriptors(self, bench: ExternalBench) -> Seen:
        """Run a program with bits of its descriptors turned over."""
        session = self._every.session(bench)
        session.set()
        images = with_bits_of_descriptors(session.program, _BIT_STEP)
        return [("refused", _end(session, image, _LONG)) for image in images]

    def _bits_of_registers(self, bench: ExternalBench) -> Seen:
        """Have regions be larger, or more frames to come, by each bit of their registers."""
        session = self._operators[_SHORT].session(bench)
        session.set()
        seen: Seen = []
        for bit in range(max(session.sizes.values()).bit_length(), 32):
            for region in REGIONS:
                bench.write(f"{region}_SIZE", session.sizes[region] | 1 << bit)
            seen += self._result_of(session, session.run())
        session.place()
        for bit in range(1, 32):
            bench.start(1 << bit)
            seen.append(("refused", bench.wait(_PATIENCE)))
        return seen

    def _silence(self, channel: int, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set(latency=3)
        bench.start(len(session.frames))
        bench.tell("run", _SILENT_AT)
        bench.tell("set", "silent", 1 << channel)
        ended = bench.tell("run", _PATIENCE)
        seen: Seen = [("silence", ended), ("silence", bench.read("STATUS"))]
        # No start is taken before what is under way was answered.
        bench.write("CONTROL", START)
        seen.append(("silence", bench.read("STATUS")))
        bench.write("INTERRUPT_CAUSE", 3)
        bench.tell("set", "silent", 0)
        bench.tell("run", _REST)
        return [*seen, ("silence", bench.outcome().code), *self._run(self._every, _FAST, bench)]

    def _wrong_programs(self, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set()
        program = session.program
        kinds = {one.kind for one in program.descriptors}
        wrong = [*wrong_descriptors(SMALL), *wrong_kernels(SMALL), *wrong_turns(SMALL)]
        images = [with_header(program.image, word, value) for word, value, _ in WRONG_HEADERS]
        images += [with_header(program.image, 2, 5, mended=False)]
        images += [broken(program, one)[0] for one in wrong if one.kind in kinds]
        return [("refused", _end(session, image)) for image in images]


def _end(session: Session, image: bytes, most: int = ABORTED) -> tuple[Stop, int]:
    outcome = ends(session, image, most)
    return outcome.code, outcome.descriptor


def _registers(bench: ExternalBench) -> Seen:
    """Read what is constant, and write and read all that can be."""
    seen: Seen = []
    for name, register in REGISTERS.items():
        accesses = {field.access for field in register.fields.values()}
        if accesses == {Access.CONSTANT}:
            seen.append(("register", bench.read(name)))
        elif accesses == {Access.KEPT}:
            for value in (0xFFFFFFFF, 0x5AA51234, 0):
                bench.write(name, value)
                seen.append(("register", bench.read(name)))
    return seen


def _tell(faulty: Faulty, step: Step, faults: Sequence[int]) -> list[str]:
    """Return what tells each fault in a step, or `RIGHT`."""
    with _Benches(faulty) as benches:
        expected = _plain(step, benches.with_fault(0))
        return [_told(step, benches.with_fault(fault), expected) for fault in faults]


def _plain(step: Step, bench: ExternalBench) -> Seen:
    """Return what is seen without a fault: what is told apart from it is right by the model."""
    seen = step(bench)
    assert all(right for what, right in seen if what == "value"), "without a fault"
    return seen


def _told(step: Step, bench: ExternalBench, expected: Seen) -> str:
    """Return what in a step is not as expected first, or `RIGHT`."""
    try:
        seen = step(bench)
    except BusError as error:
        return _kind(error)
    for (what, found), (_, wanted) in zip(seen, expected, strict=True):
        if found != wanted:
            return what
    return RIGHT


def _kind(error: BusError) -> str:
    text = str(error)
    if text.startswith("AXI"):
        return "bus"
    if "outside" in text:
        return "outside"
    return "late" if "must end within" in text else "hang"


def _rests(bench: ExternalBench) -> bool:
    """Whether an abort ends what does not end."""
    try:
        bench.abort()
        bench.wait(_REST)
    except BusError:
        return False
    return True


class _Benches:
    """One bench after another, each as it is at the beginning."""

    def __init__(self, faulty: Faulty) -> None:
        self._program = built(compiled(TOP, {f"{TOP}.v": faulty.verilog.encode()}))
        self._bench = ExternalBench(self._program, _MEMORY)

    def __enter__(self) -> "_Benches":
        return self

    def __exit__(self, *why: object) -> None:
        self._bench.__exit__(None, None, None)

    def with_fault(self, fault: int) -> ExternalBench:
        """Return a bench in which a fault is always there."""
        try:
            self._bench.tell("fresh")
            self._bench.locate(0)
        except (BusError, BrokenPipeError):  # a fault may be one that no simulation ends
            self._bench.__exit__(None, None, None)
            self._bench = ExternalBench(self._program, _MEMORY)
        self._bench.tell("fault", fault, -1)
        self._bench.tell("reset", 3)
        return self._bench
