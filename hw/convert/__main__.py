"""``python -m hw.convert``."""

import sys

import click

from hw.command import run_command
from hw.convert import load_command

if __name__ == "__main__":
    try:
        main = load_command()
    except click.ClickException as reason:
        click.echo(f"{__package__}: {reason.message}", err=True)
        sys.exit(reason.exit_code)
    sys.exit(run_command(main, str(__package__)))
