"""The line engines' descriptions by name, and how a table of a configuration chooses one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from golden.direct.design import PAIRINGS, DirectDesign
from golden.fermat.design import FermatDesign
from golden.fft.design import FftDesign
from golden.fft.exact import EXACT_WIDTHS, exact_widths
from golden.inputs.config import Table, refusal
from golden.line.design import LineDesign

DESIGNS: Mapping[str, type[LineDesign]] = {
    design.engine: design for design in (DirectDesign, FftDesign, FermatDesign)
}


def take_pairing(table: Table, key: str) -> bool | None:
    """Read whether two taps share a multiplier; None where it is left open."""
    named = table.take(key, str, None)
    if named is None:
        return None
    if named not in PAIRINGS:
        raise refusal(f"{table.path}{key}", f"one of {', '.join(PAIRINGS)}", repr(named))
    return PAIRINGS[named]


@dataclass(frozen=True)
class EngineChoice:
    """A line engine and its own options.

    Parameters
    ----------
    engine
        One of `DESIGNS`.
    options
        Fields of its design that other engines lack, and ``start_bits`` where weights are loaded.
    exact
        Of the FFT engine: whether to take the narrowest widths proved to be exact.
    """

    designs: ClassVar[Mapping[str, type[LineDesign]]] = DESIGNS
    told: ClassVar[frozenset[str]] = frozenset(
        {*(field.name for field in fields(LineDesign)), "support", "paired"}
    )
    """Fields that are no options."""

    engine: str
    options: Mapping[str, int]
    exact: bool = False

    @classmethod
    def take(cls, table: Table, *, port: bool) -> Self:
        """Read a choice: ``engine`` and that engine's options, named as on the command line.

        ``port`` says whether weights arrive on a port.
        """
        engine = table.take("engine", str)
        if engine not in cls.designs:
            raise refusal(f"{table.path}engine", f"one of {', '.join(cls.designs)}", repr(engine))
        own = [field.name for field in fields(cls.designs[engine]) if field.name not in cls.told]
        if port:
            own.append("start_bits")
        else:
            table.leave_out(["start_bits"], "left out without weights_port = true")
        exact = engine == "fft" and table.take("exact", bool, False)
        if exact:
            table.leave_out(EXACT_WIDTHS, "left out with exact = true, which chooses it")
        options = {key: table.take(key, int, None) for key in own}
        design = cls.designs[engine]
        if issubclass(design, DirectDesign):
            options["paired"] = take_pairing(table, design.pairing)
        return cls(engine, {k: v for k, v in options.items() if v is not None}, exact)

    @property
    def design(self) -> Callable[..., LineDesign]:
        """Makes a design of what all engines share, with these options."""

        def make(**shared: Any) -> LineDesign:
            design = self.designs[self.engine](**shared, **dict[str, Any](self.options))
            return exact_widths(design) if isinstance(design, FftDesign) and self.exact else design

        return make

    @property
    def max_data_bits(self) -> int:
        """Widest sample that the engine takes."""
        return self.designs[self.engine].max_data_bits
