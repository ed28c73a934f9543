"""Engines for lines: every one that could be, with every useful choice of its options."""

from collections.abc import Iterator, Mapping, Sequence

from hw.engines import ENGINES
from hw.line.candidates import Candidates, EngineTable, Lines

APART = 1.4
"""Ratio of rates of an engine's options that are tried where two axes must go together."""
FAR_APART = 1.9
"""The same of dense ones, which can have several units instead of a faster one."""


def tables_of(lines: Lines, engines: Sequence[str], apart: float = 1.0) -> Iterator[EngineTable]:
    """Yield ``engines`` for ``lines``; for ``apart`` see `Candidates`."""
    for name, engine in ENGINES.items():
        if name in engines:
            yield from ({"engine": name, **own} for own in engine.candidates.tables(lines, apart))


def cycles_for(lines: Lines, table: EngineTable) -> int:
    """Return about what an engine takes for a plane: what is tried together follows from it."""
    return lines.rows * candidates_of(table).cycles_per_line(lines, table)


def candidates_of(table: EngineTable) -> Candidates:
    """Return what may be tried of a table's engine."""
    return ENGINES[str(table["engine"])].candidates


def paired(lines: Mapping[str, Lines], engines: Sequence[str]) -> Iterator[dict[str, EngineTable]]:
    """Yield engines for all of ``lines``, by their names: the same for all that are alike.

    Else those of like rates: for each rate that some engine has, the slowest that keep up.
    """
    if len(set(lines.values())) == 1:
        for table in tables_of(next(iter(lines.values())), engines):
            yield dict.fromkeys(lines, table)
        return
    tables = {name: list(tables_of(of, engines, APART)) for name, of in lines.items()}
    planes = {name: [cycles_for(lines[name], table) for table in tables[name]] for name in lines}
    yield from of_like_rates(tables, planes)


def of_like_rates(
    tables: Mapping[str, Sequence[EngineTable]], cycles: Mapping[str, Sequence[float]]
) -> Iterator[dict[str, EngineTable]]:
    """Yield pairs out of two lists by name: for each rate, the slowest of each that keep up.

    ``cycles`` are what each of ``tables`` takes for the same work.
    """
    one, two = tables
    seen = set()
    for rate in sorted({taken for own in cycles.values() for taken in own}):
        for first in _slowest_within(tables[one], cycles[one], rate):
            for second in _slowest_within(tables[two], cycles[two], rate):
                pair = {one: first, two: second}
                if (key := str(pair)) not in seen:
                    seen.add(key)
                    yield pair


def _slowest_within(
    tables: Sequence[EngineTable], cycles: Sequence[float], rate: float
) -> list[EngineTable]:
    """Return the slowest of each engine that is as fast as ``rate``."""
    best: dict[str | int, tuple[float, EngineTable]] = {}
    for table, taken in zip(tables, cycles, strict=True):
        engine = table["engine"]
        if taken <= rate and (engine not in best or best[engine][0] < taken):
            best[engine] = taken, table
    return [table for _, table in best.values()]
