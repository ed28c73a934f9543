"""Firmware: what it does with a build, and what that is given, linked into one binary."""

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from golden.numbers.interval import Integers
from golden.registers import WHOLE
from hw.emit.manifest import line_registers
from parc_litex.engine import ParcEngine

_FIRMWARE = Path(__file__).with_name("firmware")
_COMPILER = "riscv64-unknown-elf-gcc"
_FLAGS = (
    *("-std=gnu99", "-Os", "-g0", "-ffreestanding", "-fno-builtin", "-ffunction-sections"),
    *("-Wall", "-Wextra", "-Werror"),
    # Or else the loops of memcpy and memset become calls of themselves.
    "-fno-tree-loop-distribute-patterns",
)


class FirmwareError(RuntimeError):
    """The compiler is missing, or refuses it."""


@dataclass(frozen=True)
class Program:
    """What firmware does.

    Parameters
    ----------
    main
        Its C source in this folder.
    sources
        Sources beside a build.
    header
        Name of the file that has what it is given.
    text
        Of that file.
    """

    main: str
    sources: tuple[Path, ...]
    header: str
    text: str


def classifying(
    build: Path, manifest: Mapping[str, Any], frames: Sequence[bytes], program: int = 0
) -> Program:
    """Return the program that runs ``frames`` through an accelerator, and tells their classes.

    Parameters
    ----------
    build
        Folder of the build.
    manifest
        Its manifest.
    frames
        Bytes of each frame's input.
    program
        Which of the build's programs.
    """
    facts = manifest["programs"][program]
    image = (build / f"{manifest['name']}.bin").read_bytes()
    own = image[facts["offset"] :][: facts["bytes"]]
    (output,) = facts["outputs"].values()
    channels, height, width = (output[key] for key in ("channels", "height", "width"))
    tile = manifest["parameters"]["tile"]
    sizes = ", ".join(f"{facts[key]}u" for key in ("input_bytes", "output_bytes", "scratch_bytes"))
    lines = [
        "#include <stdint.h>",
        f"#define BUILD_HASH 0x{manifest['hash']}ull",
        f"#define BUILD_PROGRAM_0 {{0u, {facts['bytes']}u, {sizes}}}",
        f"#define IMAGES {len(frames)}u",
        f"#define SCORES {channels}u",
        f"typedef {'signed' if output['signed'] else 'unsigned'} char score;",
        f"#define SCORE(c) ((c) / {tile} * {tile * height * width} + (c) % {tile})",
        _array("program_image[]", own),
        f"static const unsigned char frames[{len(frames)}][{facts['input_bytes']}] = {{",
        *(f"{{{_bytes(frame)}}}," for frame in frames),
        "};",
    ]
    return Program("network.c", (build / "parc.c",), "images.h", "\n".join([*lines, ""]))


def convolving(engine: ParcEngine, lines: Integers, weights: Sequence[int] = ()) -> Program:
    """Return the program that sends ``lines`` through an engine, and tells what comes.

    Parameters
    ----------
    engine
        As it is in the SoC.
    lines
        Lines ``[L, N]``, whole groups of them, for two transfers of as many.
    weights
        Beats of w_axis that are written to registers before.
    """
    given, made, lanes = engine.given, engine.made, engine.manifest["parameters"]["lanes"]
    groups = lines.reshape(-1, lanes, lines.shape[1]).swapaxes(1, 2)
    samples = [value for beat in groups.reshape(-1, lanes).tolist() for value in given.filled(beat)]
    registers = line_registers(engine.manifest).registers
    words = [name for name in registers if name.removeprefix("WEIGHTS_").isdigit()]
    beats = [
        ",".join(f"{beat >> 32 * word & 0xFFFFFFFF}u" for word in range(len(words)))
        for beat in weights
    ]
    text = [
        "#include <stdint.h>",
        *(f"#define LINE_{name} {register.at}u" for name, register in registers.items()),
        *(
            f"#define LINE_{name}_RESET {registers[name].fields[WHOLE].reset}u"
            for name in ("ID", "LENGTH")
        ),
        f"#define BEATS {len(beats)}",
        f"#define WORDS {len(words)}u",
        f"#define GIVEN {len(samples)}u",
        f"#define MADE {groups.shape[0] * groups.shape[1] * made.stride}u",
        f"typedef {made.type} made;",
        f"static const {given.type} lines[] __attribute__((aligned(8))) = {{",
        ",".join(map(str, samples)),
        "};",
    ]
    if beats:
        text.append("static const uint32_t weights[BEATS][WORDS] = {")
        text += [*(f"{{{beat}}}," for beat in beats), "};"]
    return Program("engine.c", (), "lines.h", "\n".join([*text, ""]))


def _array(name: str, content: bytes) -> str:
    return f"static const unsigned char {name} = {{{_bytes(content)}}};"


def _bytes(content: bytes) -> str:
    return ",".join(map(str, content))


def firmware(
    generated: Path, cpu: Any, program: Program, out: Path, *, script: str = "rom.ld"
) -> Path:
    """Compile firmware, and return its binary.

    Parameters
    ----------
    generated
        Folder ``software/include`` of LiteX's builder.
    cpu
        The SoC's processor.
    program
        What it does.
    out
        Folder to write to.
    script
        ``rom.ld`` for a SoC's ROM, ``ram.ld`` for what a BIOS loads to main memory.

    Raises
    ------
    FirmwareError
        Where the compiler is missing, or refuses it.
    """
    import litex.soc.software

    if shutil.which(_COMPILER) is None:
        raise FirmwareError(f"{_COMPILER} must be installed: apt install gcc-riscv64-unknown-elf")
    out.mkdir(parents=True, exist_ok=True)
    (out / program.header).write_text(program.text, encoding="ascii")
    # <string.h> declares what console.c has: a bare compiler brings none.
    (out / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\n",
        encoding="ascii",
    )
    software = Path(next(iter(litex.soc.software.__path__)))
    crt0 = Path(inspect.getfile(type(cpu))).with_name("crt0.S")
    beside = sorted({source.parent for source in program.sources})
    folders = (out, _FIRMWARE, *beside)
    # LiteX's own do not hold to our warnings.
    theirs = (generated, software / "include", crt0.parent)
    binary = out / "firmware.bin"
    own = (_FIRMWARE / program.main, _FIRMWARE / "console.c")
    _run(
        [
            *(_COMPILER, *cpu.gcc_flags.split(), *_FLAGS),
            *(f"-I{folder}" for folder in folders),
            *(word for folder in theirs for word in ("-isystem", str(folder))),
            *map(str, (crt0, *own, *program.sources)),
            *("-nostdlib", f"-L{generated}", f"-T{_FIRMWARE / script}", "-Wl,--gc-sections"),
            *("-o", str(out / "firmware.elf")),
        ]
    )
    copy = _COMPILER.replace("gcc", "objcopy")
    _run([copy, "-O", "binary", str(out / "firmware.elf"), str(binary)])
    return binary


@contextmanager
def tools_on_path() -> Iterator[None]:
    """Let LiteX find meson and ninja where they are installed with it, in this environment."""
    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise FirmwareError(f"{command[0]}: {done.stdout}{done.stderr}")
