"""What is swept: products of lists, from a TOML file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import click

from golden.inputs.errors import ParameterError, check_range
from golden.inputs.read import read_toml
from hw.build import main as build
from hw.sweep.point import Point, Value
from hw.targets.registry import devices

STEPS = ("simulate", "synthesise", "place")
MOST_POINTS = 10**6
_KEYS = {"steps", "seeds", "limit_s", "best", "sweep"}
_NOT_SWEPT = {"out", "name", "package", "mhz", "clock", "reset", "reset_active", "help"}
_BEST = {
    "least": ("predicted.multipliers", "predicted.lut4_equivalents"),
    "most": ("predicted.samples_per_cycle",),
}


@dataclass(frozen=True)
class Spec:
    """A sweep.

    Parameters
    ----------
    points
        All of them, each once.
    steps
        Of `STEPS`; every point is built and predicted.
    seeds
        Placements of a point, whose clock is the median; where the seed is no parameter.
    limit_s
        Seconds that a step of a point may take.
    least, most
        Figures that are better where they are small, and large: what the Pareto front is of.
    """

    points: Sequence[Point]
    steps: tuple[str, ...] = ()
    seeds: int = 1
    limit_s: int = 3600
    least: tuple[str, ...] = field(default=_BEST["least"])
    most: tuple[str, ...] = field(default=_BEST["most"])


def read_spec(path: Path) -> Spec:
    """Return the sweep that the file at ``path`` describes.

    Raises
    ------
    ParameterError
        Where it cannot be read, or a key is unknown or breaks its rule.
    """
    said = read_toml(path, "spec")
    try:
        _check_keys(said, _KEYS, "")
        steps = _steps(said.get("steps", []))
        seeds, limit_s = _number(said, "seeds", 1, 99), _number(said, "limit_s", 3600, 10**6)
        best = said.get("best", _BEST)
        if not isinstance(best, dict):
            raise ParameterError("best", "a table", repr(best))
        _check_keys(best, set(_BEST), "best.")
        least, most = (_words(best, side) for side in _BEST)
        points = _points(said.get("sweep"), path.parent.resolve(), steps)
    except ParameterError as reason:
        raise reason.renamed(f"{path}: {reason.known_as or reason.parameter}") from None
    return Spec(points, steps, seeds, limit_s, least, most)


def _check_keys(table: Mapping[str, Any], known: set[str], inside: str) -> None:
    for key in table:
        if key not in known:
            raise ParameterError(f"{inside}{key}", f"one of {', '.join(sorted(known))}", repr(key))


def _steps(said: object) -> tuple[str, ...]:
    if not isinstance(said, list) or not all(step in STEPS for step in said):
        raise ParameterError("steps", f"a list of some of {', '.join(STEPS)}", repr(said))
    return tuple(step for step in STEPS if step in said)


def _number(table: Mapping[str, Any], key: str, default: int, most: int) -> int:
    value = table.get(key, default)
    if type(value) is not int:
        raise ParameterError(key, "a whole number", repr(value))
    check_range(key, value, 1, most)
    return value


def _words(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    said = table.get(key, [])
    if not isinstance(said, list | tuple) or not all(isinstance(one, str) for one in said):
        raise ParameterError(f"best.{key}", "a list of names of figures", repr(said))
    return tuple(said)


def _points(said: object, folder: Path, steps: tuple[str, ...]) -> list[Point]:
    if not isinstance(said, list) or not said or not all(isinstance(one, dict) for one in said):
        raise ParameterError("sweep", "at least one table, [[sweep]]", repr(said))
    found: dict[str, Point] = {}
    whole = sum(prod(len(v) for v in table.values() if isinstance(v, list)) for table in said)
    if whole > MOST_POINTS:
        raise ParameterError("sweep", f"of at most {MOST_POINTS:,} points", f"of {whole:,}")
    for table in said:
        for point in _product(table, folder, steps):
            found.setdefault(repr(point.entry), point)
    return list(found.values())


def _product(table: Mapping[str, Any], folder: Path, steps: tuple[str, ...]) -> Iterator[Point]:
    """Yield the points of a table; what an engine has no use for is left out of its points."""
    lists = {key: _list(key, value) for key, value in table.items()}
    engines = lists.pop("engine", [])
    if not engines:
        raise ParameterError("engine", "given in every [[sweep]]", "left out")
    commands = [_command(engine) for engine in engines]
    placed = [lists.pop("device", [""]), lists.pop("seed", [None])]
    _check_placed(placed[0], placed[1], steps)
    for key in lists:
        if not any(key in options for options in commands):
            known = sorted(set().union(*commands) | {"engine", "device", "seed"})
            raise ParameterError(key, f"one of {', '.join(known)}", repr(key))
    for engine, options in zip(engines, commands, strict=True):
        own = {key: values for key, values in lists.items() if key in options}
        for key, values in own.items():
            own[key] = [_checked(key, value, options[key], folder) for value in values]
        for device, seed, *values in product(*placed, *own.values()):
            chosen = dict(zip(own, values, strict=True))
            if "target" in options and "target" not in chosen and device in devices():
                chosen["target"] = devices()[device].target
            yield Point(engine, chosen, device, seed)


def _list(key: str, said: object) -> list[Any]:
    values = said if isinstance(said, list) else [said]
    if not values or not all(isinstance(value, Value) for value in values):
        raise ParameterError(key, "a value or a list of some", repr(said))
    return values


def _command(engine: object) -> dict[str, click.Option]:
    """Return the options of an engine's builds, by name, that may be swept."""
    known = build.list_commands(click.Context(build))
    if engine not in known:
        raise ParameterError("engine", f"one of {', '.join(known)}", repr(engine))
    command = build.get_command(click.Context(build), str(engine))
    assert command is not None
    return {
        str(option.name): option
        for option in command.params
        if isinstance(option, click.Option) and option.name not in _NOT_SWEPT
    }


def _check_placed(devices: list[Any], seeds: list[Any], steps: tuple[str, ...]) -> None:
    placed = {"synthesise", "place"} & set(steps)
    if placed and devices == [""]:
        raise ParameterError("device", f"given, since steps have {min(placed)}", "left out")
    if not placed and devices != [""]:
        raise ParameterError("device", "left out without synthesise or place in steps", devices)
    if seeds != [None] and "place" not in steps:
        raise ParameterError("seed", "left out without place in steps", seeds)
    for seed in seeds:
        if seed is not None and (type(seed) is not int or not 1 <= seed < 2**31 - 99):
            raise ParameterError("seed", "a whole number from 1 on", repr(seed))


def _checked(key: str, value: Value, option: click.Option, folder: Path) -> Value:
    """Return a value as the option takes it, a file by its absolute path."""
    kind, told = _kind(option)
    # Of Python's types bool is one of int's.
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise ParameterError(key, told, repr(value))
    if isinstance(option.type, click.Choice) and value not in option.type.choices:
        raise ParameterError(key, f"one of {', '.join(option.type.choices)}", repr(value))
    if isinstance(value, str) and str(option.metavar or "").lower().endswith((".npz", ".toml")):
        path = folder / value
        if not path.is_file():
            raise ParameterError(key, "a file", path)
        return str(path)
    return value


def _kind(option: click.Option) -> tuple[type, str]:
    """Return what values an option takes, and what these are called."""
    if option.is_flag:
        return bool, "true or false"
    return (int, "a whole number") if option.type is click.INT else (str, "a string")
