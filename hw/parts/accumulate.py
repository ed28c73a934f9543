"""Adding up lines, word by word, as they come one after the other."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data

from hw.parts.beat_delay import BeatDelay
from hw.parts.counter import Odometer
from hw.parts.delay import delay, delay_valid
from hw.parts.ports import view


def accumulate_turns(
    m: Module,
    early: Value,
    words: Sequence[Value],
    *,
    ahead: int,
    width: int,
    length: int,
    turns: int,
    target: str,
    prefix: str = "",
) -> tuple[Signal, Any]:
    """Add up ``turns`` lines of ``length`` beats; partial sums go round a delay of as many beats.

    Parameters
    ----------
    early
        A beat of ``words`` is there ``ahead`` cycles later.
    words
        Signed, a beat's side by side.
    width
        Bits that every whole sum fits; those of fewer lines then fit too, since words may be 0.
    prefix
        Of names in ``m``.

    Returns
    -------
    Whether the beat that ``early`` announces completes a sum, and the sums, one cycle after it.
    """
    place = Odometer(position=length, turn=turns)
    m.submodules[f"{prefix}place"] = place
    finished = Signal(name=f"{prefix}finished")
    m.d.comb += [
        place.step.eq(early),
        finished.eq(early & (place.turn == turns - 1)),
    ]
    beat = delay_valid(m, early, ahead, name=f"{prefix}beat")
    first = Signal(name=f"{prefix}first")
    m.d.comb += first.eq(place.turn == 0)
    first = delay(m, first, ahead, name=f"{prefix}first")
    layout = data.ArrayLayout(signed(width), len(words))
    total = view(layout, name=f"{prefix}total", reset_less=True)
    around = BeatDelay(depth=length - 1, width=len(total.as_value()), target=target)
    m.submodules[f"{prefix}around"] = around
    m.d.comb += [around.step.eq(beat), around.i.eq(total)]
    before = layout(around.o)
    with m.If(beat):
        for lane, word in enumerate(words):
            m.d.sync += total[lane].eq(word + Mux(first, 0, before[lane]))
    return finished, total
