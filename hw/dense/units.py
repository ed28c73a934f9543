"""What dense engines share: units' tables and their sum, the order of products, and the ports."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import Const, Module, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from golden.dense.design import DenseDesign
from hw.dense.store import GroupStore
from hw.line.core import between_frames, core_ports
from hw.parts.counter import Odometer
from hw.parts.ports import Component, View
from hw.parts.tables import Ends, Load, LoadSignature, Table, walk_channels


def dense_ports(design: DenseDesign, *, coefficient_bits: int) -> dict[str, Any]:
    """Return the members of a dense core: those of `hw.line.core.Core`."""
    depth = design.stored_channels * design.coefficient_stride
    return core_ports(design, depth=depth, coefficient_bits=coefficient_bits)


def unspent_set(m: Module, design: DenseDesign, core: Any) -> Value:
    """Return whether a set of streamed weights waits for its output channel, or serves it.

    Each serves one, and the next channel needs the other bank. Low where weights are not streamed.
    """
    if not design.streamed:
        return Const(0)
    spent = Signal()
    unspent = Signal()
    with m.If(core.frame):
        m.d.sync += spent.eq(core.coefficients.read_bank)
    m.d.comb += unspent.eq(core.available & (core.coefficients.read_bank != spent))
    return unspent


class UnitTables(Component):
    """A table for each unit's input channels, all read at one address.

    Parameters
    ----------
    design
        Channels and units.
    words
        Coefficients of every output channel, by input channel, or None where they are loaded.
    width
        Of a coefficient.

    Members
    -------
    addr : In
    data : Out, array of a word a unit
        `latency` cycles later.
    load : In, `LoadSignature`
        Where `words` is None; input channels come in order.
    """

    addr: Signal
    data: View
    load: Load

    latency = Table.latency

    def __init__(self, design: DenseDesign, *, words: Sequence[int] | None, width: int) -> None:
        self._design = design
        self._words = words
        self._width = width
        ports: dict[str, Any] = {
            "addr": In(range(self.depth)),
            "data": Out(data.ArrayLayout(width, design.products)),
        }
        if words is None:
            depth = self.depth * design.products
            ports["load"] = In(LoadSignature(depth=depth, width=width))
        super().__init__(ports)

    @property
    def depth(self) -> int:
        """Words of a unit."""
        design = self._design
        return design.stored_channels * design.coefficient_stride // design.products

    def walk(self, m: Module, order: "Order") -> None:
        """Drive the address of the coefficients that ``order`` steps through."""
        address = Signal.like(self.addr, name="coefficient")
        m.d.comb += self.addr.eq(address)
        walk_channels(
            m, address, Ends(order.step, order.last_turn, order.last_line, order.last_set)
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        n_units = self._design.products
        by_unit: list[list[int] | None] = [None] * n_units
        if self._words is not None:
            shape = (self._design.stored_channels, n_units, -1)
            dealt = np.array(self._words, dtype=object).reshape(shape)
            by_unit = [dealt[:, unit].ravel().tolist() for unit in range(n_units)]
        tables = []
        for unit, words in enumerate(by_unit):
            table = Table(
                words=words, depth=self.depth, width=self._width, target=self._design.target
            )
            m.submodules[f"unit_{unit}"] = table
            m.d.comb += [table.addr.eq(self.addr), self.data[unit].eq(table.data)]
            tables.append(table)
        if self._words is None:
            self._deal(m, tables)
        return m

    def _deal(self, m: Module, tables: Sequence[Table]) -> None:
        """Give each unit its input channels' words."""
        design = self._design
        m.submodules.place = place = Odometer(
            position=self.depth // design.stored_channels,
            group=design.products,
            channel=design.stored_channels,
        )
        address = Signal(range(self.depth))
        m.d.comb += place.step.eq(self.load.en)
        walk_channels(m, address, place)  # units take turns at a channel's words, as groups do
        for unit, table in enumerate(tables):
            m.d.comb += [
                table.load.read_bank.eq(self.load.read_bank),
                table.load.write_bank.eq(self.load.write_bank),
                table.load.en.eq(self.load.en & (place.group == unit)),
                table.load.addr.eq(address),
                table.load.data.eq(self.load.data),
            ]


class Order(Component):
    """The order in which words are multiplied: that of `hw.direct.sequencer.Sequencer`.

    Members
    -------
    available, credit : In
        A group of channels is held; the output buffer has room.
    step : Out
        A word of every unit is multiplied.
    last_position, last_turn, last_line, last_channel, last_set : Out
        With `step`: it is the last of its input line, of its output line, of its output channel,
        of its group of channels, of those under a set of weights.
    take : Out
        A result will come of this step.
    idle : Out
        Nothing is begun under a set of weights, and nothing begins in this cycle.
    """

    available: Signal
    credit: Signal
    step: Signal
    take: Signal
    idle: Signal
    last_position: Signal
    last_turn: Signal
    last_line: Signal
    last_channel: Signal
    last_set: Signal

    def __init__(self, design: DenseDesign) -> None:
        self._design = design
        flags = ("position", "turn", "line", "channel", "set")
        super().__init__(
            {"available": In(1), "credit": In(1), "step": Out(1), "take": Out(1), "idle": Out(1)}
            | {f"last_{flag}": Out(1) for flag in flags}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        design = self._design
        m.submodules.place = place = Odometer(
            position=design.input_words,
            turn=design.turns,
            line=design.groups_per_channel,
            channel=design.channels_per_group,
            frame=design.groups,
        )
        m.d.comb += [
            self.step.eq(self.available & self.credit),
            place.step.eq(self.step),
            self.last_position.eq(place.last_position),
            self.last_turn.eq(place.last_turn),
            self.last_line.eq(place.last_line),
            self.last_channel.eq(place.last_channel),
            self.last_set.eq(place.last_line if design.streamed else place.last_frame),
            self.take.eq(
                self.step & (place.turn == design.turns - 1) & (place.position < design.length)
            ),
            self.idle.eq(between_frames(m, self.step, self.last_set)),
        ]
        return m


def hold_and_order(
    m: Module, design: DenseDesign, core: Any, *, width: int, pace: int
) -> tuple[GroupStore, Order]:
    """Return a store of words of ``width`` bits, and what steps through it for ``core``."""
    unspent = unspent_set(m, design, core)
    m.submodules.order = order = Order(design)
    m.submodules.store = store = GroupStore(design, width=width, pace=pace)
    m.d.comb += [
        order.available.eq(store.available & (unspent if design.streamed else core.available)),
        order.credit.eq(core.credit),
        core.take.eq(order.take),
        core.frame.eq(order.step & order.last_set),
        core.idle.eq(order.idle & ~unspent),
        store.step.eq(order.step),
        store.last_position.eq(order.last_position),
        store.last_turn.eq(order.last_turn),
        store.last_line.eq(order.last_line),
        store.last_channel.eq(order.last_channel),
    ]
    return store, order


def tree_latency(n_words: int) -> int:
    """Cycles that `sum_tree` takes."""
    return (n_words - 1).bit_length()


def sum_tree(m: Module, words: Sequence[Value], *, name: str) -> Value:
    """Return the sum of ``words``, a register after each addition, all the same cycles later."""
    level = 0
    while len(words) > 1:
        halves = [words[k : k + 2] for k in range(0, len(words), 2)]
        words = []
        for place, half in enumerate(halves):
            total = half[0] + half[1] if len(half) == 2 else half[0]
            register = Signal(total.shape(), name=f"{name}_{level}_{place}", reset_less=True)
            m.d.sync += register.eq(total)
            words.append(register)
        level += 1
    return words[0]
