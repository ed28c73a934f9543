"""The counter that frames lines and finds their ends, proved for all time."""

import pytest
from amaranth.hdl import Module, Mux, Signal, Value

from hw.parts.counter import Counter
from sim.prove import Harness, NoEndError, Refuted

TIMEOUT = 60


class CounterContract(Harness):
    """Steps that come as they like, beside the number of them modulo the size."""

    def __init__(self, size: int, *, of: int | None = None) -> None:
        super().__init__()
        self.size = size
        self.of = size if of is None else of

    def contract(self, m: Module) -> dict[str, Value]:
        m.submodules.counter = counter = Counter(self.of)
        steps = Signal(range(self.size))
        m.d.comb += counter.step.eq(self.choice("step"))
        with m.If(counter.step):
            m.d.sync += steps.eq(Mux(steps == self.size - 1, 0, steps + 1))
        return {
            "the value is not the steps'": counter.value != steps,
            "last is not at the end": counter.last != (steps == self.size - 1),
        }


@pytest.mark.parametrize("size", [2, 3, 7, 8, 56, 100, 1024])
def test_counter_counts(size: int) -> None:
    CounterContract(size).prove(timeout=TIMEOUT)


def test_another_size_is_refuted() -> None:
    with pytest.raises(Refuted, match=r"^Contract is broken in cycle \d+: the value"):
        CounterContract(7, of=8).prove(timeout=TIMEOUT)


def test_a_proof_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.prove._SIMPLIFY_S", -TIMEOUT)
    with pytest.raises(NoEndError, match="no end in 0 s"):
        CounterContract(7).prove(timeout=TIMEOUT)
