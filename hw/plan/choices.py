"""The options: every engine that could do a layer, with every useful number of lanes and macs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hw.engines import ENGINES
from hw.line.candidates import EngineTable
from hw.plan.forms import FORMS, powers
from hw.plan.network import PlannedLayer
from hw.plan.option import Option, Predictions
from hw.plan.tables import candidates_of
from hw.targets.cost import Cost


@dataclass(frozen=True)
class RefusedOption:
    """An option that `hw.build layer` would refuse.

    Parameters
    ----------
    layer
        It was for.
    engines
        Names of the engines that it had.
    parameter
        Which the refusal names, as `ParameterError` has it.
    reason
        What was said.
    """

    layer: PlannedLayer
    engines: frozenset[str]
    parameter: str
    reason: str


def options_of(
    layer: PlannedLayer,
    *,
    engines: Sequence[str],
    storages: Sequence[str],
    most: Cost,
    known: Predictions,
    refused: list[RefusedOption],
) -> Iterator[Option]:
    """Yield units for ``layer`` alone: every engine, with every useful number of lanes and macs.

    Parameters
    ----------
    layer
        Of a network.
    engines
        Names of those to use.
    storages
        Where weights may be, the best first.
    most
        Leaves out what takes more, where that shows beforehand.
    known
        Predictions, kept.
    refused
        Takes those that cannot be built.
    """
    form = FORMS[layer.form]
    storage = "reloaded" if not form.joins and "reloaded" in storages else storages[0]
    tables = list(form.tables(layer.options, layer.channels, engines))
    for lanes in form.lanes(layer.options):
        for chosen in tables:
            if _multipliers(chosen) > most.multipliers // lanes:
                continue
            option = Option((layer,), chosen, lanes, storage, known=known)
            if (error := option.refusal) is not None:
                names = frozenset(str(table["engine"]) for table in chosen.values())
                refused.append(RefusedOption(layer, names, error.parameter, str(error)))
            elif option.cost.multipliers <= most.multipliers:
                yield option


def _multipliers(tables: dict[str, EngineTable]) -> int:
    """Return the fewest multipliers a lane of the largest engine."""
    return max(
        candidates_of(table).least_multipliers(table) * int(table.get("products", 1))
        for table in tables.values()
    )


def sliced(options: Sequence[Option], most: int) -> Iterator[Option]:
    """Yield ``options`` with kernels of a share of the channels at a time, which take less room.

    Layers are cut in as many slices, up to ``most``, as their channels allow.
    """
    for option in options:
        if not FORMS[option.layers[0].form].joins:
            continue  # their weights are streamed
        slices = max(n for n in powers(option.channels // 2) if n <= most)
        slim = replace(option, storage="reloaded", slices=slices)
        if slices > 1 and slim.loads:
            yield slim


def unable(layers: Sequence[PlannedLayer], engines: Sequence[str]) -> dict[str, list[int]]:
    """Return the lengths of lines of ``layers`` that each of ``engines`` cannot do, if any."""
    lengths = sorted(
        {length for layer in layers for length in FORMS[layer.form].circles(layer.options)}
    )
    gaps = {
        engine: [length for length in lengths if not ENGINES[engine].does(length)]
        for engine in engines
    }
    return {engine: missing for engine, missing in gaps.items() if missing}


def reasons(refused: Sequence[RefusedOption], possible: Sequence[Option]) -> dict[str, str]:
    """Return why each engine is in none of the ``possible`` options, by its name.

    Of several reasons the one that names that engine alone.
    """
    able = {str(table["engine"]) for option in possible for table in option.engines.values()}
    found: dict[str, str] = {}
    for item in sorted(refused, key=lambda item: len(item.engines)):
        for engine in sorted(item.engines - able):
            found.setdefault(engine, item.reason)
    return found
