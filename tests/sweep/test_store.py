"""Results are kept whatever happens to the process that writes them."""

import signal
import subprocess
import sys
import time

import pytest

from golden.inputs.errors import ParameterError
from hw.measured.store import DONE, OPEN, REFUSED, Result, Store
from hw.sweep.front import csv_of, front

WRITER = """
import sys
from pathlib import Path
from hw.measured.store import Result, Store
with Store(Path(sys.argv[1])) as store:
    number = 0
    while True:
        store.record({f"{number} {part}": Result("done") for part in range(200)})
        number += 1
        print(number, flush=True)
"""


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "a store.sqlite") as store:
        yield store


def test_a_writer_that_is_killed_leaves_whole_transactions(tmp_path):
    path = tmp_path / "store.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    for _ in range(3):
        told = writer.stdout.readline()
    time.sleep(0.2)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    with Store(path) as store:
        keys = store.known()
    assert len(keys) % 200 == 0
    assert len(keys) >= 200 * int(told)


def test_a_point_is_what_its_steps_came_to(store):
    store.record({"a": Result(DONE, seconds=1, figures={"x": 1}), "c": Result(REFUSED, "no")})
    store.name_points("one", [({"n": 1}, ["a"]), ({"n": 2}, ["a", "b"]), ({"n": 3}, ["c", "b"])])
    store.name_points("two", [({"n": 4}, ["a"])], (["x"], ["y"]))
    states = [(row.point["n"], row.state, row.why) for row in store.rows("one")]
    assert states == [(1, DONE, ""), (2, OPEN, ""), (3, REFUSED, "no")]
    assert store.sweeps() == ["one", "two"]
    assert (store.best("one"), store.best("two")) == (([], []), (["x"], ["y"]))
    store.name_points("one", [({"n": 5}, ["a"])])
    assert [row.point["n"] for row in store.rows()] == [5, 4]
    store.forget([REFUSED])
    assert store.known() == {"a": DONE}


def test_one_sweep_at_a_time(store, tmp_path):
    with (
        Store(tmp_path / "a store.sqlite") as other,
        store.only_writer(),
        pytest.raises(ParameterError, match="Store must be one that no other sweep is writing"),
        other.only_writer(),
    ):
        pass


@pytest.mark.parametrize("content", [b"no database" * 99, b"SQLite format 3\0"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=r"Store must be a file of results of hw\.sweep, not"):
        Store(path)
    assert path.read_bytes() == content


def test_the_front_is_what_nothing_beats(store):
    points = {"a": (1, 1), "b": (2, 2), "c": (2, 1), "d": (1, 1), "e": (3, 2)}
    store.record({k: Result(DONE, figures={"cost": c, "gain": g}) for k, (c, g) in points.items()})
    store.record({"f": Result(DONE, figures={"cost": 0})})
    store.name_points("s", [({"k": key}, [key]) for key in [*points, "f"]])
    rows = list(store.rows("s"))
    assert [row.point["k"] for row in front(rows, ["cost"], ["gain"])] == ["a", "b", "d"]
    assert front(rows, [], []) == []
    text = csv_of(rows).decode().splitlines()
    assert text[0] == "k,state,why,seconds,cost,gain"
    assert text[-1] == "f,done,,0.0,0,"
