"""ParC in early stages: what a sample costs against the length of its line, by every means."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from flow.published import CAPACITY
from golden.accelerator.external.capacity import KERNEL_SIDE
from golden.inputs.errors import ParameterError
from hw.emit.svg import as_svg
from hw.engines import ENGINES
from hw.line.candidates import Lines

LENGTHS = (7, 14, 28, 56, 112, 224)
_LANES = (1, 2, 4)


class Cost(NamedTuple):
    """What a sample costs: multipliers, and LUTs where they are predicted, times cycles."""

    multipliers: float
    luts: float | None = None


def engine_cost(name: str, length: int) -> Cost:
    """Return what a line engine takes for a sample of a line, at its best.

    Parameters
    ----------
    name
        Of the engine.
    length
        Samples of the line, and taps of its kernel.
    """
    engine = ENGINES[name]
    found = []
    for table in engine.candidates.tables(Lines(length, length, length), 1.0):
        for lanes in _LANES:
            given: dict[str, Any] = {"length": length, "lanes": lanes, "target": "ecp5", **table}
            try:
                design = engine.design(name="planned", weights=None, **given)
                cost, cycles = engine.predict(design), design.cycles_per_group / (lanes * length)
            except ParameterError:
                continue  # these lanes do not divide what it does
            found.append(Cost(cost.multipliers * cycles, cost.luts * cycles))
    return min(found)


def diagonal(length: int) -> Cost:
    """Return what the accelerator's array takes, a product a channel and cycle."""
    sizes = CAPACITY.sizes
    return Cost(sizes.matrix.multipliers * length / sizes.tile)


def circulant(length: int) -> Cost:
    """Return what the array would take with a line's samples as its channels."""
    sizes = CAPACITY.sizes
    side = -(-length // sizes.tile) * sizes.tile
    return Cost(sizes.matrix.multipliers * side * side / (sizes.tile**2 * length))


def depthwise(length: int) -> Cost:
    """Return what the depthwise unit takes for 7 x 7, whatever the map."""
    del length
    groups = -(-KERNEL_SIDE // CAPACITY.depthwise)
    cycles = KERNEL_SIDE * groups / CAPACITY.sizes.tile
    return Cost(CAPACITY.depthwise_scalers * cycles)


MEANS: Mapping[str, Callable[[int], Cost]] = {
    **{f"ParC, {name}": partial(engine_cost, name) for name in ENGINES},
    "ParC, diagonal of the array": diagonal,
    "ParC, circulant on the array": circulant,
    "7 x 7, depthwise unit": depthwise,
}


def costs() -> dict[str, list[Cost]]:
    """Return what a sample costs at each of `LENGTHS`, by what does it."""
    return {name: [means(length) for length in LENGTHS] for name, means in MEANS.items()}


def cost_rows(found: Mapping[str, list[Cost]]) -> Iterator[list[str]]:
    """Yield lines of a table, heads first."""
    yield ["", *(f"{length}" for length in LENGTHS)]
    for name, own in found.items():
        yield [name, *(f"{one.multipliers:.1f}" for one in own)]


def plot(found: Mapping[str, list[Cost]]) -> bytes:
    """Return an SVG: multipliers and LUTs a sample against the length of a line."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    panels = figure.subplots(1, 2)
    for name, own in found.items():
        style = "-" if name.startswith("ParC") else "--"
        panels[0].plot(LENGTHS, [one.multipliers for one in own], style, marker=".", label=name)
        luts = [one.luts for one in own if one.luts is not None]
        if luts:
            panels[1].plot(LENGTHS, luts, style, marker=".", label=name)
    for panel, what in zip(panels, ("multipliers", "LUTs, predicted"), strict=True):
        panel.set(xscale="log", yscale="log", xlabel="height and width of the map", ylabel=what)
        panel.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
        panel.minorticks_off()
        panel.grid(visible=True, alpha=0.3)
    panels[0].legend(fontsize="x-small")
    figure.suptitle("times cycles, a sample of a depthwise layer")
    return as_svg(figure, "early", outlines=False)
