"""The command `parc`: its parts, their help and refusals, what a shell completes."""

import importlib.metadata
import sys

import pytest
from click.testing import CliRunner

from parc_hdl.command import PARTS, Parc, main, run


def said(capsys, *arguments):
    status = run([*arguments])
    return status, *capsys.readouterr()


@pytest.fixture
def nothing_loads(monkeypatch):
    monkeypatch.setattr(Parc, "get_command", None)


@pytest.fixture
def without_torch(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("hw.convert.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("nothing_loads")
def test_help_lists_the_parts(capsys):
    status, text, _ = said(capsys, "--help")
    assert status == 0
    listed = text.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in listed] == list(PARTS)
    assert "\n  parc COMMAND --help\n" in text


@pytest.mark.parametrize("part", ["build", "plan", "run", "implement"])
def test_help_of_a_part_speaks_of_parc(part, capsys):
    status, text, _ = said(capsys, part, "--help")
    assert status == 0
    assert text.startswith(f"Usage: parc {part} ")
    assert "hw." not in text
    assert part in ("run", "implement") or f"\n  parc {part} " in text


def test_the_version_is_the_packages(capsys):
    version = importlib.metadata.version("parc-hdl")
    assert said(capsys, "--version") == (0, f"parc, version {version}\n", "")


def test_a_build(tmp_path, capsys):
    status, text, complaint = said(capsys, "build", "direct", "--length=3", f"--out={tmp_path}")
    assert (status, complaint) == (0, "")
    assert text.split()[0] == str(tmp_path / "parc_direct_3.v")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("build direct --length 1", "--length must be from 2 to 1024, not 1"),
        ("plan parcnet-s --clock 0", "--clock must be from 1 to 1000, not 0"),
        (
            "plan empty",
            "NETWORK must be a folder with a network.json that parc convert wrote, "
            "not empty/network.json (No such file or directory)",
        ),
        (
            "implement no.json",
            "NAME.json must be a readable manifest of parc build, "
            "not no.json (No such file or directory)",
        ),
        ("construct", "No such command 'construct'."),
        ("build direct", "Missing option '--length'."),
    ],
)
def test_refusals(arguments, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert said(capsys, *arguments.split()) == (2, "", f"parc: {line}\n")


@pytest.mark.usefixtures("without_torch")
def test_the_extra_that_is_missing_is_named(capsys):
    line = "parc: torch, of the extra 'torch', must be installed\n"
    assert said(capsys, "convert", "net.onnx") == (2, "", line)


def complete(words):
    environment = {
        "_PARC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = CliRunner().invoke(main, [], prog_name="parc", env=environment)
    return [line.removeprefix("plain,") for line in done.stdout.splitlines()]


@pytest.mark.usefixtures("nothing_loads")
def test_a_shell_completes_the_parts():
    assert complete("parc ") == list(PARTS)
    assert complete("parc p") == ["plan"]


def test_a_shell_completes_options():
    assert complete("parc build direct --l") == ["--length", "--lanes"]
    assert "--device" in complete("parc plan --")


@pytest.mark.usefixtures("without_torch")
def test_a_shell_completes_no_part_that_cannot_be_loaded():
    assert "--calibration" not in complete("parc convert --")


def test_a_soc_without_litex_is_refused_in_a_line(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("parc_litex")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "litex", None)
    rule = "litex, of the extra 'litex', must be installed (pip install 'parc-hdl[litex]')"
    assert said(capsys, "soc", "no.json") == (2, "", f"parc: {rule}\n")
