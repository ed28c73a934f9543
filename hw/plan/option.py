"""What an engine can be: options for the layers of a kind, what each takes and how long."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from amaranth.hdl import Shape
from amaranth.lib.data import StructLayout

from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from golden.layer.registry import LAYERS
from golden.line.design import LineDesign, slot_bits
from hw.engines import engine_of
from hw.layer.layer import schedule_of
from hw.layer.schedule import GraphSchedule
from hw.line.candidates import EngineTable
from hw.line.output import stage_latency
from hw.plan.forms import FORMS
from hw.plan.network import PlannedLayer, for_prediction, with_scalars
from hw.predict import own_figures
from hw.targets.cost import Cost
from hw.targets.registry import REFERENCE, counted_for

STORAGES = ("rom", "port", "reloaded")
"""Kernels of all layers in ROM; all of them loaded once; or those of one layer at a time."""
_TURN_CYCLES = 32
"""More than a corner turn, or a change of weights, takes beside the planes that it waits for."""


class Predicted:
    """What is known of a configuration, found when it is first asked for.

    Cycles are of the target that it is built for, counts of the one in whose cells they are: the
    same where it has a cost model of its own.
    """

    def __init__(self, config: Mapping[str, Any], cells: str) -> None:
        self._config = config
        self._cells = cells

    def _design_for(self, target: str) -> LayerDesign:
        table = Table({**self._config, "target": target})
        form = table.take("form", str)
        table.take("weights_port", bool)
        return LAYERS[form].of_table(table, None, example=False)

    @cached_property
    def design(self) -> LayerDesign:
        return self._design_for(self._config["target"])

    @cached_property
    def _counted(self) -> LayerDesign:
        same = self._cells == self._config["target"]
        return self.design if same else self._design_for(self._cells)

    @cached_property
    def refusal(self) -> ParameterError | None:
        """What `hw.build layer` has against it."""
        try:
            self.cycles, self.cost  # noqa: B018 - raise where an engine cannot do its part
        except ParameterError as error:
            return error
        return None

    @cached_property
    def cycles(self) -> int:
        """Cycles from a map to the next in steady state."""
        return self.schedule.cycles_per_frame

    @cached_property
    def schedule(self) -> GraphSchedule:
        """When the results of its stages come."""
        return schedule_of(self.design)

    @cached_property
    def _count(self) -> GraphSchedule:
        same = self._counted is self.design
        return self.schedule if same else schedule_of(self._counted)

    @cached_property
    def cost(self) -> Cost:
        return own_figures(self._counted, self._count.cost)

    @cached_property
    def in_rom(self) -> Cost:
        saved = self._count.saved_by_rom
        return own_figures(self._counted, self._count.cost - saved)


class Predictions:
    """What is known of the configurations of units for a target.

    Parameters
    ----------
    target
        What units are built for.
    """

    def __init__(self, target: str = REFERENCE.name) -> None:
        self.target = target
        self._known: dict[str, Predicted] = {}

    def of(self, config: Mapping[str, Any]) -> Predicted:
        """Return what is known of a configuration."""
        key = json.dumps(config)
        if key not in self._known:
            self._known[key] = Predicted(config, counted_for(self.target).name)
        return self._known[key]


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
    slices
        Shares that a layer comes in, one after the other, each of as much of both halves.
    known
        Predictions that options of a kind have in common.
    """

    layers: tuple[PlannedLayer, ...]
    engines: Mapping[str, EngineTable]
    lanes: int
    storage: str
    slices: int = 1
    known: Predictions = field(default_factory=Predictions, repr=False)

    @property
    def channels(self) -> int:
        """Of the map that the unit takes at a time."""
        first = self.layers[0]
        if not FORMS[first.form].joins or self.storage == "reloaded":
            return first.channels // self.slices
        return sum(layer.channels for layer in self.layers)

    def config(self, name: str, target: str) -> dict[str, Any]:
        """Return the configuration of the unit, weights on ports."""
        layer = self.layers[0]
        streams = not FORMS[layer.form].joins and self.storage == "reloaded"
        return {
            "name": name,
            **with_scalars(layer.options, self.layers),
            **({"streamed": True} if streams else {}),
            "channels": self.channels,
            "lanes": self.lanes,
            "target": target,
            "engines": {axis: dict(engine) for axis, engine in self.engines.items()},
            "weights_port": True,
        }

    @cached_property
    def _predicted(self) -> Predicted:
        return self.known.of(for_prediction(self.config("planned", self.known.target)))

    @property
    def design(self) -> LayerDesign:
        """The unit, with weights that arrive on ports."""
        return self._predicted.design

    @property
    def refusal(self) -> ParameterError | None:
        """What `hw.build layer` has against the unit, if anything."""
        return self._predicted.refusal

    @property
    def cost(self) -> Cost:
        """Multipliers, block RAMs and LUTs of the unit, whatever its weights are."""
        return self._predicted.in_rom if self.storage == "rom" else self._predicted.cost

    @property
    def turns(self) -> int:
        """Maps that the unit takes for an image."""
        return len(self.layers) * self.slices if self.storage == "reloaded" else 1

    @cached_property
    def cycles(self) -> int:
        """Cycles of the unit for an image, unstalled."""
        return self.turns * self._predicted.cycles

    @property
    def paced(self) -> bool:
        """Whether `cycles` are the most, since halves of the channels differ in rate."""
        return bool(self._predicted.schedule.uneven)

    @cached_property
    def loads(self) -> bool:
        """Whether a set of weights is loaded in time for the next map, and no cycle is lost.

        A set may be sent from the first result of a map on, and is needed for the next map: an
        idle engine takes a new set at once, so it must not arrive before the map has begun. What
        loading takes of dense layers' streamed weights is in their cycles.
        """
        if not FORMS[self.design.form].joins:
            return True
        words = max(e.channels * e.coefficient_words for e in self.design.engines.values())
        return words + _first_result_within(self.design) <= self._predicted.cycles

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
        return self.turns * set_bytes(self.design)

    @property
    def operations(self) -> int:
        """Multiplications and additions that the layers stand for, of an image."""
        return 2 * self.turns * FORMS[self.design.form].products(self.design)


def _first_result_within(design: LayerDesign) -> int:
    """Bound the cycles from a map's first kernel read to its first result.

    Every stage, corner turns among them, waits for a plane at most, and takes its own time.
    """
    engines = design.engines.values()
    plane = max(engine.groups_per_channel * engine.cycles_per_group for engine in engines)
    return sum(2 * (plane + _TURN_CYCLES) + _latency_within(engine) for engine in engines)


def _latency_within(engine: LineDesign) -> int:
    """Bound the cycles from a line's first kernel read to its first result."""
    pipeline = engine_of(engine).pipeline_latency(engine)
    return engine.cycles_per_group + pipeline + stage_latency(engine) + _TURN_CYCLES


def set_bytes(design: LayerDesign) -> int:
    """Return the bytes of a set of weights on a layer's ports, each field in whole bytes."""
    layouts, slots = schedule_of(design).loads, design.graph.slots
    return sum(slots[name].beats * _beat_bytes(layout) for name, layout in layouts.items())


def _beat_bytes(layout: StructLayout) -> int:
    fields = (Shape.cast(field.shape) for name, field in layout if name != "last")
    return sum(slot_bits(shape.width) for shape in fields) // 8


def serving(option: Option, layers: Sequence[PlannedLayer], storage: str) -> Option:
    """Return the engines of ``option`` for other layers of its kind."""
    return replace(option, layers=tuple(layers), storage=storage)
