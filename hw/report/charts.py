"""Plots as SVG inside a page: transparent, text and axes in the page's own colour."""

import io
import re
from collections.abc import Container, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from golden.numbers.interval import Integers
from hw.plan.roofline import draw_roofline, limits_of
from hw.report.certificate import NodeRange
from hw.report.structure import Structure, Unit, short

_INK = "#010203"
"""Stands for the page's colour of text, which it has by day and by night."""
COLOURS = ("#3b82c4", "#d97706", "#2f9e6e", "#c2456b", "#8a63c9", "#7a8794")
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    **dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), _INK
    ),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
_BOX = (1.7, 0.62)
_STEP = (2.4, 1.0)
_MOST_NAMED = 24
"""Maps in memory, up to which each is named."""
_COLUMNS = 6
"""Units beside each other before a diagram goes on below."""


def svg(figure: Figure, name: str, title: str) -> str:
    """Return a figure as SVG that says what it shows; ``name`` keeps its parts' names its own."""
    buffer = io.StringIO()
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(rf'\bid="(?!{re.escape(name)}-)', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    width = re.search(r'<svg[^>]*?width="([\d.]+)pt"', text)
    text = re.sub(r'(<svg[^>]*?) width="[\d.]+pt"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[\d.]+pt"', r"\1", text, count=1)
    size = f"max-width:{float(width[1]) * 1.33:.0f}px" if width else ""
    head = f'<svg role="img" aria-labelledby="{name}-title" style="{size}"'
    opened = text.replace("<svg", head, 1)
    return opened.replace(">", f'><title id="{name}-title">{escape(title)}</title>', 1)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def diagram(structure: Structure, name: str) -> str:
    """Return the units of a design as boxes, and what runs between them as arrows."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    for link, bits in structure.links.items():
        graph.add_edge(*link, bits=bits)
    places = _places(graph)
    units = {unit.name: unit for unit in structure.units}
    xs, ys = zip(*places.values(), strict=True)
    width, height = max(xs) + 2.2, max(ys) - min(ys) + 1.1
    figure, axes = _figure(max(width * 0.68, 4), height * 0.68)
    boxes = {node: _box(axes, place, node, units.get(node)) for node, place in places.items()}
    for (source, sink), bits in structure.links.items():
        _arrow(axes, places, boxes, (source, sink), bits)
    axes.set(xlim=(-1.1, max(xs) + 1.1), ylim=(max(ys) + 0.55, min(ys) - 0.55), aspect="equal")
    axes.set_axis_off()
    said = "; ".join(f"{short(a)} to {short(b)}: {n} bits" for (a, b), n in structure.links.items())
    return svg(figure, name, f"Units and the bits between them. {said}")


def _places(graph: "nx.DiGraph[str]") -> dict[str, tuple[float, float]]:
    """Return where units stand: as far on as the longest way to each, in lines to and fro."""
    columns = _columns(_forwards(graph))
    by_column: dict[int, list[str]] = {}
    for node in sorted(columns):
        by_column.setdefault(columns[node], []).append(node)
    rows: dict[str, int] = {}
    for _, nodes in sorted(by_column.items()):
        before = {
            node: np.mean([rows[one] for one in graph.predecessors(node) if one in rows] or [0])
            for node in nodes
        }
        nodes.sort(key=lambda node: (before[node], node))
        rows |= {node: row for row, node in enumerate(nodes)}
    places: dict[str, tuple[float, float]] = {}
    top = 0.0
    for line in range(max(by_column) // _COLUMNS + 1):
        nodes = [node for node in columns if columns[node] // _COLUMNS == line]
        for node in nodes:
            along = columns[node] % _COLUMNS
            x = _COLUMNS - 1 - along if line % 2 else along
            places[node] = (x * _STEP[0], top + rows[node] * _STEP[1])
        top += (1 + max(rows[node] for node in nodes)) * _STEP[1] + 0.35
    return places


def _forwards(graph: "nx.DiGraph[str]") -> "nx.DiGraph[str]":
    """Return a graph without what goes back: of each circle the narrowest link is left out."""
    kept = graph.copy()
    while not nx.is_directed_acyclic_graph(kept):
        circle = nx.find_cycle(kept)
        kept.remove_edge(*min(circle, key=lambda link: (kept.edges[link]["bits"], link)))
    return kept


def _columns(graph: "nx.DiGraph[str]") -> dict[str, int]:
    columns: dict[str, int] = {}
    for number, layer in enumerate(nx.topological_generations(graph)):
        columns |= dict.fromkeys(layer, number)
    for node in sorted(graph, key=lambda node: -columns[node]):
        # A table or a counter stands right before what it feeds, and not at the beginning.
        after = [columns[other] for other in graph.successors(node)]
        if after and not graph.in_degree(node) and "axi" not in node:
            columns[node] = max(min(after) - 1, 0)
    return columns


def _box(axes: Axes, centre: tuple[float, float], node: str, unit: Unit | None) -> FancyBboxPatch:
    x, y = centre
    box = FancyBboxPatch(
        (x - _BOX[0] / 2, y - _BOX[1] / 2),
        *_BOX,
        boxstyle="round,pad=0.02",
        facecolor=_colour(unit),
        edgecolor=_colour(unit),
        alpha=0.28,
    )
    axes.add_patch(box)
    axes.text(x, y - (0.12 if unit else 0), short(node), ha="center", va="center", fontsize=8.5)
    if unit is not None:
        parts = [f"x {unit.count}"] if unit.count > 1 else []
        parts += [f"{unit.multipliers} mult."] if unit.multipliers else []
        parts += [f"{unit.memories} RAM"] if unit.memories else []
        axes.text(x, y + 0.15, ", ".join(parts), ha="center", va="center", fontsize=7)
    return box


def _colour(unit: Unit | None) -> str:
    """Return the colour of a port, of what multiplies, of what remembers, or of all else."""
    if unit is None:
        return COLOURS[0]
    return COLOURS[1] if unit.multipliers else COLOURS[2] if unit.memories else COLOURS[5]


def _arrow(
    axes: Axes,
    places: Mapping[str, tuple[float, float]],
    boxes: Mapping[str, FancyBboxPatch],
    link: tuple[str, str],
    bits: int,
) -> None:
    (x, y), (to_x, to_y) = (places[node] for node in link)
    far = abs(to_x - x) > 1.5 * _STEP[0] or (to_y == y and abs(to_x - x) < 0.1)
    bend = 0.22 if far else 0.0
    source, sink = (boxes[node] for node in link)
    arrow = {
        "arrowstyle": "-|>",
        "color": COLOURS[5],
        "linewidth": 0.8 + min(bits, 64) / 40,
        "connectionstyle": f"arc3,rad={bend}",
        "patchA": source,
        "patchB": sink,
    }
    axes.annotate("", (to_x, to_y), (x, y), arrowprops=arrow)
    aside = bend * (to_x - x) / 2
    axes.text(
        (x + to_x) / 2,
        (y + to_y) / 2 + aside - 0.06,
        str(bits),
        ha="center",
        va="bottom",
        fontsize=7,
    )


def bars(
    values: Mapping[str, float],
    name: str,
    title: str,
    unit: str,
    *,
    log: bool = False,
    marked: Container[str] = (),
) -> str:
    """Return horizontal bars, a row a name, some of them in another colour."""
    figure, axes = _figure(6.5, 0.6 + 0.3 * len(values))
    names = list(values)
    colours = [COLOURS[one in marked] for one in names]
    axes.barh(names, [values[one] for one in names], color=colours, height=0.65)
    axes.set_xlabel(unit)
    if log:
        axes.set_xscale("log")
    axes.invert_yaxis()
    for row, one in enumerate(names):
        axes.annotate(
            f"{values[one]:,.4g}",
            (values[one], row),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    axes.margins(x=0.12)
    return svg(figure, name, title)


def error_bounds(certificate: Mapping[str, float], name: str, found: float | None = None) -> str:
    """Return what an engine's proved error is made of, and the largest that a search found."""
    parts = {
        "quantised factors": certificate["error_bound_quantization"],
        "roundings": certificate["error_bound_rounding"],
        "all, before rounding": certificate["error_bound"],
        "of a sum": certificate["max_abs_error"],
    }
    searched = "of a sum, searched"
    if found is not None:
        parts[searched] = found
    parts["of a result"] = certificate["max_output_error"]
    title = "Proved error in steps of the result"
    return bars(parts, name, title, "steps at most", marked=(searched,))


def weights(values: Integers, name: str) -> str:
    """Return how a channel's weights spread: smallest, middle half, median, largest."""
    rows = values.reshape(len(values), -1)[:64]
    figure, axes = _figure(7, 2.6)
    channels = np.arange(len(rows))
    low, q1, middle, q3, high = np.percentile(rows, [0, 25, 50, 75, 100], axis=1)
    axes.vlines(channels, low, high, color=COLOURS[0], linewidth=1)
    axes.vlines(channels, q1, q3, color=COLOURS[0], linewidth=4, alpha=0.6)
    axes.plot(channels, middle, ".", color=COLOURS[1])
    axes.set(xlabel="channel", ylabel="weight")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return svg(figure, name, "Weights a channel: range, middle half and median")


def timeline(layers: Sequence[tuple[str, float, float, bool]], name: str) -> str:
    """Return layers one behind the other.

    How many cycles each takes, its multipliers' use, and whether it waits for memory.
    """
    figure, axes = _figure(8, 0.8 + 0.16 * len(layers))
    begins = np.cumsum([0.0, *(cycles for _, cycles, _, _ in layers)])[:-1]
    for row, (begin, (_, cycles, use, waits)) in enumerate(zip(begins, layers, strict=True)):
        colour = COLOURS[1] if waits else COLOURS[5]
        axes.broken_barh([(begin, cycles)], (row - 0.4, 0.8), color=colour, alpha=0.5)
        axes.broken_barh([(begin, cycles * min(use, 1))], (row - 0.4, 0.8), color=COLOURS[0])
    axes.set_yticks(range(len(layers)), [one for one, *_ in layers], fontsize=7)
    axes.set_xlabel("cycles")
    axes.invert_yaxis()
    return svg(figure, name, "Layers as they follow, and how long the multipliers are busy")


def ranges(nodes: Mapping[str, NodeRange], name: str) -> str:
    """Return the range of each node, in bits to either side, and where its own bits end."""
    figure, axes = _figure(7, 0.8 + 0.22 * len(nodes))
    for row, node in enumerate(nodes.values()):
        low, high = (np.sign(end) * np.log2(1 + abs(float(end))) for end in (node.low, node.high))
        axes.barh(row, high - low, left=low, height=0.6, color=COLOURS[0], alpha=0.7)
        axes.plot([1 - node.bits, node.bits - 1], [row, row], "|", color=COLOURS[1], markersize=9)
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set_yticks(range(len(nodes)), list(nodes), fontsize=7)
    axes.set_xlabel("bits of the magnitude, negative to the left")
    axes.invert_yaxis()
    return svg(figure, name, "Proved range of each node, and the bits that it has")


def roofline(plan: Mapping[str, Any], page: Mapping[str, Any], name: str) -> str:
    """Return a network's layers under the roofline of array and memory: see `hw.plan.roofline`."""
    figure, axes = _figure(6.5, 4.2)
    draw_roofline(axes, plan, page, limits_of([page]), ink=_INK)
    legend = {"fontsize": 7, "title": "limited by", "title_fontsize": 7, "markerscale": 0.6}
    axes.legend(loc="lower right", **legend)
    return svg(figure, name, "Products a cycle of each layer against products a byte of memory's")


def memory_map(stays: Sequence[Mapping[str, Any]], name: str, title: str) -> str:
    """Return which map is where in memory, and from when to when."""
    figure, axes = _figure(8, 3.6)
    for number, stay in enumerate(stays):
        colour = matplotlib.colormaps["tab20"](number % 20)
        begin, cycles = stay["begin"], stay["end"] - stay["begin"]
        place = (stay["address"] / 1024, stay["bytes"] / 1024)
        axes.broken_barh([(begin, cycles)], place, color=colour, alpha=0.8)
        if len(stays) <= _MOST_NAMED:
            axes.text(begin, place[0] + place[1] / 2, stay["name"], fontsize=6, va="center")
    axes.set(xlabel="cycle of a frame", ylabel="address, KiB", ylim=(0, None))
    axes.margins(x=0.02)
    return svg(figure, name, title)


def front(dots: Sequence[tuple[float, float, bool]], name: str, axes_of: tuple[str, str]) -> str:
    """Return points of a sweep: two figures, and whether it is one of the best."""
    figure, axes = _figure(6.5, 4)
    for chosen, colour, size in ((False, COLOURS[5], 10), (True, COLOURS[1], 28)):
        values = np.array([(x, y) for x, y, best in dots if best == chosen]).reshape(-1, 2)
        axes.scatter(values[:, 0], values[:, 1], s=size, color=colour, linewidths=0, alpha=0.8)
    axes.set(xlabel=axes_of[0], ylabel=axes_of[1])
    return svg(figure, name, f"{axes_of[1]} against {axes_of[0]}, a dot a point")


def critical_path(path: Mapping[str, Any], name: str) -> str:
    """Return the parts of a path behind each other: cells and wires."""
    steps = path["steps"]
    figure, axes = _figure(7.5, 0.8 + 0.3 * len(steps))
    at = 0.0
    for row, step in enumerate(steps):
        axes.barh(row, step["cell_ns"], left=at, color=COLOURS[1])
        axes.barh(row, step["net_ns"], left=at + step["cell_ns"], color=COLOURS[0])
        at += step["cell_ns"] + step["net_ns"]
    axes.set_yticks(range(len(steps)), [str(step["net"])[-40:] for step in steps], fontsize=7)
    axes.set_xlabel("ns: orange in cells, blue on wires")
    axes.invert_yaxis()
    return svg(figure, name, f"Critical path from {path['start']} to {path['end']}")


def floorplan(plan: Mapping[str, Any], name: str) -> str:
    """Return where the cells of each unit are, a dot a tile, as large as it is full."""
    figure, axes = _figure(7.5, 5)
    tiles = np.array(plan["tiles"], dtype=np.int64).reshape(-1, 4)
    for number, unit in enumerate(plan["units"]):
        x, y, _, count = tiles[tiles[:, 2] == number].T
        colour = matplotlib.colormaps["tab20"](number % 20)
        sizes = 4 + 2.5 * count
        axes.scatter(x, y, s=sizes, color=colour, marker="s", linewidths=0, label=unit)
    axes.set(xlabel="column", ylabel="row", aspect="equal")
    axes.invert_yaxis()
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return svg(figure, name, "Where the cells of each unit are on the device")


def slack(bins: Sequence[Sequence[int]], name: str) -> str:
    """Return how many paths have how much time left."""
    figure, axes = _figure(6.5, 2.4)
    low, high, count = np.array(bins).T
    axes.bar(low / 1000, count, (high - low) / 1000, align="edge", color=COLOURS[0])
    axes.axvline(0, color=_INK, linewidth=0.8)
    axes.set(xlabel="ns left at the clock that was asked for", ylabel="endpoints")
    return svg(figure, name, "Slack after routing")


def scatter(points: Mapping[str, tuple[float, float]], name: str, axes_of: tuple[str, str]) -> str:
    """Return builds as points."""
    figure, axes = _figure(6, 3.4)
    for number, (one, (x, y)) in enumerate(points.items()):
        axes.plot(x, y, "o", color=COLOURS[number % len(COLOURS)])
        axes.annotate(one, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set(xlabel=axes_of[0], ylabel=axes_of[1], ylim=(0, None), xlim=(0, None))
    axes.margins(0.15)
    return svg(figure, name, f"{axes_of[1]} against {axes_of[0]}")


def waveform(signals: Mapping[str, Sequence[str]], cycles: Sequence[int], name: str) -> str:
    """Return signals a cycle, a bit as a level and a word as its value; gaps where cycles jump."""
    figure, axes = _figure(max(0.34 * len(cycles), 5), 0.5 + 0.42 * len(signals))
    for row, values in enumerate(signals.values()):
        y = -row
        if all(value in "01" for value in values):
            levels = np.repeat([y + 0.6 * (value == "1") for value in values], 2)
            times = np.repeat(np.arange(len(values) + 1), 2)[1:-1]
            axes.plot(times, levels, color=COLOURS[0], linewidth=1.2)
            continue
        for at, value in enumerate(values):
            if value:
                axes.fill_between([at + 0.04, at + 0.96], y, y + 0.6, color=COLOURS[1], alpha=0.3)
                axes.text(at + 0.5, y + 0.28, value, ha="center", va="center", fontsize=6)
    for at in range(1, len(cycles)):
        if cycles[at] != cycles[at - 1] + 1:
            axes.axvline(at, color=_INK, linestyle=":", linewidth=1)
    axes.set_yticks([0.3 - row for row in range(len(signals))], list(signals))
    axes.set_xticks(
        [at + 0.5 for at in range(0, len(cycles), 4)], [str(c) for c in cycles[::4]], fontsize=7
    )
    axes.set_xlabel("cycle after reset; dotted: others between are left out")
    return svg(figure, name, "The first transactions on the streams, as simulated")
