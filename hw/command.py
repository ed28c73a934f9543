"""What every command line of the project ends with: exit status, one line for bad input, tables."""

import io
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from golden.inputs.errors import ParameterError
from hw.emit.yosys import YosysError

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
    _print_anything(sys.stdout)
    try:
        program = f"{_MODULE}{name}" if "." in name else name
        status = command.main(arguments, prog_name=program, standalone_mode=False)
    except ParameterError as error:
        told = told_of(command, error)
        return _complain(name, f"{told.known_as} {told.complaint}")
    except click.ClickException as error:
        return _complain(name, error.format_message(), error.exit_code)
    except click.Abort:
        return 130
    except OSError as error:  # a full disk, and the like, wherever it shows
        place = f" ({error.filename})" if error.filename else ""
        return _complain(name, f"{error.strerror or error}{place}")
    except (MemoryError, YosysError) as error:
        return _complain(name, str(error) or "Memory must suffice, and does not")
    return status if isinstance(status, int) else 0


def remark(text: str) -> None:
    """Say ``text`` on stderr, after the name of the command that runs."""
    name = click.get_current_context().command_path.removeprefix(_MODULE)
    click.echo(f"{name}: {text}", err=True)


def _complain(name: str, text: str, status: int = 2) -> int:
    """Print a complaint on one line, whatever it quotes, and return the exit status."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    click.echo(f"{name}: {line}", err=True)
    return status


def _print_anything(stream: TextIO) -> None:
    """Let ``stream`` escape what its encoding lacks, as the locale's may, rather than fail."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
        stream.reconfigure(errors="backslashreplace")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return ``rows``, the first of them the heads, in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def told_of(command: click.Command, error: ParameterError) -> ParameterError:
    """Return ``error`` with its parameters called as the user of ``command`` knows them."""
    if error.known_as is not None:
        return error
    return error.renamed(
        name_of(command, error.parameter), lambda parameter: name_of(command, parameter)
    )


def name_of(command: click.Command, parameter: str) -> str:
    """Return what the user knows ``parameter`` as: an option's name, or a place's in the usage."""
    for known in command.params:
        if isinstance(known, click.Argument) and known.name == parameter and known.metavar:
            return known.metavar
    return "--" + parameter.replace("_", "-")
