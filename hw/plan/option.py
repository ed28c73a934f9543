"""What an engine can be: options for the layers of a kind, what each takes and how long."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from golden.config import Table
from golden.design import LineDesign, slot_bits
from golden.direct import DirectDesign
from golden.errors import ParameterError
from golden.fermat import FermatDesign
from golden.fermat_ring import rings
from golden.fft import FftDesign, transform_length
from golden.layer import LayerDesign
from golden.layer_axes import AXES, AxesDesign
from hw.direct.core import pipeline_latency as direct_latency
from hw.fermat.core import pipeline_latency as fermat_latency
from hw.fft.pipeline import pipeline_latency as fft_latency
from hw.layer.chain import cycles_per_plane
from hw.layer.registry import LAYERS
from hw.line import weights_layout
from hw.output import stage_latency
from hw.plan.network import PlannedLayer
from hw.predict import Cost, saved_by_rom

EngineTable = Mapping[str, str | int]
"""An engine's table in a configuration."""
STORAGES = ("rom", "port", "reloaded")
"""Kernels of all layers in ROM; all of them loaded once; or those of one layer at a time."""
_SWITCH_CYCLES = 64
"""More than a change from one set of weights to the next takes beside the engine's latency."""


_APART = 1.4
"""Ratio of rates of direct engines that are tried where those of two axes must go together."""


class _Predicted:
    """What is known of a configuration, found when it is first asked for."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config

    @cached_property
    def design(self) -> LayerDesign:
        table = Table(self._config)
        form = table.take("form", str)
        table.take("weights_port", bool)
        return LAYERS[form].design.of_table(table, None, example=False)

    @cached_property
    def cost(self) -> Cost:
        return LAYERS[self.design.form].predict(self.design)

    @cached_property
    def in_rom(self) -> Cost:
        saved = (saved_by_rom(engine) for engine in self.design.engines.values())
        return self.cost - sum(saved, Cost())


@dataclass(frozen=True, eq=False)
class Option:
    """A unit: a layer of hardware that serves layers of the network.

    Parameters
    ----------
    layers
        It serves, all of a kind; in turn, or side by side as channels of one map.
    engines
        Tables of the engines by axis.
    lanes
        Samples of a beat.
    storage
        One of `STORAGES`.
    known
        Predictions that options of a kind have in common.
    """

    layers: tuple[PlannedLayer, ...]
    engines: Mapping[str, EngineTable]
    lanes: int
    storage: str
    known: "dict[str, _Predicted]" = field(default_factory=dict, repr=False)

    @property
    def channels(self) -> int:
        """Of the map that the unit takes at a time."""
        if self.storage == "reloaded":
            return self.layers[0].channels
        return sum(layer.channels for layer in self.layers)

    def config(self, name: str, target: str) -> dict[str, Any]:
        """Return the configuration of the unit, weights on ports."""
        return {
            "name": name,
            **self.layers[0].options,
            "channels": self.channels,
            "lanes": self.lanes,
            "target": target,
            "engines": {axis: dict(engine) for axis, engine in self.engines.items()},
            "weights_port": True,
        }

    @cached_property
    def _predicted(self) -> "_Predicted":
        config = self.config("planned", "ecp5")
        known = self.known.setdefault(json.dumps(config), _Predicted(config))
        return known

    @property
    def design(self) -> LayerDesign:
        """The unit for ECP5, which predictions are of, with weights that arrive on ports."""
        return self._predicted.design

    @property
    def cost(self) -> Cost:
        """Multipliers, block RAMs and LUTs of the unit, whatever its weights are."""
        return self._predicted.in_rom if self.storage == "rom" else self._predicted.cost

    @property
    def turns(self) -> int:
        """Maps that the unit takes for an image."""
        return len(self.layers) if self.storage == "reloaded" else 1

    @cached_property
    def cycles(self) -> int:
        """Cycles of the unit for an image, unstalled."""
        return self.turns * cycles_per_map(self.design)

    @cached_property
    def loads(self) -> bool:
        """Whether a set of weights is loaded while the engine works on the map before.

        The next set can enter once the results of the map before are out.
        """
        spare = cycles_per_map(self.design) - _SWITCH_CYCLES
        return all(
            engine.channels * engine.coefficient_words + _latency_within(engine) <= spare
            for engine in self.design.engines.values()
        )

    @property
    def map_bytes(self) -> int:
        """Bytes of all maps that come in and go out for an image."""
        design = self.design
        channels, height, width = design.out_shape
        samples_in = design.channels * design.height * design.width
        bits = samples_in * slot_bits(design.data_bits)
        bits += channels * height * width * slot_bits(design.output_bits)
        return self.turns * bits // 8

    @property
    def weight_bytes(self) -> int:
        """Bytes that are loaded for an image."""
        if self.storage != "reloaded":
            return 0
        return self.turns * sum(map(set_bytes, self.design.engines.values()))

    @property
    def operations(self) -> int:
        """Multiplications and additions that the layers stand for, of an image."""
        return sum(2 * layer.channels * _taps(layer) for layer in self.layers)


def _taps(layer: PlannedLayer) -> int:
    """Multiplications that a channel of ``layer`` stands for."""
    samples = layer.height * layer.width
    if layer.form == "parallel":
        return samples * (layer.height + layer.width) // 2
    return samples * (layer.height + layer.width)


def cycles_per_map(design: LayerDesign) -> int:
    """Return the cycles from a map to the next in steady state."""
    assert isinstance(design, AxesDesign)
    return design.channels * cycles_per_plane(design)


def _latency_within(engine: LineDesign) -> int:
    """Bound the cycles from a map's first kernel read to the last result of the map before."""
    if isinstance(engine, DirectDesign):
        pipeline = direct_latency(engine)
    elif isinstance(engine, FftDesign):
        pipeline = fft_latency(engine)
    else:
        assert isinstance(engine, FermatDesign)
        pipeline = fermat_latency(engine)
    return engine.cycles_per_group + pipeline + stage_latency(engine)


def set_bytes(engine: LineDesign) -> int:
    """Return the bytes of a set of weights on the engine's port, each field in whole bytes."""
    layout = weights_layout(engine)
    beat = sum(slot_bits(width.shape.width) for name, width in layout if name != "last") // 8
    return engine.channels * engine.coefficient_words * beat


def options_of(
    layer: PlannedLayer, *, engines: Sequence[str], most_multipliers: int
) -> Iterator[Option]:
    """Yield units for ``layer`` alone: every engine, with every useful number of lanes and macs.

    Parameters
    ----------
    layer
        Of a network.
    engines
        Names of those to use.
    most_multipliers
        Leaves out what takes more, where that shows beforehand.
    """
    sides = {"height": layer.height, "width": layer.width}
    known: dict[str, _Predicted] = {}
    for lanes in layer.lanes:
        most = most_multipliers // lanes
        for tables in _pairs(sides, engines):
            if sum(_at_least(sides[axis], tables[axis]) for axis in AXES) // 2 <= most:
                option = Option((layer,), tables, lanes, "rom", known)
                if _is_possible(option):
                    yield option


def _pairs(sides: Mapping[str, int], engines: Sequence[str]) -> Iterator[dict[str, EngineTable]]:
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


def _other(axis: str) -> str:
    return AXES[1 - AXES.index(axis)]  # type: ignore[arg-type]


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


def _tables(
    length: int, engines: Sequence[str], apart: float = 1.0
) -> Iterator[EngineTable]:
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


def _at_least(length: int, table: EngineTable) -> int:
    """Return multipliers a lane that an engine takes in any case."""
    return int(table.get("macs", 1))


def _is_possible(option: Option) -> bool:
    try:
        option.cost  # noqa: B018 - raises where no engine does this
    except ParameterError:
        return False
    return True


def serving(option: Option, layers: Sequence[PlannedLayer], storage: str) -> Option:
    """Return the engines of ``option`` for other layers of its kind."""
    return replace(option, layers=tuple(layers), storage=storage)
