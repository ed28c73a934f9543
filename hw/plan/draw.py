"""The picture of a plan: what frames a second cost, and where each engine is the best."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from golden.inputs.errors import ParameterError
from hw.emit.svg import as_svg
from hw.engines import ENGINES
from hw.plan.goal import Plan
from hw.plan.search import Planner
from hw.plan.sums import Pick
from hw.predict import reservation

_PALETTE = ("blue", "green", "orange", "red", "purple", "brown", "pink", "gray", "olive", "cyan")
_MOST_POINTS = 32
_PANELS = ((0, "multipliers"), (1, "LUTs"))


@dataclass(frozen=True)
class _Point:
    """The least of a resource that a speed takes, and the engine that does most of the work."""

    fps: float
    figure: float
    engine: str


def picture(planner: Planner, plan: Plan) -> bytes:
    """Return an SVG: multipliers and LUTs against frames a second."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    colours = _colours()
    fronts = {"any engine": planner}
    unable = []
    for engine in planner.goal.engines:
        try:
            alone = planner.alone(engine)
        except ParameterError:
            unable.append(engine)  # of some layer, which the plan's remarks name
            continue
        fronts[f"{engine} alone"] = alone
    all_points = {name: _points(one) for name, one in fronts.items()}
    taken = (plan.cost.multipliers, plan.cost.luts)
    for panel, (column, label) in zip(figure.subplots(1, 2), _PANELS, strict=True):
        for name, by_panel in all_points.items():
            _draw(panel, name, front(by_panel[column]), colours)
        for engine in unable:
            panel.plot([], [], "--", color=colours[engine], label=f"{engine} alone: can't")
        panel.plot(plan.fps, taken[column], "k*", markersize=12, label="this plan")
        panel.set(xscale="log", yscale="log", xlabel="frames a second", ylabel=label)
        panel.grid(visible=True, which="both", alpha=0.3)
    panel.legend(fontsize="small")
    device, clock = planner.goal.device, planner.goal.clock / 1e6
    predicted = f"predicted{reservation(device.target)}"
    figure.suptitle(f"{planner.network.name} on {device.name} at {clock:g} MHz ({predicted})")
    return as_svg(figure, "plan")


def _points(planner: Planner) -> list[list[_Point]]:
    """Return points for each of the panels, at speeds all over the range."""
    bounds = planner.bounds
    step = max(len(bounds) // _MOST_POINTS, 1)
    points: list[list[_Point]] = [[] for _ in _PANELS]
    for bound in bounds[::-1][::step]:
        sums = planner.sums(bound, planner.goal.budget(bound))
        if not sums.picks:
            break
        for column, _ in _PANELS:
            best = int(sums.figures[:, column].argmin())
            fps = planner.goal.clock / bound
            engine = _main_engine(sums.picks[best])
            points[column].append(_Point(fps, float(sums.figures[best, column]), engine))
    return points


def front(points: Sequence[_Point]) -> list[_Point]:
    """Return the points that no faster one undercuts, the fastest last."""
    kept: list[_Point] = []
    for point in sorted(points, key=lambda p: (-p.fps, p.figure)):
        if not kept or point.figure < kept[-1].figure:
            kept.append(point)
    return kept[::-1]


def _main_engine(picks: Sequence[Pick]) -> str:
    """Return the engine that the most multiplications are done by."""
    counts: Counter[str] = Counter()
    for option, deals in picks:
        for table in option.engines.values():
            pixels = option.design.height * option.design.width
            work = pixels * sum(layer.channels for deal in deals for layer in deal)
            counts[str(table["engine"])] += work
    return counts.most_common(1)[0][0]


def _colours() -> dict[str, str]:
    """Return a colour for each engine."""
    return {engine: f"tab:{c}" for engine, c in zip(ENGINES, itertools.cycle(_PALETTE))}


def _draw(panel: Axes, name: str, points: Sequence[_Point], colours: Mapping[str, str]) -> None:
    speeds, figures = [p.fps for p in points], [p.figure for p in points]
    engine = name.split()[0]
    if engine in colours:
        panel.plot(speeds, figures, "--", color=colours[engine], label=name, linewidth=1)
        return
    panel.plot(speeds, figures, "-", color="0.3", label=f"{name}, by the one that works most")
    panel.scatter(speeds, figures, c=[colours[p.engine] for p in points], s=18, zorder=3)
