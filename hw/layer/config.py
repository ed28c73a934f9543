"""A layer's configuration in memory, read from files or made, and the design that it describes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from golden.inputs.config import Table, refusal
from golden.inputs.read import read_arrays, read_toml
from golden.layer.design import LayerDesign
from golden.layer.registry import LAYERS
from golden.line.weights import Arrays, check_names
from golden.stages.elementwise import arrays_after


@dataclass(frozen=True, eq=False)
class LayerConfig:
    """What ``LAYER.toml`` and its file of weights hold: what is passed on instead of them.

    Parameters
    ----------
    options
        The configuration's keys.
    arrays
        The weights, where ``weights`` is among the keys.
    read_from
        The files.
    """

    options: Mapping[str, Any]
    arrays: Arrays | None = None
    read_from: tuple[Path, ...] = ()

    @classmethod
    def read(cls, path: Path, **changes: object) -> Self:
        """Return what the file at ``path`` and its weights hold, ``changes`` made to its keys.

        Raises
        ------
        ParameterError
            Where a file cannot be read, or weights have no place in the form.
        """
        options = read_toml(path, "config") | changes
        *_, file = _opened(options)
        if file is None:
            return cls(options, None, (path,))
        with Table({}).naming():
            arrays = read_arrays(path.parent / file, "weights")
        return cls(options, arrays, (path, path.parent / file))

    def design(self) -> LayerDesign:
        """Return the design.

        Raises
        ------
        ParameterError
            Names the key that is unknown, missing or breaks its rule.
        """
        table, form, port, file = _opened(self.options)
        with table.naming():
            check_names(self.arrays or {}, (*form.array_names, *arrays_after()))
        return form.of_table(table, self.arrays, example=file is None and not port)


def read_layer(path: Path, **changes: object) -> LayerDesign:
    """Return the design that a file describes; see `LayerConfig`."""
    return LayerConfig.read(path, **changes).design()


def _opened(options: Mapping[str, Any]) -> tuple[Table, type[LayerDesign], bool, str | None]:
    """Return the table, its form, and where weights come from: ports, or which file."""
    table = Table(options)
    form = table.take("form", str)
    if form not in LAYERS:
        raise refusal("form", f"one of {', '.join(LAYERS)}", repr(form))
    port = table.take("weights_port", bool, False)
    file = table.take("weights", str, None)
    if port and file is not None:
        raise refusal("weights", "left out with weights_port = true", repr(file))
    return table, LAYERS[form], port, file
