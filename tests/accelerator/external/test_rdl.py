"""NAME.rdl, as PeakRDL's tools read it, is what the hardware and its drivers are made of."""

import html
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from golden.accelerator.external.registers import REGISTERS, Stop, registers_of
from golden.registers import WHOLE, Access
from hw.accelerator.external.driver import constants, registers_header
from hw.emit.rdl import map_name, to_rdl
from hw.engines import ENGINES
from hw.line.registered import registers_around
from sim.external import CAPACITY

systemrdl = pytest.importorskip("systemrdl", reason="pip install -c constraints.txt '.[systems]'")
NAME = "field"  # a word of SystemRDL
ROOT = map_name(NAME)


def written(registers, folder):
    path = folder / f"{NAME}.rdl"
    path.write_text(to_rdl(NAME, registers), encoding="ascii")
    return path


@pytest.fixture(scope="module")
def rdl(tmp_path_factory):
    return written(registers_of(CAPACITY), tmp_path_factory.mktemp("rdl"))


def exported(rdl: Path, exporter: str, out: str) -> Path:
    """Have an exporter of PeakRDL write, without a complaint."""
    peakrdl = str(Path(sys.executable).with_name("peakrdl"))
    command = [peakrdl, exporter, str(rdl), "-o", str(rdl.parent / out)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return rdl.parent / out


def check_read(rdl, registers):
    """Hold what SystemRDL's compiler reads to ``registers``; return it by name."""
    compiler = systemrdl.RDLCompiler()
    compiler.compile_file(str(rdl))
    top = compiler.elaborate().top
    assert top.inst_name == ROOT
    read = {node.inst_name: node for node in top.children()}
    assert list(read) == list(registers)
    for name, register in registers.items():
        assert read[name].absolute_address == register.at
        for field in read[name].fields():
            told = register.fields[field.inst_name]
            assert (field.low, field.width) == (told.low, told.bits)
            assert field.is_sw_readable == (told.access is not Access.PULSE)
            assert field.is_sw_writable == told.written
            assert bool(field.get_property("onwrite")) == (told.access is Access.CAUSE)
            # Reading has no side effect anywhere.
            assert field.get_property("onread") is None
            if told.access is not Access.STATUS:
                assert field.get_property("reset") == told.reset
    return read


def test_registers_are_those_of_the_hardware(rdl):
    read = check_read(rdl, registers_of(CAPACITY).registers)
    codes = read["STATUS"].get_child_by_name("CODE").get_property("encode")
    assert {one.name: one.value for one in codes} == {stop.name: int(stop) for stop in Stop}


def test_an_engines_registers_are_read_and_shown_too(tmp_path):
    design = ENGINES["direct"].design(
        name="x", weights=None, length=5, channels=2, data_bits=8, weight_bits=8
    )
    registers = registers_around(design)
    rdl = written(registers, tmp_path)
    check_read(rdl, registers.registers)
    header = exported(rdl, "c-header", "generated.h").read_text("utf-8")
    page = exported(rdl, "markdown", "registers.md").read_text("utf-8")
    for name in registers.registers:
        assert f"{ROOT.upper()}__{name}__" in header
        assert name in page


def test_c_header_agrees_with_the_driver(rdl, tmp_path):
    header = exported(rdl, "c-header", "generated.h")
    prefix = ROOT.upper()
    claims = [f"offsetof({ROOT}_t, {name}) == PARC_{name}" for name in REGISTERS]
    claims.append(f"sizeof({ROOT}_t) == {max(one.at for one in REGISTERS.values()) + 4}")
    for name, register in REGISTERS.items():
        for part in register.fields:
            if part != WHOLE:
                claims.append(f"{prefix}__{name}__{part}_bm == PARC_{name}_{part}")
    claims += [f"{prefix}__{name}__VALUE_reset == PARC_{name}_RESET" for name in ("ID", "VERSION")]
    claims.append(f"{prefix}__STATUS__CODE_bp == PARC_STATUS_CODE_SHIFT")
    assert len(claims) > len(REGISTERS) + len(constants()) - 5
    (tmp_path / "parc_registers.h").write_text(registers_header(), encoding="ascii")
    lines = ["#include <stddef.h>", f'#include "{header}"', '#include "parc_registers.h"']
    lines += [f'_Static_assert({claim}, "{claim}");' for claim in claims]

    def compiles(lines):
        (tmp_path / "claims.c").write_text("\n".join([*lines, "int claims;", ""]), encoding="ascii")
        command = ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-c", "claims.c"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)

    done = compiles(lines)
    assert done.returncode == 0, done.stderr
    assert compiles([*lines, lines[-1].replace("==", "!=")]).returncode


def test_pages_name_every_register(rdl):
    pages = {
        "markdown": exported(rdl, "markdown", "registers.md"),
        "html": exported(rdl, "html", "html"),
    }
    for path in pages.values():
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        read = (file.read_text("utf-8") for file in files if file.suffix in (".md", ".html"))
        text = html.unescape("".join(read))
        for name, register in REGISTERS.items():
            assert name in text
            assert register.about[1:] in text


def test_python_layer_reaches_every_register(rdl, monkeypatch):
    out = exported(rdl, "python", "python")
    monkeypatch.syspath_prepend(str(out))
    words = {one.at: one.at << 8 for one in REGISTERS.values()}
    callbacks = importlib.import_module(f"{ROOT}.lib").NormalCallbackSet(
        read_callback=lambda addr, **_: words[addr],
        write_callback=lambda addr, data, **_: words.__setitem__(addr, data),
    )
    top = getattr(importlib.import_module(f"{ROOT}.reg_model.{ROOT}"), f"{ROOT}_cls")(
        callbacks=callbacks
    )
    for name, register in REGISTERS.items():
        if any(field.access is not Access.PULSE for field in register.fields.values()):
            assert getattr(top, name).address == register.at
            assert getattr(top, name).read() == register.at << 8
    top.FRAMES.write(7)
    assert words[REGISTERS["FRAMES"].at] == 7
    words[REGISTERS["STATUS"].at] = Stop.READ << 8
    assert top.STATUS.CODE.read().value == Stop.READ
