"""What is best of a sweep, and its table."""

import csv
import io
from collections.abc import Mapping, Sequence

import numpy as np

from hw.measured.store import DONE, Swept


def front(rows: Sequence[Swept], least: Sequence[str], most: Sequence[str]) -> list[Swept]:
    """Return the rows that no other is as good as in every figure, and better in one.

    Parameters
    ----------
    rows
        Points; those without one of the figures are left out.
    least, most
        Figures that are better where they are small, and large.
    """
    whole = [
        row
        for row in rows
        if row.state == DONE and all(name in row.figures for name in (*least, *most))
    ]
    signs = np.array([1.0] * len(least) + [-1.0] * len(most))
    values = np.array([[row.figures[n] for n in (*least, *most)] for row in whole], dtype=float)
    if not whole or not len(signs):
        return []
    costs = values * signs
    return [
        row
        for row, cost in zip(whole, costs, strict=True)
        if not np.any(np.all(costs <= cost, axis=1) & np.any(costs < cost, axis=1))
    ]


def columns(rows: Sequence[Swept]) -> tuple[list[str], list[str]]:
    """Return the names of the parameters and of the figures that rows have, in their order."""

    def names(tables: Sequence[Mapping[str, object]]) -> list[str]:
        return list(dict.fromkeys(name for table in tables for name in table))

    return names([row.point for row in rows]), names([row.figures for row in rows])


def table_of(rows: Sequence[Swept]) -> tuple[list[str], list[list[object]]]:
    """Return heads and cells: parameters, state, why, seconds, figures; empty where one is none."""
    parameters, figures = columns(rows)
    heads = [*parameters, "state", "why", "seconds", *figures]
    cells = [
        [
            *(row.point.get(name, "") for name in parameters),
            *(row.state, row.why, row.seconds),
            *(row.figures.get(name, "") for name in figures),
        ]
        for row in rows
    ]
    return heads, cells


def csv_of(rows: Sequence[Swept]) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO()
    heads, cells = table_of(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([heads, *cells])
    return text.getvalue().encode()
