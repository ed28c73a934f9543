"""The command line of pages about builds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from golden.inputs.errors import ParameterError
from golden.inputs.read import read_json
from hw.command import remark
from hw.emit.files import write_files
from hw.report.subject import Subject, is_plan, load_subject
from hw.simulate.verilator import MissingSimulatorError, verilator_root

if TYPE_CHECKING:
    from hw.report.part import Part

SWEEP = ".sqlite"
"""How a store of sweeps ends."""


@dataclass(frozen=True)
class _Plan:
    """What a plan.json holds."""

    path: Path
    said: Mapping[str, Any]


Read = Subject | _Plan | Path


@click.command()
@click.argument("manifests", type=Path, metavar="NAME.json...", nargs=-1, required=True)
@click.option("-o", "--out", type=Path, help="File to write.  [NAME.html]")
@click.option("--no-simulation", is_flag=True, help="Leave out the first transactions.")
@click.option("--cache", type=Path, default=Path("build/run"), help="Simulations.  [build/run]")
def main(manifests: tuple[Path, ...], out: Path | None, no_simulation: bool, cache: Path) -> None:
    """Write one HTML file about builds: diagrams, numbers and where each came from.

    What lies beside a build is taken up: NAME.DEVICE.json of `implement`, NAME.run.json of
    `hw.run`, NAME.npz. A plan.json of `hw.plan` and a NAME.sqlite of `hw.sweep` have parts of their
    own. The file needs no network, and nothing else.
    """
    found = [_read(path) for path in manifests]
    try:
        from hw.report.page import render  # what it needs may not be there
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"{missing.name}, of the extra 'report', must be installed"
        ) from None
    builds = any(isinstance(one, Subject) for one in found)
    simulate = None if no_simulation or not builds or not _has_verilator() else cache
    parts = list(_parts(found, simulate))
    names = [part.name for part in parts]
    if len(set(names)) < len(names):
        raise ParameterError("manifest", "each of another name", ", ".join(names))
    path = out or manifests[0].with_suffix(".html")
    write_files({path.name: render(parts).encode()}, path.parent)
    click.echo(path)


def _read(path: Path) -> Read:
    """Return what a file holds that a page is asked of."""
    if path.suffix == SWEEP:
        return path
    if path.is_file() and is_plan(said := read_json(path, "manifest")):
        return _Plan(path, said)
    return load_subject(path)


def _parts(found: Sequence[Read], simulate: Path | None) -> Iterator["Part"]:
    from hw.report.page import build_part
    from hw.report.plans import plan_part
    from hw.report.sweeps import sweep_parts

    for number, one in enumerate(found):
        if isinstance(one, Subject):
            yield build_part(one, f"b{number}", simulate)
        elif isinstance(one, Path):
            yield from sweep_parts(one)
        else:
            name = str(one.said.get("network", one.path.resolve().parent.name))
            yield plan_part(one.said, f"plan-{name}", f"b{number}")


def _has_verilator() -> bool:
    try:
        verilator_root()
    except MissingSimulatorError:
        remark("the first transactions are left out, since verilator is not installed")
        return False
    return True
