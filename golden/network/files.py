"""A network's files: ``network.toml``, its nodes and formats, and ``network.npz``, its integers."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.graph.graph import Node
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError
from golden.inputs.read import read_arrays
from golden.inputs.write import arrays_archive
from golden.network.map import Map
from golden.network.network import Network
from golden.network.registry import OPERATORS
from golden.numbers.interval import Interval

SCHEMA = 1
CONFIG, WEIGHTS = "network.toml", "network.npz"
Arrays = dict[str, npt.NDArray[np.generic]]


def written(network: Network) -> tuple[dict[str, Any], bytes]:
    """Return what the two files hold: entries of the TOML file, and the archive."""
    nodes, arrays = [], Arrays()
    for node, operator in zip(network.nodes, network.operators.values(), strict=True):
        options, own = operator.stored()
        entry: dict[str, Any] = {"name": node.name, "operator": operator.kind}
        entry |= {"sources": list(node.sources), "map": _described(operator.gives)}
        nodes.append(entry | {"options": options} if options else entry)
        arrays |= {f"{node.name}.{key}": _narrow(value) for key, value in own.items()}
    table = {
        "schema": SCHEMA,
        "kind": "network",
        "weights": WEIGHTS,
        "inputs": {name: _described(network.maps[name]) for name in network.inputs},
        "outputs": list(network.outputs),
        "node": nodes,
    }
    return table, arrays_archive(arrays)


def read_network(path: Path) -> Network:
    """Return the network of a file ``network.toml``, its weights beside it.

    Raises
    ------
    ParameterError
        Where a file cannot be read, or what it says breaks a rule: the key is named.
    """
    table = Table.read(path, {})
    for key, wanted in (("schema", SCHEMA), ("kind", "network")):
        if (given := table.value(key)) != wanted:
            raise refusal(key, repr(wanted), repr(given))
    weights = table.take("weights", str)
    if Path(weights).name != weights:
        raise refusal("weights", "a file beside the configuration", repr(weights))
    arrays = dict(read_arrays(path.parent / weights, "weights"))
    inputs = table.table("inputs")
    maps = {name: _read_map(inputs.table(name)) for name in inputs.entries}
    names, nodes = tuple(maps), list[Node]()
    for entries in table.tables("node"):
        nodes.append(_read_node(entries, maps, arrays))
    outputs = tuple(table.strings("outputs", []))
    table.finish()
    if arrays:
        rule = "only arrays of the network's nodes"
        raise ParameterError("weights", rule, sorted(arrays)[0], verb="must hold")
    try:
        return Network({name: maps[name] for name in names}, tuple(nodes), outputs)
    except ValueError as reason:
        raise ParameterError("config", "a network", reason) from None


def _read_node(table: Table, maps: dict[str, Map], arrays: Arrays) -> Node:
    """Return a node, whose arrays are taken out of ``arrays``, and its map put into ``maps``."""
    name, kind = table.take("name", str), table.take("operator", str)
    if kind not in OPERATORS:
        raise refusal(f"operator of {name}", f"one of {', '.join(OPERATORS)}", repr(kind))
    sources = table.strings("sources", [])
    for source in sources:
        if source not in maps:
            raise refusal(f"sources of {name}", "maps made before it", repr(source))
    gives, options = _read_map(table.table("map")), table.table("options")
    own = {key: arrays.pop(key) for key in list(arrays) if key.rpartition(".")[0] == name}
    own = {key.rpartition(".")[2]: array for key, array in own.items()}
    takes = tuple(maps[source] for source in sources)
    given = {key: options.value(key) for key in options.entries}
    try:
        stage = OPERATORS[kind].restored(takes, gives, given, own)
    except ParameterError as error:
        raise error.renamed(f"{error.known_as or error.parameter} of {name}") from None
    maps[name] = gives
    return Node(name, stage, tuple(sources))


def _described(data: Map) -> dict[str, Any]:
    return {
        "shape": list(data.shape),
        "low": data.range.low,
        "high": data.range.high,
        "scale": data.scale,
        "zero_point": data.zero_point,
    }


def _read_map(table: Table) -> Map:
    shape, scale = table.value("shape"), table.value("scale")
    if not isinstance(shape, list) or len(shape) != 3 or any(type(s) is not int for s in shape):
        raise refusal(f"{table.path}shape", "channels, height and width", repr(shape))
    if type(scale) is not float:
        raise refusal(f"{table.path}scale", "a number with a point", repr(scale))
    low, high, zero_point = (table.take(key, int) for key in ("low", "high", "zero_point"))
    with table.naming():
        if low > high:
            raise ParameterError("low", f"at most high ({high})", low)
        return Map.of_range(shape, Interval(low, high), scale, zero_point)


def _narrow(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return integers in the narrowest type that holds them."""
    for kind in (np.int8, np.int16, np.int32):
        ends = np.iinfo(kind)
        if array.size and ends.min <= array.min() and array.max() <= ends.max:
            return array.astype(kind)
    return array
