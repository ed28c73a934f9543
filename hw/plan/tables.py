"""Engines for lines: every one that could be, with every useful number of macs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from golden.fermat.design import FermatDesign
from golden.fermat.ring import rings
from golden.fft.design import FftDesign, transform_length

EngineTable = Mapping[str, str | int]
"""An engine's table in a configuration."""

APART = 1.4
"""Ratio of rates of direct engines that are tried where those of two axes must go together."""
FAR_APART = 1.9
"""The same of dense ones, which can have several chains instead of a longer one."""


@dataclass(frozen=True)
class Lines:
    """Lines that an engine is to do.

    Parameters
    ----------
    length
        Of a circle that does, the least.
    taps
        Of the kernels.
    rows
        Lines of a plane.
    fixed
        Whether the circle may be no longer: a line is the circle.
    """

    length: int
    taps: int
    rows: int
    fixed: bool = True

    def tables(self, engines: Sequence[str], apart: float = 1.0) -> Iterator[EngineTable]:
        """Yield engines; the direct ones' cycles are more than ``apart`` times the last."""
        if "direct" in engines:
            least = {-(-self.taps // macs): macs for macs in range(self.taps, 0, -1)}
            before = 0.0
            for passes, macs in least.items():
                if passes > apart * before or macs == 1:
                    before = passes
                    yield {"engine": "direct", "macs": macs}
        yield from ({"engine": engine} for engine in engines if engine != "direct")

    def cycles(self, table: EngineTable) -> int:
        """Return about what an engine takes for a plane: what is tried together follows from it."""
        return self.rows * self._cycles_per_line(table)

    def _cycles_per_line(self, table: EngineTable) -> int:
        if table["engine"] == "direct":
            return self.length * -(-self.taps // int(table["macs"]))
        if table["engine"] == "fft":
            # A longer circle of its own points is shorter than the extension of a shorter one.
            whole = max(1 << (self.length - 1).bit_length(), FftDesign.length_range[0])
            return transform_length(self.length) if self.fixed else whole
        longer = range(self.length, FermatDesign.length_range[1] + 1)
        return next((n for n in longer if self.fixed or rings(n)), self.length)


def paired(lines: Mapping[str, Lines], engines: Sequence[str]) -> Iterator[dict[str, EngineTable]]:
    """Yield engines for all of ``lines``, by their names: the same for all that are alike.

    Else those of like rates: for each rate that some engine has, the slowest that keep up.
    """
    if len(set(lines.values())) == 1:
        for table in next(iter(lines.values())).tables(engines):
            yield dict.fromkeys(lines, table)
        return
    tables = {name: list(of.tables(engines, APART)) for name, of in lines.items()}
    planes = {name: [lines[name].cycles(table) for table in tables[name]] for name in lines}
    one, two = lines
    seen = set()
    for rate in sorted({cycles for name in lines for cycles in planes[name]}):
        for first in _slowest_within(tables[one], planes[one], rate):
            for second in _slowest_within(tables[two], planes[two], rate):
                pair = {one: first, two: second}
                if (key := str(pair)) not in seen:
                    seen.add(key)
                    yield pair


def _slowest_within(
    tables: Sequence[EngineTable], cycles: Sequence[int], rate: int
) -> list[EngineTable]:
    """Return the slowest of each engine that is as fast as ``rate``."""
    best: dict[str | int, tuple[int, EngineTable]] = {}
    for table, taken in zip(tables, cycles, strict=True):
        engine = table["engine"]
        if taken <= rate and (engine not in best or best[engine][0] < taken):
            best[engine] = taken, table
    return [table for _, table in best.values()]
