"""The registry: what is in it, and that nothing else tells engines apart by their names."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from golden.engines import DENSE_DESIGNS, DESIGNS, PLANE_DESIGNS
from hw.engines import DENSE_ENGINES, ENGINES, PLANE_ENGINES, engine_of

ROOT = Path(__file__).resolve().parents[2]
TOPS = ("golden", "hw", "sim", "flow", "scripts", "boards")
ENTRIES = {"golden/engines.py", "hw/engines.py"}
WAIVED = {
    "golden/layer/filter.py": "complex numbers are a type of golden.fft.flow",
    "golden/matrix/design.py": "the identity of pairs is golden.direct.pairs",
    "hw/plane/door.py": "samples reach either transform as hw.fft.beats has them",
    "scripts/networks.py": "a document that lists the lengths that rings have",
    "scripts/soak.py": "hours of the direct engine's designs",
    "sim/campaign/certificates.py": "what is proved of transforms, to be held against a search",
    "sim/campaign/faults/tops.py": "which small designs get mutants and upsets: all engines'",
    "sim/campaign/fuzz/readers.py": "a manifest of an engine, to be damaged",
    "sim/campaign/small.py": "small designs of every engine",
    "sim/random_layers.py": "dice with an engine's name on each side, and any number of macs",
}
"""What names an engine all the same, and why."""


def names_engines(path):
    """Whether a file says an engine's name, or imports from its folders."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in ENGINES:
            return True
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or "", *(f"{node.module}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        parts = (module.split(".") for module in modules)
        if any(p[0] in TOPS[:2] and len(p) > 1 and p[1] in ENGINES for p in parts):
            return True
    return False


def test_only_an_engines_own_folders_name_it():
    own = {f"{top}/{name}" for top in TOPS[:2] for name in ENGINES}
    found = set()
    for path in (path for top in TOPS for path in (ROOT / top).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if "/".join(place.split("/")[:2]) not in own and names_engines(path):
            found.add(place)
    assert found == ENTRIES | set(WAIVED)


@pytest.mark.parametrize("name", ENGINES)
def test_an_entry_is_whole(name):
    engine = ENGINES[name]
    assert engine.design is DESIGNS[name]
    for part, designs, entries in (
        (engine.dense, DENSE_DESIGNS, DENSE_ENGINES),
        (engine.plane, PLANE_DESIGNS, PLANE_ENGINES),
    ):
        assert (part is None) == (name not in designs)
        assert part is None or (designs[name] is part.design and entries[part.design] is part)


@pytest.mark.parametrize(
    "design",
    [*DESIGNS.values(), *DENSE_DESIGNS.values(), *PLANE_DESIGNS.values()],
    ids=lambda design: design.__name__,
)
def test_options_decide_fields_or_finish(design):
    fields = design.__dataclass_fields__
    names = [option.name for option in design.options]
    assert len(set(names)) == len(names)
    for option in design.options:
        assert option.help.endswith(".")
        assert set(option.settles) <= set(names)
        assert (option.field or option.name) in fields or option.finish is not None


def test_an_engine_derived_from_another_is_told_apart():
    class Derived(DESIGNS["direct"]):
        pass

    derived = Derived(name="e", length=4, weights=None)
    assert engine_of(derived) is ENGINES["direct"]
    own = replace(ENGINES["direct"], design=Derived)
    ENGINES["derived"] = own
    try:
        assert engine_of(derived) is own
    finally:
        del ENGINES["derived"]
