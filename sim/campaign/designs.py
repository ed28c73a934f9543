"""The part of the campaign that builds designs made up at random, and shrinks what is wrong."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st

from golden.inputs.errors import ParameterError
from sim.campaign.part import Outcome
from sim.designs import TRIALS
from sim.dice import Dice, Told

NUMBER = 5000
BLOCK = 10
"""Designs of a point."""
FOUND = Path(__file__).with_name("found.json")
"""Cases that were wrong once, each a kind and the numbers that it is drawn by, as small as they
were shrunk to. Where what is drawn changes, so does what they stand for."""


class _Drawn(Dice):
    """Numbers that hypothesis draws, and makes smaller where what they lead to is wrong."""

    def __init__(self, data: st.DataObject) -> None:
        super().__init__()
        self._data = data

    def _number(self, low: int, high: int) -> int:
        return self._data.draw(st.integers(low, high))


def try_block(kind: str, number: int, start: int) -> Outcome:
    """Try ``number`` designs of a kind, from the seed ``start`` on.

    What is wrong is shrunk, and told with the numbers by which `again` tries it again.
    """
    tried: list[bool] = []
    wrong: dict[str, Any] = {}

    @seed(start)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(st.data())
    def trial(data: st.DataObject) -> None:
        dice = _Drawn(data)
        try:
            TRIALS[kind](dice)
        except ParameterError:
            reject()
        except Exception as error:
            wrong.update(numbers=dice.numbers, error=f"{type(error).__name__}: {error}")
            raise
        tried.append(True)

    try:
        trial()
    except Exception:
        # The last one that was tried is the smallest.
        text = f"{wrong['error'][-1500:]}; numbers {wrong['numbers']}"
        return {"failures": [text], "tried": len(tried)}
    return {"failures": [], "tried": len(tried)}


def again(kind: str, numbers: Sequence[int]) -> None:
    """Try a design again that was drawn by ``numbers``, unless it is refused; see `TRIALS`."""
    with contextlib.suppress(ParameterError):
        TRIALS[kind](Told(numbers))


def found() -> list[dict[str, Any]]:
    """Return the cases of `FOUND`."""
    cases: list[dict[str, Any]] = json.loads(FOUND.read_text(encoding="utf-8"))
    return cases


class Designs:
    """Designs made up at random, held to their models."""

    name = "designs"
    head = ("kind", "blocks", "designs tried", "failures")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for start in range(NUMBER // BLOCK):
            yield f"{list(TRIALS)[start % len(TRIALS)]} {BLOCK} {start}"

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield from (f"{kind} 2 {start}" for start, kind in enumerate(TRIALS))

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        kind, number, start = point.split()
        return try_block(kind, int(number), int(start))

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for kind in TRIALS:
            own = [o for point, o in kept.items() if point.startswith(f"{kind} ")]
            failures = sum(len(o["failures"]) for o in own)
            rows.append((kind, str(len(own)), f"{sum(o['tried'] for o in own):,}", str(failures)))
        return rows
