"""Registers of control in threes, whose majority is what all else reads.

Reset reaches the registers that a design's course hangs on: counters, credits, states, and what
says that a beat is there. What passes by, samples and sums, has none, and is gone with its frame.
Some of what passes by steers: what each descriptor of an accelerator tells, and what goes with a
position to say that it is the last. `hw.emit.course` finds those bits.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from amaranth.hdl import _xfrm as xfrm
from amaranth.hdl._mem import MemoryInstance

from hw.emit.course import steering

CONTROL = "control"
"""As ``--harden`` takes it."""
REPLICAS = 3
KEEP = {"keep": 1, "dont_touch": "true", "preserve": 1}
"""What synthesis tools read: replicas are alike, and would be one else."""
_SMALL = 32
"""Words of a memory that stays out of block RAM, so that its read register is one of the fabric."""
_COMBINATIONAL = "comb"


def told_of(*, hardened: bool) -> dict[str, str]:
    """Return what a manifest says of it: nothing where nothing is hardened."""
    return {"harden": CONTROL} if hardened else {}


def harden(fragment: Any, ports: Mapping[str, tuple[Value, Any]]) -> None:
    """Put three registers, and their majority, for each that reset reaches or that steers.

    A register that is turned over is outvoted, and takes what the majority holds at the next clock,
    whether or not it counts on then.

    Parameters
    ----------
    fragment
        Of Amaranth, not lowered yet; changed in place, with all inside it.
    ports
        Of the design.
    """
    _harden(fragment, dict(steering(fragment, ports)))


def _harden(fragment: Any, steers: dict[int, int]) -> None:
    """Harden the registers of a fragment, and of those inside it."""
    for inner, _, _ in fragment.subfragments:
        if isinstance(inner, MemoryInstance):
            _take_registers(fragment, inner, steers)
        _harden(inner, steers)
    for domain in [one for one in fragment.statements if one != _COMBINATIONAL]:
        _harden_domain(fragment, domain, steers)


def _take_registers(fragment: Any, memory: Any, steers: dict[int, int]) -> None:
    """Have a small memory read without registers of its own, into ones of the fragment around it.

    Where what it gives steers; ``steers`` learns of those registers.
    """
    if memory._data.depth > _SMALL:
        return
    for number, port in enumerate(memory._read_ports):
        domain, given = port._domain, port._data
        mask = steers.get(id(given), 0)
        if domain == _COMBINATIONAL or not mask:
            continue
        read = Signal(len(given), name=f"read_{number}")
        kept = Signal(len(given), name=f"kept_{number}", reset_less=True)
        steers[id(kept)] = mask
        fragment.add_statements(domain, kept.eq(Mux(port._en, read, kept)))
        fragment.add_statements(_COMBINATIONAL, given.eq(kept))
        memory._read_ports[number] = type(port)(
            domain=_COMBINATIONAL, addr=port._addr, data=read, en=Const(1), transparent_for=()
        )


def _harden_domain(fragment: Any, domain: str, steers: Mapping[int, int]) -> None:
    """Harden the registers of one clock domain of a fragment, without those inside it."""
    statements = fragment.statements[domain]
    collector: Any = vars(xfrm)["LHSMaskCollector"]()  # which the stubs have not
    collector.visit_stmt(statements)
    # Other bits of a signal may be combinational, or another domain's.
    driven: dict[int, int] = {}
    signals: dict[int, Signal] = {}
    for one, low, high in sorted(collector.chunks(), key=lambda part: part[0].name):
        mask = (1 << (len(one) if high is None else high)) - (1 << low)
        if not one.reset_less or mask & steers.get(id(one), 0):
            signals[id(one)] = one
            driven[id(one)] = driven.get(id(one), 0) | mask
    if not signals:
        return
    triples = {
        key: _Triple(one, driven[key], steers.get(key, 0) if one.reset_less else -1)
        for key, one in signals.items()
    }
    fragment.statements[domain] = type(statements)()
    for number in range(REPLICAS):
        fragment.add_statements(domain, [one.held(number) for one in triples.values()])
        targets = {key: one.target(number) for key, one in triples.items()}
        copied: Any = _Driving(targets, others=number == 0)
        fragment.add_statements(domain, copied.on_statement(statements))
    for one in triples.values():
        fragment.add_statements(_COMBINATIONAL, one.read())


class _Triple:
    """Registers in place of a signal's: in threes where they harden it, one where not.

    Parameters
    ----------
    one
        The signal.
    driven, hardened
        Masks of its bits that are registers of a domain, and of those that shall be in threes.
    """

    def __init__(self, one: Signal, driven: int, hardened: int) -> None:
        self._one = one
        self._runs = list(_runs(driven & hardened))
        self._plain = list(_runs(driven & ~hardened))
        self._replicas = [
            self._register(self._runs, f"{one.name}_{number}", KEEP) for number in range(REPLICAS)
        ]
        self._rest = self._register(self._plain, f"{one.name}_rest", {})

    def _register(self, runs: Sequence[tuple[int, int]], name: str, attrs: Any) -> Signal:
        bits = [bit for run in runs for bit in range(*run)]
        init = sum((self._one.init >> bit & 1) << place for place, bit in enumerate(bits))
        reset_less = self._one.reset_less
        return Signal(len(bits), name=name, init=init, reset_less=reset_less, attrs=attrs)

    def _bits(self, runs: Sequence[tuple[int, int]]) -> Value:
        return Cat(self._one[low:high] for low, high in runs)

    def held(self, number: int) -> Any:
        """Return that a replica takes what the majority holds."""
        return self._replicas[number].eq(self._bits(self._runs))

    def target(self, number: int) -> Value:
        """Return what is assigned to in place of the signal; the first has the bits beside too."""
        rest = self._rest if number == 0 else Signal.like(self._rest, name=f"{self._one.name}_left")
        parts: dict[int, Value] = dict.fromkeys(range(len(self._one)), Signal(name="nothing"))
        for runs, register in ((self._runs, self._replicas[number]), (self._plain, rest)):
            bits = [bit for run in runs for bit in range(*run)]
            parts |= {bit: register[place] for place, bit in enumerate(bits)}
        return Cat(parts.values())

    def read(self) -> list[Any]:
        """Return what drives the signal."""
        voted = self._bits(self._runs).eq(_majority(*self._replicas))
        return [voted, self._bits(self._plain).eq(self._rest)]


def _runs(mask: int) -> Iterator[tuple[int, int]]:
    """Yield where ones behind each other begin and end."""
    low = 0
    while mask >> low:
        low += (mask >> low & -(mask >> low)).bit_length() - 1
        ones = mask >> low
        high = low + (~ones & (ones + 1)).bit_length() - 1
        yield low, high
        low = high


def _majority(a: Value, b: Value, c: Value) -> Value:
    """Return what two of three hold, bit by bit."""
    return (a & b) | (a & c) | (b & c)


class _Driving(xfrm.StatementTransformer):
    """Statements that drive replicas; with ``others``, what has none too."""

    def __init__(self, replica: Mapping[int, Value], *, others: bool) -> None:
        self._target: Any = _Target(replica)
        self._replica = replica
        self._others = others

    def on_Assign(self, stmt: Any) -> Any:  # noqa: N802 - Amaranth's name
        if not self._others and not any(id(s) in self._replica for s in stmt._lhs_signals()):
            return []
        return type(stmt)(self._target.on_value(stmt.lhs), stmt.rhs)

    def on_Print(self, stmt: Any) -> Any:  # noqa: N802 - Amaranth's name
        return stmt if self._others else []

    def on_Property(self, stmt: Any) -> Any:  # noqa: N802 - Amaranth's name
        return stmt if self._others else []


class _Target(xfrm.ValueTransformer):
    """What is assigned to, with replicas for signals."""

    def __init__(self, replica: Mapping[int, Value]) -> None:
        self._replica = replica

    def on_Signal(self, value: Any) -> Any:  # noqa: N802 - Amaranth's name
        return self._replica.get(id(value), value)

    def on_Part(self, value: Any) -> Any:  # noqa: N802 - Amaranth's name
        inner: Any = super()
        taken = inner.on_value(value.value)
        return type(value)(taken, value.offset, value.width, value.stride)

    def on_SwitchValue(self, value: Any) -> Any:  # noqa: N802 - Amaranth's name
        target: Any = super()
        cases = [(patterns, target.on_value(inner)) for patterns, inner in value.cases]
        return type(value)(value.test, cases)
