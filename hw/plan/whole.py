"""A whole network on the generated accelerator: its sizes for a device, and its cycles."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import Any

from golden.accelerator.abilities import abilities_for
from golden.accelerator.external.capacity import KERNEL_SIDE, Capacity
from golden.accelerator.external.compile import compile_external
from golden.accelerator.external.line_engines import LineEngines, exact_engines
from golden.accelerator.external.program import ExternalProgram
from golden.accelerator.sizes import Sizes
from golden.inputs.errors import ParameterError
from golden.network.circular import Circular
from golden.network.convolution import Convolution
from golden.network.files import CONFIG, WEIGHTS, read_network
from golden.network.network import Network
from hw.accelerator.external.layers import layer_rows, predicted, spent
from hw.accelerator.external.predict import predict_external
from hw.accelerator.external.timing import MemoryPace
from hw.accelerator.predict import post
from hw.command import table
from hw.engines import predict_line
from hw.predict import figures
from hw.targets.device import Device
from hw.targets.registry import counted_for

KEPT = Path("build") / "plan"
"""Where what was found of a program is kept, by the content of all that it hangs on."""
_TILES = (32, 16, 8, 4)
_TAPS = 3
"""Products a cycle and channel of the depthwise unit: those of a kernel's column."""
_WORTH = 0.08
"""Of a frame's cycles, what circular kernels take at least where line engines are tried."""
_LEAST = Capacity().sizes
"""Of which engines take as many words of kernels as of any."""
_TRIED = 3
"""Line engines at most."""
_LONGER = 4
"""Engines that do all lines may be longer than they must, by the longest line's so manieth part."""
_MAP_BYTES = tuple(1 << bits for bits in range(20, 13, -1))
_ROOT = Path(__file__).resolve().parents[2]
_CODE = (
    *("golden/accelerator", "golden/matrix", "golden/network"),
    *("hw/accelerator", "hw/matrix", "hw/plan"),
)


@dataclass(frozen=True)
class Planned:
    """What a plan is for.

    Parameters
    ----------
    device
        To fit on.
    clock
        In Hz.
    memory
        Outside.
    tile, scalers
        Of the accelerator; None is the most that fits.
    depthwise
        Products a cycle and channel of its unit for kernels a channel; None is the unit where it
        fits and the network has a use for it.
    beside
        A memory on which the same program is looked at too.
    lines
        Line engines; None is what takes the fewest cycles, where they may save some.
    """

    device: Device
    clock: float
    memory: MemoryPace
    tile: int | None = None
    scalers: int | None = None
    depthwise: int | None = None
    beside: MemoryPace | None = None
    lines: LineEngines | None = None


def capacities(
    network: Network, wanted: Planned, lines: LineEngines | None = None
) -> Iterator[Capacity]:
    """Yield accelerators that fit the device, the largest first, with or without line engines."""
    usable, abilities = wanted.device.usable, abilities_for([network])
    units = (_TAPS, 0) if _has_use(network) else (0,)
    if lines is not None:
        units = (_TAPS,)
    for tile in _TILES if wanted.tile is None else (wanted.tile,):
        divisors = [n for n in range(tile, 0, -1) if tile % n == 0]
        of_scalers = divisors if wanted.scalers is None else (wanted.scalers,)
        of_depthwise = units if wanted.depthwise is None else (wanted.depthwise,)
        for depthwise, scalers, map_bytes in product(of_depthwise, of_scalers, _MAP_BYTES):
            capacity = Capacity(
                sizes=Sizes(tile=tile, scalers=scalers, target=wanted.device.target),
                data_bits=min(8 * tile, 128 if wanted.memory.rate > 8 else 64),
                map_bytes=map_bytes,
                depthwise=depthwise,
                lines=lines,
                abilities=abilities,
            )
            if lines is not None:
                capacity = _fewer_multipliers(capacity, usable.multipliers)
            cost = predict_external(capacity)
            within = cost.multipliers <= usable.multipliers
            if within and cost.block_rams <= usable.block_rams:
                yield capacity


def _fewer_multipliers(capacity: Capacity, most: int) -> Capacity:
    """Return an accelerator with as many scalers in look-up tables as line engines make needed."""
    beyond = predict_external(capacity).multipliers - most
    sizes = capacity.sizes
    of_all = post(sizes, capacity.abilities).multipliers // sizes.scalers
    count = min(-(-max(beyond, 0) // of_all), sizes.scalers)
    return replace(capacity, sizes=replace(sizes, logic_scalers=count))


def _has_use(network: Network) -> bool:
    """Return whether a network has kernels a channel, or lines that the unit for them turns."""
    return any(
        isinstance(one, Circular)
        or (isinstance(one, Convolution) and one.weight.shape[1] == 1 and one.weight[0].size > 1)
        for one in network.operators.values()
    )


def whole_plan(folder: Path, wanted: Planned) -> dict[str, Any]:
    """Return the plan of what `hw.convert --whole` wrote to ``folder``; it is kept.

    Raises
    ------
    ParameterError
        Where the network cannot be read, is not done, or no accelerator fits the device.
    """
    kept = KEPT / f"{_key(folder, wanted)}.json"
    if kept.is_file():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    network = read_network(folder / CONFIG)
    plan = _fastest(network, wanted)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(plan), encoding="utf-8")
    part.replace(kept)
    return plan


def _fastest(network: Network, wanted: Planned) -> dict[str, Any]:
    """Return the plan that takes the fewest cycles, with line engines or without."""
    capacity = next(capacities(network, wanted, wanted.lines), None)
    if capacity is None:
        rule = f"one that an accelerator fits on, of what was asked for: {wanted.device.name}"
        raise ParameterError("device", rule, f"{wanted.tile or 'any'} channels a tile")
    plan = _planned(network, capacity, wanted)
    if wanted.lines is not None or wanted.depthwise == 0:
        return plan
    tried = {}
    best = plan
    if plan["circular_cycles"] > _WORTH * plan["cycles"]:
        for lines in lines_for(network, wanted.device.target):
            other = next(capacities(network, wanted, lines), None)
            if other is None:
                continue
            lined = _planned(network, other, wanted)
            tried[str(lines)] = lined["cycles"]
            best = min(best, lined, key=itemgetter("cycles"))
    return best | {"without_lines": plan["cycles"], "with_lines": tried}


def lines_for(network: Network, target: str) -> Iterator[LineEngines]:
    """Yield line engines worth trying for a network's circular kernels.

    For each length of those, the longest first, the exact engine that takes the fewest multipliers;
    and first of all, where that of the longest does not do all others, one that does.
    """
    circular = (one for one in network.operators.values() if isinstance(one, Circular))
    lengths = {max(one.weight.shape[2:]) for one in circular if 1 in one.weight.shape[2:]}
    ordered = sorted((n for n in lengths if n > KERNEL_SIDE), reverse=True)
    found = {length: _cheapest([length], target) for length in ordered}
    if ordered:
        longest = found[ordered[0]]
        if longest is None or not all(longest.takes(length) for length in ordered):
            least = 2 * ordered[0] - 1
            of_all = _cheapest(range(least, least + ordered[0] // _LONGER), target)
            found = {least: of_all, **found}
    yield from [one for one in found.values() if one is not None][:_TRIED]


def _cheapest(lengths: Sequence[int], target: str) -> LineEngines | None:
    """Return the engine for lines of one of some lengths that takes the fewest multipliers."""
    found = []
    for length, engine in product(lengths, exact_engines()):
        with suppress(ParameterError):
            lines = LineEngines(engine, length)
            capacity = Capacity(sizes=replace(_LEAST, target=target), depthwise=_TAPS, lines=lines)
            found.append((predict_line(capacity.line_design).multipliers, length, engine))
    return LineEngines(min(found)[2], min(found)[1]) if found else None


def _planned(network: Network, capacity: Capacity, wanted: Planned) -> dict[str, Any]:
    program = compile_external(network, capacity, packs=True)
    cost, usable = predict_external(capacity), wanted.device.usable
    plan = _on(network, program, wanted.memory, cost.multipliers)
    if wanted.beside is not None:
        plan["beside"] = _on(network, program, wanted.beside, cost.multipliers)
    return plan | {
        "schema": 1,
        "device": wanted.device.name,
        "clock_hz": wanted.clock,
        "parameters": {
            "tile": capacity.sizes.tile,
            "scalers": capacity.sizes.scalers,
            "logic_scalers": capacity.sizes.logic_scalers,
            "depthwise": capacity.depthwise,
            "lines": None if capacity.lines is None else str(capacity.lines),
            "data_bits": capacity.data_bits,
            "map_bytes": capacity.map_bytes,
            "weight_bytes": capacity.weight_bytes,
        },
        "prediction": figures(counted_for(wanted.device.target).name, cost),
        "usable": {"multipliers": usable.multipliers, "block_rams": usable.block_rams},
        "products": network.products,
        "frames_per_second": wanted.clock / plan["cycles"],
        "read_bytes": program.read_bytes,
        "written_bytes": program.written_bytes,
        "scratch_bytes": program.scratch * capacity.beat_bytes,
    }


def _on(
    network: Network, program: ExternalProgram, memory: MemoryPace, multipliers: int
) -> dict[str, Any]:
    """Return what a program takes of a memory's time."""
    cycles, layers = predicted(network, program, memory)
    return {
        "memory": {"latency": memory.latency, "bytes_per_cycle": memory.rate},
        "cycles": cycles,
        "layers": [layer.described(multipliers) for layer in layers],
        **spent(network, {layer.name: layer.cycles for layer in layers}, layers),
    }


def told(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield a plan as lines: a table a layer, sizes, speed and what limits it."""
    yield table(layer_rows(plan["layers"]))
    sizes, cost, usable = plan["parameters"], plan["prediction"], plan["usable"]
    unit = f"--depthwise {sizes['depthwise']}" if sizes["depthwise"] else "no depthwise unit"
    yield (
        f"tile {sizes['tile']}, {sizes['scalers']} scalers, {unit}, "
        f"a bus of {sizes['data_bits']} bits, "
        f"{sizes['map_bytes'] >> 10} kB of maps and {sizes['weight_bytes'] >> 10} kB of weights: "
        f"{cost['multipliers']} of {usable['multipliers']} multipliers, {cost['block_rams']} of "
        f"{usable['block_rams']} block RAMs on {plan['device']}; LUTs are not predicted"
    )
    if sizes["lines"]:
        logic = sizes["logic_scalers"]
        more = f" --logic-scalers {logic}" if logic else ""
        yield f"line engines in that unit: --lines {sizes['lines']}{more}"
    yield from _lines_told(plan)
    cycles, clock, memory = plan["cycles"], plan["clock_hz"], plan["memory"]
    rate = memory["bytes_per_cycle"]
    pace = f"{memory['latency']} cycles and {rate:g} bytes a cycle" if rate else "an ideal memory"
    yield (
        f"{plan['frames_per_second']:,.1f} frames a second at {clock / 1e6:g} MHz: {cycles:,} "
        f"cycles a frame with {pace}"
    )
    shares = sorted(plan["limits"].items(), key=lambda item: -item[1])
    yield "limited by " + ", ".join(
        f"{name} in {100 * share / cycles:.0f} % of them" for name, share in shares
    )
    use = plan["products"] / (cycles * cost["multipliers"])
    moved = plan["read_bytes"] + plan["written_bytes"]
    yield (
        f"{plan['products']:,} products, {use:.2f} a multiplier and cycle; "
        f"{plan['read_bytes'] / 1e6:,.2f} MB read, {plan['written_bytes'] / 1e6:,.2f} MB written, "
        f"{moved / cycles:.2f} bytes a cycle"
    )


@cache
def _code() -> str:
    """Return the hash of what programs and cycles hang on."""
    digest = hashlib.sha256()
    for folder in _CODE:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _key(folder: Path, wanted: Planned) -> str:
    digest = hashlib.sha256(f"{_code()} {wanted!r}".encode())
    for name in (CONFIG, WEIGHTS):
        path = folder / name
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:24]


def _lines_told(plan: Mapping[str, Any]) -> Iterator[str]:
    """Yield what line engines win or lose, where some were tried."""
    without = plan.get("without_lines")
    for lines, cycles in plan.get("with_lines", {}).items():
        change = 100 * (cycles / without - 1)
        yield f"with --lines {lines} {cycles:,} cycles, without {without:,}: {change:+.1f} %"
