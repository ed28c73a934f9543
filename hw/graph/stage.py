"""What a stage in hardware is, and what is known of it before it is made."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

from amaranth.lib import data

from golden.graph.graph import Stage
from golden.graph.tensor import Tensor
from hw.graph.count import Counted
from hw.targets.cost import Cost

AnyStage = TypeVar("AnyStage", bound=Stage)


@dataclass(frozen=True)
class Place:
    """Where a stage stands.

    Parameters
    ----------
    lanes
        Samples of a beat.
    target
        What multipliers and memories map to.
    waits
        Most beats of each map it takes that come before the other's, unstalled: they need room.
    """

    lanes: int
    target: str
    waits: tuple[int, ...] = (0,)

    def plane_beats(self, tensor: Tensor) -> int:
        """Return the beats of a channel of ``tensor``."""
        return tensor.height * tensor.width // self.lanes

    def frame_beats(self, tensor: Tensor) -> int:
        """Return the beats of ``tensor``."""
        return tensor.channels * self.plane_beats(tensor)


class StageHardware(ABC, Generic[AnyStage]):
    """Makes the component of a stage, and says when its results come and what it takes.

    Parameters
    ----------
    stage, place
        What to make, and where it stands.
    """

    whole_planes: ClassVar[bool] = False
    """Whether a plane's first result waits for its last sample."""
    marks_frames: ClassVar[bool | None] = False
    """Whether `last` of its results ends a frame; None where it is that of the last map taken."""

    def __init__(self, stage: AnyStage, place: Place) -> None:
        self.stage = stage
        self.place = place

    @cached_property
    @abstractmethod
    def component(self) -> Any:
        """The component: a stream for each name of `takes`, and `o`; see also `loads`."""

    @property
    def takes(self) -> Sequence[str]:
        """Names of the component's streams for what the stage takes."""
        return ("i",)

    @property
    @abstractmethod
    def latency(self) -> int:
        """Cycles from the sample that a first result waits for to that result, unstalled."""

    @property
    def span(self) -> int | None:
        """Cycles from a plane's first result to its last, unstalled; None where as it came."""
        return None

    @property
    def wait(self) -> int:
        """Cycles from a sample offered to its handshake, of a line's first."""
        return 0

    @property
    @abstractmethod
    def cycles_per_frame(self) -> int:
        """Cycles from a frame to the next in steady state, unstalled.

        Where halves of it differ in rate, as if both had the slower: see `uneven`.
        """

    @property
    def uneven(self) -> int:
        """Planes of each half of a frame where one half waits for the other; else 0."""
        return 0

    @property
    def held(self) -> int:
        """Beats that can pile up inside."""
        return self.latency

    @property
    @abstractmethod
    def cost(self) -> Cost:
        """Multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""

    @property
    def work(self) -> float | None:
        """Multiply-accumulates of the operator's definition for a frame, where they are told."""
        return None

    @property
    def saved_by_rom(self) -> Cost:
        """What could be done without if loaded weights were in ROM, whatever they are."""
        return Cost()

    @property
    def loads(self) -> Mapping[str, data.StructLayout]:
        """Layouts of the beats that load weights, by the slots' names.

        `component.loaders` are what they are loaded into, in the same order, each with `w`.
        """
        return {}

    @abstractmethod
    def counted(self, planes: int) -> Counted:
        """Return what its control does with beats, of halves of so many ``planes``."""
