"""The roofline of a plan: what each layer does a cycle, beside what array and memory allow."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hw.emit.svg import as_svg

_COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "0.5")
_SHARES = (0.01, 0.04, 0.16)
"""Of a frame's cycles, from which on a layer's dot is four times as large, and so again."""
_SMALLEST = 6
"""Its area below the first."""


def roofline(plan: Mapping[str, Any]) -> bytes:
    """Return an SVG: products a cycle against products a byte, a dot a layer, a panel a memory.

    Parameters
    ----------
    plan
        Of `whole_plan`, of two memories. Layers without products are left out.
    """
    pages = [plan, plan["beside"]]
    colours = limits_of(pages)
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    for panel, page in zip(figure.subplots(1, 2, sharey=True), pages, strict=True):
        draw_roofline(panel, plan, page, colours)
        rate, fps = _rate(plan, page), plan["clock_hz"] / page["cycles"]
        panel.set_title(f"{rate:g} bytes a cycle: {fps:,.1f} frames a second (*)")
    panel.legend(fontsize="small", title="limited by", loc="lower right")
    parameters = plan["parameters"]
    shares = ", ".join(f"{share:.0%}" for share in _SHARES)
    figure.suptitle(
        f"{plan['products']:,} products, a tile of {parameters['tile']}: predicted; dots grow "
        f"at {shares} of the cycles"
    )
    return as_svg(figure, "roofline", outlines=False)


def limits_of(pages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return a colour for each limit of the layers of ``pages``."""
    limits = sorted({one["limit"] for page in pages for one in page["layers"] if one["products"]})
    return dict(zip(limits, itertools.cycle(_COLOURS)))


def draw_roofline(
    panel: Axes,
    plan: Mapping[str, Any],
    page: Mapping[str, Any],
    colours: Mapping[str, str],
    *,
    ink: str = "black",
) -> None:
    """Draw a network's layers on a memory.

    Parameters
    ----------
    panel
        Where to.
    plan
        ``parameters`` (``tile``, ``data_bits``) and ``products`` of a frame.
    page
        ``memory`` (``bytes_per_cycle``, or 0), ``layers`` and ``cycles`` of a frame.
    colours
        Of `limits_of`.
    ink
        Of the roof.
    """
    most = plan["parameters"]["tile"] ** 2
    rate = _rate(plan, page)
    layers = [one for one in page["layers"] if one["products"] and one["cycles"]]
    intensity, speed = (
        np.array([one["products"] / over(one) for one in layers])
        for over in (_moved, lambda one: one["cycles"])
    )
    share = np.array([one["cycles"] for one in layers]) / page["cycles"]
    for limit, colour in colours.items():
        of_limit = np.array([one["limit"] == limit for one in layers])
        area = _SMALLEST * 4.0 ** np.searchsorted(_SHARES, share[of_limit], side="right")
        panel.scatter(
            intensity[of_limit], speed[of_limit], s=area, c=colour, alpha=0.7, label=limit
        )
    ends = np.geomspace(intensity.min() / 2, max(intensity.max() * 2, 2 * most / rate), 100)
    panel.plot(ends, np.minimum(most, rate * ends), color=ink, linewidth=1)
    moved = sum(map(_moved, page["layers"]))
    all_of_it = (plan["products"] / moved, plan["products"] / page["cycles"])
    panel.plot(*all_of_it, "*", color=ink, markersize=12)
    panel.set(
        xscale="log",
        yscale="log",
        xlabel="products a byte of memory's",
        ylabel="products a cycle",
    )
    panel.grid(visible=True, which="major", alpha=0.3)


def _rate(plan: Mapping[str, Any], page: Mapping[str, Any]) -> float:
    """Return bytes a cycle of a memory; of one without a limit, the bus's."""
    rate: float = page["memory"]["bytes_per_cycle"] or plan["parameters"]["data_bits"] // 8
    return rate


def _moved(layer: Mapping[str, Any]) -> int:
    moved: int = layer["read_bytes"] + layer["written_bytes"]
    return moved
