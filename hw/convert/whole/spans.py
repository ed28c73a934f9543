"""Parts of a network that one tensor leads into, and one out of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hw.convert.whole.model import Operation


@dataclass(frozen=True, eq=False)
class Span:
    """Operations that depend on one tensor, and that the rest sees one tensor of.

    Parameters
    ----------
    operations
        In order.
    entry, exit
        The two tensors.
    """

    operations: tuple[Operation, ...]
    entry: str
    exit: str


def spans(
    operations: Sequence[Operation], first: int, entry: str, constants: Mapping[str, object]
) -> Iterator[Span]:
    """Yield the spans that begin with the operation ``first``, of ``entry``, the shortest first."""
    last_use = {name: index for index, o in enumerate(operations) for name in o.inputs}
    part: list[Operation] = []
    made: set[str] = set()
    for index in range(first, len(operations)):
        o = operations[index]
        if part and made.isdisjoint(o.inputs):
            continue
        if any(name and name not in (*made, entry, *constants) for name in o.inputs):
            return
        part.append(o)
        made.update(o.outputs)
        open = [name for name in made if last_use.get(name, index + 1) > index]
        if len(open) == 1:
            yield Span(tuple(part), entry, open[0])


def data_input(o: Operation, constants: Mapping[str, object]) -> str | None:
    """Return the first tensor that an operation takes and that is not constant."""
    return next((name for name in o.inputs if name and name not in constants), None)
