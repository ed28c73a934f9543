"""Register bits that a design's course hangs on: whether a beat is there, and one is taken.

Of what Amaranth makes of a design before it is Verilog: nets of one bit, and cells between them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import singledispatch
from importlib import import_module
from typing import Any

from amaranth.hdl import Value
from amaranth.hdl import _ir as ir
from amaranth.hdl import _xfrm as xfrm

from hw.targets.registry import TARGETS

_NIR: Any = import_module("amaranth.hdl._nir")  # of which the stubs have little
_WHOLE = {"~": 0, "&": 0, "|": 0, "^": 0, "m": 1}
"""Of operators that go bit by bit how many operands do not, from the first."""
Writes = Mapping[int, Sequence[Any]]
"""Of each memory, a cell's number, the ports that write."""
Causes = tuple[Iterable[Any], Collection[Any]]
"""Nets, and what each of them hangs on."""


def steering(fragment: Any, ports: Mapping[str, tuple[Value, Any]]) -> Mapping[Any, int]:
    """Return which bits of a fragment's signals steer it, a mask each: what its handshakes hang on.

    Those are the outputs of one bit: valid, ready, last, events. What they hang on is found through
    registers and memories, however many cycles back; of a word in a memory by its own bits.

    Parameters
    ----------
    fragment
        Of Amaranth, not lowered yet; left as it is.
    ports
        Of the design.
    """
    # Lowering leaves clock domains in what it lowers.
    copy: Any = vars(xfrm)["FragmentTransformer"]()
    netlist: Any = vars(ir)["build_netlist"](copy.on_fragment(fragment), ports)
    causes: dict[Any, set[Any]] = defaultdict(set)
    writes: dict[int, list[Any]] = defaultdict(list)
    for cell in netlist.cells:
        if isinstance(cell, _NIR.SyncWritePort):
            writes[cell.memory].append(cell)
    for index, cell in enumerate(netlist.cells):
        for nets, on in _causes(cell, sorted(cell.output_nets(index)), writes):
            for net in nets:
                causes[net].update(on)
    control = [
        signal
        for signal, direction in ports.values()
        if direction is ir.PortDirection.Output and len(signal) == 1
    ]
    reached = _closure({net for signal in control for net in netlist.signals[signal]}, causes)
    return {
        id(signal): sum(1 << bit for bit, net in enumerate(nets) if net in reached)
        for signal, nets in netlist.signals.items()
    }


def _closure(nets: set[Any], causes: Mapping[Any, set[Any]]) -> set[Any]:
    """Return the nets, what they hang on, what that hangs on, and so on."""
    reached, fresh = set(nets), list(nets)
    while fresh:
        more = causes.get(fresh.pop(), set()) - reached
        reached |= more
        fresh += more
    return reached


@singledispatch
def _causes(cell: Any, outputs: Sequence[Any], writes: Writes) -> Iterator[Causes]:
    """Yield what hangs on what in a cell, bit by bit where that is known."""
    del writes
    yield outputs, cell.input_nets()


@_causes.register(_NIR.Top)
def _(_cell: Any, _outputs: Sequence[Any], _writes: Writes) -> Iterator[Causes]:
    yield from ()


@_causes.register(_NIR.FlipFlop)
def _(cell: Any, outputs: Sequence[Any], _writes: Writes) -> Iterator[Causes]:
    yield from _each(outputs, cell.data)


@_causes.register(_NIR.Operator)
def _(cell: Any, outputs: Sequence[Any], _writes: Writes) -> Iterator[Causes]:
    n_whole = _WHOLE.get(cell.operator, len(cell.inputs))
    yield from ((outputs, one) for one in cell.inputs[:n_whole])
    for one in cell.inputs[n_whole:]:
        yield from _each(outputs, one)


@_causes.register(_NIR.AssignmentList)
def _(cell: Any, outputs: Sequence[Any], _writes: Writes) -> Iterator[Causes]:
    yield from _each(outputs, cell.default)
    for one in cell.assignments:
        driven = outputs[one.start : one.start + len(one.value)]
        yield driven, [one.cond]
        yield from _each(driven, one.value)


@_causes.register(_NIR.AsyncReadPort)
@_causes.register(_NIR.SyncReadPort)
def _(cell: Any, outputs: Sequence[Any], writes: Writes) -> Iterator[Causes]:
    yield outputs, cell.input_nets()
    for write in writes[cell.memory]:
        yield outputs, [*write.addr, *write.en]
        yield from _each(outputs, write.data)


@_causes.register(_NIR.Instance)
def _(cell: Any, outputs: Sequence[Any], _writes: Writes) -> Iterator[Causes]:
    written, read = _words().get(cell.type, ("", ""))
    whole = {
        net
        for name, value in cell.ports_i.items()
        if not (written and name.startswith(written))
        for net in value
    }
    yield outputs, whole
    for name, (start, width) in cell.ports_o.items() if written else ():
        yield from _each(outputs[start : start + width], cell.ports_i[name.replace(read, written)])


def _each(nets: Iterable[Any], on: Iterable[Any]) -> Iterator[Causes]:
    yield from (([net], [cause]) for net, cause in zip(nets, on, strict=True))


def _words() -> Mapping[str, tuple[str, str]]:
    """Return the memories among primitives, as `hw.targets.memory.MemoryRecipe.words` has them."""
    return {kind: ports for one in TARGETS.values() for kind, ports in one.memory.words.items()}
