"""Source and sink against wires that are no simulator's."""

from itertools import islice, repeat

import pytest

from sim.stream import (
    Beat,
    Sink,
    Source,
    Wires,
    after_valid,
    always,
    evenly,
    long_stalls,
    never,
    random_gaps,
    randomly,
    sparse_groups,
)


class Wire:
    def __init__(self, bits: int = 1) -> None:
        self.bits = bits
        self.value = 0

    def __len__(self) -> int:
        return self.bits


def wires() -> Wires:
    return Wires(Wire(8), Wire(), Wire(), Wire())


def test_source_holds_a_beat_until_taken() -> None:
    ends = wires()
    source = Source(ends, seed=1)
    source.send([Beat(5, False), Beat(6, True)], evenly(1))
    seen = []
    for cycle in range(12):
        ends.ready.value = cycle % 4 == 3
        source.step(cycle)
        seen.append((ends.data.value, ends.last.value) if ends.valid.value else None)
    first, second = (5, False), (6, True)
    assert seen == [None, *repeat(first, 2), None, *repeat(second, 3), *repeat(None, 5)]
    assert source.taken == [3, 7]
    assert source.idle


def test_source_drives_garbage_while_it_has_nothing() -> None:
    ends = wires()
    source = Source(ends, seed=1)
    garbage = []
    for cycle in range(50):
        source.step(cycle)
        garbage.append((ends.data.value, ends.last.value))
        assert not ends.valid.value
    assert len(set(garbage)) > 20


def run_sink(beats: list[Beat | None], ready: object) -> Sink:
    ends = wires()
    sink = Sink(ends)
    sink.set_pace(ready)
    for cycle, beat in enumerate(beats):
        ends.valid.value = beat is not None
        ends.data.value, ends.last.value = (beat.data, beat.last) if beat else (99, True)
        sink.step(cycle)
    return sink


def test_sink_takes_what_is_presented() -> None:
    beats = [Beat(1, False), None, Beat(2, True), None]
    sink = run_sink(beats, always)
    assert sink.beats == [Beat(1, False), Beat(2, True)]
    assert sink.taken == [0, 2]


@pytest.mark.parametrize("changed", [Beat(2, False), Beat(1, True)])
def test_sink_finds_a_beat_that_changes(changed) -> None:
    with pytest.raises(AssertionError, match="must stay Beat"):
        run_sink([Beat(1, False), changed], never)


def test_sink_finds_a_beat_withdrawn() -> None:
    with pytest.raises(AssertionError, match="must stay valid"):
        run_sink([Beat(1, False), None], never)


def test_sink_may_be_given_a_new_beat_once_it_took_one() -> None:
    assert run_sink([Beat(1, False), Beat(1, False), Beat(2, True)], after_valid()).taken == [1]


def test_after_valid_is_ready_for_one_beat_at_a_time() -> None:
    ready = after_valid()
    waits = [False, True, True, True, True, False, True]
    assert [ready(w) for w in waits] == [False, True, False, True, False, False, True]


def test_long_stalls_alternate() -> None:
    ready = long_stalls(1, 20)
    pattern = "".join("01"[ready(False)] for _ in range(500))
    runs = pattern.replace("01", "0 1").replace("10", "1 0").split()
    assert max(map(len, runs)) == 20
    assert len(runs) > 20


def test_paces_have_their_rates() -> None:
    ready = randomly(0.7, 3)
    assert sum(ready(True) for _ in range(10_000)) == pytest.approx(7000, abs=200)
    gaps = list(islice(random_gaps(0.25, 4), 10_000))
    assert sum(gaps) == pytest.approx(30_000, abs=1500)
    assert list(islice(sparse_groups(3, 9), 7)) == [9, 0, 0, 9, 0, 0, 9]
