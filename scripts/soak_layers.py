"""Random layers of every form, simulated, each frame's cycles measured: part of ``make soak``."""

import json
import sys
import tempfile
from pathlib import Path

import click
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from hw.simulate.verilator import SimulationError
from sim.engine import simulate
from sim.random_layers import random_layer
from sim.runner import simulators

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("latency_and_rate", "all_paces")
PASSED = "passed"


def outcome(seed: int, *, tests: tuple[str, ...]) -> str:
    """Build the layer of ``seed`` and run it; return `PASSED`, or what is wrong and with which."""
    design, options = random_layer(seed)
    try:
        with tempfile.TemporaryDirectory() as folder:
            simulate(
                design,
                "sim.bench_layer",
                simulator=simulators()[-1],
                folder=Path(folder),
                groups=5,
                resets=0,
                tests=tests,
                seed=seed,
            )
    except (SimulationError, TypeError, ValueError) as error:
        return f"{type(error).__name__}: {error}\n{options}"
    return PASSED


@click.command()
@click.option("--layers", default=300, show_default=True, help="How many, from --first on.")
@click.option("--first", default=0, show_default=True, help="Seed of the first.")
@click.option("--again", is_flag=True, help="Also those that passed before.")
@click.option("--test", "tests", multiple=True, default=TESTS, show_default=True)
@click.option(
    "--results",
    type=Path,
    default=ROOT / "build" / "soak" / "layers.json",
    help="What came of each; a run that was stopped goes on.  [build/soak/layers.json]",
)
def main(layers: int, first: int, again: bool, tests: tuple[str, ...], results: Path) -> None:
    """Build random layers, and hold every sample and every frame's cycles to model and manifest."""
    results.parent.mkdir(parents=True, exist_ok=True)
    known = {} if again or not results.exists() else json.loads(results.read_text(encoding="utf-8"))
    seeds = [seed for seed in range(first, first + layers) if known.get(str(seed)) != PASSED]
    for seed in tqdm(seeds, unit="layer"):
        known[str(seed)] = outcome(seed, tests=tests)
        if known[str(seed)] != PASSED:
            tqdm.write(f"{seed}: {known[str(seed)]}")
        results.write_text(json.dumps(known, indent=1), encoding="utf-8")
    failed = [seed for seed, result in known.items() if result != PASSED]
    click.echo(f"{len(known) - len(failed)} layers passed; failed: {', '.join(failed) or 'none'}")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
