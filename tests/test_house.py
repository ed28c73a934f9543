"""The map of docs/architecture.md is what the folders of golden and hw import of each other."""

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("golden", "hw")
ROW = re.compile(r"^\| `((?:golden|hw)/[^`]+)` \| ([^|]+) \|([^|]*)\|$", re.MULTILINE)
KNOTS = {
    ("hw/primitives", "hw/parts"): "ports, delays and operands, which need no primitive",
    ("hw/targets", "hw/parts"): "the same",
    ("hw/line", "hw/engines.py"): "a line engine has the core that is registered for its design",
    ("hw/dense", "hw/engines.py"): "so has a dense one",
    ("hw/plane", "hw/fft"): "the beats of a transform",
}
"""Arrows against the order of the rows, and what for; all others point up the page."""


def place_of(parts):
    """Return the folder of a module, or the module where it is in none: `hw/build.py`."""
    return f"{parts[0]}/{parts[1]}" if len(parts) > 2 else f"{parts[0]}/{parts[1]}.py"


def modules(node):
    """Yield the parts of the modules that an import names."""
    names = [alias.name for alias in node.names]
    if isinstance(node, ast.Import):
        yield from (name.split(".") for name in names)
    elif (ROOT / node.module.replace(".", "/")).is_dir():
        yield from ([*node.module.split("."), name] for name in names)
    else:
        yield node.module.split(".")


@cache
def arrows():
    """Return what each place imports of golden and hw, itself left out."""
    found = defaultdict(set)
    for top in TOPS:
        for path in sorted((ROOT / top).rglob("*.py")):
            place = place_of(path.relative_to(ROOT).with_suffix("").parts)
            if path.parent == ROOT / top and path.stem == "__init__":
                continue
            used = found[place]
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    used |= {place_of(m) for m in modules(node) if m[0] in TOPS} - {place}
    return dict(found)


def told(place, used):
    """Return imports as a row has them: those of one's own house by their last names."""
    own, others = [], []
    for other in sorted(used):
        top, name = other.split("/")
        (own if place.startswith(f"{top}/") else others).append(
            name if place.startswith(f"{top}/") else other
        )
    return ", ".join(f"`{name}`" for name in [*others, *own]) or "-"


def rows():
    """Return the map's rows: place, and what it imports, in order."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return [(place, imports.strip()) for place, _, imports in ROW.findall(text)]


def test_the_map_has_every_folder():
    assert sorted(place for place, _ in rows()) == sorted(arrows())


@pytest.mark.parametrize("place", sorted(arrows()))
def test_the_map_says_what_is_imported(place):
    listed = dict(rows())
    assert listed.get(place) == told(place, arrows()[place]), "change docs/architecture.md"


def test_imports_point_up_the_page():
    order = [place for place, _ in rows()]
    down = {
        (place, other)
        for place, used in arrows().items()
        for other in used
        if order.index(other) > order.index(place)
    }
    assert down == set(KNOTS), "a folder imports what stands below it: a cycle"
