"""The command line `parc`: those of the other packages under one name."""

import copy
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import click
from click.shell_completion import CompletionItem

from golden.inputs.errors import ParameterError
from hw.command import run_command, told_of


@dataclass(frozen=True)
class _Part:
    """A command: what it does, and where it is, which is loaded only when it is called."""

    help: str
    load: Callable[[], click.Command]


def _build() -> click.Command:
    from hw.build import main

    return main


def _convert() -> click.Command:
    from hw.convert import load_command

    command = load_command()
    # A user's factory is sought where the command was given, as `python -m` has it.
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    return command


def _plan() -> click.Command:
    from hw.plan.command import main

    return main


def _run() -> click.Command:
    from hw.run import main

    return main


def _report() -> click.Command:
    from hw.report.command import main

    return main


def _sweep() -> click.Command:
    from hw.sweep.command import main

    return main


def _implement() -> click.Command:
    from flow.command import main

    return main


def _soc() -> click.Command:
    try:
        from parc_litex.command import main
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        raise click.UsageError(
            f"{missing}, of the extra 'litex', must be installed (pip install 'parc-hdl[litex]')"
        ) from None
    return main


PARTS: Mapping[str, _Part] = {
    "build": _Part("Generate Verilog of an engine, of a layer, or of every preset.", _build),
    "convert": _Part("Find the ParC layers of a trained network, and quantise them.", _convert),
    "plan": _Part("Plan hardware for all ParC layers of a network.", _plan),
    "run": _Part("Run images through a built network, in simulation.", _run),
    "report": _Part("Write a page about builds.", _report),
    "sweep": _Part("Build and measure products of parameters, on a cluster.", _sweep),
    "implement": _Part("Synthesise, place and route a build.", _implement),
    "soc": _Part("Put an accelerator into a LiteX SoC on a board.", _soc),
}

_ELSEWHERE = re.compile(r"(?:python -m )?\bhw\.(build|convert|plan|report|run|sweep)\b")
"""How help and complaints call the commands where there is no `parc`."""


def _here(text: str) -> str:
    """Return ``text`` with the commands as `parc` calls them."""
    return _ELSEWHERE.sub(r"parc \1", text)


class Parc(click.Group):
    """A group of `PARTS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names."""
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one; where a shell completes what can't be loaded, None."""
        if cmd_name not in PARTS:
            return None
        try:
            command = copy.copy(PARTS[cmd_name].load())
        except click.ClickException:
            if ctx.resilient_parsing:
                return None
            raise
        command.help = _here(command.help or "")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them, without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, part.help) for name, part in PARTS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete their names, without loading any, and options."""
        names = [
            CompletionItem(name, help=part.help)
            for name, part in PARTS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> object:
        """Run one; a parameter that it refuses is called as it calls it."""
        try:
            return super().invoke(ctx)
        except ParameterError as error:
            command = self.get_command(ctx, str(ctx.invoked_subcommand))
            told = error if command is None else told_of(command, error)
            raise told.reworded(_here) from None


@click.group(cls=Parc)
@click.version_option(package_name="parc-hdl", prog_name="parc")
def main() -> None:
    """Generate verified Verilog of convolutions as long as the line (ParC).

    \b
    parc build direct --length 56 --macs 14
    parc plan parcnet-s --device lfe5u-85f-6 --clock 150
    parc COMMAND --help
    """


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status, 2 with one line on stderr for bad input."""
    return run_command(main, "parc", arguments)
