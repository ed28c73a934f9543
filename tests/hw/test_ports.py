# amaranth: UnusedElaboratable=no

import pytest
from amaranth.hdl import Signal
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from hw.parts.ports import Component, Stream, View
from hw.parts.streams import Flow, FlowSignature
from hw.parts.tables import Load, LoadSignature

PAIR = data.StructLayout({"a": 3, "b": 5})
MEMBERS = {
    "step": In(1),
    "pair": Out(PAIR),
    "i": In(stream.Signature(PAIR)),
    "o": Out(FlowSignature(8)),
    "load": In(LoadSignature(depth=4, width=8)),
}


class Stated(Component):
    step: Signal
    pair: View
    i: Stream
    o: Flow
    load: Load


def test_every_kind_of_port():
    Stated(MEMBERS)


def test_a_port_that_a_parameter_leaves_out():
    assert not hasattr(Stated({"step": In(1)}), "pair")


def test_ports_of_a_base_class():
    class Derived(Stated):
        more: Signal

    Derived(MEMBERS | {"more": Out(1)})


@pytest.mark.parametrize(
    ("name", "member", "reason"),
    [
        ("other", In(1), "Stated.other must be annotated as Signal, not nothing"),
        ("step", In(PAIR), "Stated.step must be annotated as View, not Signal"),
        ("pair", In(8), "Stated.pair must be annotated as Signal, not View"),
        ("i", In(FlowSignature(8)), "Stated.i must be annotated as Flow, not Interface"),
        ("load", In(FlowSignature(8)), "Stated.load must be annotated as Flow, not Load"),
    ],
)
def test_a_port_that_is_not_what_the_class_says(name, member, reason):
    with pytest.raises(TypeError) as refused:
        Stated(MEMBERS | {name: member})
    assert str(refused.value) == reason
