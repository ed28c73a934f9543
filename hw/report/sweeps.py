"""A sweep's part of a page."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from golden.inputs.errors import ParameterError
from hw.measured.store import DONE, OPEN, Store, Swept
from hw.report import charts
from hw.report.part import Grid, Part, Picture
from hw.sweep.front import front, table_of

_MOST_ROWS = 2000


def sweep_parts(path: Path) -> Iterator[Part]:
    """Yield a part for each sweep in the store at ``path``.

    Raises
    ------
    ParameterError
        Where it is none.
    """
    if not path.is_file():
        raise ParameterError("manifest", "a file", path)
    with Store(path) as store:
        for name in store.sweeps():
            yield sweep_part(name, list(store.rows(name)), *store.best(name))


def sweep_part(name: str, rows: Sequence[Swept], least: Sequence[str], most: Sequence[str]) -> Part:
    """Return the part of a sweep, with its front as `hw.sweep.front.front` has it."""
    states = Counter(row.state for row in rows)
    counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    part = Part(name, f"sweep of {len(rows):,} points: {counts}.")
    best = front(rows, least, most)
    names = [*least, *most]
    if best and len(names) > 1:
        x, y = names[0], names[-1]
        known = [r for r in rows if r.state == DONE and {x, y} <= r.figures.keys()]
        chosen = {id(row) for row in best}
        dots = [(r.figures[x], r.figures[y], id(r) in chosen) for r in known]
        drawn = charts.front(dots, f"sweep-{name}", (x, y))
        text = f"Orange: nothing else is as good in {', '.join(names)}, and better in one."
        part.pictures.append(Picture("Best points", drawn, text))
        part.tables.append(Grid("Best points", *table_of(best)))
    reasons = Counter(row.why for row in rows if row.state not in (DONE, OPEN))
    if reasons:
        part.tables.append(Grid("Why not", ["reason", "points"], reasons.most_common(50)))
    part.tables.append(Grid("Points", *table_of(rows[:_MOST_ROWS])))
    return part
