"""From a network to a program: which descriptors an operator takes, and where maps lie.

`golden.accelerator.operators` says how each operator becomes sums of products. A pointwise function
whose map nothing else takes is the table of the operator before it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Finish, Kind, Source, Weights, Windows
from golden.accelerator.memory import MapMemory
from golden.accelerator.operators.registry import sums_of
from golden.accelerator.operators.sums import Sums, Term
from golden.accelerator.program import Program
from golden.accelerator.sizes import SUM_BITS, Sizes
from golden.graph.graph import Node
from golden.inputs.errors import ParameterError
from golden.matrix.design import tiles
from golden.network.map import Map
from golden.network.network import Network
from golden.network.pointwise import Pointwise
from golden.numbers.interval import Integers, wrap


class _Compiler:
    """A network on its way to a program."""

    def __init__(self, network: Network, sizes: Sizes) -> None:
        self._network = network
        self._sizes = sizes
        self._memory = MapMemory()
        self._descriptors: list[Descriptor] = []
        self._names: list[str] = []
        self._constants = Constants()
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
        return Program(
            self._sizes,
            tuple(self._descriptors),
            self._constants.rom,
            self._memory.words,
            tuple(self._names),
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
            table = self._constants.table(node.stage)
        if follower is not None:
            assert isinstance(follower.stage, Pointwise)
            table = self._constants.table(follower.stage, after=table)
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
            self._memory.drop(name)

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
                source,
                windows,
                Weights.DIAGONAL,
                self._constants.weights(rows.reshape(-1, size)),
                nothing,
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
            self._constants.weights(rows),
            constant,
        )

    def _finish(self, sums: Sums, outputs: slice, gives: Map, constant: Integers) -> Finish:
        """Return what all of a tile's descriptors finish with, its constants in ROM."""
        size, scalers, parts = self._sizes.tile, self._sizes.scalers, self._sizes.parts
        start = np.zeros((size, *sums.start.shape[1:]), np.int64)
        start[: outputs.stop - outputs.start] = sums.start[outputs]
        start = wrap(start - constant[:, None, None], SUM_BITS)
        rows, columns = start.shape[1:]
        address = self._constants.bias(np.moveaxis(start, 0, -1).reshape(-1, scalers))
        scale = []
        for values in (sums.rescale.multiplier, sums.rescale.shift):
            whole = np.broadcast_to(values, gives.channels)[outputs]
            scale.append(np.resize(whole, size).reshape(parts, scalers))
        return Finish(
            bias=address,
            bias_row=parts * columns if rows > 1 else 0,
            bias_column=parts if columns > 1 else 0,
            scale=self._constants.scales(*scale),
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
