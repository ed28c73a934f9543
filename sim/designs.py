"""Designs made up at random: engines, layers, and networks on accelerators, held to their models.

Each is generated, its manifest and prediction with it, and its Verilog runs under Icarus, with
pauses and without: every result and every tlast, no event, and the cycles that the manifest
promises.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from golden.accelerator.join import joined
from golden.accelerator.program import Program
from golden.accelerator.sizes import DATA_BITS, Sizes
from golden.engines import EngineChoice
from golden.graph.graph import Node
from golden.inputs.config import Table
from golden.inputs.errors import ParameterError
from golden.layer.design import LayerDesign
from golden.line.design import LineDesign, Requantization
from golden.line.example import example_weights
from golden.network import cases
from golden.network.map import Map
from golden.network.network import Network
from golden.network.operator import Operator
from golden.numbers.interval import Integers
from hw.accelerator.accelerator import Accelerator
from hw.accelerator.generate import verilog_files
from hw.accelerator.timing import Timeline
from hw.emit.axi import AxiWrapper, PortNames
from hw.emit.files import write_files
from hw.emit.generate import generate
from hw.engines import ENGINES
from hw.targets.registry import TARGETS
from sim.accelerator import KINDS, compare
from sim.beats import Pace, Seen, Stimulus, run_beats
from sim.bulk import frame_of, pack
from sim.dice import Dice
from sim.random_layers import drawn_format, drawn_layer

NAME = "random"
Options = dict[str, Any]
_VALUES: Mapping[str, tuple[int, int]] = {
    "macs": (1, 12),
    "operand_bits": (8, 24),
    "twiddle_bits": (6, 20),
    "spectrum_bits": (6, 20),
    "guard_bits": (0, 4),
    "result_f_bits": (0, 4),
    "ring": (4, 64),
}
"""Of numbers that an engine leaves to its user."""
_PACES = (Pace(), Pace(0.3, 0.5, seed=2))
_FRAMES = 3
_MOST_FRAME = 3000
"""Cycles of a frame of what is still small."""


class WrongError(Exception):
    """A build is not what was promised."""


def drawn_line(dice: Dice) -> tuple[LineDesign, Options]:
    """Return an engine by itself and what it was told, weights in ROM or on a port.

    Raises
    ------
    ParameterError
        Where it is one that is refused.
    """
    engine = dice.one(*ENGINES)
    lanes = dice.one(1, 1, 2, 3)
    formats: Options = {
        "length": dice.number(*_ends(engine)),
        "channels": dice.number(1, 4),
        "data_bits": dice.number(2, 10),
        "weight_bits": dice.number(2, 10),
    }
    options: Options = formats | {"engine": engine, "lanes": lanes}
    options["rows"] = dice.one(None, lanes * dice.number(1, 3))
    options["target"] = dice.one("generic", *TARGETS)
    options["port"] = port = dice.often(0.2)
    options["own"] = own = {o.name: _value(dice, o) for o in ENGINES[engine].design.options}
    form = drawn_format(dice, port=True) if dice.often(0.6) else None
    options["output"] = form
    requantization = None if form is None else _requantization(form, port=port)
    table = Table({"engine": engine} | {k: v for k, v in own.items() if v is not None})
    choice = EngineChoice.take(table, port=port)
    weights = example_weights(
        **formats,
        requantized=requantization.clip if requantization else None,
        seed=dice.number(0, 999),
    )
    shared = {"rows": options["rows"], "lanes": lanes, "target": options["target"]}
    design = choice.design(
        name=NAME,
        weights=None if port else weights,
        requantization=requantization,
        **formats,
        **shared,
    )
    return design, options


def _ends(engine: str) -> tuple[int, int]:
    return ENGINES[engine].design.length_range[0], 14


def _value(dice: Dice, option: Any) -> Any:
    """Return what a user says of an option of an engine; None where nothing."""
    if not dice.often(0.3):
        return None
    if option.choices is not None:
        return dice.one(*option.choices)
    return True if option.kind is bool else dice.number(*_VALUES[option.name])


def _requantization(form: Options, *, port: bool) -> Requantization:
    zero_point = form.pop("zero_point")
    return Requantization(**form, **({"zero_point": zero_point} if port else {}))


class _Chain(cases.Draw):
    """Draws operators one behind the other, each taking the map before it, or an earlier one."""

    def __init__(self, dice: Dice) -> None:
        super().__init__(dice.number(0, 9999), own=True)
        self._dice = dice
        self._begins = False
        self.maps: dict[str, Map] = {}

    def integer(self, low: int, high: int) -> int:
        """See `golden.network.cases.Draw`."""
        return self._dice.number(low, high) if low < high else low

    def shape(self) -> cases.Shape:
        """Return the shape of the last map where there is one, else any."""
        if not self.maps:
            return super().shape()
        self._begins = True
        return list(self.maps.values())[-1].shape

    def map(self, shape: cases.Shape, like: Map | None = None) -> Map:
        """Return the last map for what an operator takes first, else one of any format."""
        if like is None and self.maps:
            same = [m for m in self.maps.values() if m.shape == shape]
            if same and self._begins:
                self._begins = False
                return same[-1]
            if same and self.integer(0, 2) == 2:
                return same[self.integer(0, len(same) - 1)]
        return super().map(shape, like)

    def network(self, length: int) -> tuple[Network, Integers]:
        """Return a network of operators that fit behind each other, and a frame for it."""
        nodes: list[Node] = []
        while len(nodes) < length:
            kind = KINDS[self.integer(0, len(KINDS) - 1)]
            operator = cases.CASES[kind](self)
            if not self.maps and len(operator.takes) == 1:
                self.maps["x"] = operator.takes[0]
            sources = self._sources(operator)
            if sources is None:
                length -= 1
                continue
            name = f"y{len(nodes)}"
            nodes.append(Node(name, operator, sources))
            self.maps[name] = operator.gives
        if not nodes:
            return self.case(KINDS[self.integer(0, len(KINDS) - 1)])
        first = next(iter(self.maps.values()))
        return Network({"x": first}, tuple(nodes), (nodes[-1].name,)), self.words(first)

    def _sources(self, operator: Operator) -> tuple[str, ...] | None:
        """Return the names of what an operator takes, or None where that is not there."""
        found = []
        for data in operator.takes:
            names = [name for name, known in self.maps.items() if known is data]
            found += names[:1]
        whole = bool(found) and len(found) == len(operator.takes)
        return tuple(found) if whole else None


def try_line(dice: Dice) -> Options:
    """Draw an engine and try it; see `TRIALS`."""
    design, options = drawn_line(dice)
    _try_design(design)
    return options


def try_layer(dice: Dice) -> Options:
    """Draw a layer and try it; see `TRIALS`."""
    design, options = drawn_layer(dice)
    _try_design(design)
    return options


def _try_design(design: LineDesign | LayerDesign) -> None:
    files = generate(design, PortNames())
    manifest = json.loads(files[f"{design.name}.json"])
    if _weights_arrive(design):
        return  # results hang on what is loaded: `sim.bench_weights` does that
    frame, lanes = frame_of(design), design.lanes
    data, slots = design.data, [manifest["streams"][s]["slot_bits"] for s in ("s_axis", "m_axis")]
    generator = np.random.default_rng(1)
    ends = generator.choice([data.low, data.high], (1, *frame.shape))
    rest = generator.integers(
        data.low, data.high, (_FRAMES - 1, *frame.shape), endpoint=True, dtype=np.int64
    )
    maps = np.concatenate([ends, rest])
    results = frame.model(maps)
    _bounds(design, results)
    sent, due = (
        _words(maps, lanes, slots[0] // 8),
        _words(results, lanes, slots[1] // 8),
    )
    is_line = isinstance(design, LineDesign)
    given = frame.last_every if is_line else len(due) // _FRAMES
    timing = manifest["timing"]
    pace = timing["cycles_per_group" if is_line else "cycles_per_frame"]
    _run(
        manifest,
        files,
        sent,
        due,
        frame=frame.last_every,
        given=given,
        bits=(slots[0] * lanes, slots[1] * lanes),
        latency=timing["latency_cycles"],
        patience=4 * (timing["latency_cycles"] + pace) + 500,
    )


def _weights_arrive(design: LineDesign | LayerDesign) -> bool:
    if isinstance(design, LayerDesign):
        return bool(design.weight_streams)
    return design.weights is None


def _bounds(design: LineDesign | LayerDesign, results: Integers) -> None:
    """Hold results to the range that is promised."""
    ends = design.output_range
    if results.min() < ends.low or results.max() > ends.high:
        raise WrongError(f"results from {results.min()} to {results.max()}, not {ends}")


def _words(maps: Integers, lanes: int, slot_bytes: int) -> list[int]:
    """Return beats as integers, the lowest byte first."""
    data, size = pack(maps, lanes, slot_bytes), lanes * slot_bytes
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def try_network(dice: Dice) -> Options:
    """Draw an accelerator and one or two networks on it, and try it; see `TRIALS`."""
    tile = dice.one(4, 8)
    sizes = Sizes(
        tile=tile,
        scalers=dice.one(1, 2, 4),
        positions=dice.number(2, 40),
        target=dice.one("generic", *TARGETS),
        logic_scalers=dice.number(0, 1),
    )
    drawn = [_Chain(dice).network(dice.number(1, 4)) for _ in range(dice.number(1, 2))]
    said = {"sizes": str(sizes), "networks": [_said(network) for network, _ in drawn]}
    done = [compare(network, words, sizes) for network, words in drawn]
    program = joined([one for one, _, _ in done])
    _try_program(program, [frame for _, frame, _ in done], [given for _, _, given in done])
    return said


def _said(network: Network) -> list[str]:
    return [f"{node.name} = {type(node.stage).__name__}{node.sources}" for node in network.nodes]


def _try_program(program: Program, frames: list[Integers], given: list[Integers]) -> None:
    timeline = Timeline(program)
    if timeline.cycles_per_frame > _MOST_FRAME:
        raise ParameterError("network", "small", timeline.cycles_per_frame)
    wrapper = AxiWrapper(Accelerator(program), PortNames())
    files, manifest = verilog_files(wrapper, NAME, PortNames(), hardened=False)
    bits = program.sizes.tile * DATA_BITS
    whole = [_bytes(np.concatenate(parts)) for parts in (frames, given)]
    sent, due = (2 * words for words in whole)
    ends = np.cumsum([len(one) for one in given])
    _run(
        manifest,
        files,
        sent,
        due,
        frame=len(whole[0]),
        given=[int(turn * len(whole[1]) + end) for turn in range(2) for end in ends],
        bits=(bits, bits),
        latency=timeline.latency,
        patience=2 * timeline.cycles_per_frame + 500,
        events=False,
    )


def _bytes(words: Integers) -> list[int]:
    return [int.from_bytes(row.tobytes(), "little") for row in (words & 255).astype(np.uint8)]


def _run(
    manifest: Mapping[str, Any],
    files: Mapping[str, bytes],
    sent: list[int],
    due: list[int],
    *,
    frame: int,
    given: int | Sequence[int],
    bits: tuple[int, int],
    latency: int,
    patience: int,
    events: bool = True,
) -> None:
    """Run a build at every pace; ``given`` are beats to a tlast, or where each is."""
    lasts = range(given, len(due) + 1, given) if isinstance(given, int) else given
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        write_files(dict(files), folder)
        sources = [folder / file for file in manifest["files"]]
        stimulus = Stimulus(
            words=sent,
            in_bits=bits[0],
            out_bits=bits[1],
            out_beats=len(due),
            frame=frame,
            patience=10 * patience,
            settle=patience // 4,
            events=events,
        )
        found = run_beats(manifest, sources, stimulus, _PACES, folder / "run")
        for pace, seen in zip(_PACES, found, strict=True):
            _hold(seen, len(sent), due, set(lasts))
            first = int(seen.beats[0][0])
            if pace == Pace() and first != latency:
                raise WrongError(f"its first result in cycle {first}, not {latency}")


def _hold(seen: Seen, n_sent: int, due: list[int], lasts: set[int]) -> None:
    """Hold what came to what was due."""
    if (seen.taken, len(seen.beats)) != (n_sent, len(due)):
        raise WrongError(f"{seen.taken} of {n_sent} taken, {len(seen.beats)} of {len(due)} given")
    if seen.broken or seen.events:
        raise WrongError(f"rules broken {seen.broken} times, {seen.events} events")
    for place, ((_, last, data), word) in enumerate(zip(seen.beats, due, strict=True), start=1):
        if int(data, 16) != word:
            raise WrongError(f"beat {place} is {data}, not {word:x}")
        if (last == "1") != (place in lasts):
            raise WrongError(f"tlast of beat {place} is {last}")


TRIALS: dict[str, Callable[[Dice], Options]] = {
    "line": try_line,
    "layer": try_layer,
    "network": try_network,
}
"""By kind: draws a design, tries it, and says which it was.

Each raises `ParameterError` where what was drawn is refused, and anything else where it is wrong.
"""
