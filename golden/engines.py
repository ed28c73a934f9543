"""The engines' descriptions by name, and how a table of a configuration chooses one.

An engine is entered by `register`. All else that is to be known of one is said by its description,
and by its entry in `hw.engines`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from golden.dense.design import DenseDesign
from golden.direct.dense import DenseDirectDesign
from golden.direct.design import DirectDesign
from golden.fermat.dense import DenseFermatDesign
from golden.fermat.design import FermatDesign
from golden.fermat.plane import PlaneFermat
from golden.fft.dense import DenseFftDesign
from golden.fft.design import FftDesign
from golden.fft.plane import PlaneFft
from golden.inputs.config import Table, refusal
from golden.line.design import LineDesign
from golden.line.options import sorted_out
from golden.plane.design import PlaneDesign

DESIGNS: dict[str, type[LineDesign]] = {}
"""Line engines; `register` adds to them."""
DENSE_DESIGNS: dict[str, type[DenseDesign]] = {}
"""What mixes channels, by the line engine that does the work."""
PLANE_DESIGNS: dict[str, type[PlaneDesign]] = {}
"""Two-dimensional engines, likewise."""


def register(
    design: type[LineDesign],
    *,
    dense: type[DenseDesign] | None = None,
    plane: type[PlaneDesign] | None = None,
) -> None:
    """Enter an engine under its name, and what is made of it.

    Raises
    ------
    ValueError
        Where another has the name.
    """
    name = design.engine
    if DESIGNS.setdefault(name, design) is not design:
        raise ValueError(f"Engine must have a name of its own, not {name!r}")
    if dense is not None:
        DENSE_DESIGNS[name] = dense
    if plane is not None:
        PLANE_DESIGNS[name] = plane


register(DirectDesign, dense=DenseDirectDesign)
register(FftDesign, dense=DenseFftDesign, plane=PlaneFft)
register(FermatDesign, dense=DenseFermatDesign, plane=PlaneFermat)


AnyDesign = TypeVar("AnyDesign", bound=LineDesign)


@dataclass(frozen=True)
class EngineChoice:
    """A line engine and its own options.

    Parameters
    ----------
    engine
        One of `designs`.
    options
        Fields of its design that its options decide, and ``start_bits`` where weights are loaded.
    finishing
        Names of its options that change a design once it is made.
    """

    designs: ClassVar[Mapping[str, type[LineDesign]]] = DESIGNS

    engine: str
    options: Mapping[str, Any]
    finishing: tuple[str, ...] = ()

    @classmethod
    def take(cls, table: Table, *, port: bool) -> Self:
        """Read a choice: ``engine`` and that engine's options, named as on the command line.

        ``port`` says whether weights arrive on a port.
        """
        engine = table.take("engine", str)
        if engine not in cls.designs:
            raise refusal(f"{table.path}engine", f"one of {', '.join(cls.designs)}", repr(engine))
        options = cls.designs[engine].options
        values = {option.name: option.take(table) for option in options if option.finish}
        for option in options:
            if option.settles and values[option.name]:
                rule = f"left out with {option.name} = true, which chooses it"
                table.leave_out(option.settles, rule)
        values |= {option.name: option.take(table) for option in options if not option.finish}
        fields, finishing = sorted_out(options, values)
        if not port:
            table.leave_out(["start_bits"], "left out without weights_port = true")
        elif (start_bits := table.take("start_bits", int, None)) is not None:
            fields["start_bits"] = start_bits
        return cls(engine, fields, finishing)

    @property
    def design(self) -> Callable[..., LineDesign]:
        """Makes a design of what all engines share, with these options."""

        def make(**shared: Any) -> LineDesign:
            return self.finish(self.described(**shared, **self.options))

        return make

    def finish(self, design: AnyDesign) -> AnyDesign:
        """Return what `finishing` makes of a design."""
        for option in design.options:
            if option.finish is not None and option.name in self.finishing:
                design = option.finish(design)
        return design

    @property
    def described(self) -> type[LineDesign]:
        """The class of its designs."""
        return self.designs[self.engine]

    @property
    def max_data_bits(self) -> int:
        """Widest sample that the engine takes."""
        return self.described.max_data_bits
