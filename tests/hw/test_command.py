"""What every command does where the machine is in its way: locales, full disks, closed pipes."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from hw.command import run_command
from hw.emit.verilog import check_whole
from hw.emit.yosys import YosysError

ROOT = Path(__file__).resolve().parents[2]
PLAIN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": ""}
"""A locale of ASCII, which Python is kept from leaving."""


def command(*arguments, cwd=ROOT, env=PLAIN_C, **options):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        **options,
    )


LAYER = """
# Größe
form = "serial"
order = ["width"]
channels = 1
height = 2
width = 2
engines.width.engine = "direct"
"""


def test_a_plain_locale_changes_nothing(tmp_path):
    folder = tmp_path / "Größe ю"
    folder.mkdir()
    (folder / "layer.toml").write_text(LAYER, encoding="utf-8")
    builds = []
    for env in (PLAIN_C, {"PYTHONUTF8": "1"}):
        out = folder / "out"
        done = command("hw.build", "layer", "--config", folder / "layer.toml", "-o", out, env=env)
        assert (done.returncode, done.stderr) == (0, b"")
        builds.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert builds[0] == builds[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("hw.build", "--help"),
        ("hw.build", "--list-presets"),
        ("hw.build", "direct", "--help"),
        ("hw.build", "layer", "--config", "ю.toml"),
        ("hw.plan", "--help"),
        ("hw.plan", "parcnet-s", "--fps", "1"),
        ("hw.plan", "ю"),
        ("hw.convert", "ю.onnx", "--input-size", "8x8", "--calibration", "ю", "-o", "ю"),
    ],
    ids=" ".join,
)
def test_commands_run_in_a_plain_locale(arguments):
    done = command(*arguments)
    assert b"Traceback" not in done.stderr
    refused = any("ю" in argument for argument in arguments)
    assert done.returncode == (2 if refused else 0)
    assert done.stderr.count(b"\n") == refused


@pytest.mark.parametrize("size", [0, 4096])
def test_a_full_disk_is_told_in_one_line(size, tmp_path):
    """No file may grow beyond ``size``, which fails as a full disk does."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    out = tmp_path / "out"
    done = command("hw.build", "direct", "--length", "4", "-o", out, preexec_fn=limit)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(b"hw.build: ")
    assert done.stderr.count(b"\n") == 1
    assert not out.exists()


def test_a_part_of_the_verilog_is_found():
    whole = "module a(clk, b);\n  input clk;\nendmodule\n"
    check_whole(whole, "a", ["clk", "b"])
    for text, ports in ((whole[:-3], ["clk", "b"]), (whole, ["clk"]), ("", ["clk", "b"])):
        with pytest.raises(YosysError, match="must write all of a, not a part"):
            check_whole(text, "a", ports)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), "No space left on device (/tmp/x)"),
        (OSError("odd"), "odd"),
        (MemoryError(), "Memory must suffice, and does not"),
        (YosysError("Yosys failed:\na\n b"), "Yosys failed: a b"),
        (click.ClickException("a\x1b[1m\nb"), r"a\x1b[1m b"),
    ],
)
def test_what_a_machine_lacks_is_told_in_one_line(error, line, capsys):
    @click.command()
    def failing():
        raise error

    status = run_command(failing, "name", [])
    assert status == (1 if isinstance(error, click.ClickException) else 2)
    assert capsys.readouterr().err == f"name: {line}\n"


def test_a_reader_that_goes_is_no_failure():
    reader = f"{sys.executable} -m hw.build --list-presets | true"
    done = subprocess.run(reader, shell=True, cwd=ROOT, capture_output=True)
    assert done.stderr == b""
