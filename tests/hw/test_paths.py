"""Paths with spaces, which make and so Verilator do not take, are replaced."""

import tempfile

import cocotb_tools.config
import pytest

from hw.simulate.paths import elsewhere, plain, plain_words
from sim.runner import Verilator


@pytest.fixture
def links(tmp_path, monkeypatch):
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_plain_path_stays(tmp_path, links):
    assert plain(tmp_path) == tmp_path
    assert elsewhere(tmp_path) == tmp_path
    assert plain_words(["a b", str(tmp_path)], tmp_path) == ["a b", str(tmp_path)]
    assert not list(links.iterdir())


@pytest.mark.parametrize("space", [" ", "\t"])
def test_a_spaced_path_is_reached_by_a_link(tmp_path, links, space):
    file = tmp_path / f"my{space}own" / f"check{space}out" / "venv" / "file"
    file.parent.mkdir(parents=True)
    file.write_text("content")
    short = plain(file)
    assert not any(character.isspace() for character in str(short))
    assert short.read_text() == "content"
    assert plain(file) == short
    assert len(list(links.iterdir())) == 1
    assert plain_words([f"-L{file.parent} -lx", "x y"], file) == [f"-L{short.parent} -lx", "x y"]


def test_a_link_that_leads_elsewhere_is_replaced(tmp_path, links):
    file = tmp_path / "a b" / "file"
    file.parent.mkdir()
    file.touch()
    link = plain(file).parent
    link.unlink()
    link.symlink_to(links)
    assert plain(file).samefile(file)


def test_make_works_elsewhere(tmp_path, links):
    spaced = tmp_path / "a b" / "build"
    folder = elsewhere(spaced)
    assert folder.parent == links
    assert folder != elsewhere(spaced.parent)


def test_verilator_is_given_no_space(tmp_path, links, monkeypatch):
    share = tmp_path / "a b" / "share"
    share.mkdir(parents=True)
    monkeypatch.setattr(cocotb_tools.config, "share_dir", share)
    monkeypatch.setattr(cocotb_tools.config, "libs_dir", share.parent / "libs")
    runner = Verilator()
    for name, value in {
        "executable": "verilator",
        "hdl_toplevel": "top",
        "build_dir": links,
        "waves": False,
        "timescale": None,
        "defines": {},
        "includes": [],
        "parameters": {},
        "verilog_sources": [],
        "vhdl_sources": [],
        "_sources": [],
        "sources": [],
        "_build_args": [],
        "always": False,
    }.items():
        setattr(runner, name, value)
    commands = runner._build_command()
    assert not [word for words in commands for word in words if "a b" in word]
    assert any(word.endswith("verilator.cpp") for word in commands[0])
