"""Tables of coefficients: in ROM, or in two banks of which a port fills the idle one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.parts.counter import counted_layout, one_more
from hw.parts.ports import Component, Interface, Path, view
from hw.primitives.memory import READ_LATENCY, Memory


class Load(Interface):
    """See `LoadSignature`."""

    read_bank: Signal
    write_bank: Signal
    en: Signal
    addr: Signal
    data: Signal


class LoadSignature(wiring.Signature):
    """How a port fills a table: the bank to read, and words for the bank to write."""

    def __init__(self, *, depth: int, width: int) -> None:
        super().__init__(
            {
                "read_bank": Out(1),
                "write_bank": Out(1),
                "en": Out(1),
                "addr": Out(range(depth)),
                "data": Out(width),
            }
        )

    def create(self, *, path: Path = (), src_loc_at: int = 0) -> Load:
        """See `amaranth.lib.wiring.Signature`."""
        return Load(self, path=path, src_loc_at=1 + src_loc_at)


class Table(Component):
    """`depth` words; `data` follows `addr` by `latency` cycles.

    Parameters
    ----------
    words
        Contents as two's complement integers, or None for a table that `load` fills.
    depth, width
        Words of a set, bits of a word.
    target
        Device family.
    padded
        Whether words are read that `load` does not write: they are 0.

    Members
    -------
    addr : In
    data : Out
    load : In, `LoadSignature`
        Only where `words` is None.
    """

    addr: Signal
    data: Signal
    load: Load

    latency = READ_LATENCY

    def __init__(
        self,
        *,
        words: Sequence[int] | None,
        depth: int,
        width: int,
        target: str,
        padded: bool = False,
    ) -> None:
        if words is not None and len(words) != depth:
            raise ValueError(f"Words must number {depth}, not {len(words)}")
        self._words = words
        self._depth = depth
        self._width = width
        self._target = target
        self._padded = padded
        ports = {"addr": In(range(depth)), "data": Out(width)}
        if words is None:
            ports["load"] = In(LoadSignature(depth=depth, width=width))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        loadable = self._words is None
        m.submodules.memory = memory = Memory(
            depth=2 * self._depth if loadable else self._depth,
            width=self._width,
            init=self._contents(),
            writable=loadable,
            target=self._target,
        )
        m.d.comb += [memory.r_en.eq(1), memory.r_addr.eq(self.addr), self.data.eq(memory.r_data)]
        if loadable:
            m.d.comb += [
                memory.r_addr.eq(Cat(self.load.read_bank, self.addr)),
                memory.w_addr.eq(Cat(self.load.write_bank, self.load.addr)),
                memory.w_en.eq(self.load.en),
                memory.w_data.eq(self.load.data),
            ]
        return m

    def _contents(self) -> Sequence[int] | None:
        if self._words is None:
            return () if self._padded else None
        return encode(self._words, self._width)


@dataclass(frozen=True)
class Ends:
    """Where a step stands among a table's words, as an `Odometer` would have it."""

    step: Value
    last_position: Value
    last_group: Value
    last_channel: Value


def walk_channels(m: Module, address: Signal, place: Any) -> None:
    """Drive `address` through a table of channels, with `place`, of a word for each position.

    The groups of a channel walk through its words again. `place` is an `Odometer` that counts
    position, group and channel, or `Ends`.
    """
    word, channel_base = (
        view(counted_layout(len(address)), name=name) for name in ("word", "channel_base")
    )
    m.d.comb += address.eq(word.value)
    following = one_more(word)
    with m.If(place.step):
        m.d.sync += word.eq(following)
        with m.If(place.last_position):
            m.d.sync += word.eq(channel_base)
        with m.If(place.last_group):
            m.d.sync += [word.eq(following), channel_base.eq(following)]
        with m.If(place.last_channel):
            m.d.sync += [word.eq(0), channel_base.eq(0)]


def packed(layout: data.Layout, values: Mapping[str, int]) -> int:
    """Return ``values`` of ``layout``'s fields as a memory holds them."""
    # The stubs take no names of fields, and have no bits of a constant.
    return int(cast(Any, layout).const(values).as_bits())


def encode(words: Iterable[int], width: int) -> list[int]:
    """Return two's complement ``words`` as a memory of ``width`` bits holds them, unsigned."""
    return [int(word) & ((1 << width) - 1) for word in words]
