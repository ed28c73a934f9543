"""From a network to a program: which operators become which descriptors, and where maps lie.

Every operator becomes sums of products with a tile of weights (docs/accelerator.md): a convolution
as it is, one of each channel with weights on the diagonal, an average with ones there, an addition
with its two factors, a selection or a concatenation with a one in each row. A pointwise function
whose map nothing else takes is the table of the operator before it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Weights, Windows
from golden.accelerator.program import Program, Rom
from golden.accelerator.sizes import CENTRED_BITS, SUM_BITS, Sizes
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.matrix.design import tiles
from golden.network.arithmetic import Add, Multiply
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.kernels import Kernels
from golden.network.map import Map
from golden.network.move import Concatenate, Select
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.network.pool import Average
from golden.network.rescale import Rescale
from golden.numbers.interval import Integers, Interval, wrap

_WEIGHTS = Interval.signed(CENTRED_BITS)
_MOST_TABLES = 64


@dataclass(frozen=True, eq=False)
class Term:
    """What an operator adds to its sums, of one map.

    Parameters
    ----------
    source
        Name of the map.
    weight
        int64 ``[O, C, K_h, K_w]``, or ``[C, 1, K_h, K_w]`` where each channel keeps to itself.
    windows
        Of all outputs; the rest of it is filled in.
    apart
        Whether each channel keeps to itself.
    gain
        Name of the map of gains in the place of weights.
    """

    source: str
    weight: Integers
    windows: Windows
    apart: bool = False
    gain: str | None = None


@dataclass(frozen=True, eq=False)
class Sums:
    """An operator as sums of products.

    Parameters
    ----------
    terms
        What is added up.
    start
        int64 ``[O, H, W]``, a side 1 along which it is the same.
    rescale
        Factors, one or one an output.
    clip
        Of the results.
    zero_point
        Of the results.
    """

    terms: tuple[Term, ...]
    start: Integers
    rescale: Rescale
    clip: Interval
    zero_point: int


_ONE = Rescale(np.ones(1, np.int64), np.zeros(1, np.int64))


def _zeros(outputs: int) -> Integers:
    return np.zeros((outputs, 1, 1), np.int64)


def _kernels(op: Kernels, name: str, windows: Windows) -> Term:
    """Return the term of a convolution: over all channels, unless each has its own kernel."""
    outputs, inputs = op.weight.shape[:2]
    channels = op.takes[0].channels
    if op.groups == channels == outputs:
        return Term(name, op.weight, windows, apart=True)
    full = np.zeros((outputs, channels, *op.weight.shape[2:]), np.int64)
    for output in range(outputs):
        first = output // (outputs // op.groups) * inputs
        full[output, first : first + inputs] = op.weight[output]
    return Term(name, full, windows)


def _convolution(op: Convolution, names: tuple[str, ...]) -> Sums:
    above, left, _, _ = op.padding
    windows = Windows(row=-above, column=-left, row_stride=op.stride[0], column_stride=op.stride[1])
    term = _kernels(op, names[0], windows)
    return Sums((term,), op.bias[:, None, None], op.rescale, op.clip, op.gives.zero_point)


def _circular(op: Circular, names: tuple[str, ...]) -> Sums:
    term = _kernels(op, names[0], Windows(around=True))
    return Sums((term,), op.start, op.rescale, op.clip, op.gives.zero_point)


def _average(op: Average, names: tuple[str, ...]) -> Sums:
    above, left, _, _ = op.padding
    windows = Windows(row=-above, column=-left, row_stride=op.stride[0], column_stride=op.stride[1])
    channels = op.gives.channels
    weight = np.ones((channels, 1, *op.size), np.int64)
    term = Term(names[0], weight, windows, apart=True)
    return Sums((term,), _zeros(channels), op.rescale, op.clip, op.gives.zero_point)


def _add(op: Add, names: tuple[str, ...]) -> Sums:
    if any(data.shape != op.gives.shape for data in op.takes):
        raise ParameterError("add", "of maps of one shape", [d.shape for d in op.takes])
    shift = op.rescale.shift
    factors = op.rescale.multiplier << (shift.max() - shift)
    common = int(shift.max())
    while common and not np.any(factors & 1):
        factors, common = factors >> 1, common - 1
    if factors.max() > _WEIGHTS.high:
        rule = f"of factors whose ratio takes weights of {CENTRED_BITS} bits"
        raise ParameterError("add", rule, factors.tolist())
    channels = op.gives.channels
    terms = tuple(
        Term(name, np.full((channels, 1, 1, 1), factor, np.int64), Windows(), True)
        for name, factor in zip(names, factors, strict=True)
    )
    rescale = replace(_ONE, shift=np.array([common]), single=op.rescale.single)
    return Sums(terms, _zeros(channels), rescale, op.clip, op.gives.zero_point)


def _multiply(op: Multiply, names: tuple[str, ...]) -> Sums:
    maps = dict(zip(names, op.takes, strict=True))
    gains = [n for n, d in maps.items() if d.shape == (op.gives.channels, 1, 1)]
    if not gains or len(maps) != 2:
        raise ParameterError("multiply", "by a gain a channel", [d.shape for d in op.takes])
    gain = gains[-1]
    (source,) = maps.keys() - {gain}
    if maps[source].shape != op.gives.shape:
        raise ParameterError("multiply", "by a gain a channel", [d.shape for d in op.takes])
    weight = np.ones((op.gives.channels, 1, 1, 1), np.int64)
    terms = (Term(source, weight, Windows(), True, gain),)
    start = _zeros(op.gives.channels)
    return Sums(terms, start, op.rescale, op.clip, op.gives.zero_point)


def _pointwise(op: Pointwise, names: tuple[str, ...]) -> Sums:
    channels = op.gives.channels
    terms = (Term(names[0], np.ones((channels, 1, 1, 1), np.int64), Windows(), True),)
    data = op.takes[0]
    return Sums(terms, _zeros(channels), _ONE, data.range, data.zero_point)


def _chosen(channels: int, of: int, chosen: Integers) -> Integers:
    """Return weights that take the channels ``chosen`` to rows from the first on, -1 to none."""
    weight = np.zeros((channels, of, 1, 1), np.int64)
    for output, channel in enumerate(chosen):
        if channel >= 0:
            weight[output, channel] = 1
    return weight


def _progression(name: str, index: Integers) -> tuple[int, int]:
    """Return where evenly spaced indices begin, and their distance."""
    steps = np.diff(index)
    if steps.size and (steps[0] < 1 or np.any(steps != steps[0])):
        raise ParameterError("select", f"of evenly spaced {name}", index.tolist())
    return int(index[0]), int(steps[0]) if steps.size else 1


def _select(op: Select, names: tuple[str, ...]) -> Sums:
    (row, row_stride), (column, column_stride) = (
        _progression(name, getattr(op, name)) for name in ("rows", "columns")
    )
    windows = Windows(row, column, row_stride=row_stride, column_stride=column_stride)
    weight = _chosen(op.gives.channels, op.takes[0].channels, op.channels)
    terms = (Term(names[0], weight, windows),)
    return _moved(op, terms)


def _moved(op: Select | Concatenate, terms: tuple[Term, ...]) -> Sums:
    gives = op.gives
    return Sums(terms, _zeros(gives.channels), _ONE, gives.range, gives.zero_point)


def _concatenate(op: Concatenate, names: tuple[str, ...]) -> Sums:
    if op.axis != 0:
        raise ParameterError("concatenate", "along the channels", f"axis {op.axis}")
    terms, first = [], 0
    for name, data in zip(names, op.takes, strict=True):
        chosen = np.full(op.gives.channels, -1)
        chosen[first : first + data.channels] = np.arange(data.channels)
        weight = _chosen(op.gives.channels, data.channels, chosen)
        terms.append(Term(name, weight, Windows()))
        first += data.channels
    return _moved(op, tuple(terms))


_SUMS: Mapping[type, Callable[[Any, tuple[str, ...]], Sums]] = {
    Convolution: _convolution,
    Circular: _circular,
    Average: _average,
    Add: _add,
    Multiply: _multiply,
    Pointwise: _pointwise,
    Select: _select,
    Concatenate: _concatenate,
}
"""What operators are as sums of products; others have no place on the accelerator yet."""


def sums_of(node: Node) -> Sums:
    """Return an operator as sums of products.

    Raises
    ------
    ParameterError
        Where the accelerator does not do it.
    """
    make = _SUMS.get(type(node.stage))
    if make is None:
        known = ", ".join(sorted(operator.kind for operator in _SUMS))  # type: ignore[attr-defined]
        kind = getattr(node.stage, "kind", type(node.stage).__name__)
        raise ParameterError("operator", f"one of {known}", f"{kind} ({node.name})")
    sums = make(node.stage, node.sources)
    if sums.rescale.single:
        rule = "scaled by our own calibration"
        raise ParameterError("operator", rule, f"single, as imported ({node.name})")
    for term in sums.terms:
        if not _WEIGHTS.holds(Interval.of(term.weight)):
            rule = f"of weights of {CENTRED_BITS} bits"
            raise ParameterError("operator", rule, f"{Interval.of(term.weight)} ({node.name})")
    return sums


@dataclass
class _Memory:
    """Where maps lie: each until nothing takes it any more."""

    words: int = 0
    held: dict[str, tuple[int, int]] = field(default_factory=dict)

    def put(self, name: str, size: int) -> int:
        """Return the lowest address at which ``size`` words are free."""
        base = 0
        for begin, length in sorted(self.held.values()):
            if begin - base >= size:
                break
            base = max(base, begin + length)
        self.held[name] = (base, size)
        self.words = max(self.words, base + size)
        return base


class _Compiler:
    """A network on its way to a program."""

    def __init__(self, network: Network, sizes: Sizes) -> None:
        self._network = network
        self._sizes = sizes
        self._memory = _Memory()
        self._descriptors: list[Descriptor] = []
        self._names: list[str] = []
        self._weights: list[Integers] = []
        self._bias: list[Integers] = []
        self._scales: list[tuple[Integers, Integers]] = []
        self._tables: list[Integers] = [np.arange(256)]
        self._left = {name: len(users) for name, users in network.users.items()}
        for name in network.outputs:
            self._left[name] += 1

    def compile(self) -> Program:
        """Return the program."""
        network = self._network
        self._place(network.input)
        self._pass(Kind.TAKE, network.input)
        fused: set[str] = set()
        for node in network.nodes:
            if node.name not in fused:
                follower = self._follower(node)
                if follower is not None:
                    fused.add(follower.name)
                self._operator(node, follower)
        for name in network.outputs:
            self._pass(Kind.GIVE, name)
        self._descriptors[-1] = replace(self._descriptors[-1], last=True)
        multiplier, shift = (np.stack(values) for values in zip(*self._scales, strict=True))
        rom = Rom(
            np.concatenate(self._weights),
            np.concatenate(self._bias),
            multiplier,
            shift,
            np.stack(self._tables),
        )
        return Program(
            self._sizes, tuple(self._descriptors), rom, self._memory.words, tuple(self._names)
        )

    def _words(self, name: str) -> int:
        data = self._network.maps[name]
        return tiles(data.channels, self._sizes.tile) * data.height * data.width

    def _place(self, name: str) -> int:
        return self._memory.put(name, self._words(name))

    def _source(self, name: str) -> Source:
        data = self._network.maps[name]
        base, _ = self._memory.held[name]
        return Source(base, data.height, data.width, data.signed, data.zero_point)

    def _pass(self, kind: Kind, name: str) -> None:
        windows = Windows(columns=self._words(name))
        self._descriptors.append(Descriptor(kind, True, self._source(name), windows))
        self._names.append(name)

    def _follower(self, node: Node) -> Node | None:
        """Return the pointwise function that is all that takes a node's map."""
        users = self._network.users[node.name]
        if node.name in self._network.outputs or len(users) != 1:
            return None
        return users[0] if isinstance(users[0].stage, Pointwise) else None

    def _operator(self, node: Node, follower: Node | None) -> None:
        sums = sums_of(node)
        table = 0
        if isinstance(node.stage, Pointwise):
            table = self._table(node.stage)
        if follower is not None:
            assert isinstance(follower.stage, Pointwise)
            table = self._table(follower.stage, after=table)
        made = (follower or node).name
        target = self._place(made)
        gives = self._network.maps[node.name]
        waits = True
        for tile in range(tiles(gives.channels, self._sizes.tile)):
            for one in self._tile(sums, tile, gives, table, target):
                self._descriptors.append(replace(one, waits=waits))
                self._names.append(made)
                # A gain is read behind what came before; tiles of one operator are apart.
                waits = False
        for name in set(node.sources):
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._left[name] -= 1
        if not self._left[name]:
            del self._memory.held[name]

    def _table(self, operator: Pointwise, after: int = 0) -> int:
        """Return the number of the table of a function, behind that of another."""
        data = operator.takes[0]
        words = np.arange(data.range.low, data.range.high + 1)
        table = np.zeros(256, np.int64)
        table[words & 255] = operator.table & 255
        table = table[self._tables[after]]
        for number, known in enumerate(self._tables):
            if np.array_equal(known, table):
                return number
        if len(self._tables) == _MOST_TABLES:
            raise ParameterError("network", f"of at most {_MOST_TABLES} tables", "more")
        self._tables.append(table)
        return len(self._tables) - 1

    def _tile(
        self, sums: Sums, tile: int, gives: Map, table: int, target: int
    ) -> Iterator[Descriptor]:
        """Yield the descriptors of a tile of outputs."""
        size, width = self._sizes.tile, gives.width
        outputs = slice(tile * size, min((tile + 1) * size, gives.channels))
        parts = [self._part(term, outputs, tile) for term in sums.terms]
        constant = sum((part.constant for part in parts), np.zeros(size, np.int64))
        finish = self._finish(sums, outputs, gives, constant)
        band = self._sizes.positions // width
        if not band:
            rule = f"of maps at most {self._sizes.positions} wide"
            raise ParameterError("network", rule, width)
        for row in range(0, gives.height, band):
            rows = min(band, gives.height - row)
            for number, part in enumerate(parts):
                w = part.windows
                windows = replace(w, row=w.row + row * w.row_stride, rows=rows, columns=width)
                if part.gain is not None:
                    yield Descriptor(Kind.GAIN, False, part.gain, Windows())
                yield Descriptor(
                    Kind.COMPUTE,
                    False,
                    part.source,
                    windows,
                    part.weights,
                    part.address,
                    number == 0,
                    number == len(parts) - 1,
                    replace(
                        finish,
                        bias=finish.bias + row * finish.bias_row,
                        table=table,
                        target=target + (tile * gives.height + row) * width,
                    ),
                )

    def _part(self, term: Term, outputs: slice, tile: int) -> "_Part":
        """Return what a term is to a tile of outputs, its weights in ROM."""
        size = self._sizes.tile
        source = self._source(term.source)
        plane = source.height * source.width
        weight = term.weight[outputs]
        kernel = weight.shape[2:]
        nothing = np.zeros(size, np.int64)
        windows = replace(term.windows, kernel_rows=kernel[0], kernel_columns=kernel[1])
        if term.apart:
            source = replace(source, base=source.base + tile * plane)
            if term.gain is not None:
                gain = self._source(term.gain)
                gain = replace(gain, base=gain.base + tile)
                return _Part(source, windows, Weights.GAIN, 0, nothing, gain)
            rows = np.zeros((*kernel, size), np.int64)
            rows[..., : len(weight)] = np.moveaxis(weight[:, 0], 0, -1)
            return _Part(
                source, windows, Weights.DIAGONAL, self._store(rows.reshape(-1, size)), nothing
            )
        used = np.flatnonzero(weight.any(axis=(0, 2, 3)))
        first, last = (used[0] // size, used[-1] // size) if used.size else (0, 0)
        n_tiles = int(last - first) + 1
        blocks = np.zeros((n_tiles, *kernel, size, size), np.int64)
        for block in range(n_tiles):
            inputs = weight[:, (first + block) * size : (first + block + 1) * size]
            blocks[block, :, :, : len(inputs), : inputs.shape[1]] = np.transpose(
                inputs, (2, 3, 0, 1)
            )
        constant = self._sizes.matrix.constant(blocks).sum(axis=(0, 1, 2))
        rows = blocks[..., ::-1, :].reshape(-1, size)
        return _Part(
            replace(source, base=source.base + int(first) * plane),
            replace(windows, tiles=n_tiles),
            Weights.FULL,
            self._store(rows),
            constant,
        )

    def _store(self, rows: Integers) -> int:
        address = sum(len(known) for known in self._weights)
        self._weights.append(rows)
        return address

    def _finish(self, sums: Sums, outputs: slice, gives: Map, constant: Integers) -> Finish:
        """Return what all of a tile's descriptors finish with, its constants in ROM."""
        size, scalers, parts = self._sizes.tile, self._sizes.scalers, self._sizes.parts
        start = np.zeros((size, *sums.start.shape[1:]), np.int64)
        start[: outputs.stop - outputs.start] = sums.start[outputs]
        start = wrap(start - constant[:, None, None], SUM_BITS)
        rows, columns = start.shape[1:]
        address = sum(len(known) for known in self._bias)
        self._bias.append(np.moveaxis(start, 0, -1).reshape(-1, scalers))
        scale = []
        for values in (sums.rescale.multiplier, sums.rescale.shift):
            whole = np.broadcast_to(values, gives.channels)[outputs]
            scale.append(np.resize(whole, size).reshape(parts, scalers))
        scale_address = len(self._scales)
        self._scales += list(zip(*scale, strict=True))
        return Finish(
            bias=address,
            bias_row=parts * columns if rows > 1 else 0,
            bias_column=parts if columns > 1 else 0,
            scale=scale_address,
            zero_point=sums.zero_point,
            low=sums.clip.low,
            high=sums.clip.high,
        )


@dataclass(frozen=True, eq=False)
class _Part:
    """A term of a tile of outputs: what its descriptor says, and what it adds too much."""

    source: Source
    windows: Windows
    weights: Weights
    address: int
    constant: Integers
    gain: Source | None = None


def compile_network(network: Network, sizes: Sizes) -> Program:
    """Return the program that computes ``network`` on an accelerator of ``sizes``.

    Raises
    ------
    ParameterError
        Where an operator is not done, or a map does not fit.
    """
    return _Compiler(network, sizes).compile()


def frames_of(maps: Integers, sizes: Sizes) -> Integers:
    """Return maps ``[F, C, H, W]`` as words ``[F, words, tile]``; channels that miss are 0."""
    n_frames, channels, height, width = maps.shape
    full = np.zeros((n_frames, tiles(channels, sizes.tile) * sizes.tile, height, width), np.int64)
    full[:, :channels] = maps
    tiled = full.reshape(n_frames, -1, sizes.tile, height * width)
    words: Integers = np.moveaxis(tiled, 2, 3).reshape(n_frames, -1, sizes.tile)
    return words


def maps_of(words: Integers, data: Map, sizes: Sizes) -> Integers:
    """Return words ``[F, words, tile]`` as maps ``[F, C, H, W]``: `frames_of` undone."""
    plane = data.height * data.width
    tiled = np.moveaxis(words.reshape(len(words), -1, plane, sizes.tile), 3, 2)
    maps = tiled.reshape(len(words), -1, data.height, data.width)[:, : data.channels]
    samples: Integers = maps if data.signed else maps & 255
    return samples
