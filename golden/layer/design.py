"""What every layer is told: the map, lanes, formats and weights, validated where it is made.

A layer takes maps ``[C, H, W]`` as a raster, channel by channel, in bands of ``lanes`` rows: lane j
of a beat is row ``band * lanes + j`` at the beat's column.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from golden.graph.graph import Graph, Node
from golden.graph.tensor import MAX_CHANNELS, MAX_SIDE, Tensor
from golden.inputs.config import Table, refusal
from golden.inputs.errors import ParameterError, check_range
from golden.inputs.names import check_module_name
from golden.line.design import LineDesign, Requantization
from golden.line.weights import Arrays
from golden.numbers.certificate import Errors, certified
from golden.numbers.interval import Integers, Interval
from golden.stages.elementwise import AFTER
from golden.stages.turn import turned
from golden.targets import check_target

SOURCE = "x"
"""Name of the map that goes in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerDesign(ABC):
    """Parameters that every layer has; a form's own class adds its own.

    Generator, model, prediction, manifest and bench all read this one description.

    Parameters
    ----------
    name
        Verilog module and file name.
    channels, height, width
        Of the map that goes in.
    lanes
        Rows that travel side by side in a beat.
    data_bits, weight_bits
        Two's complement widths.
    output
        Output format, or None for every bit of the accumulator.
    target
        What multipliers and memories map to.
    weights
        The integers in ROM by the keys of the weights file; None where they arrive on ports.
    example
        Whether to make up the weights, which are then found in `weights`.
    after
        Stages that follow the layer's own, by their names in `golden.stages.elementwise.AFTER`.

    Raises
    ------
    ParameterError
        Where a parameter breaks its rule.
    """

    form: ClassVar[str]
    array_names: ClassVar[tuple[str, ...]]
    """Keys that weights files of the form may have, whether or not a configuration uses all."""

    name: str
    channels: int
    height: int
    width: int
    lanes: int = 1
    data_bits: int = 8
    weight_bits: int = 8
    output: Requantization | None = None
    target: str = "generic"
    weights: Arrays | None
    example: bool = False
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_module_name(self.name)
        check_range("channels", self.channels, 1, MAX_CHANNELS)
        check_range("height", self.height, 1, MAX_SIDE)
        check_range("width", self.width, 1, MAX_SIDE)
        check_range("lanes", self.lanes, 1, 64)
        for side in ("height", "width"):
            if (size := getattr(self, side)) % self.lanes:
                raise ParameterError(side, f"a multiple of lanes ({self.lanes})", size)
        check_range("data_bits", self.data_bits, 2, 18)
        check_range("weight_bits", self.weight_bits, 2, 18)
        check_target(self.target)
        for name in self.after:
            if name not in AFTER:
                rule = f"a list of names out of {', '.join(AFTER)}"
                raise refusal("after", rule, repr(name))

    @classmethod
    @abstractmethod
    def take_options(cls, table: Table, *, port: bool) -> dict[str, Any]:
        """Return the form's own fields, read from a configuration.

        ``port`` says whether weights arrive on ports.
        """

    @classmethod
    def of_table(cls, table: Table, weights: Arrays | None, *, example: bool) -> Self:
        """Return the design that ``table`` describes, all of whose keys it takes.

        Parameters
        ----------
        table
            The configuration, its ``form`` and what says where weights come from taken already.
        weights, example
            As of the class.

        Raises
        ------
        ParameterError
            Names the key that is unknown, missing or breaks its rule.
        """
        options: dict[str, Any] = {
            key: table.take(key, int) for key in ("channels", "height", "width")
        }
        defaults = {"lanes": 1, "data_bits": 8, "weight_bits": 8}
        options |= {key: table.take(key, int, default) for key, default in defaults.items()}
        options["name"] = table.take("name", str, f"parc_layer_{cls.form}")
        options["target"] = table.take("target", str, "generic")
        port = weights is None and not example
        options["output"] = take_requantization(table, "output", port=port)
        options["after"] = tuple(table.strings("after", []))
        options |= cls.take_options(table, port=port)
        table.finish()
        with table.naming():
            design = cls(weights=weights, example=example, **options)
            design.graph  # noqa: B018 - raises where a stage cannot follow
        return design

    @property
    def loaded(self) -> bool:
        """Whether weights arrive on ports."""
        return self.weights is None

    @property
    def data(self) -> Interval:
        """Range of a sample."""
        return Interval.signed(self.data_bits)

    @property
    def taken(self) -> Tensor:
        """The map that goes in."""
        shape = self.channels, self.height, self.width
        return Tensor(*shape, range=self.data, format_bits=self.data_bits)

    @abstractmethod
    def stages(self) -> Iterator[Node]:
        """Yield what the map passes from `SOURCE` on, without corner turns."""

    @cached_property
    def graph(self) -> Graph:
        """What the map passes."""
        return turned(self.taken, self._nodes(), source=SOURCE)

    def _nodes(self) -> Iterator[Node]:
        """Yield what the map passes, `after` with it."""
        node: Node | None = None
        for node in self.stages():
            yield node
        assert node is not None
        for number, name in enumerate(self.after):
            stage = AFTER[name].make(node.stage.output.along(), self.weights)
            node = Node(f"{name}_{number}", stage, (node.name,))
            yield node

    def _take_example(self) -> None:
        """Make up the weights where they are an example, once all else is known."""
        if not self.example:
            return
        arrays: dict[str, Integers] = {}
        object.__setattr__(self, "weights", arrays)
        self._make_up(arrays)
        if not self.after:
            return
        *_, last = self.stages()
        taken = last.stage.output.along()
        for entry in (AFTER[name] for name in self.after):
            if entry.example is not None:
                for key, array in entry.example(taken).items():
                    arrays.setdefault(key, array)
            taken = entry.make(taken, arrays).output

    @abstractmethod
    def _make_up(self, arrays: dict[str, Integers]) -> None:
        """Fill ``arrays`` with an example of what the form's own stages read."""

    @property
    def given(self) -> Tensor:
        """The map that comes out."""
        return self.graph.tensors[self.graph.outputs[0]]

    @abstractmethod
    def sets(self, arrays: Arrays) -> Mapping[str, Any]:
        """Return what the stages hold of ``arrays``, by the slots' names, held to their formats."""

    @property
    def out_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the map that comes out."""
        return self.given.shape

    @property
    def frame_beats(self) -> int:
        """Beats of a map on the input."""
        return self.channels * self.height * self.width // self.lanes

    @property
    def out_frame_beats(self) -> int:
        """Beats of a map on the output."""
        channels, height, width = self.out_shape
        return channels * height * width // self.lanes

    @property
    def output_range(self) -> Interval:
        """Range of a result on the output stream."""
        return self.given.range

    @property
    def output_bits(self) -> int:
        """Width of a result on the output stream."""
        return self.given.bits

    @property
    def zero_point(self) -> int | list[int] | None:
        """What requantisation at the end adds; see `stated_zero_point`."""
        return self.stated_zero_point("output")

    def stated_zero_point(self, key: str) -> int | list[int] | None:
        """Return what requantisation ``key`` adds: to all channels, to each, or None if loaded.

        Found in the weights, or given where they are loaded.
        """
        form: Requantization | None = getattr(self, key)
        if self.weights is not None and form is not None:
            stated: int | list[int] = np.asarray(self.weights[f"{key}.zero_point"], int).tolist()
            return stated
        if form is not None and form.zero_point_port:
            return None
        return (form and form.zero_point) or 0

    @property
    def engines(self) -> Mapping[str, LineDesign]:
        """The line engines inside, by name."""
        return self.graph.engines

    @property
    def streams(self) -> Mapping[str, str]:
        """Streams that weights arrive on, and the names of their slots.

        The stream of slot NAME is called ``w_NAME``, that of an only engine ``w``.
        """
        only = list(self.engines) if len(self.engines) == 1 else []
        return {"w" if name in only else f"w_{name}": name for name in self.graph.slots}

    @property
    def weight_streams(self) -> Mapping[str, Mapping[str, int]]:
        """Facts of each of `streams`: see `WeightSlot`."""
        return {port: self.graph.slots[name].facts for port, name in self.streams.items()}

    def port_tables(self, weights: Arrays) -> Mapping[str, Mapping[str, Integers]]:
        """Return what each of `weight_streams` takes for ``weights``.

        A table ``[channels, beats_per_channel]`` for each field of the stream's beats.
        """
        sets, slots = self.sets(weights), self.graph.slots
        return {port: slots[name].tables(sets[name]) for port, name in self.streams.items()}

    @property
    @abstractmethod
    def own_parameters(self) -> dict[str, Any]:
        """The form's own entries among the manifest's parameters."""

    def certificate(self, weights: Arrays | None = None) -> dict[str, object]:
        """Return what is proved of every possible map: error bounds, ranges, no overflow.

        `max_abs_error` is in steps of the last sums, `max_output_error` in steps of the output.

        Parameters
        ----------
        weights
            The arrays in effect, for the bounds that hold of them, where weights arrive on ports.
            Without them bounds hold of all.
        """
        sets = {} if weights is None else self.sets(weights)
        right = Errors([0.0] * self.channels, [0] * self.channels)
        graph = self.graph.given(sets)
        errors = graph.errors({SOURCE: right})[graph.outputs[0]]
        (*_, y) = (node.stage.accumulator for node in graph.nodes if node.stage.accumulator)
        own = {name: engine.certificate(sets.get(name)) for name, engine in self.engines.items()}
        return certified(errors, y) | {"engines": own}

    def model(self, maps: Integers, weights: Arrays | None = None) -> Integers:
        """Return what the hardware gives for ``maps``, bit for bit.

        Parameters
        ----------
        maps
            int64 ``[F, C, H, W]``, frame after frame, in the range of the data.
        weights
            The arrays in effect; needed only where weights arrive on ports.

        Returns
        -------
        int64 ``[F, C', H', W']``, accumulators or requantised results.
        """
        graph = self.graph if weights is None else self.graph.given(self.sets(weights))
        return graph.run({SOURCE: maps})[graph.outputs[0]]


def take_requantization(table: Table, key: str, *, port: bool) -> Requantization | None:
    """Return the format that the table ``key`` describes, or None where it is absent.

    ``port`` says whether weights arrive on a port: the zero point is then among the keys, else in
    the weights file.
    """
    if key not in table:
        return None
    entries = table.table(key)
    names = {"output_bits": "bits", "output_low": "low", "output_high": "high"}
    options: dict[str, Any] = {"bits": entries.take("bits", int, 8)}
    options |= {name: entries.take(name, int, None) for name in ("low", "high")}
    if port:
        options["zero_point"] = entries.take("zero_point", int, None)
        options["zero_point_port"] = entries.take("zero_point_port", bool, False)
    else:
        rule = f"in the weights file, as {key}.zero_point, without weights_port = true"
        entries.leave_out(["zero_point", "zero_point_port"], rule)
    with entries.naming({old: entries.path + new for old, new in names.items()}):
        return Requantization(**options)
