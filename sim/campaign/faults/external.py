"""Faults in an accelerator whose memory is outside, told by what its driver and its bus see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeAlias

import numpy as np

from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.external.registers import REGISTERS, Stop
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.registers import Access
from hw.simulate.external import BusError, ExternalBench, compiled
from sim.accelerator import case_of
from sim.campaign.faults.netlist import Faulty
from sim.campaign.faults.subject import HANG, LASTING, MASKED, PASSING, RIGHT, Trial, built
from sim.campaign.small import SMALL, every
from sim.corrupt import (
    broken,
    ends,
    with_header,
    wrong_descriptors,
    wrong_kernels,
    wrong_turns,
)
from sim.external import TOP, WILD, Session, expected_of, frames_as_bytes, verilog_of

_MEMORY = 1 << 18
_SLOW = {"latency": 40, "rate": 1500}
_NEAR = {"latency": 5}
_PATIENCE = 60_000
"""Cycles in which a frame of a few hundred must have ended, or the watchdog have told."""
_REST = 10_000
"""In which an abort must end."""

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

    def __init__(self, *, hardened: bool = False) -> None:
        self.verilog = b"".join(verilog_of(SMALL, hardened=hardened).values()).decode()
        builder, network = every()
        images = builder.images(2, network)
        self._every, self._one = _Work.of(network, images), _Work.of(network, images[:1])
        network, words = case_of(1, own=False)
        self._single = _Work.of(network, words)

    @cached_property
    def _steps(self) -> list[Step]:
        return [
            lambda bench: self._run(bench, self._every),
            _registers,
            lambda bench: self._run(bench, self._single),
            lambda bench: self._run(bench, self._every, **WILD),
            lambda bench: self._run(bench, self._every, **_SLOW),
            self._wrong_answers,
            self._aborts,
            self._wrong_programs,
        ]

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

    def _run(self, bench: ExternalBench, work: _Work, **settings: int) -> Seen:
        session = work.session(bench)
        session.set(**settings)
        outcome = session.run()
        given = bench.peek(session.bases["OUTPUT"], len(session.expected))
        return [
            ("code", outcome.code),
            ("value", given == session.expected),
            ("count", outcome),
        ]

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

    def _wrong_programs(self, bench: ExternalBench) -> Seen:
        session = self._every.session(bench)
        session.set()
        program = session.program
        kinds = {one.kind for one in program.descriptors}
        wrong = [*wrong_descriptors(SMALL), *wrong_kernels(SMALL), *wrong_turns(SMALL)]
        images = [with_header(program.image, word, 12345) for word in range(4)]
        images += [with_header(program.image, 2, 5, mended=False)]
        images += [broken(program, one)[0] for one in wrong if one.kind in kinds]
        return [("refused", _end(session, image)) for image in images]


def _end(session: Session, image: bytes) -> tuple[Stop, int]:
    outcome = ends(session, image)
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
        expected = step(benches.with_fault(0))
        # What is told apart from here on is right by the model.
        assert all(right for what, right in expected if what == "value"), "without a fault"
        return [_told(step, benches.with_fault(fault), expected) for fault in faults]


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
        except (BusError, BrokenPipeError):  # a fault may be one that no simulation ends
            self._bench.__exit__(None, None, None)
            self._bench = ExternalBench(self._program, _MEMORY)
        self._bench.tell("fault", fault, -1)
        self._bench.tell("reset", 3)
        return self._bench
