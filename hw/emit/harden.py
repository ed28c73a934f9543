"""Registers of control in threes, whose majority is what all else reads.

Reset reaches the registers that a design's course hangs on: counters, credits, states, and what
says that a beat is there. What passes by, samples and sums, has none, and is gone with its frame;
nor has what each descriptor of an accelerator tells anew.
"""

from typing import Any

from amaranth.hdl import Signal, Value
from amaranth.hdl import _xfrm as xfrm

CONTROL = "control"
"""As ``--harden`` takes it."""
REPLICAS = 3
KEEP = {"keep": 1, "dont_touch": "true", "preserve": 1}
"""What synthesis tools read: replicas are alike, and would be one else."""
_COMBINATIONAL = "comb"


def told_of(*, hardened: bool) -> dict[str, str]:
    """Return what a manifest says of it: nothing where nothing is hardened."""
    return {"harden": CONTROL} if hardened else {}


def harden(fragment: Any) -> None:
    """Put three registers, and their majority, for each of a fragment that reset reaches.

    A register that is turned over is outvoted, and takes what the majority holds at the next clock,
    whether or not it counts on then.

    Parameters
    ----------
    fragment
        Of Amaranth, not lowered yet; changed in place, with all inside it.
    """
    for inner, _, _ in fragment.subfragments:
        harden(inner)
    for domain in [one for one in fragment.statements if one != _COMBINATIONAL]:
        _harden(fragment, domain)


def _harden(fragment: Any, domain: str) -> None:
    """Harden the registers of one clock domain of a fragment, without those inside it."""
    statements = fragment.statements[domain]
    collector: Any = vars(xfrm)["LHSMaskCollector"]()  # which the stubs have not
    collector.visit_stmt(statements)
    # Other bits of a signal may be combinational, or another domain's.
    parts = [part for part in collector.chunks() if not part[0].reset_less]
    driven = {id(one): one for one, _, _ in sorted(parts, key=lambda part: part[0].name)}
    if not driven:
        return
    replicas = [
        {key: _replica(one, number) for key, one in driven.items()} for number in range(REPLICAS)
    ]
    fragment.statements[domain] = type(statements)()
    for number, replica in enumerate(replicas):
        held = [replica[id(one)][low:high].eq(one[low:high]) for one, low, high in parts]
        fragment.add_statements(domain, held)
        copied: Any = _Driving(replica, others=number == 0)
        fragment.add_statements(domain, copied.on_statement(statements))
    for one, low, high in parts:
        voted = _majority(*(replica[id(one)][low:high] for replica in replicas))
        fragment.add_statements(_COMBINATIONAL, one[low:high].eq(voted))


def _replica(one: Signal, number: int) -> Signal:
    return Signal.like(one, name=f"{one.name}_{number}", attrs=KEEP)


def _majority(a: Value, b: Value, c: Value) -> Value:
    """Return what two of three hold, bit by bit."""
    return (a & b) | (a & c) | (b & c)


class _Driving(xfrm.StatementTransformer):
    """Statements that drive replicas; with ``others``, what has none too."""

    def __init__(self, replica: dict[int, Signal], *, others: bool) -> None:
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

    def __init__(self, replica: dict[int, Signal]) -> None:
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
