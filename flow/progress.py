"""Progress of long commands: a bar on a terminal, lines in a log."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

Progress = Callable[[str], None]
"""Called as each step ends, with what it was."""


@contextmanager
def progress(label: str, n_steps: int) -> Iterator[Progress]:
    """Show the progress of ``n_steps`` steps on standard error."""
    if not sys.stderr.isatty():
        done = 0

        def line(word: str) -> None:
            nonlocal done
            done += 1
            click.echo(f"{label} {done}/{n_steps}: {word}", err=True)

        yield line
        return
    with click.progressbar(
        length=n_steps,
        label=label,
        file=sys.stderr,
        show_pos=True,
        item_show_func=lambda word: word or "",
    ) as bar:
        yield lambda word: bar.update(1, word)
