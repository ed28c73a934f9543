"""What every command line of the project ends with: exit status, one line for bad input, tables."""

from collections.abc import Sequence

import click

from golden.errors import ParameterError

_MODULE = "python -m "


def run_command(command: click.Command, name: str, arguments: list[str] | None = None) -> int:
    """Run ``command`` as ``name``; return its exit status, 2 with one line on stderr for bad input.

    Parameters
    ----------
    command
        The command.
    name
        What a complaint begins with; with a dot in it, a module's, which ``python -m`` runs.
    arguments
        Instead of the process's own.
    """
    try:
        program = f"{_MODULE}{name}" if "." in name else name
        status = command.main(arguments, prog_name=program, standalone_mode=False)
    except ParameterError as error:
        known_as = error.known_as or name_of(command, error.parameter)
        click.echo(f"{name}: {known_as} {error.complaint}", err=True)
        return 2
    except click.ClickException as error:
        click.echo(f"{name}: {' '.join(error.format_message().split())}", err=True)
        return error.exit_code
    except click.Abort:
        return 130
    return status if isinstance(status, int) else 0


def remark(text: str) -> None:
    """Say ``text`` on stderr, after the name of the command that runs."""
    name = click.get_current_context().command_path.removeprefix(_MODULE)
    click.echo(f"{name}: {text}", err=True)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return ``rows``, the first of them the heads, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def name_of(command: click.Command, parameter: str) -> str:
    """Return what the user knows ``parameter`` as: an option's name, or a place's in the usage."""
    for known in command.params:
        if isinstance(known, click.Argument) and known.name == parameter and known.metavar:
            return known.metavar
    return "--" + parameter.replace("_", "-")
