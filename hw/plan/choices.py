"""The options: every engine that could do a layer, with every useful number of lanes and macs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from golden.errors import ParameterError
from golden.fermat import FermatDesign
from golden.fermat_ring import rings
from golden.fft import FftDesign, transform_length
from golden.layer_axes import AXES, Axis
from golden.layer_dense import HALVES
from hw.engines import ENGINES
from hw.plan.network import PlannedLayer
from hw.plan.option import EngineTable, Option, Predicted
from hw.predict import Cost

_MOST_HALVINGS = 7
"""Binary logarithm of the most products of a dense engine."""
_APART = 1.4
"""Ratio of rates of direct engines that are tried where those of two axes must go together."""
_FAR_APART = 1.9
"""The same of dense ones, which can have several chains instead of a longer one."""


def options_of(
    layer: PlannedLayer,
    *,
    engines: Sequence[str],
    storages: Sequence[str],
    most: Cost,
    known: dict[str, Predicted],
) -> Iterator[Option]:
    """Yield units for ``layer`` alone: every engine, with every useful number of lanes and macs.

    Parameters
    ----------
    layer
        Of a network.
    engines
        Names of those to use.
    storages
        Where weights may be, the best first.
    most
        Leaves out what takes more, where that shows beforehand.
    known
        Predictions, kept.
    """
    storage = "reloaded" if layer.form == "dense" and "reloaded" in storages else storages[0]
    for lanes in layer.lanes:
        for tables in _tables_of(layer, engines, most.multipliers // lanes):
            option = Option((layer,), tables, lanes, storage, known=known)
            if _is_possible(option, most):
                yield option


def sliced(options: Sequence[Option], most: int) -> Iterator[Option]:
    """Yield ``options`` with kernels of a share of the channels at a time, which take less room.

    Layers are cut in as many slices, up to ``most``, as their channels allow.
    """
    for option in options:
        if option.layers[0].form == "dense":
            continue  # their weights are streamed
        slices = max(n for n in _powers(option.channels // 2) if n <= most)
        slim = replace(option, storage="reloaded", slices=slices)
        if slices > 1 and slim.loads:
            yield slim


def _tables_of(
    layer: PlannedLayer, engines: Sequence[str], most: int
) -> Iterator[dict[str, EngineTable]]:
    """Yield engines by axis that need not take more than ``most`` multipliers a lane."""
    if layer.form == "dense":
        axes = [axis for axis in AXES if layer.options.get("axis", HALVES) in (HALVES, axis)]
        for table in _dense_tables(layer, len(axes), engines, most):
            yield dict.fromkeys(axes, table)
        return
    sides: dict[Axis, int] = {"height": layer.height, "width": layer.width}
    for tables in _pairs(sides, engines):
        if max(int(table.get("macs", 1)) for table in tables.values()) <= most:
            yield tables


def _powers(number: int) -> list[int]:
    """Return powers of 2 that divide ``number``."""
    return [1 << n for n in range(_MOST_HALVINGS + 1) if number % (1 << n) == 0]


def _dense_tables(
    layer: PlannedLayer, n_axes: int, engines: Sequence[str], most: int
) -> Iterator[EngineTable]:
    """Yield engines of a dense layer: with products side by side, or with fewer macs than one."""
    in_channels = layer.channels // n_axes
    length = layer.height if "height" in layer.options.get("axis", "height") else layer.width
    for table in _tables(length, engines, _FAR_APART):
        macs = int(table.get("macs", 1))
        whole = macs == length or "macs" not in table
        for products in _powers(in_channels) if whole else [1]:
            if macs * products <= most:
                yield {**table, "products": products}


def _pairs(sides: Mapping[Axis, int], engines: Sequence[str]) -> Iterator[dict[str, EngineTable]]:
    """Yield engines for both axes: one for both where they are as long, else of like rates."""
    if sides["height"] == sides["width"]:
        for table in _tables(sides["height"], engines):
            yield dict.fromkeys(AXES, table)
        return
    by_axis = {axis: list(_tables(side, engines, _APART)) for axis, side in sides.items()}
    planes = {
        axis: [_cycles_per_line(side, table) * sides[_other(axis)] for table in by_axis[axis]]
        for axis, side in sides.items()
    }
    seen = set()
    for rate in sorted({cycles for axis in AXES for cycles in planes[axis]}):
        for first in _slowest_within(by_axis["height"], planes["height"], rate):
            for second in _slowest_within(by_axis["width"], planes["width"], rate):
                pair = {"height": first, "width": second}
                if (key := str(pair)) not in seen:
                    seen.add(key)
                    yield pair


def _other(axis: Axis) -> Axis:
    return AXES[1 - AXES.index(axis)]


def _slowest_within(
    tables: Sequence[EngineTable], cycles: Sequence[int], rate: int
) -> list[EngineTable]:
    """Return the slowest of each engine that is as fast as ``rate``."""
    best: dict[str | int, tuple[int, EngineTable]] = {}
    for table, taken in zip(tables, cycles, strict=True):
        engine = table["engine"]
        if taken <= rate and (engine not in best or best[engine][0] < taken):
            best[engine] = taken, table
    return [table for _, table in best.values()]


def _tables(length: int, engines: Sequence[str], apart: float = 1.0) -> Iterator[EngineTable]:
    """Yield engines for a line; the direct ones' cycles are more than ``apart`` times the last."""
    if "direct" in engines:
        least = {-(-length // macs): macs for macs in range(length, 0, -1)}
        before = 0.0
        for passes, macs in least.items():
            if passes > apart * before or macs == 1:
                before = passes
                yield {"engine": "direct", "macs": macs}
    if "fft" in engines and FftDesign.length_range[0] <= length:
        yield {"engine": "fft"}
    if "fermat" in engines and length <= FermatDesign.length_range[1] and rings(length):
        yield {"engine": "fermat"}


def _cycles_per_line(length: int, table: EngineTable) -> int:
    if table["engine"] == "direct":
        return length * -(-length // int(table["macs"]))
    if table["engine"] == "fft":
        return transform_length(length)
    return length


def unable(layers: Sequence[PlannedLayer], engines: Sequence[str]) -> dict[str, list[int]]:
    """Return the lengths of lines of ``layers`` that each of ``engines`` cannot do, if any."""
    lengths = sorted({side for layer in layers for side in (layer.height, layer.width)})
    gaps = {
        engine: [length for length in lengths if not _can(engine, length)] for engine in engines
    }
    return {engine: missing for engine, missing in gaps.items() if missing}


def _can(engine: str, length: int) -> bool:
    """Whether an engine does lines of ``length`` 8-bit samples."""
    try:
        design = ENGINES[engine].design(name="planned", length=length, weights=None)
        return not isinstance(design, FermatDesign) or design.transform_ring.bits > 0
    except ParameterError:
        return False


def _is_possible(option: Option, most: Cost) -> bool:
    """Whether an engine does this, and ``most`` is enough for it by itself."""
    try:
        return option.cost.multipliers <= most.multipliers
    except ParameterError:
        return False
