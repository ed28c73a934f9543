"""From a trained network to configurations of layers: the only part of `hw` that needs torch."""

import click


class _MissingError(click.ClickException):
    exit_code = 2


def load_command() -> click.Command:
    """Return the command line.

    Raises
    ------
    click.ClickException
        Where torch is not installed.
    """
    try:
        from hw.convert.command import main
    except ModuleNotFoundError as reason:
        if reason.name != "torch":
            raise
        raise _MissingError("torch, of the extra 'torch', must be installed") from None
    return main
