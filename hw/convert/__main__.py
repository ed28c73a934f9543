"""``python -m hw.convert``."""

import sys

import click

from hw.command import run_command

if __name__ == "__main__":
    try:
        from hw.convert.command import main
    except ModuleNotFoundError as reason:
        if reason.name != "torch":
            raise
        click.echo("hw.convert: torch must be installed, as by pip install '.[torch]'", err=True)
        sys.exit(2)
    sys.exit(run_command(main, "hw.convert"))
