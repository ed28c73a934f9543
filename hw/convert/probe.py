"""What a part of a graph computes, learned from impulses in the corners of its map.

In a corner an impulse meets every tap that any other would: at sample 0 those of one side, at the
last sample those of the other. So a few impulses in all channels at once give all of a kernel,
where every channel stays on its own, and the kernel says by itself whether it is circular. Random
data then show that there is nothing else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from golden.operator.parc import Axis, Floats
from hw.convert.computed import Band, Computed, Pass, Patch, Torus, along, lines_of
from hw.convert.graph import Graph

TOLERANCE = 1e-4
"""Most that results may differ from a form's, relative to what the input changes in a channel."""
ROUNDING = 1e-12
"""Part of a channel's greatest result that may be rounding."""
LEAST_TAPS = 9
"""Along one axis at least: shorter kernels are left to what does the ordinary convolutions."""
_NOTED_TAPS = 5
"""From so many taps on it is said why a convolution was not taken."""
_FAINT = 1e-6
"""Part of a channel's greatest tap that is none."""
_SILENT = 1e-11
"""Part of the greatest channel's result under which a channel may be rounding alone."""
_NO_CONVOLUTION = "its taps differ from place to place: every form has the same everywhere"
NO_SIZE = (
    "no map of the same height and width goes in and comes out: forms keep them, but for a stride "
    "of 2 along one axis in `linear`"
)
_NO_BIAS = "it adds a value of each position after the convolution: every form adds one a channel"
_AXES: tuple[Axis, Axis] = ("height", "width")


@dataclass(frozen=True, eq=False)
class Match:
    """What a part of a graph computes.

    Parameters
    ----------
    computed
        As a form has it.
    takes
        The channels of the entry that it is made of, in its order.
    """

    computed: Computed
    takes: list[int]


@dataclass(frozen=True)
class NoForm:
    """Why a part of a graph is no form of layer.

    Parameters
    ----------
    reason
        And what the nearest form wants.
    noted
        Whether it is so near that the user wants to know.
    sure
        Whether it holds however the map is laid out, if its channels stand where it is said.
    """

    reason: str
    noted: bool
    sure: bool = True


class Response:
    """What nodes of a graph make of maps ``[C, H, W]`` in the place of a value.

    Attributes
    ----------
    shape, out_shape
        Of the maps that go in and come out.
    still
        The result for a map of zeros.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: frozenset[int],
        places: tuple[str, str],
        *,
        last: tuple[bool, bool] = (False, False),
    ) -> None:
        """Take the nodes from one of ``places`` to the other.

        ``last`` says of either whether its channels stand behind height and width.
        """
        self._graph, self._nodes, self._places, self._last = graph, sorted(nodes), places, last
        sizes = (graph.shapes[name][1:] for name in places)
        self.shape, self.out_shape = (
            (size[2], *size[:2]) if flag else tuple(size)
            for size, flag in zip(sizes, last, strict=True)
        )
        self.still = self.to(np.zeros(self.shape))

    def to(self, x: Floats) -> Floats:
        """Return the result for ``x``."""
        value = torch.from_numpy(np.ascontiguousarray(inner(x, last=self._last[0])))[None]
        entry, exit = self._places
        result = self._graph.run_part(self._nodes, entry, value, exit).numpy()[0]
        return outer(result, last=self._last[1])

    def to_impulses(self, place: tuple[int, int], sizes: Floats) -> Floats:
        """Return what impulses at one place of every channel change, of ``sizes`` ``[C]``."""
        x = np.zeros(self.shape)
        x[:, place[0], place[1]] = sizes
        return self.to(x) - self.still

    def slack(self, y: Floats) -> Floats:
        """Return how far a form may be from a result ``y``, by channel."""
        return TOLERANCE * size_of(y - self.still) + ROUNDING * size_of(y)

    @property
    def strides(self) -> tuple[int, int] | None:
        """Samples from one result to the next in both directions, 1 or 2, or None for neither."""
        steps = []
        for before, behind in zip(self.shape[1:], self.out_shape[1:], strict=True):
            step = 1 if before == behind else 2
            if -(-before // step) != behind:
                return None
            steps.append(step)
        return steps[0], steps[1]


def outer(value: Any, *, last: bool) -> Floats:
    """Return a value of the graph as a map ``[C, H, W]``."""
    x: Floats = np.moveaxis(value, -1, 0) if last else value
    return x


def inner(x: Any, *, last: bool) -> Floats:
    """Return a map ``[C, H, W]`` as the graph has it."""
    value: Floats = np.moveaxis(x, 0, -1) if last else x
    return value


def size_of(x: Floats) -> Floats:
    """Return the greatest magnitude in each channel of ``[C, H, W]``."""
    size: Floats = np.abs(x).max(axis=(1, 2))
    return size


def probe(
    response: Response,
    *,
    least_taps: int = LEAST_TAPS,
    taps: Sequence[int] = (),
    may_mix: bool = True,
) -> Match | NoForm:
    """Return what a part of a graph computes, or why that is no form.

    Parameters
    ----------
    response
        Of the part, which is affine.
    least_taps
        Of kernels with zeros around the map.
    taps
        Along height and width, where the kernel's shape is known.
    may_mix
        Whether channels may.
    """
    strides = response.strides
    if strides is None:
        return NoForm(NO_SIZE, False)
    first, last = _corners(response)
    if not (_spread(first, (0, 0)) or _spread(last, (-1, -1))):
        return NoForm("it does not mix positions", False, sure=False)
    channels = np.arange(response.shape[0])
    owner = _owners(response, first, last)
    if owner is not None:
        return _Single(response, owner, strides, least_taps, taps).match()
    if not may_mix or strides != (1, 1):
        return NoForm("it mixes channels, with a stride: `dense` has none", False)
    return _probe_dense(response, first, last, list(channels))


def _corners(response: Response) -> tuple[Floats, Floats]:
    every = np.ones(response.shape[0])
    height, width = response.shape[1:]
    places = ((0, 0), (height - 1, width - 1))
    first, last = (response.to_impulses(place, every) for place in places)
    return first, last


def _spread(change: Floats, own: tuple[int, int]) -> bool:
    """Whether an impulse changes more than its own place."""
    elsewhere = np.abs(change).copy()
    elsewhere[:, own[0], own[1]] = 0
    return bool((elsewhere.max(axis=(1, 2)) > _FAINT * size_of(change)).any())


def _owners(response: Response, first: Floats, last: Floats) -> list[int] | None:
    """Return the channel that each channel which comes out is made of, or None where they mix."""
    n_in, n_out = response.shape[0], response.out_shape[0]
    marks = 1 + np.arange(n_in) / n_in
    owner = np.full(n_out, -1)
    height, width = response.shape[1:]
    for place, even in (((0, 0), first), ((height - 1, width - 1), last)):
        loud = size_of(even)
        open_ = (owner < 0) & (loud > _SILENT * max(float(loud.max()), 1e-300))
        if not open_.any():
            continue
        marked = response.to_impulses(place, marks)
        each = np.arange(n_out)
        where = np.abs(even).reshape(n_out, -1).argmax(axis=1)
        top, mark = even.reshape(n_out, -1)[each, where], marked.reshape(n_out, -1)[each, where]
        ratio = mark / np.where(open_, top, 1.0)
        channel = np.clip(np.rint((ratio - 1) * n_in), 0, n_in - 1).astype(int)
        off = size_of(marked - marks[channel][:, None, None] * even)
        if (off > _FAINT * loud / n_in)[open_].any():
            return None
        owner[open_] = channel[open_]
    # Kernels of zeros: whatever channel is left.
    free = [c for c in range(n_in) if c not in set(owner.tolist())]
    for index in np.flatnonzero(owner < 0):
        owner[index] = free.pop(0) if free else index % n_in
    return [int(channel) for channel in owner]


class _Single:
    """A part of a graph in which every channel that comes out is made of one alone."""

    def __init__(
        self,
        response: Response,
        owner: list[int],
        strides: tuple[int, int],
        least_taps: int,
        taps: Sequence[int],
    ) -> None:
        self._response, self._owner, self._strides = response, owner, strides
        self._least, self._given = least_taps, tuple(taps)
        self._sides = response.shape[1:]
        # Results that one sample changes: more than one, or samples only move.
        self._most_moved = 0

    def match(self) -> Match | NoForm:
        table = self._table()
        if table is None:
            return NoForm(_NO_CONVOLUTION, False, sure=False)
        if self._most_moved <= 1:
            return NoForm("it only moves the map", False, sure=False)
        loud = np.abs(table) > _FAINT * size_of(table)[:, None, None]
        used = tuple(
            np.flatnonzero(loud.any(axis=(0, 2 - axis))) - (side - 1)
            for axis, side in enumerate(self._sides)
        )
        refusal = self._position_table(table)
        if refusal is not None:
            return refusal
        made = self._made(table, used)
        if isinstance(made, NoForm):
            return made
        x = np.random.default_rng(0).standard_normal(self._response.shape)
        y = self._response.to(x)
        error = size_of(made.apply(x[self._owner]) - y)
        if (error > self._response.slack(y)).any():
            return NoForm(_NO_CONVOLUTION, False, sure=False)
        return Match(made, self._owner)

    def _position_table(self, table: Floats) -> NoForm | None:
        still = self._response.still
        # A sum of all taps is what a map of ones would change.
        change = np.abs(table).sum(axis=(1, 2))
        slack = TOLERANCE * change + ROUNDING * size_of(still)
        if (np.ptp(still, axis=(1, 2)) > slack).any():
            return NoForm(_NO_BIAS, True)
        return None

    @property
    def _bias(self) -> Floats:
        bias: Floats = self._response.still.mean(axis=(1, 2))
        return bias

    def _table(self) -> Floats | None:
        """Return taps ``[C, 2 H - 1, 2 W - 1]`` by how far the sample lies from the result."""
        height, width = self._sides
        out = self._response.out_shape
        table = np.zeros((out[0], 2 * height - 1, 2 * width - 1))
        known = np.zeros(table.shape[1:], dtype=bool)
        every = np.ones(self._response.shape[0])
        size = np.zeros(out[0])
        for row, column in self._places():
            change = self._response.to_impulses((row, column), every)
            size = np.maximum(size, size_of(change))
            changed = np.abs(change) > _FAINT * size_of(change)[:, None, None]
            self._most_moved = max(self._most_moved, int(changed.sum(axis=(1, 2)).max()))
            rows = row - self._strides[0] * np.arange(out[1]) + height - 1
            columns = column - self._strides[1] * np.arange(out[2]) + width - 1
            place = np.ix_(rows, columns)
            both = known[place]
            differs = np.abs(table[:, rows[:, None], columns] - change) * both
            if (size_of(differs) > TOLERANCE * size).any():
                return None
            table[:, rows[:, None], columns] = change
            known[place] = True
        return table

    def _places(self) -> Iterator[tuple[int, int]]:
        rows, columns = (
            sorted({*range(min(step, side)), *range(max(side - step, 0), side)})
            for step, side in zip(self._strides, self._sides, strict=True)
        )
        return ((row, column) for row in rows for column in columns)

    def _wraps(self, table: Floats, axis: int) -> bool:
        """Whether taps a whole side apart are the same."""
        taps = np.moveaxis(table, axis + 1, 1)
        side = self._sides[axis]
        below, above = taps[:, : side - 1], taps[:, side:]
        slack = TOLERANCE * np.abs(taps).max(axis=(1, 2))
        return bool((np.abs(below - above).max(axis=(1, 2), initial=0.0) <= slack).all())

    def _made(self, table: Floats, used: tuple[Any, ...]) -> Computed | NoForm:
        alone = [axis for axis in range(2) if not used[1 - axis].any()]
        if alone:
            return self._made_line(table, alone[0], used[alone[0]])
        wraps = [self._wraps(table, axis) for axis in range(2)]
        if self._strides != (1, 1):
            most = max(len(offsets) for offsets in used)
            reason = "it has a stride: `depthwise` and `global_filter` have none"
            return NoForm(reason, most >= self._least)
        if all(wraps):
            height, width = self._sides
            if self._few(used):
                return self._few_taps((height, width), "global_filter")
            return Torus(weight=table[:, height - 1 :, width - 1 :], bias=self._bias)
        if any(wraps):
            circle = _AXES[wraps.index(True)]
            return NoForm(
                f"circular along the {circle} alone: `global_filter` is so along both axes, "
                "`depthwise` along neither",
                True,
            )
        spans = [self._span(offsets) for offsets in used]
        if refusal := self._small([high - low + 1 for low, high in spans], "depthwise"):
            return refusal
        rows, columns = (
            slice(low + side - 1, high + side)
            for (low, high), side in zip(spans, self._sides, strict=True)
        )
        origin = (-spans[0][0], -spans[1][0])
        return Patch(weight=table[:, rows, columns], bias=self._bias, origin=origin)

    def _made_line(self, table: Floats, axis: int, used: Any) -> Computed | NoForm:
        name, side = _AXES[axis], self._sides[axis]
        other = self._sides[1 - axis]
        taps = np.take(table, other - 1, axis=2 - axis)
        if self._strides[1 - axis] != 1:
            reason = f"it has a stride across its {name}: `linear` may have one along it"
            return NoForm(reason, len(used) >= self._least)
        if self._strides[axis] == 1 and self._wraps(table, axis):
            if self._few((used,), axis):
                return self._few_taps((side,), "serial")
            none = np.zeros((len(taps), side))
            return Pass(axis=name, weight=taps[:, side - 1 :], embedding=none, bias=self._bias)
        low, high = self._span(used)
        if refusal := self._small(along(name, high - low + 1), "linear"):
            return refusal
        return Band(
            axis=name,
            weight=taps[:, low + side - 1 : high + side],
            bias=self._bias,
            origin=-low,
            stride=self._strides[axis],
        )

    @staticmethod
    def _span(used: Any) -> tuple[int, int]:
        """Return the first and the last tap, with the one at the result's own place between."""
        return min(int(used.min()), 0), max(int(used.max()), 0)

    def _few(self, used: Sequence[Any], axis: int | None = None) -> bool:
        """Whether a circle has far more samples than the kernel has taps."""
        axes = range(2) if axis is None else (axis,)
        for offsets, each in zip(used, axes, strict=True):
            side = self._sides[each]
            if self._given:
                if self._given[each] < side:
                    return True
            elif 2 * len(set((offsets % side).tolist())) < side:
                return True
        return False

    def _few_taps(self, sides: tuple[int, ...], form: str) -> NoForm:
        axis = max(range(2), key=lambda each: self._given[each]) if self._given else 0
        given = self._given[axis] if self._given else "few"
        if len(sides) == 1:
            text = f"{given} taps on a circle of {sides[0]}"
        else:
            text = f"few taps on circles of {sides[0]} and {sides[1]}"
        return NoForm(f"{text}: `{form}`, the nearest form, has as many taps as samples", True)

    def _small(self, taps: Sequence[int], form: str) -> NoForm | None:
        most = max(taps)
        if most >= self._least:
            return None
        text = " x ".join(map(str, taps))
        rule = f"fewer than {self._least} (`{form}` does them, --least-taps takes them)"
        # A line is more likely meant than a small square.
        return NoForm(f"{text} taps, {rule}", most >= _NOTED_TAPS or min(taps) == 1)


def _probe_dense(
    response: Response, first: Floats, last: Floats, takes: list[int]
) -> Match | NoForm:
    lines = [axis for axis in range(2) if not _crosses(first, axis, 0)]
    lines = [axis for axis in lines if not _crosses(last, axis, -1)]
    if not lines:
        reason = "it mixes channels in both directions: `dense` has kernels along one axis"
        return NoForm(reason, False)
    axis = lines[0]
    name = _AXES[axis]
    if not _circular(first, last, axis):
        taps = int((np.abs(lines_of(first, name)).max(axis=(0, 1)) > 0).sum())
        reason = (
            f"it mixes channels with zeros around the map: `dense` is circular, of "
            f"{response.shape[1 + axis]} taps"
        )
        return NoForm(reason, taps > 2)
    weight = _dense_kernels(response, name)
    x = np.random.default_rng(0).standard_normal(response.shape)
    y = response.to(x)
    slack = response.slack(y)
    if (np.ptp(response.still, axis=(1, 2)) > slack).any():
        return NoForm(_NO_BIAS, True)
    bias = response.still.mean(axis=(1, 2))
    loud = np.abs(weight).max(axis=(0, 2))
    inputs = [c for c in takes if loud[c] > _FAINT * loud.max()]
    embedding = np.zeros((len(inputs), weight.shape[-1]))
    made = Pass(axis=name, weight=weight[:, inputs], embedding=embedding, bias=bias)
    if (size_of(made.apply(x[inputs]) - y) > slack).any():
        return NoForm(_NO_CONVOLUTION, False, sure=False)
    return Match(made, inputs)


def _crosses(change: Floats, axis: int, own: int) -> bool:
    """Whether an impulse changes lines along ``axis`` other than ``own``."""
    lines = np.abs(lines_of(change, _AXES[axis])).max(axis=(0, 2))
    most = lines.max()
    lines[own] = 0
    return bool(lines.max() > _FAINT * most)


def _circular(first: Floats, last: Floats, axis: int) -> bool:
    """Whether an impulse in the last sample changes what one in the first does, a sample on."""
    begin = lines_of(first, _AXES[axis])[:, 0]
    end = lines_of(last, _AXES[axis])[:, -1]
    return bool(np.abs(begin - np.roll(end, 1, axis=1)).max() <= TOLERANCE * np.abs(begin).max())


def _dense_kernels(response: Response, axis: Axis) -> Floats:
    """Return kernels ``[C_out, C_in, N]``."""
    channels, height, width = response.shape
    across = width if axis == "height" else height
    columns = []
    # Impulses of several channels at once, each in a line of its own.
    for start in range(0, channels, across):
        now = range(start, min(start + across, channels))
        x = np.zeros(response.shape)
        lines = lines_of(x, axis)
        for line, channel in enumerate(now):
            lines[channel, line, 0] = 1
        turned = lines_of(response.to(x) - response.still, axis)
        columns.append(turned[:, : len(now)])
    weight = np.concatenate(columns, axis=1)
    # An impulse at sample 0 meets tap k in result -k.
    return np.roll(weight[:, :, ::-1], 1, axis=2)
