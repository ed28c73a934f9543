"""Steps are run once for the same content, and again for any other."""

from pathlib import Path

import pytest

from flow.cache import Cache, Step


def shout(runs: list[str], *, text: bytes = b"hello", command: str = "shout 1") -> Step:
    def run(folder: Path) -> None:
        runs.append(command)
        (folder / "out").write_bytes((folder / "in").read_bytes().upper())

    return Step({"in": text}, (command,), run, ("out",))


def test_a_step_is_run_once(tmp_path: Path) -> None:
    runs: list[str] = []
    for _ in range(2):
        assert Cache(tmp_path).run(shout(runs)) == {"out": b"HELLO"}
    assert len(runs) == 1


def test_other_content_or_tool_is_run_again(tmp_path: Path) -> None:
    runs: list[str] = []
    cache = Cache(tmp_path)
    assert cache.run(shout(runs)) == {"out": b"HELLO"}
    assert cache.run(shout(runs, text=b"there")) == {"out": b"THERE"}
    assert cache.run(shout(runs, command="shout 2")) == {"out": b"HELLO"}
    assert len(runs) == 3


def test_without_a_folder_nothing_is_kept() -> None:
    runs: list[str] = []
    for _ in range(2):
        assert Cache(None).run(shout(runs)) == {"out": b"HELLO"}
    assert len(runs) == 2


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def run(folder: Path) -> None:
        (folder / "out").write_bytes(b"half")
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match=r"^broken$"):
        Cache(tmp_path).run(Step({}, ("break",), run, ("out",)))
    assert not list(tmp_path.iterdir())


def test_boundaries_between_parts_count() -> None:
    def step(*command: str) -> Step:
        return Step({}, command, Path.touch, ())

    assert step("ab", "c").digest != step("a", "bc").digest


def test_a_step_runs_apart_from_where_it_is_kept(tmp_path: Path) -> None:
    def run(folder: Path) -> None:
        assert not folder.is_relative_to(tmp_path)
        (folder / "out").touch()

    cache = Cache(tmp_path / "a user's folder, of which abc could read no file")
    assert cache.run(Step({}, ("touch",), run, ("out",))) == {"out": b""}
