"""Two dense engines side by side, each for a half of a frame: their pace, and what waits behind.

Both work all the time, on halves that come one after the other, and results leave half by half: so
those of one engine wait while the other's leave.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from golden.dense.design import DenseDesign
from hw.dense.engine import cycles_of_group
from hw.engines import DENSE_ENGINES
from hw.line.output import stage_latency

_FRAMES = 12
"""Frames that are followed: more than any engine is behind another."""
_SLACK = 16
"""More than an engine takes to see that it can begin, results to change from half to half, and more
than is left out of `DenseHalves._latencies`."""


@dataclass(frozen=True)
class DenseHalves:
    """What is known of two engines before they are made.

    Parameters
    ----------
    designs
        The engine of each half, of one group of channels each.
    """

    designs: Sequence[DenseDesign]

    @property
    def given(self) -> list[int]:
        """Beats of results of either half."""
        return [d.channels * d.groups_per_channel * d.length for d in self.designs]

    @property
    def _taken(self) -> list[int]:
        """Cycles in which each half comes in."""
        return [design.cycles_of_input for design in self.designs]

    @property
    def _worked(self) -> list[int]:
        """Cycles in which each engine has done with a half."""
        return [cycles_of_group(design) for design in self.designs]

    @cached_property
    def pace(self) -> int:
        """Cycles from a frame to the next: the least that both engines keep from the first on.

        An engine that began a half sooner would have others wait for it.
        """
        pace = max(sum(self._taken), sum(self.given), *self._worked)
        while (kept := self._kept(pace)) > pace:
            pace = kept
        return pace

    def _kept(self, pace: int) -> int:
        """Return what pace is kept where none begins two halves in less than ``pace``."""
        begun = self._begun(pace)
        return max(-(-(own[n] - own[0]) // n) for own in begun for n in range(1, _FRAMES))

    def _begun(self, pace: int) -> list[list[int]]:
        """Return when each engine begins each of its halves, from the first sample on, unstalled.

        An engine has room for two: a half comes in once the one before the last is done with.
        """
        begun: list[list[int]] = [[], []]
        there = 0  # all that came before is in
        for frame in range(_FRAMES):
            for own, design, worked in zip(begun, self.designs, self._worked, strict=True):
                if frame > 1:
                    there = max(there, own[-2] + worked + _SLACK)
                there += design.cycles_of_input
                begin = there + DENSE_ENGINES[type(design)].ahead(design)
                # What is for all halves alike is left out: it only moves them all.
                own.append(max(begin, own[-1] + max(pace, worked)) if own else begin)
        return begun

    @property
    def paces(self) -> list[int]:
        """Least cycles between two halves of each engine; 0 where it cannot begin any sooner."""
        return [0 if self.pace == d.cycles_of_output else self.pace for d in self.designs]

    @property
    def _latencies(self) -> list[int]:
        """About the cycles from a half's first sample to its first result."""
        return [
            design.cycles_of_input
            + DENSE_ENGINES[type(design)].ahead(design)
            + (design.turns - 1) * design.input_words
            + DENSE_ENGINES[type(design)].behind(design)
            + stage_latency(design)
            for design in self.designs
        ]

    @property
    def _spans(self) -> list[int]:
        """About the cycles from the first result of each half to its last."""
        return [
            worked - design.input_words * (design.turns - 1)
            for worked, design in zip(self._worked, self.designs, strict=True)
        ]

    @property
    def _later(self) -> int:
        """About the cycles from the first half's first result to the second's."""
        design, latencies = self.designs[0], self._latencies
        switched = design.cycles_of_input - (design.input_words - design.length)
        return switched + latencies[1] - latencies[0]

    @cached_property
    def hold(self) -> int:
        """Cycles that a frame's first result is held back.

        As long as results of the frame before may still leave; in front of the first frame too, so
        that all are alike.
        """
        first, second = self._spans
        left = max(self._later + second, first + self.given[1]) + _SLACK
        return max(left - self.pace, 0)

    @property
    def waiting(self) -> list[int]:
        """Results of each engine that wait for the other's to leave, unstalled."""
        left = max(self._spans[0], self.hold + self.given[0]) + _SLACK
        return [self._made(0, self.hold), self._made(1, left - self._later)]

    def _made(self, number: int, cycles: int) -> int:
        """Return the most results that an engine gives in ``cycles`` from a half's first on.

        Of the halves after it too.
        """
        design, total = self.designs[number], 0
        while cycles > 0:
            lines = -(-cycles // design.cycles_per_group)
            total += min(self.given[number], lines * design.length)
            cycles -= self.pace
        return total
