"""Feature maps on their way from stage to stage: shape, range of a sample, order of the samples."""

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from golden.inputs.errors import check_range
from golden.numbers.interval import Interval

Axis: TypeAlias = Literal["height", "width"]
AXES: tuple[Axis, Axis] = ("height", "width")
MAX_CHANNELS = 65536
MAX_SIDE = 4096


@dataclass(frozen=True)
class Run:
    """Consecutive channels of a map whose lines run along one axis as they pass."""

    channels: int
    axis: Axis = "width"


@dataclass(frozen=True)
class Tensor:
    """A map ``[C, H, W]`` of integers.

    Parameters
    ----------
    channels, height, width
        Its shape.
    range
        Of a sample.
    runs
        In which order a channel's samples pass, channels in their order: line after line along the
        height or the width. All along the width where left out.
    format_bits
        Width of a sample's word, where that is wider than the range needs.

    Raises
    ------
    ParameterError
        Where a side breaks its rule.
    """

    channels: int
    height: int
    width: int
    range: Interval
    runs: tuple[Run, ...] = ()
    format_bits: int = 1

    def __post_init__(self) -> None:
        check_range("channels", self.channels, 1, MAX_CHANNELS)
        for side in AXES:
            check_range(side, getattr(self, side), 1, MAX_SIDE)
        runs = self.runs or (Run(self.channels),)
        if sum(run.channels for run in runs) != self.channels:
            raise ValueError(f"Runs must cover {self.channels} channels, not {runs}")
        object.__setattr__(self, "runs", merged(runs))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return self.channels, self.height, self.width

    @property
    def bits(self) -> int:
        """Width of a sample in two's complement."""
        return max(self.range.bits, self.format_bits)

    def along(self, runs: tuple[Run, ...] = ()) -> "Tensor":
        """Return the same map in the order of ``runs``, by default all along the width."""
        return replace(self, runs=runs)


def merged(runs: tuple[Run, ...]) -> tuple[Run, ...]:
    """Return ``runs`` with neighbours of one axis as one."""
    out: list[Run] = []
    for run in runs:
        if out and out[-1].axis == run.axis:
            run = Run(out.pop().channels + run.channels, run.axis)
        out.append(run)
    return tuple(out)
