"""A test bench that needs nothing but a simulator: Verilog and the words that it reads."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from golden.accelerator.external.registers import CODE_SHIFT, REGIONS, REGISTERS, START, STOPPED
from hw.package.core import INTERRUPT, FinishedCore
from hw.package.vectors import MemoryVectors, StreamVectors

_STREAMS = Path(__file__).with_name("streams.sv")
_MEMORY = Path(__file__).with_name("memory.sv")
_PLACEHOLDER = "BENCH"
_SETTLE = 1000
"""Cycles for a burst of pauses."""


def bench_name(core: FinishedCore) -> str:
    """Return the name of the bench's top module."""
    return f"{core.name}_tb"


def bench_files(core: FinishedCore, vectors: StreamVectors | MemoryVectors) -> dict[str, str]:
    """Return the bench of ``core``, the Verilog first, and the words of ``vectors``, by name."""
    if isinstance(vectors, StreamVectors):
        text, words = _streams(core, vectors), _stream_words(core, vectors)
    else:
        text, words = _memory(core, vectors), _memory_words(core, vectors)
    return {f"{bench_name(core)}.sv": text.replace(_PLACEHOLDER, bench_name(core)), **words}


def _file(core: FinishedCore, what: str) -> str:
    return f"{bench_name(core)}_{what}.hex"


def _hex(words: Sequence[int], bits: int) -> str:
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def _stream_words(core: FinishedCore, vectors: StreamVectors) -> dict[str, str]:
    streams = {**vectors.sent, "m_axis": vectors.expected}
    return {
        _file(core, name): _hex(words, core.port[f"{name}_tdata"].width + 1)
        for name, words in streams.items()
    }


def _memory_words(core: FinishedCore, vectors: MemoryVectors) -> dict[str, str]:
    width = core.port["m_axi_rdata"].width
    contents = {"memory": vectors.contents, "expected": vectors.expected}
    return {_file(core, name): _bytes(content, width) for name, content in contents.items()}


def _bytes(content: bytes, width: int) -> str:
    beat = width // 8
    filled = content.ljust(-(-len(content) // beat) * beat, b"\0")
    words = [filled[at : at + beat][::-1].hex() for at in range(0, len(filled), beat)]
    return "".join(f"{word}\n" for word in words)


def _head(core: FinishedCore, about: str) -> Iterator[str]:
    """Yield the beginning of the top module: clock, reset, and the wires of the design."""
    yield f"// Holds {core.name} to its golden model: {about}."
    yield "// Ends with a line that begins with the bench's name; with an error where one differs."
    yield "`timescale 1ns/1ps"
    yield f"module {_PLACEHOLDER};"
    yield "    reg clock = 0, reset = 1;"
    yield f"    always #{core.rate.period_ns / 2:.3f} clock = !clock;"


def _wires(core: FinishedCore, driven: Mapping[str, bool]) -> Iterator[str]:
    """Yield the wires; of the design's inputs those are variables that ``driven`` says."""
    for port in core.ports:
        if port.name not in (core.clock, core.reset):
            kind = "reg" if driven.get(port.name) else "wire"
            yield f"    {kind} [{port.width - 1}:0] {port.name};"


def _instance(core: FinishedCore) -> Iterator[str]:
    own = {core.clock: "clock", core.reset: "!reset" if core.active_low else "reset"}
    yield f"    {core.name} dut ("
    pins = [f"        .{port.name}({own.get(port.name, port.name)})" for port in core.ports]
    yield ",\n".join(pins)
    yield "    );"


def _streams(core: FinishedCore, vectors: StreamVectors) -> str:
    lines = [*_head(core, "sends what it was given, with pauses"), *_wires(core, {})]
    # No driver accesses registers here.
    lite = (bus.wires.values() for bus in core.buses if bus.protocol == "axi4lite")
    inputs = (core.port[wire] for wires in lite for wire in wires if not core.port[wire].given)
    lines += [f"    assign {port.name} = {port.width}'d0;" for port in inputs]
    lines += _instance(core)
    for seed, (name, words) in enumerate(vectors.sent.items(), 1):
        lines += _end(core, "source", name, len(words), seed)
    lines += _end(core, "sink", "m_axis", len(vectors.expected), 77, 20 * vectors.cycles + _SETTLE)
    events = " || ".join(port.name for port in core.others if port.name.startswith("event_"))
    lines += [
        "    initial begin",
        "        repeat (4) @(posedge clock);",
        "        reset <= 0;",
        "    end",
    ]
    if events:
        told = f'$fatal(1, "{_PLACEHOLDER}: no event may tell of what is framed well")'
        lines.append(f"    always @(posedge clock) if (!reset && ({events})) {told};")
    return "\n".join([*lines, "endmodule", _STREAMS.read_text(encoding="utf-8")])


def _end(
    core: FinishedCore, kind: str, name: str, beats: int, seed: int, patience: int | None = None
) -> Iterator[str]:
    """Yield what is at the other end of a stream."""
    width = core.port[f"{name}_tdata"].width
    waits = "" if patience is None else f", .PATIENCE({patience})"
    yield f"    {_PLACEHOLDER}_{kind} #("
    yield f"        .BITS({width}), .BEATS({beats}), .SEED({seed}){waits},"
    yield f'        .FILE("{_file(core, name)}")'
    yield f"    ) at_{name} ("
    wires = (f".{wire}({name}_{wire})" for wire in ("tdata", "tlast", "tvalid", "tready"))
    yield f"        .clock(clock), .reset(reset), {', '.join(wires)}"
    yield "    );"


def _memory(core: FinishedCore, vectors: MemoryVectors) -> str:
    beat = core.port["m_axi_rdata"].width // 8
    numbers = {
        "DATA": 8 * beat,
        "ADDRESS": core.port["m_axi_araddr"].width,
        "ID": core.port["m_axi_arid"].width,
        "LITE": core.port["s_axi_araddr"].width,
        "WORDS": vectors.n_bytes // beat,
        "FILLED": -(-len(vectors.contents) // beat),
        "FIRST": vectors.bases["OUTPUT"] // beat,
        "GIVEN": len(vectors.expected) // beat,
        "PATIENCE": vectors.cycles,
        "CONTROL": REGISTERS["CONTROL"].at,
        "STATUS": REGISTERS["STATUS"].at,
        "RUN": START,
        "STOPPED": STOPPED.bit_length() - 1,
        "CODE": CODE_SHIFT,
    }
    driven = {
        wire: not core.port[wire].given
        for bus in core.buses
        if not bus.master
        for wire in bus.wires.values()
    }
    files = {name: _file(core, name.lower()) for name in ("MEMORY", "EXPECTED")}
    return "\n".join(
        [
            *_head(core, "an image in memory, and a driver"),
            *(f"    localparam {name} = {value};" for name, value in numbers.items()),
            f'    localparam CONTENTS = "{files["MEMORY"]}", EXPECTED = "{files["EXPECTED"]}";',
            *_wires(core, driven),
            *_instance(core),
            *_described(vectors),
            f"    always @(posedge clock) if (!reset && {INTERRUPT} !== 0)",
            f'        $fatal(1, "{_PLACEHOLDER}: no interrupt may come that was not enabled");',
            _MEMORY.read_text(encoding="utf-8"),
        ]
    )


def _described(vectors: MemoryVectors) -> Iterator[str]:
    """Yield a task that tells where regions are."""
    yield "    task describe;"
    yield "        begin"
    for region in REGIONS:
        values = (vectors.bases[region], 0, vectors.sizes[region])
        for suffix, value in zip(("_BASE", "_BASE_HIGH", "_SIZE"), values, strict=True):
            yield f"            put({REGISTERS[region + suffix].at}, {value});"
    yield f"            put({REGISTERS['FRAMES'].at}, 1);"
    yield "        end"
    yield "    endtask"
