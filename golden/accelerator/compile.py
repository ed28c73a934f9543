"""From a network to a program: which descriptors an operator takes, and where maps lie.

`golden.accelerator.operators` says how each operator becomes sums of products. A pointwise function
whose map nothing else takes is the table of the operator before it.
"""

from dataclasses import replace

from golden.accelerator.constants import Constants
from golden.accelerator.descriptor import Descriptor, Kind, Source, Windows
from golden.accelerator.lower import Lowered, Lowering, MapPlace
from golden.accelerator.memory import MapMemory
from golden.accelerator.operators.registry import lower
from golden.accelerator.program import Program
from golden.accelerator.sizes import Sizes
from golden.graph.graph import Node
from golden.matrix.design import tiles
from golden.network.network import Network
from golden.network.pointwise import Pointwise


class _Compiler:
    """A network on its way to a program."""

    def __init__(self, network: Network, sizes: Sizes) -> None:
        self._network = network
        self._sizes = sizes
        self._memory = MapMemory()
        self._descriptors: list[Descriptor] = []
        self._names: list[str] = []
        self._constants = Constants()
        self._lowering = Lowering(sizes, self._constants, lambda name: MapPlace(self._source(name)))
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
        table = 0
        if isinstance(node.stage, Pointwise):
            table = self._constants.table(node.stage)
        if follower is not None:
            assert isinstance(follower.stage, Pointwise)
            table = self._constants.table(follower.stage, after=table)
        made = (follower or node).name
        target = self._place(made)
        gives = self._network.maps[node.name]
        lowered = Lowered(lower(node, self._sizes), gives, table)
        waits = True
        for one in self._lowering.whole(lowered, target):
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


def compile_network(network: Network, sizes: Sizes) -> Program:
    """Return the program that computes ``network`` on an accelerator of ``sizes``.

    Raises
    ------
    ParameterError
        Where an operator is not done, or a map does not fit.
    """
    return _Compiler(network, sizes).compile()
