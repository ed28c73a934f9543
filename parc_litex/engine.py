"""ParcEngine: a line engine, its registers on a SoC's bus, its streams to and from memory."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litex.soc.cores.dma import WishboneDMAReader, WishboneDMAWriter
from litex.soc.interconnect import stream, wishbone
from migen import Cat, If, Replicate, ResetInserter, Signal

from hw.emit.product import Built
from parc_litex.module import BuildModule, Pins


class ParcEngine(BuildModule):
    """A line engine of ``hw.build`` with ``--registers``: direct, fft, fermat.

    >>> ParcEngine(platform, "build/parc_fft_14.json").attach(soc)

    Parameters and errors are those of `BuildModule`.

    Attributes
    ----------
    sink, source : stream.Endpoint
        ``data`` is tdata of s_axis and m_axis, ``last`` tlast.
    weights : stream.Endpoint
        Likewise w_axis, where weights are loaded; they come by registers too.
    events : dict
        Signals by the ports' names.
    given, made : Elements
        How samples lie in memory once it is attached.
    """

    TAKES = "of a line engine with --registers"

    def __init__(
        self, platform: Any, manifest: str | Path, *, product: Built | None = None
    ) -> None:
        super().__init__(platform, manifest, product=product)
        streams = self.manifest["streams"]
        self.given, self.made = (
            Elements(streams[name], self.manifest["parameters"]["lanes"])
            for name in ("s_axis", "m_axis")
        )
        self.sink = stream.Endpoint([("data", self.given.stream_bits)])
        self.source = stream.Endpoint([("data", self.made.stream_bits)])
        pins = _stream_pins("s_axis", self.sink, "i") | _stream_pins("m_axis", self.source, "o")
        loads = [""]
        if "w_axis" in streams:
            fields = streams["w_axis"]["fields"]
            bits = max(field["offset"] + field["slot_bits"] for field in fields)
            self.weights = stream.Endpoint([("data", bits)])
            pins |= _stream_pins("w_axis", self.weights, "i")
            loads.append("_w")
        kinds = ("unexpected", "missing")
        names = [f"event{load}_tlast_{kind}" for load in loads for kind in kinds]
        self.events = {name: Signal(name=name) for name in names}
        self._instantiate(**pins, **{f"o_{name}": event for name, event in self.events.items()})

    @staticmethod
    def takes(manifest: Mapping[str, Any]) -> bool:
        """Whether a manifest is of a line engine with registers."""
        return "engine" in manifest and "registers" in manifest

    def attach(self, soc: Any, name: str = "parc", origin: int | None = None) -> "ParcEngine":
        """Put it into ``soc``, and return it.

        Registers go on the bus, at ``origin`` or where there is room: firmware finds NAME_BASE in
        mem.h. `sink` and `source` are joined to LiteX's DMA, NAME_reader and NAME_writer of csr.h,
        that are masters on the bus. Samples lie in memory as arrays of integers, as `given` and
        `made` have them. A transfer is a whole number of groups, and words of the bus: the reader
        forgets what it has of a group when it is enabled, the writer what it has of a word while it
        is not, and takes nothing then.

        Parameters
        ----------
        soc
            Of LiteX, with its memory.
        name
            Of the region and of the masters.
        origin
            Address of the registers.
        """
        self.reader = WishboneDMAReader(_master(soc), endianness="big", with_csr=True)
        self.writer = WishboneDMAWriter(_master(soc), endianness="big")
        self.writer.add_ctrl(ready_on_idle=0)
        self.writer.add_csr()
        self._read(soc.bus.data_width)
        self._write(soc.bus.data_width)
        self._put_into(soc, name, origin)
        for end in ("reader", "writer"):
            soc.bus.add_master(name=f"{name}_{end}", master=getattr(self, end).bus)
        return self

    def _read(self, bus_bits: int) -> None:
        """Join the reader to `sink`; tlast stands on the last beat of each group."""
        length = self.manifest["parameters"]["length"]
        reset = ResetInserter()
        self.given_beats = beats = reset(stream.Converter(bus_bits, self.given.memory_bits))
        place = Signal(max=length)
        # A driver may take `enable` back once all is asked for, and before all is here.
        enabled, starts = Signal(), Signal()
        self.sync += enabled.eq(self.reader.enable)
        self.comb += [
            starts.eq(self.reader.enable & ~enabled),
            self.reader.source.connect(beats.sink),
            beats.reset.eq(starts),
            self.sink.valid.eq(beats.source.valid),
            beats.source.ready.eq(self.sink.ready),
            self.sink.last.eq(place == length - 1),
            self.sink.data.eq(Cat(*self.given.samples(beats.source.data))),
        ]
        self.sync += [
            If(self.sink.valid & self.sink.ready, place.eq(place + 1)),
            If(self.sink.valid & self.sink.ready & self.sink.last, place.eq(0)),
            If(starts, place.eq(0)),
        ]

    def _write(self, bus_bits: int) -> None:
        """Join `source` to the writer, words filled over the ends of groups."""
        reset = ResetInserter()
        self.made_words = words = reset(stream.Converter(self.made.memory_bits, bus_bits))
        enable = self.writer.enable
        self.comb += [
            words.reset.eq(~enable),
            words.sink.valid.eq(self.source.valid & enable),
            self.source.ready.eq(words.sink.ready & enable),
            words.sink.data.eq(Cat(*self.made.elements(self.source.data))),
            words.source.connect(self.writer.sink, omit={"last"}),
        ]


class Elements:
    """How a stream's samples lie in memory: an integer each, lanes side by side.

    Parameters
    ----------
    facts
        Of the stream, in a manifest.
    lanes
        Samples of a beat.

    Attributes
    ----------
    bits
        Of an integer: 8, 16, 32 or 64.
    stride
        Integers of a beat: lanes, and as many more as make a power of two.
    signed
        Whether they are.
    """

    def __init__(self, facts: Mapping[str, Any], lanes: int) -> None:
        self._slot, self._lanes = int(facts["slot_bits"]), lanes
        self.bits = _power(self._slot)
        self.stride = _power(lanes)
        self.signed = bool(facts["signed"])

    @property
    def stream_bits(self) -> int:
        """Bits of a beat of the stream."""
        return self._slot * self._lanes

    @property
    def memory_bits(self) -> int:
        """Bits of a beat in memory."""
        return self.bits * self.stride

    @property
    def type(self) -> str:
        """Of an integer, in C."""
        return f"{'' if self.signed else 'u'}int{self.bits}_t"

    def filled(self, beat: Sequence[int]) -> list[int]:
        """Return the integers of a beat of samples, a lane each."""
        return [*beat, *[0] * (self.stride - len(beat))]

    def samples(self, beat: Any) -> list[Any]:
        """Return samples, as the stream has them, of a beat in memory."""
        return [beat[at * self.bits :][: self._slot] for at in range(self._lanes)]

    def elements(self, beat: Any) -> list[Any]:
        """Return integers of a beat of the stream."""
        found = []
        for at in range(self._lanes):
            sample = beat[at * self._slot : (at + 1) * self._slot]
            sign = sample[-1] if self.signed else 0
            found.append(Cat(sample, Replicate(sign, self.bits - self._slot)))
        return found


def _power(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _master(soc: Any) -> Any:
    return wishbone.Interface(
        data_width=soc.bus.data_width,
        adr_width=soc.bus.get_address_width(standard="wishbone"),
        addressing="word",
    )


def _stream_pins(name: str, end: Any, way: str) -> Pins:
    """Return an instance's pins of a stream that goes in (``i``) or out (``o``)."""
    back = {"i": "o", "o": "i"}[way]
    wires = {"tdata": end.data, "tvalid": end.valid, "tlast": end.last}
    forth = {f"{way}_{name}_{wire}": signal for wire, signal in wires.items()}
    return forth | {f"{back}_{name}_tready": end.ready}
