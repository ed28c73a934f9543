"""One name, one thing: no two public classes of golden and hw share a name."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WAIVED = {
    "Accelerator": "of hardware, and in the driver that is copied beside a build",
    "Graph": "of stages, and in hw.convert of the operators of a network that is read",
    "Node": "of either graph",
    "Pass": "of the matrix unit, and in hw.convert of a layer that was found",
    "Reader": "of windows, and in hw.convert of operations",
    "Sequencer": "of the accelerator, and of the direct engine",
    "Step": "of a transform, and in hw.convert of a network",
    "Table": "of a configuration, and in hw of words",
    "Term": "of a program's sums, and of a product's limbs",
}
"""What parts say of different things that never meet."""


def classes():
    """Return the folders of public classes by their names."""
    places = defaultdict(list)
    for top in ("golden", "hw"):
        for path in sorted((ROOT / top).rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    places[node.name].append(path.relative_to(ROOT).parts)
    return places


def is_mirrored(places):
    """Whether hw builds what golden describes under the same name: golden/fft, hw/fft."""
    return sorted(place[0] for place in places) == ["golden", "hw"] and (
        len({place[1] for place in places}) == 1
    )


def test_no_two_classes_share_a_name():
    shared = {
        name: ["/".join(place) for place in places]
        for name, places in classes().items()
        if len(places) > 1 and not is_mirrored(places)
    }
    new = {name: places for name, places in shared.items() if name not in WAIVED}
    assert not new, "rename one"
    assert set(WAIVED) == set(shared), "no longer shared"
