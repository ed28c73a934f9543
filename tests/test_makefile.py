"""`make setup` from every state that a folder may be in, with programs that stand for Python."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OLD = "#!/bin/sh\nexit 1\n"
"""A Python for which no assertion of the makefile holds."""

NEW = f"""#!/bin/sh
echo "$0" "$@" >> calls
case "$*" in
*" venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && touch .venv/pyvenv.cfg ;;
-c*) shift; exec {sys.executable} -c "$1" ;;
esac
"""
WITHOUT_VENV = NEW.replace("touch .venv/pyvenv.cfg", "false")


@pytest.fixture
def checkout(tmp_path):
    """What `make setup` reads, in a folder whose name has a space."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def write_program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def setup(checkout, program=NEW):
    write_program(checkout / "python", program)
    (checkout / "calls").unlink(missing_ok=True)
    done = subprocess.run(
        ["make", "setup", "PYTHON=./python"], cwd=checkout, capture_output=True, text=True
    )
    calls = checkout / "calls"
    made = calls.is_file() and "-m venv" in calls.read_text()
    installed = calls.is_file() and "-m pip install" in calls.read_text()
    return done.returncode, made, installed, done.stderr


def test_it_installs_once(checkout):
    assert setup(checkout)[:3] == (0, True, True)
    assert setup(checkout)[:3] == (0, False, False)
    (checkout / "constraints.txt").touch()
    assert setup(checkout)[:3] == (0, False, True)


@pytest.mark.parametrize("state", ["gone", "old", "empty", "interrupted"])
def test_a_broken_venv_is_made_anew(checkout, state):
    venv = checkout / ".venv"
    assert setup(checkout)[0] == 0
    python = venv / "bin" / "python"
    if state == "gone":
        python.unlink()
        python.symlink_to("/no/such/python3.9")
    elif state == "old":
        write_program(python, OLD)
    elif state == "empty":
        shutil.rmtree(venv)
        venv.mkdir()
    else:
        (venv / "ready").unlink()
        (venv / "rest").touch()
    assert setup(checkout)[:3] == (0, state != "interrupted", True)
    assert (venv / "rest").exists() == (state == "interrupted")
    assert setup(checkout)[:3] == (0, False, False)


@pytest.mark.parametrize(
    ("program", "line"),
    [
        (OLD, "PYTHON must be Python 3.11 or later, not ./python: make PYTHON=python3.12"),
        (WITHOUT_VENV, "./python must have venv and ensurepip: apt install python3-venv"),
    ],
)
def test_what_is_missing_is_said(checkout, program, line):
    status, _, installed, text = setup(checkout, program)
    assert status != 0
    assert text.splitlines()[0] == line
    assert not installed
    assert not (checkout / ".venv").exists()
    assert setup(checkout)[:3] == (0, True, True)
