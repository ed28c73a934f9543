"""Which line engines work beside the matrix unit, and on lines of what length."""

from dataclasses import dataclass
from typing import Self

from golden.accelerator.sizes import BIASED_BITS, CENTRED_BITS, DATA_BITS
from golden.engines import DESIGNS
from golden.inputs.errors import ParameterError
from golden.line.design import LineDesign


def exact_engines() -> list[str]:
    """Return the names of engines whose sums are exact, whenever they were registered."""
    return [name for name, design in DESIGNS.items() if not design.rounds]


@dataclass(frozen=True)
class LineEngines:
    """Line engines for circular lines of one length, or of half of it and less.

    A shorter line of n samples goes round: it is read again from its beginning until ``length``
    samples are taken, and the first n sums are those of a circle of n where ``2 n - 1`` are at most
    ``length`` and the kernel has zeros behind it.

    Parameters
    ----------
    engine
        Its name; one whose sums are exact.
    length
        Samples of a line.

    Raises
    ------
    ParameterError
        Where there is no such engine.
    """

    engine: str
    length: int

    def __post_init__(self) -> None:
        exact = exact_engines()
        if self.engine not in exact:
            rule = f"ENGINE:LENGTH of an engine whose sums are exact ({', '.join(exact)})"
            raise ParameterError("lines", rule, self.engine)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what ``ENGINE:LENGTH`` says.

        Raises
        ------
        ParameterError
            Where it is no such text.
        """
        engine, _, length = text.partition(":")
        if not length.isdecimal():
            raise ParameterError("lines", "ENGINE:LENGTH", text)
        return cls(engine, int(length))

    def __str__(self) -> str:
        return f"{self.engine}:{self.length}"

    def design(self, channels: int, target: str) -> LineDesign:
        """Return the engine of so many channels that come in turn, its kernels loaded."""
        return DESIGNS[self.engine](
            name="lines",
            length=self.length,
            channels=channels,
            data_bits=CENTRED_BITS,
            weight_bits=DATA_BITS,
            weights=None,
            start_bits=BIASED_BITS,
            target=target,
        )

    def takes(self, length: int) -> bool:
        """Return whether lines of ``length`` are done."""
        return length == self.length or 2 * length - 1 <= self.length
