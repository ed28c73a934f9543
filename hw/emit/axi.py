"""Names of AXI4-Stream, AXI4 and AXI4-Lite. The only file that knows them."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    Elaboratable,
    Instance,
    Module,
    ResetSignal,
    Shape,
    Signal,
    Value,
)
from amaranth.hdl import _ir as ir
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.inputs.errors import ParameterError
from golden.inputs.names import check_identifier
from golden.line.design import slot_bits
from hw.emit.verilog import Ports
from hw.parts.ports import Component, Stream, StreamComponent


@dataclass(frozen=True)
class PortNames:
    """How clock and reset are called, and which level of the reset is active."""

    clock: str = "clk"
    reset: str = "rst"
    reset_active: str = "high"

    def __post_init__(self) -> None:
        check_identifier("clock", self.clock)
        check_identifier("reset", self.reset)
        if same_name(self.clock, self.reset):
            raise ParameterError("reset", "another name than --clock", repr(self.reset))
        if self.reset_active not in ("high", "low"):
            raise ParameterError("reset_active", "high or low", repr(self.reset_active))

    def check_apart(
        self, module: str, loads: Collection[str], ports: Collection[str] | None = None
    ) -> None:
        """Hold these names, those of a ``module`` and of its other ports apart.

        The ports are those of streams unless they are given.

        Raises
        ------
        ParameterError
            Names the option.
        """
        given = {"clock": self.clock, "reset": self.reset}
        for parameter, name in (given | {"name": module}).items():
            for port in port_names(loads) if ports is None else ports:
                if same_name(name, port):
                    raise ParameterError(parameter, f"another name than that of {port}", repr(name))
        for parameter, name in given.items():
            for known in (module, instance_of(module)):
                if same_name(name, known):
                    raise ParameterError(parameter, f"another name than {known}", repr(name))


def port_names(loads: Collection[str]) -> list[str]:
    """Return all ports' names but those of clock and reset.

    ``loads`` are the streams of weights: `w` or `w_NAME`.
    """
    wires = ("tdata", "tvalid", "tready", "tlast")
    events = ("event", *(f"event_{load}" for load in loads))
    return [
        *(f"{stream}_axis_{wire}" for stream in ("s", *loads, "m") for wire in wires),
        *(f"{event}_tlast_{kind}" for event in events for kind in ("unexpected", "missing")),
    ]


@dataclass(frozen=True, eq=False)
class AxiBus:
    """An interface among a module's ports.

    Parameters
    ----------
    name
        What its ports begin with: ``s_axis``.
    protocol
        ``axi4stream``, ``axi4`` or ``axi4lite``.
    master
        Whether it begins transfers.
    wires
        Ports by what the standard calls them, in small letters: ``tdata``, ``awaddr``.
    """

    name: str
    protocol: str
    master: bool
    wires: Mapping[str, str]


_STREAM_PORT = re.compile(r"(\w+_axis)_(t\w+)")
_MEMORY_PORT = re.compile(r"([sm]_axi)_(\w+)")


def buses_of(ports: Collection[str]) -> list[AxiBus]:
    """Return the interfaces among ``ports``, in the order of their first ones."""
    wires: dict[tuple[str, str], dict[str, str]] = {}
    for port in ports:
        if found := _STREAM_PORT.fullmatch(port):
            key = (found[1], "axi4stream")
        elif found := _MEMORY_PORT.fullmatch(port):
            key = (found[1], "axi4" if found[1].startswith("m_") else "axi4lite")
        else:
            continue
        wires.setdefault(key, {})[found[2]] = port
    return [
        AxiBus(name, protocol, name.startswith("m_"), own)
        for (name, protocol), own in wires.items()
    ]


def same_name(one: str, other: str) -> bool:
    """Whether two names are one, as they are to tools that do not tell case."""
    return one.casefold() == other.casefold()


def instance_of(module: str) -> str:
    """Return what the instantiation template calls an instance of ``module``."""
    return f"{module}_i"


@dataclass(frozen=True)
class Slot:
    """One value's place in tdata."""

    name: str
    offset: int
    slot_bits: int
    sample_bits: int
    signed: bool


def slots_of(layout: data.StructLayout) -> list[Slot]:
    """Return where a payload's values go in tdata, from bit 0 up; `last` has its own wire."""
    slots: list[Slot] = []
    offset = 0
    for name, shape in _values_of(layout):
        width = slot_bits(shape.width)
        slots.append(Slot(name, offset, width, shape.width, shape.signed))
        offset += width
    return slots


def _values_of(layout: data.StructLayout) -> Iterator[tuple[str, Shape]]:
    for name, field in layout:
        if name == "last":
            continue
        if isinstance(field.shape, data.ArrayLayout):
            for index in range(field.shape.length):
                yield f"{name}[{index}]", Shape.cast(field.shape.elem_shape)
        else:
            yield str(name), Shape.cast(field.shape)


def weight_ports(engine: Component) -> list[str]:
    """Return the names of the streams that ``engine`` takes weights from."""
    return [name for name in engine.signature.members if name == "w" or name.startswith("w_")]


class AxiWrapper(Elaboratable):
    """An engine or a layer under AXI4-Stream names, in a clock domain made from its own ports.

    The component's streams are `i`, `o`, and `w` or `w_NAME` for weights; what begins with `event_`
    is a pulse; channels `s_aw`, `s_w`, `s_b`, `s_ar`, `s_r` are those of registers. While reset is
    active, no handshake is made.

    Attributes
    ----------
    ports
        By name, for `hw.emit.verilog.to_verilog`.
    """

    def __init__(self, engine: StreamComponent, names: PortNames) -> None:
        self._engine = engine
        self._names = names
        self._clock = Signal(name=names.clock)
        self._reset = Signal(name=names.reset)
        self.ports: Ports = {}
        for clocking in (self._clock, self._reset):
            self._add(clocking, ir.PortDirection.Input)
        self._streams: dict[str, dict[str, Signal]] = {}
        for prefix, interface, taken in self._interfaces():
            self._add_stream(prefix, interface, taken=taken)
        self._events = {}
        for name in engine.signature.members:
            if name.startswith("event_"):
                event = Signal(name=name.replace("last", "tlast"))
                self._events[name] = event
                self._add(event, ir.PortDirection.Output)
        self._lite: dict[str, dict[str, Signal]] = {}
        if "s_aw" in engine.signature.members:
            registered: Any = engine
            address_bits = len(registered.s_aw.payload)
            for prefix in _SLAVE:
                shapes = _slave_shapes(prefix, address_bits)
                self._lite[prefix] = _channel(prefix, shapes, self.ports)

    def _interfaces(self) -> Iterator[tuple[str, Stream, bool]]:
        yield "s_axis", self._engine.i, True
        for name in weight_ports(self._engine):
            yield f"{name}_axis", getattr(self._engine, name), True
        yield "m_axis", self._engine.o, False

    def _add(self, signal: Signal, direction: ir.PortDirection) -> None:
        self.ports[signal.name] = (signal, direction)

    def _add_stream(self, prefix: str, interface: Stream, *, taken: bool) -> None:
        slots = slots_of(interface.payload.shape())
        wires = {
            "tdata": Signal(slots[-1].offset + slots[-1].slot_bits, name=f"{prefix}_tdata"),
            "tvalid": Signal(name=f"{prefix}_tvalid"),
            "tready": Signal(name=f"{prefix}_tready"),
            "tlast": Signal(name=f"{prefix}_tlast"),
        }
        self._streams[prefix] = wires
        for name, wire in wires.items():
            inward = taken != (name == "tready")
            self._add(wire, ir.PortDirection.Input if inward else ir.PortDirection.Output)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # A component in reset would take what is offered, and lose it. What it makes of that inside
        # is reset in the same cycle, so only what others see is held low: the reset is on no path
        # from door to memory (0.4 ns of an FFT engine's 5).
        awake = _clocked(m, self._names, self._clock, self._reset)
        m.submodules.engine = self._engine
        for prefix, interface, taken in self._interfaces():
            wires = self._streams[prefix]
            if taken:
                self._take(m, wires, interface, awake)
            else:
                self._give(m, wires, interface, awake)
        for name, event in self._events.items():
            m.d.comb += event.eq(getattr(self._engine, name))
        for prefix, wires in self._lite.items():
            interface = getattr(self._engine, f"s_{prefix.rpartition('_')[2]}")
            _shake_hands(m, prefix, wires, interface, awake)
        if self._lite:
            _connect_slave(m, self._engine, self._lite)
        return m

    @staticmethod
    def _take(m: Module, wires: dict[str, Signal], interface: Stream, awake: Value) -> None:
        slots = slots_of(interface.payload.shape())
        bits = [wires["tdata"][s.offset : s.offset + s.sample_bits] for s in slots]
        m.d.comb += [
            Value.cast(interface.payload).eq(Cat(*bits, wires["tlast"])),
            interface.valid.eq(wires["tvalid"]),
            wires["tready"].eq(interface.ready & awake),
        ]

    @staticmethod
    def _give(m: Module, wires: dict[str, Signal], interface: Stream, awake: Value) -> None:
        beat = Value.cast(interface.payload)
        offset = 0
        for slot in slots_of(interface.payload.shape()):
            value = beat[offset : offset + slot.sample_bits]
            value = value.as_signed() if slot.signed else value
            m.d.comb += wires["tdata"][slot.offset : slot.offset + slot.slot_bits].eq(value)
            offset += slot.sample_bits
        m.d.comb += [
            wires["tlast"].eq(interface.payload.last),
            wires["tvalid"].eq(interface.valid & awake),
            interface.ready.eq(wires["tready"]),
        ]


_BEAT_SIZE = {32: 2, 64: 3, 128: 4, 256: 5}
_BURST = ("addr", "len", "size", "burst", "cache", "prot", "id")
_LITE = ("addr", "prot")
_CHANNELS: dict[str, tuple[str, ...]] = {
    "m_axi_aw": _BURST,
    "m_axi_w": ("data", "strb", "last"),
    "m_axi_b": ("id", "resp"),
    "m_axi_ar": _BURST,
    "m_axi_r": ("id", "data", "resp", "last"),
    "s_axi_aw": _LITE,
    "s_axi_w": ("data", "strb"),
    "s_axi_b": ("resp",),
    "s_axi_ar": _LITE,
    "s_axi_r": ("data", "resp"),
}
_SLAVE = tuple(prefix for prefix in _CHANNELS if prefix.startswith("s_"))
_INTERRUPT = "irq"
_INCR = 1
_NORMAL = 3
"""Of AxCACHE: bufferable, modifiable."""


def _names_of(prefixes: Iterable[str]) -> list[str]:
    return [
        f"{prefix}{name}" for prefix in prefixes for name in (*_CHANNELS[prefix], "valid", "ready")
    ]


def memory_port_names() -> list[str]:
    """Return all ports' names of a `MemoryWrapper` but those of clock and reset."""
    return [*_names_of(_CHANNELS), _INTERRUPT]


def register_port_names() -> list[str]:
    """Return all ports' names of registers around an engine."""
    return _names_of(_SLAVE)


class MemoryWrapper(Elaboratable):
    """A component behind an AXI4 master, ``m_axi``, and an AXI4-Lite slave, ``s_axi``.

    Its channels are streams: `ar`, `r`, `aw`, `w`, `b` of the master, whose addresses are in
    beats, and the same with ``s_`` of the slave; `interrupt` is the wire `irq`. While reset is
    active, no handshake is made; in the cycle after, none of the master's.

    Parameters
    ----------
    component
        What is behind; its channels of the master may be anything in the cycle after a reset.
    names
        Of clock and reset.
    data_bits, address_bits
        Of the master.

    Attributes
    ----------
    ports
        By name, for `hw.emit.verilog.to_verilog`.
    """

    def __init__(
        self, component: Component, names: PortNames, *, data_bits: int, address_bits: int
    ) -> None:
        self._component = component
        self._names = names
        self._data_bits = data_bits
        self._clock = Signal(name=names.clock)
        self._reset = Signal(name=names.reset)
        self.ports: Ports = {}
        for clocking in (self._clock, self._reset):
            self.ports[clocking.name] = (clocking, ir.PortDirection.Input)
        bits = self.data_bytes_bits
        id_bits = len(Value.cast(self._stream("ar").payload.id))
        own = {"data": data_bits, "strb": data_bits // 8, "resp": 2, "id": id_bits, "last": 1}
        burst = {"addr": address_bits, "len": 8, "size": 3, "burst": 2, "cache": 4, "prot": 3}
        burst |= {"id": id_bits}
        self._bits = bits
        lite = len(self._stream("s_ar").payload)
        self._wires: dict[str, dict[str, Signal]] = {}
        for prefix, fields in _CHANNELS.items():
            widths = burst if fields is _BURST else own
            shapes = {name: widths[name] for name in fields if prefix not in _SLAVE}
            shapes = shapes or _slave_shapes(prefix, lite)
            self._wires[prefix] = _channel(prefix, shapes, self.ports)
        self._interrupt = Signal(name=_INTERRUPT)
        self.ports[_INTERRUPT] = (self._interrupt, ir.PortDirection.Output)

    @property
    def data_bytes_bits(self) -> int:
        """Bits of an address within a beat."""
        return _BEAT_SIZE[self._data_bits]

    def _stream(self, name: str) -> Stream:
        interface: Stream = getattr(self._component, name)
        return interface

    def elaborate(self, platform: object) -> Module:
        m = Module()
        awake = _clocked(m, self._names, self._clock, self._reset)
        wakes = Signal(init=1, reset_less=True)
        m.d.sync += wakes.eq(~awake)
        m.submodules.component = self._component
        for prefix, wires in self._wires.items():
            master, channel = prefix.startswith("m_"), prefix.rpartition("_")[2]
            interface = self._stream(channel if master else f"s_{channel}")
            _shake_hands(m, prefix, wires, interface, awake & ~wakes if master else awake)
        self._connect_master(m)
        _connect_slave(m, self._component, self._wires)
        component: Any = self._component
        m.d.comb += self._interrupt.eq(component.interrupt & awake)
        return m

    def _connect_master(self, m: Module) -> None:
        for channel in ("aw", "ar"):
            wires, asked = self._wires[f"m_axi_{channel}"], self._stream(channel).payload
            m.d.comb += [
                wires["addr"].eq(asked.address << self._bits),
                wires["len"].eq(asked.length),
                wires["id"].eq(asked.id),
                wires["size"].eq(self._bits),
                wires["burst"].eq(_INCR),
                wires["cache"].eq(_NORMAL),
            ]
        wires, written = self._wires["m_axi_w"], self._stream("w").payload
        m.d.comb += [
            wires["data"].eq(written.data),
            wires["strb"].eq(written.strobe),
            wires["last"].eq(written.last),
        ]
        wires, answer = self._wires["m_axi_r"], self._stream("r").payload
        m.d.comb += [
            answer.data.eq(wires["data"]),
            answer.id.eq(wires["id"]),
            answer.response.eq(wires["resp"]),
            answer.last.eq(wires["last"]),
            self._stream("b").payload.eq(self._wires["m_axi_b"]["resp"]),
        ]


def _is_answer(prefix: str) -> bool:
    """Whether a channel comes in: answers to a master, and all but answers to a slave."""
    master, channel = prefix.startswith("m_"), prefix.rpartition("_")[2]
    return master == (channel in ("r", "b"))


def _slave_shapes(prefix: str, address_bits: int) -> dict[str, int]:
    """Return the widths of a channel of AXI4-Lite."""
    bits = {"addr": address_bits, "prot": 3, "data": 32, "strb": 4, "resp": 2}
    return {name: bits[name] for name in _CHANNELS[prefix]}


def _channel(prefix: str, shapes: Mapping[str, int], ports: Ports) -> dict[str, Signal]:
    """Return the wires of a channel, which are put among ``ports``."""
    wires = {name: Signal(bits, name=f"{prefix}{name}") for name, bits in shapes.items()}
    wires |= {name: Signal(name=f"{prefix}{name}") for name in ("valid", "ready")}
    for name, wire in wires.items():
        inward = _is_answer(prefix) == (name != "ready")
        ports[wire.name] = (wire, ir.PortDirection.Input if inward else ir.PortDirection.Output)
    return wires


def _shake_hands(
    m: Module, prefix: str, wires: Mapping[str, Signal], interface: Stream, awake: Value
) -> None:
    """Connect valid and ready of a channel."""
    if _is_answer(prefix):
        m.d.comb += [
            interface.valid.eq(wires["valid"]),
            wires["ready"].eq(interface.ready & awake),
        ]
    else:
        m.d.comb += [
            wires["valid"].eq(interface.valid & awake),
            interface.ready.eq(wires["ready"]),
        ]


def _connect_slave(m: Module, component: Any, wires: Mapping[str, Mapping[str, Signal]]) -> None:
    """Connect payloads of the registers' channels, the streams ``s_`` of ``component``."""
    written, read = component.s_w.payload, component.s_r.payload
    m.d.comb += [
        component.s_aw.payload.eq(wires["s_axi_aw"]["addr"]),
        component.s_ar.payload.eq(wires["s_axi_ar"]["addr"]),
        written.data.eq(wires["s_axi_w"]["data"]),
        written.strobe.eq(wires["s_axi_w"]["strb"]),
        wires["s_axi_b"]["resp"].eq(component.s_b.payload),
        wires["s_axi_r"]["data"].eq(read.data),
        wires["s_axi_r"]["resp"].eq(read.response),
    ]


def _clocked(m: Module, names: PortNames, clock: Signal, reset: Signal) -> Value:
    """Make the clock domain of ports; return whether reset is not active."""
    domain: Any = ClockDomain("sync")  # the stubs have neither clk nor rst
    m.domains.sync = domain
    active_low = names.reset_active == "low"
    m.d.comb += [domain.clk.eq(clock), domain.rst.eq(~reset if active_low else reset)]
    return reset if active_low else ~reset


class AxiInstance(StreamComponent):
    """A finished build's Verilog module, to stand in another design.

    Parameters
    ----------
    manifest
        Of the build, without a weights port.

    Members
    -------
    i : In, stream of {data, last}
    o : Out, stream of {data, last}
        `data` is tdata, slots and all.
    """

    def __init__(self, manifest: dict[str, Any]) -> None:
        self._manifest = manifest
        parameters = manifest["parameters"]
        lanes = parameters["tile" if manifest.get("kind") == "network" else "lanes"]
        beats = {
            name: data.StructLayout({"data": facts["slot_bits"] * lanes, "last": 1})
            for name, facts in manifest["streams"].items()
        }
        super().__init__(
            {
                "i": In(stream.Signature(beats["s_axis"])),
                "o": Out(stream.Signature(beats["m_axis"])),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        reset = self._manifest["reset"]
        active = ResetSignal() if reset["active"] == "high" else ~ResetSignal()
        clocking = {f"i_{self._manifest['clock']}": ClockSignal(), f"i_{reset['name']}": active}
        m.submodules[self._manifest["name"]] = Instance(
            self._manifest["top"],
            **clocking,
            i_s_axis_tdata=self.i.payload.data,
            i_s_axis_tlast=self.i.payload.last,
            i_s_axis_tvalid=self.i.valid,
            o_s_axis_tready=self.i.ready,
            o_m_axis_tdata=self.o.payload.data,
            o_m_axis_tlast=self.o.payload.last,
            o_m_axis_tvalid=self.o.valid,
            i_m_axis_tready=self.o.ready,
        )
        return m
