"""Sweeps on a local cluster: whole, and where what they run on dies."""

import os
import signal
import warnings

import pytest
from click.testing import CliRunner

from hw.measured.store import DONE, REFUSED, Result, Store
from hw.sweep.assignment import Assignment, ClusterOptions, open_tasks
from hw.sweep.command import main
from hw.sweep.point import Point
from hw.sweep.work import Folders

cluster = pytest.importorskip("hw.sweep.cluster", reason="distributed is not installed")
SPEC = "[[sweep]]\nengine = 'direct'\nlength = [2, 3]\nmacs = 3\n"


def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    points = [Point("direct", {"length": length}) for length in (2, 3, 4)]
    tasks = [point.tasks((), 1) for point in points]
    folders = Folders(str(tmp_path), "", "", keep=False)
    orders = [Assignment(task, folders, 60) for (task,) in tasks]
    killed = []

    with Store(tmp_path / "store.sqlite") as store, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # distributed's own, of ports and of a loop that ends
        with cluster.client_at(ClusterOptions(workers=1)) as client:

            def moved():
                if not killed:
                    killed.extend(client.run(os.getpid).values())
                    os.kill(killed[0], signal.SIGKILL)

            cluster.run_tasks(client, orders, store, moved)
            assert list(client.run(os.getpid).values()) != killed
        known = store.known()
    assert set(known) == {task.key for (task,) in tasks}
    assert set(known.values()) == {DONE}
    assert open_tasks(tasks, known, tmp_path) == []


def test_what_is_known_is_not_done_again(tmp_path, monkeypatch):
    spec, path = tmp_path / "spec.toml", tmp_path / "store.sqlite"
    spec.write_text(SPEC)

    def run_tasks(_client, orders, store, _moved):
        done = {"predicted.multipliers": 2, "predicted.lut4_equivalents": 9}
        results = [Result(REFUSED, "no room"), Result(DONE, figures=done)]
        keys = [order.task.key for order in orders]
        store.record(dict(zip(keys, results, strict=True)))

    monkeypatch.setattr(cluster, "run_tasks", run_tasks)
    monkeypatch.setattr(cluster, "client_at", lambda _options: pytest.MonkeyPatch.context())
    out = ["-o", str(path), "--csv", str(tmp_path / "all.csv")]
    for _ in range(2):
        done = CliRunner().invoke(main, [str(spec), *out], catch_exceptions=False)
        assert done.exit_code == 0
        assert "1 done, 1 refused\n  1 x no room\n" in done.output
        monkeypatch.setattr(cluster, "client_at", None)
    assert (tmp_path / "all.csv").read_text().splitlines()[2].startswith("direct,3,3,done,,0.0,2,9")
