"""Imports point one way: golden <- hw, nets <- sim, flow, boards <- parc_litex <- the rest."""

import ast
import re
from pathlib import Path

import pytest

from golden.inputs.names import CELLS
from golden.targets import FACTS

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "golden": {"golden"},
    "hw": {"golden", "hw"},
    "nets": {"golden", "nets"},
    "sim": {"golden", "hw", "sim"},
    "boards": {"golden", "hw", "boards"},
    "flow": {"golden", "hw", "boards", "flow"},
    "parc_litex": {"golden", "hw", "flow", "parc_litex"},
    "parc_hdl": {"golden", "hw", "boards", "flow", "parc_litex", "parc_hdl"},
    "scripts": {"golden", "hw", "nets", "sim", "boards", "flow", "parc_litex"},
}
KEPT_OUT = {
    "golden": {"amaranth", "pyosys", "click", "cocotb"},
    "hw": {"cocotb"},
    "nets": {"amaranth", "click", "cocotb"},
}
EXTRAS = {"torch", "onnx"}
"""Needed by no more than may need them."""
SCRIPTS_OF_NETWORKS = (
    "scripts/demo_network.py",
    "scripts/demo_photo.py",
    "scripts/soak_published.py",
    "scripts/soak_trained.py",
)
DAMAGED_NETWORKS = "sim/campaign/fuzz/networks.py"
NEED_EXTRAS = (
    *("hw/convert", "nets", "scripts/train_", "scripts/distil_", DAMAGED_NETWORKS),
    *SCRIPTS_OF_NETWORKS,
)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} must name what it imports in full"
            yield node.module.split(".")[0]


@pytest.mark.parametrize("layer", ALLOWED)
def test_imports_point_one_way(layer):
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    for path in files:
        used = set(imports(path))
        assert used & set(ALLOWED) <= ALLOWED[layer], path
        assert not used & KEPT_OUT.get(layer, set()), path


def test_only_the_converter_and_the_networks_need_the_extras():
    for layer in ALLOWED:
        for path in sorted((ROOT / layer).rglob("*.py")):
            if not path.relative_to(ROOT).as_posix().startswith(NEED_EXTRAS):
                assert not set(imports(path)) & EXTRAS, path


def strings(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_only_the_targets_know_a_device():
    """No word of another file is a target's or a primitive's name, and no text speaks of these."""
    named = (set(FACTS) - {"generic"}) | CELLS
    facts = ROOT / "golden" / "targets.py"
    for path in sorted([*(ROOT / "hw").rglob("*.py"), *(ROOT / "golden").rglob("*.py")]):
        if path == facts or path.is_relative_to(ROOT / "hw" / "targets"):
            continue
        assert not set(strings(path)) & named, path
        for primitive in ("MULT18X18D", "DP16KD", "CCU2C", "SB_MAC16", "DSP48"):
            assert primitive not in path.read_text(), path


ONE_PLACE = {
    "tomllib": "golden/inputs/read.py",
    "zipfile": "golden/inputs/read.py",
    "tomli_w": "hw/emit/toml.py",
    "savez": "golden/inputs/write.py",
    "indent=2": "hw/emit/files.py",
}
"""Files of TOML, arrays and JSON: what reads or writes them, and the module that does."""
OTHERS = {"zipfile": {"hw/convert/archive.py", "sim/campaign/fuzz/mutate.py"}}
"""Archives of torch, which hold no arrays of NumPy, and such as are damaged on purpose."""


@pytest.mark.parametrize("word", ONE_PLACE)
def test_files_are_read_and_written_in_one_place(word):
    places = {
        path.relative_to(ROOT).as_posix()
        for layer in ALLOWED
        for path in sorted((ROOT / layer).rglob("*.py"))
        if re.search(rf"(?<!`)\b{word}\b", path.read_text())
    }
    assert places - OTHERS.get(word, set()) == {ONE_PLACE[word]}
