"""What a program's cycles go to, layer by layer, and what limits each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from golden.accelerator.descriptor import Descriptor, Kind, Norm
from golden.accelerator.external.capacity import Capacity
from golden.accelerator.external.hazards import beats_of
from golden.accelerator.external.program import ExternalProgram, rows_of
from golden.network.circular import Circular
from golden.network.network import Network
from hw.accelerator.external.depthwise_timing import steps_of
from hw.accelerator.external.timing import EVERY_CYCLE, ExternalTimeline, MemoryPace


@dataclass
class LayerCycles:
    """A layer's share of a frame.

    Attributes
    ----------
    name
        Of its map.
    products
        Multiplications of the network's.
    cycles
        From the beginning of its descriptors to that of the next ones.
    read_bytes, written_bytes
        To and from memory; descriptors and weights too.
    least
        Cycles that each of what may limit it takes at least.
    """

    name: str
    products: int = 0
    cycles: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    least: dict[str, float] = field(default_factory=dict)

    @property
    def limit(self) -> str:
        """What takes most of the cycles: gaps where nothing fills half of them."""
        if not self.cycles:
            return "-"
        name, most = max(self.least.items(), key=lambda item: item[1], default=("gaps", 0))
        return name if 2 * most >= self.cycles else "gaps"

    def use(self, multipliers: int) -> float:
        """Return products a cycle and multiplier."""
        return self.products / (self.cycles * multipliers) if self.cycles else 0.0

    def described(self, multipliers: int) -> dict[str, Any]:
        """Return the manifest's entry."""
        return {
            "name": self.name,
            "cycles": self.cycles,
            "products": self.products,
            "products_per_multiplier_and_cycle": round(self.use(multipliers), 3),
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
            "limit": self.limit,
        }


def layers_of(
    network: Network, program: ExternalProgram, memory: MemoryPace, begins: Sequence[int]
) -> list[LayerCycles]:
    """Return the layers of a program in their order; those that came to nothing are left out.

    Parameters
    ----------
    network
        That it computes.
    program
        Its program.
    memory
        What it runs on.
    begins
        When each descriptor begins, and when a frame ends.
    """
    layers = {name: LayerCycles(name) for name in dict.fromkeys(program.names)}
    for name, operator in network.operators.items():
        layers[done_in(network, name, layers)].products += operator.products
    rate = memory.rate or program.capacity.beat_bytes
    for number, (name, one) in enumerate(zip(program.names, program.descriptors, strict=True)):
        layer = layers[name]
        first = begins[number] if number else 0
        layer.cycles += begins[number + 1] - first
        _add(layer, one, program.capacity, rate)
    return list(layers.values())


def cycles_by_layer(program: ExternalProgram, begins: Sequence[int]) -> dict[str, int]:
    """Return the cycles of each layer, given when descriptors begin and when a frame ends."""
    cycles = dict.fromkeys(program.names, 0)
    for number, name in enumerate(program.names):
        cycles[name] += begins[number + 1] - (begins[number] if number else 0)
    return cycles


def begins_of(program: ExternalProgram, memory: MemoryPace = EVERY_CYCLE) -> list[int]:
    """Return when each descriptor begins, and when a frame ends."""
    timeline = ExternalTimeline(program, memory)
    return [*timeline.begins, timeline.cycles]


def predicted(
    network: Network, program: ExternalProgram, memory: MemoryPace = EVERY_CYCLE
) -> tuple[int, list[LayerCycles]]:
    """Return the cycles of a frame, and its layers."""
    begins = begins_of(program, memory)
    return begins[-1], layers_of(network, program, memory, begins)


def spent(
    network: Network, cycles: Mapping[str, int], layers: Sequence[LayerCycles]
) -> dict[str, Any]:
    """Return what the cycles of each layer went to: to ParC, and to what limits them."""
    limits: dict[str, int] = {}
    for layer in layers:
        limits[layer.limit] = limits.get(layer.limit, 0) + cycles[layer.name]
    circular = (name for name, one in network.operators.items() if one.kind == Circular.kind)
    done = {done_in(network, name, cycles) for name in circular}
    return {
        "circular_cycles": sum(cycles[name] for name in done),
        "limits": dict(sorted(limits.items(), key=lambda item: -item[1])),
    }


def layer_rows(layers: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return what the manifest says of layers as rows of a table, heads first."""
    rows = [["layer", "cycles", "products", "a multiplier and cycle", "read", "written", "limit"]]
    for one in layers:
        numbers = [f"{one[key]:,}" for key in ("cycles", "products")]
        traffic = [f"{one[key]:,}" for key in ("read_bytes", "written_bytes")]
        use = f"{one['products_per_multiplier_and_cycle']:.2f}"
        rows.append([one["name"], *numbers, use, *traffic, one["limit"]])
    return rows


def done_in(network: Network, name: str, layers: Mapping[str, object]) -> str:
    """Return the layer that an operator is done in: its own, or one behind it."""
    while name not in layers:
        name = network.users[name][0].name
    return name


def _add(layer: LayerCycles, one: Descriptor, capacity: Capacity, rate: float) -> None:
    """Count a descriptor: what it moves, and how long each unit is at work."""
    sizes, windows, beat = capacity.sizes, one.windows, capacity.beat_bytes
    rows = rows_of(one, capacity)
    read = (capacity.descriptor_beats + rows * capacity.word_beats) * beat
    written = 0
    moved = beats_of(one.transfer, capacity) * one.transfer.blocks * beat
    if one.kind == Kind.LOAD:
        read += moved
    elif one.kind == Kind.STORE:
        written = moved
    layer.read_bytes += read
    layer.written_bytes += written
    least = {"memory": (read + written) / rate, "weights": float(rows * capacity.word_beats)}
    if one.kind == Kind.COMPUTE:
        taps = windows.taps if windows.largest else 1
        least["products"] = float(windows.passes * max(windows.positions * taps, sizes.tile + 1))
        if one.final and one.finish.norm != Norm.STATISTICS:
            least["scaling"] = float(windows.positions * sizes.parts * one.finish.pace)
    if one.kind == Kind.DEPTHWISE:
        scaled = windows.positions * sizes.tile // capacity.depthwise_scalers
        least["depthwise"] = float(max(steps_of(one, capacity), scaled))
    for name, cycles in least.items():
        layer.least[name] = layer.least.get(name, 0.0) + cycles
