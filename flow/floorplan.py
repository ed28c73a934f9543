"""Where nextpnr put the cells of each unit, and how much time the paths have left."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from flow.synthesis import own_name

PLACED = "placed.json"
_MOST_UNITS = 12
_SITE = re.compile(r"X(\d+)/?Y(\d+)")
_SLACK = re.compile(r"^Info: +\[ *(-?\d+), *(-?\d+)\) \|(\**)", re.MULTILINE)
_EACH = re.compile(r"legend: \* represents (\d+) endpoint")
_OTHERS = "others"


@dataclass(frozen=True)
class Floorplan:
    """What stands where.

    Parameters
    ----------
    units
        Parts of the design, the largest first; smaller ones together as the last.
    tiles
        Column, row, unit's number and how many of its cells are there.
    slack
        From how many ps to how many a path has left, and how many paths have; at the clock that
        placement was asked for, to some endpoints.
    """

    units: list[str]
    tiles: list[tuple[int, int, int, int]]
    slack: list[tuple[int, int, int]]


def floorplan_of(placed: bytes, log: str) -> Floorplan:
    """Return what nextpnr's netlist after placement and its log say."""
    (module,) = json.loads(placed)["modules"].values()  # nextpnr calls it by a name of its own
    cells = module["cells"]
    sites: Counter[tuple[int, int, str]] = Counter()
    for name, cell in cells.items():
        site = _SITE.search(cell["attributes"].get("NEXTPNR_BEL", ""))
        unit = _unit(name)
        if site and unit:
            sites[int(site[1]), int(site[2]), unit] += 1
    sizes: Counter[str] = Counter()
    for (_, _, unit), count in sites.items():
        sizes[unit] += count
    units = [unit for unit, _ in sizes.most_common(_MOST_UNITS)]
    if len(sizes) > _MOST_UNITS:
        units.append(_OTHERS)
    return Floorplan(units, _tiles(sites, units), _slack(log))


def _unit(cell: str) -> str | None:
    """Return the part that a cell is of; None for what the wrapper or the packer added."""
    own = own_name(cell)
    parts = own.split(".")[:-1]
    return ".".join(parts[1:3] or parts) if own != cell and parts else None


def _tiles(
    sites: Counter[tuple[int, int, str]], units: Sequence[str]
) -> list[tuple[int, int, int, int]]:
    tiles: Counter[tuple[int, int, int]] = Counter()
    for (x, y, unit), count in sites.items():
        number = units.index(unit) if unit in units else len(units) - 1
        tiles[x, y, number] += count
    return [(*place, count) for place, count in sorted(tiles.items())]


def _slack(log: str) -> list[tuple[int, int, int]]:
    """Return the last histogram of a log: after routing."""
    last = log[log.rfind("Slack histogram:") :]
    each = _EACH.search(last)
    if each is None:
        return []
    return [
        (int(low), int(high), len(stars) * int(each[1]))
        for low, high, stars in _SLACK.findall(last)
    ]
