"""What the wheel holds: one package, all its data, and imports of nothing at the checkout's top."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHERS = ("boards", "build_backend", "flow", "golden", "hw", "nets", "scripts", "sim", "tests")
"""Names that a user's own packages may have."""

EXTRAS = {
    "torch",
    "onnx",
    "onnxscript",
    "matplotlib",
    "sklearn",
    "litex",
    "litex_boards",
    "litedram",
    "migen",
}


def load_backend():
    place = ROOT / "build_backend" / "parc_backend.py"
    spec = importlib.util.spec_from_file_location("parc_backend", place)
    backend = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(backend)
    return backend


BACKEND = load_backend()


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("the wheel's tree")
    BACKEND.stage(ROOT, folder)
    return folder


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("from golden.fft.design import a\n", "from parc_hdl.golden.fft.design import a\n"),
        ("from hw import a, b\n", "from parc_hdl.hw import a, b\n"),
        ("from  hw.x import (\n    a,\n)\n", "from  parc_hdl.hw.x import (\n    a,\n)\n"),
        ("import hw.x as y, json\n", "import parc_hdl.hw.x as y, json\n"),
        ("import json, nets.x as y\n", "import json, parc_hdl.nets.x as y\n"),
        ("é = 1; from flow.x import a\n", "é = 1; from parc_hdl.flow.x import a\n"),
        ("def f():\n    from hw.x import a\n", "def f():\n    from parc_hdl.hw.x import a\n"),
        ("from hwloc import a\nimport golden_gate\n", None),
        ("from parc_hdl.command import run\n", None),
        ("from . import hw\n", None),
        ('"""From golden.fft.design."""\nx = "golden"\n', None),
    ],
)
def test_imports_are_renamed(before, after):
    assert BACKEND.renamed(before.encode(), "x.py").decode() == (after or before)


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("a = 1\nimport hw.x\n", "x.py:2: write 'from ... import', not 'import hw.x'"),
        ('run("sim.bench")\n', "x.py:1: take 'sim.bench' from __package__"),
        ('f"hw.build"\n', "x.py:1: take 'hw.build' from __package__"),
        ('"nets.zoo:parcnet_s"\n', "x.py:1: take 'nets.zoo:parcnet_s' from __package__"),
    ],
)
def test_what_cannot_be_renamed_is_refused(source, rule):
    with pytest.raises(ValueError, match=f"^{rule}$"):
        BACKEND.renamed(source.encode(), "x.py")


def test_all_files_are_in_it(staged):
    wanted = {
        path.relative_to(ROOT)
        for part in (*BACKEND.PARTS, *BACKEND.DATA)
        for path in [ROOT / part, *(ROOT / part).rglob("*")]
        if path.is_file() and "__pycache__" not in path.parts
    }
    package = staged / "parc_hdl"
    held = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    assert wanted <= held
    own = {path.name for path in (ROOT / "parc_hdl").glob("*.py")}
    assert {str(path) for path in held - wanted} == own
    assert sorted(path.name for path in staged.iterdir() if path.is_dir()) == ["parc_hdl"]


def test_every_import_of_ours_is_of_what_is_in_it(staged):
    modules = set()
    for path in staged.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom):
                modules.add(node.module)
            elif isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
    assert not {module for module in modules if module.split(".")[0] in OTHERS}
    ours = {module for module in modules if module.split(".")[0] == "parc_hdl"}
    assert len(ours) > 100
    for module in ours:
        place = staged.joinpath(*module.split("."))
        assert place.is_dir() or place.with_suffix(".py").is_file(), module


WALK = """
import importlib, pkgutil, sys
import parc_hdl
missing = set()
for module in pkgutil.walk_packages(parc_hdl.__path__, "parc_hdl."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as reason:
            missing.add(reason.name.split(".")[0])
print(sorted({name.split(".")[0] for name in sys.modules}), sorted(missing), sep="\\n")
"""


def test_it_works_among_a_users_packages_of_the_same_names(staged, tmp_path):
    folder = tmp_path / "my designs"
    for name in OTHERS:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"raise RuntimeError('{name} is not ours')\n")
    run = [sys.executable, "-W", "error", "-c"]
    options = {"cwd": folder, "env": {"PYTHONPATH": str(staged)}, "check": False}
    done = subprocess.run([*run, WALK], capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    names, missing = (ast.literal_eval(line) for line in done.stdout.splitlines())
    assert "parc_hdl" in names
    assert not set(names) & set(OTHERS)
    assert set(missing) <= EXTRAS

    command = [sys.executable, "-m", "parc_hdl", "build", "direct", "--length=4", "--target=ecp5"]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((folder / "build" / "parc_direct_4.json").read_text())
    assert manifest["models"] == ["CCU2C.v", "MULT18X18D.v"]
