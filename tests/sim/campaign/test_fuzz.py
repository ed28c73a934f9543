"""A sample of damaged files, and what the sandbox tells of readers that misbehave."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from golden.inputs.errors import ParameterError
from hw.emit import files
from sim.campaign.fuzz import kills, sandbox
from sim.campaign.fuzz.part import Fuzz
from sim.campaign.fuzz.sandbox import confined

pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")


@pytest.mark.parametrize("point", list(Fuzz().sample()))
def test_damaged_files_are_read_or_refused_in_one_line(point):
    outcome = Fuzz().run(point)
    assert not outcome["failures"]
    assert outcome["refused"]


def refuse():
    raise ParameterError("weights", "a file", "none")


def spin():
    while True:
        pass


MISDEEDS = {
    "a traceback": (lambda: [][1], "exit status 1: IndexError: list index out of range"),
    "an endless loop": (spin, "SIGPROF: nothing said"),
    "two lines": (lambda: print("a\nb", file=os.sys.stderr) or refuse(), "3 lines: reader: --weig"),
    "a file outside": (lambda: Path("../outside").write_text(""), "goes outside: open /"),
    "a folder outside": (lambda: Path("../outside").mkdir(), "goes outside: os.mkdir /"),
    "a program": (lambda: subprocess.run(["true"]), "goes outside: subprocess.Popen"),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_misdeeds_are_told(misdeed, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 0.1)
    action, expected = MISDEEDS[misdeed]
    assert confined(action, tmp_path).complaint.startswith(expected)


def test_memory_ends_in_one_line(tmp_path):
    ended = confined(lambda: bytearray(3 << 30), tmp_path)
    assert (ended.status, ended.said) == (2, ["reader: Memory must suffice, and does not"])
    assert ended.complaint is None


def test_good_deeds_are_right(tmp_path):
    assert confined(lambda: Path("inside").write_text(""), tmp_path).complaint is None
    assert confined(refuse, tmp_path).complaint is None


def test_half_files_are_seen(monkeypatch):
    def in_place(files, *places, **_options):
        out = places[1]
        for name, content in files.items():
            with (out / name).open("wb") as file:
                for place in range(0, len(content), 1024):
                    file.write(content[place : place + 1024])
                    file.flush()
                    time.sleep(1e-4)

    monkeypatch.setattr(files, "_replace", in_place)
    assert any(kills.try_kill(index)[1] for index in range(1, 8))
