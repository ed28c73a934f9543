"""Attention, which no operator in integers does: where it is, and what can be taken without it."""

from hw.convert.whole.model import Model, Operation
from hw.convert.whole.steps import Value

_OF_TWO_MAPS = ("MatMul", "Einsum", "Gemm", "FusedMatMul")
_WHOLE = ("Attention", "MultiHeadAttention", "GroupQueryAttention")


def attention_behind(model: Model, refused: Operation) -> list[Operation] | None:
    """Return all attention of a network: products of two maps, or operations that are one whole.

    None where an operation that was refused is not part of the first, nor before it.
    """
    depends, made = {model.input}, set(refused.outputs)
    found, before = list[Operation](), False
    for o in model.operations:
        data = [name for name in o.inputs if name in depends]
        if not data:
            continue
        depends.update(o.outputs)
        kind = o.kind.rpartition(".")[2]
        if kind in _WHOLE or (kind in _OF_TWO_MAPS and len(data) > 1):
            before = before or (not found and (o is refused or not made.isdisjoint(data)))
            found.append(o)
        if not made.isdisjoint(data):
            made.update(o.outputs)
    return found if before else None


def rest_without(
    model: Model, attention: list[Operation], values: dict[str, Value]
) -> dict[str, str]:
    """Return what can be cut out before and behind attention: options, and nodes to give them.

    Parameters
    ----------
    model, attention
        The network, and all of it that is attention.
    values
        Tensors that were read so far.
    """
    options = {}
    if (last := _last_read(model, attention[0], values)) is not None:
        options["--until"] = last
    if (first := _first_behind(model, attention[-1])) is not None:
        options["--from"] = first
    return options


def _last_read(model: Model, attention: Operation, values: dict[str, Value]) -> str | None:
    """Return the last node whose map was read and that attention depends on."""
    index = model.operations.index(attention)
    needed = set(attention.inputs)
    for o in reversed(model.operations[:index]):
        if needed.isdisjoint(o.outputs):
            continue
        needed.update(o.inputs)
        (output, *_) = o.outputs
        value = values.get(output)
        if value is not None and value.axes == ("N", "C", "H", "W") and _named(model, o):
            return o.name
    return None


def _first_behind(model: Model, attention: Operation) -> str | None:
    """Return the first node behind attention that takes one map, which all that follows is of."""
    operations = model.operations
    begin = operations.index(attention) + 1
    made = {model.input, *(name for o in operations[:begin] for name in o.outputs)}
    for index in range(begin, len(operations)):
        o, rest = operations[index], operations[index:]
        alive = {name for later in rest for name in later.inputs if name in made}
        if len(alive) == 1 and not alive.isdisjoint(o.inputs) and _named(model, o):
            shape = model.shapes[alive.pop()]
            if len(shape) == 4 and shape[0] == 1:
                return o.name
        made.update(o.outputs)
    return None


def _named(model: Model, o: Operation) -> bool:
    """Whether the file itself has a node of that name."""
    return o.name in model.nodes
