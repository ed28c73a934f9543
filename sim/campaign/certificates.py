"""The part of the campaign that looks for inputs as far off as a certificate allows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from golden.engines import EngineChoice
from golden.fft.design import FftDesign
from golden.fft.search import searchable
from golden.layer.filter import GlobalFilterDesign
from golden.line.weights import LineWeights
from golden.network.layer_norm import NORMAL_F_BITS, LayerNorm
from golden.network.map import Map
from golden.numbers.interval import Integers, Interval
from golden.numbers.search import Certified, Floats, climb
from sim.campaign.part import Outcome

LENGTHS = (14, 56, 64, 112, 256)
FILTERS = (8, 16)
CHANNELS = (12, 96, 768)
DESIGNS = 20
"""Of each length, side and number of channels."""
_DATA = Interval.signed(8)
_NORM_SHIFT = 12
_GENERATIONS = 9600
"""Times the size: a generation of a larger one takes longer."""
_WITHIN = {("fft", 64): 5.0, ("fft", 256): 10.0}
"""How often the worst found the bound may be: farther from it the search begins anew, from other
inputs, so many times."""
_CLIMBS = 8


def line(length: int, random: np.random.Generator, **widths: int) -> Certified:
    """Return an fft engine of one random kernel, and of random widths where none are said."""
    taps = np.rint(random.normal(0, random.uniform(8, 60), (1, length))).astype(np.int64)
    kernel = np.clip(taps, -127, 127)
    weights = LineWeights(kernel, np.zeros_like(kernel), np.zeros(1, dtype=np.int64))
    options: dict[str, Any] = _widths(random) | widths
    design = FftDesign(
        name="certified", length=length, channels=1, rows=2, weights=weights, **options
    )
    return searchable(design)


def _widths(random: np.random.Generator) -> dict[str, int]:
    """Return widths of a transform."""
    ends = {
        "operand_bits": (15, 18),
        "twiddle_bits": (12, 17),
        "spectrum_bits": (12, 18),
        "guard_bits": (0, 2),
    }
    return {name: int(random.integers(*of, endpoint=True)) for name, of in ends.items()}


def global_filter(side: int, random: np.random.Generator) -> Certified:
    """Return a global filter of a square map through a transform of random widths, one channel."""
    spectrum = random.integers(-127, 128, (2, 1, side, side // 2 + 1))
    layer = GlobalFilterDesign(
        name="certified",
        channels=1,
        height=side,
        width=side,
        weights=dict(zip(("spectrum_re", "spectrum_im"), spectrum, strict=True)),
        plane_engine=EngineChoice("fft", _widths(random)),
    )
    engine = layer.engine
    assert engine.weights is not None
    weights = engine.weights
    shares = engine.plane.shares(weights.weight[0], slice(None))

    def off(maps: Integers) -> Floats:
        sums = engine.accumulate(maps, weights.of(np.zeros(len(maps), dtype=np.int64)))
        return np.asarray(np.abs(sums - maps @ shares).max(axis=1))

    return Certified(float(max(layer.sum_errors)), off, (side * side,), _DATA)


def layer_norm(channels: int, random: np.random.Generator) -> Certified:
    """Return a layer norm of random gains, results so fine that what is off is many steps."""
    data = Map.of((channels, 1, 1), 0.02, int(random.integers(-128, 128)))
    gain = np.rint(random.normal(1, 0.5, channels) * (1 << 14)).astype(np.int64)
    norm = LayerNorm(
        takes=(data,),
        gives=Map.of(data.shape, 2.0**-4),
        gain=gain,
        offset=np.zeros(channels, dtype=np.int64),
        shift=_NORM_SHIFT,
        epsilon=1 + int(1e-6 * channels**2 / 0.02**2),
        clip=Interval.signed(32),
    )

    def off(inputs: Integers) -> Floats:
        x = (inputs - data.zero_point).astype(np.float64)
        n = channels
        total = x.sum(axis=1, keepdims=True)
        spread = n * (x * x).sum(axis=1, keepdims=True) - total * total + norm.epsilon
        normal = (n * x - total) / np.sqrt(spread) * 2.0 ** (NORMAL_F_BITS - _NORM_SHIFT)
        wanted = np.rint(normal * gain)
        found = norm.value(inputs[:, :, None, None])[:, :, 0, 0]
        return np.asarray(np.abs(found - wanted).max(axis=1))

    return Certified(norm.max_error, off, (channels,), _DATA)


_KINDS: Mapping[str, tuple[Callable[[int, np.random.Generator], Certified], Sequence[int]]] = {
    "fft": (line, LENGTHS),
    "global_filter": (global_filter, FILTERS),
    "layer_norm": (layer_norm, CHANNELS),
}


class Certificates:
    """Bounds beside the worst that was found: never above."""

    name = "certificates"
    head = ("what", "size", "designs", "bound / worst found", "at least", "at most")

    def points(self) -> Iterator[str]:
        """See `Part`."""
        for number in range(DESIGNS):
            for kind, (_, sizes) in _KINDS.items():
                yield from (f"{kind} {size} {number} {_GENERATIONS // size}" for size in sizes)

    def sample(self) -> Iterator[str]:
        """See `Part`."""
        yield from ("fft 14 0 20", "global_filter 8 0 5", "layer_norm 12 0 10")

    def run(self, point: str) -> Outcome:
        """See `Part`."""
        kind, size, number, generations = point.split()
        make, _ = _KINDS[kind]
        random = np.random.default_rng([int(size), int(number)])
        one = make(int(size), random)
        found, within = 0.0, _WITHIN.get((kind, int(size)), float("inf"))
        for _ in range(_CLIMBS):
            found = max(found, climb(one, int(generations), random))
            if one.bound <= within * found:
                break
        failures = [] if found <= one.bound else [f"off by {found}, where {one.bound} is the bound"]
        return {"failures": failures, "bound": one.bound, "found": found}

    def figures(self, kept: Mapping[str, Outcome]) -> list[Sequence[str]]:
        """See `Part`."""
        rows: list[Sequence[str]] = []
        for kind, (_, sizes) in _KINDS.items():
            for size in sizes:
                own = [o for point, o in kept.items() if point.startswith(f"{kind} {size} ")]
                ratios = [outcome["bound"] / max(outcome["found"], 1e-9) for outcome in own]
                ends = (np.median(ratios), min(ratios), max(ratios)) if ratios else ()
                said = [f"{ratio:.1f}" for ratio in ends] or ["-"] * 3
                rows.append((kind, str(size), str(len(own)), *said))
        return rows
