"""The command line of pages about builds."""

from pathlib import Path

import click

from golden.inputs.errors import ParameterError
from hw.command import remark
from hw.emit.files import write_files
from hw.report.subject import load_subject
from hw.simulate.verilator import MissingSimulatorError, verilator_root


@click.command()
@click.argument("manifests", type=Path, metavar="NAME.json...", nargs=-1, required=True)
@click.option("-o", "--out", type=Path, help="File to write.  [NAME.html]")
@click.option("--no-simulation", is_flag=True, help="Leave out the first transactions.")
@click.option("--cache", type=Path, default=Path("build/run"), help="Simulations.  [build/run]")
def main(manifests: tuple[Path, ...], out: Path | None, no_simulation: bool, cache: Path) -> None:
    """Write one HTML file about builds: diagrams, numbers and where each came from.

    What lies beside a build is taken up: NAME.DEVICE.json of `implement`, NAME.run.json of
    `hw.run`, NAME.npz. The file needs no network, and nothing else.
    """
    subjects = [load_subject(manifest) for manifest in manifests]
    names = [subject.name for subject in subjects]
    if len(set(names)) < len(names):
        raise ParameterError("manifest", "each of another name", ", ".join(names))
    try:
        from hw.report.page import render  # what it needs may not be there
    except ModuleNotFoundError as missing:
        raise click.ClickException(
            f"{missing.name}, of the extra 'report', must be installed"
        ) from None
    path = out or manifests[0].with_suffix(".html")
    simulate = None if no_simulation or not _has_verilator() else cache
    page = render(subjects, simulate=simulate)
    write_files({path.name: page.encode()}, path.parent)
    click.echo(path)


def _has_verilator() -> bool:
    try:
        verilator_root()
    except MissingSimulatorError:
        remark("the first transactions are left out, since verilator is not installed")
        return False
    return True
