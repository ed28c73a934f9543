"""From a configuration file to a layer's design."""

from pathlib import Path

from golden.inputs.config import Table, refusal
from golden.layer.design import LayerDesign
from golden.line.weights import check_names, load_weights
from hw.layer.capacity import check_capacity
from hw.layer.registry import LAYERS


def read_layer(path: Path, **changes: object) -> LayerDesign:
    """Return the design that a file describes, ``changes`` made to its keys.

    Raises
    ------
    ParameterError
        Names the key that is unknown, missing or breaks its rule.
    """
    table = Table.read(path, changes)
    form = table.take("form", str)
    if form not in LAYERS:
        raise refusal("form", f"one of {', '.join(LAYERS)}", repr(form))
    port = table.take("weights_port", bool, False)
    file = table.take("weights", str, None)
    if port and file is not None:
        raise refusal("weights", "left out with weights_port = true", repr(file))
    with table.naming():
        arrays = None if file is None else load_weights(path.parent / file)
        check_names(arrays or {}, LAYERS[form].design.array_names)
    example = file is None and not port
    design = LAYERS[form].design.of_table(table, arrays, example=example)
    check_capacity(design, LAYERS[form].predict)
    return design


def files_of(path: Path) -> list[Path]:
    """Return the configuration at ``path`` and the file of weights that it names."""
    weights = Table.read(path, {}).take("weights", str, None)
    return [path] if weights is None else [path, path.parent / weights]
