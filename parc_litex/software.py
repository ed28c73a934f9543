"""Firmware: parc.c, a build's program and images, linked into one binary for a SoC's ROM."""

import inspect
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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


def images_header(
    build: Path, manifest: Mapping[str, Any], frames: Sequence[bytes], program: int = 0
) -> str:
    """Return images.h of main.c.

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
    return "\n".join([*lines, ""])


def _array(name: str, content: bytes) -> str:
    return f"static const unsigned char {name} = {{{_bytes(content)}}};"


def _bytes(content: bytes) -> str:
    return ",".join(map(str, content))


def firmware(
    generated: Path, cpu: Any, build: Path, images: str, out: Path, *, script: str = "rom.ld"
) -> Path:
    """Compile the firmware, and return its binary.

    Parameters
    ----------
    generated
        Folder ``software/include`` of LiteX's builder.
    cpu
        The SoC's processor.
    build
        Folder of the accelerator's build.
    images
        `images_header`.
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
    (out / "images.h").write_text(images, encoding="ascii")
    # <string.h> declares what main.c has: a bare compiler brings none.
    (out / "string.h").write_text(
        "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
        "void *memset(void *, int, size_t);\n",
        encoding="ascii",
    )
    software = Path(next(iter(litex.soc.software.__path__)))
    crt0 = Path(inspect.getfile(type(cpu))).with_name("crt0.S")
    folders = (out, generated, build, software / "include", crt0.parent)
    binary = out / "firmware.bin"
    sources = (crt0, _FIRMWARE / "main.c", build / "parc.c")
    _run(
        [
            *(_COMPILER, *cpu.gcc_flags.split(), *_FLAGS),
            *(f"-I{folder}" for folder in folders),
            *map(str, sources),
            *("-nostdlib", f"-L{generated}", f"-T{_FIRMWARE / script}", "-Wl,--gc-sections"),
            *("-o", str(out / "firmware.elf")),
        ]
    )
    copy = _COMPILER.replace("gcc", "objcopy")
    _run([copy, "-O", "binary", str(out / "firmware.elf"), str(binary)])
    return binary


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        raise FirmwareError(f"{command[0]}: {done.stdout}{done.stderr}")
