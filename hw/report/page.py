"""A page: what each build is, what is known of it, and builds beside each other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from hw.report import charts
from hw.report.facts import FAR_OFF, Fact, Origin, facts_of
from hw.report.structure import structure_of
from hw.report.subject import Subject
from hw.simulate.waves import can_simulate, waves_of

_MOST_CHANNELS = 64


@dataclass(frozen=True)
class Picture:
    """A plot and what it says."""

    heading: str
    svg: str
    text: str = ""


@dataclass(frozen=True)
class Grid:
    """A table."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    text: str = ""


@dataclass
class Part:
    """A build's part of a page."""

    subject: Subject
    facts: list[Fact]
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Grid] = field(default_factory=list)


def render(subjects: Sequence[Subject], *, simulate: Path | None) -> str:
    """Return the page.

    Parameters
    ----------
    subjects
        Builds.
    simulate
        Where simulations are kept; None to do without them.
    """
    parts = [_part(subject, f"b{number}", simulate) for number, subject in enumerate(subjects)]
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = _number
    template = environment.from_string(
        files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    comparison = _comparison(parts) if len(parts) > 1 else None
    return template.render(parts=parts, comparison=comparison, far_off=FAR_OFF)


def _number(value: object) -> str:
    """Return a number as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
    return str(value)


def _part(subject: Subject, key: str, simulate: Path | None) -> Part:
    waves = waves_of(subject.built, simulate) if simulate and can_simulate(subject.built) else None
    part = Part(subject, facts_of(subject, waves.timing if waves else {}))
    structure = structure_of(subject.built)
    part.pictures.append(
        Picture(
            "Block diagram",
            charts.diagram(structure, f"{key}-blocks"),
            "Drawn from the Verilog: units, how many multipliers and block memories each has, and "
            f"the bits that run between them; links of less than {structure.least_bits} bits "
            "are left out. " + _rates(subject.manifest),
        )
    )
    _certificate(part, key)
    _weights(part, key)
    if waves is not None:
        drawn = charts.waveform(waves.signals, waves.cycles, f"{key}-waves")
        part.pictures.append(Picture("First transactions", drawn))
    _layers(part, key)
    for number, device in enumerate(subject.measured):
        _placement(part, device, f"{key}-{number}")
    return part


def _placement(part: Part, device: str, key: str) -> None:
    """Add what place and route left."""
    entry = part.subject.measured[device]
    if entry.get("critical_path"):
        drawn = charts.critical_path(entry["critical_path"], f"{key}-path")
        part.pictures.append(Picture(f"Critical path on {device}", drawn, str(entry["how"])))
    plan = entry.get("floorplan")
    if plan:
        drawn = charts.floorplan(plan, f"{key}-floorplan")
        text = "From nextpnr's placement, the seed with the median clock."
        part.pictures.append(Picture(f"Floorplan on {device}", drawn, text))
        if plan["slack"]:
            drawn = charts.slack(plan["slack"], f"{key}-slack")
            part.pictures.append(Picture(f"Slack on {device}", drawn))


def _rates(manifest: Mapping[str, Any]) -> str:
    timing = manifest.get("timing", {})
    lanes = manifest.get("parameters", {}).get("lanes")
    if lanes and "cycles_per_group" in timing:
        each = manifest["parameters"].get("length", 0) * lanes / timing["cycles_per_group"]
        return f"Each stream carries up to {each:.3g} samples a cycle."
    if "cycles_per_frame" in timing:
        return f"A frame takes {timing['cycles_per_frame']:,} cycles."
    return ""


def _certificate(part: Part, key: str) -> None:
    certificate = part.subject.manifest.get("certificate", {})
    if "error_bound" in certificate:
        drawn = charts.error_bounds(certificate, f"{key}-bounds")
        text = "Bounds hold of every input and of the worst channel (docs/formats.md)."
        part.pictures.append(Picture("Certificate", drawn, text))


def _weights(part: Part, key: str) -> None:
    weight = part.subject.weights.get("weight")
    if weight is None or weight.ndim < 2 or len(weight) < 2:
        return
    drawn = charts.weights(weight.astype(np.int64), f"{key}-weights")
    shown = min(len(weight), _MOST_CHANNELS)
    text = f"Integers as built in, {shown} of {len(weight)} channels: range, middle half, median."
    part.pictures.append(Picture("Weights", drawn, text))


def _layers(part: Part, key: str) -> None:
    """Add a network's layers: as a timeline, and as a table."""
    manifest = part.subject.manifest
    multipliers = manifest.get("multipliers") or manifest.get("prediction", {}).get("multipliers")
    run = {one["name"]: one["cycles"] for one in part.subject.run.get("layers", ())}
    for number, program in enumerate(manifest.get("programs", ())):
        layers = [
            {**one, "cycles": run.get(one["name"], one.get("cycles"))}
            for one in program.get("layers", ())
        ]
        if not layers or any(one["cycles"] is None for one in layers):
            continue
        model = str(program.get("model", ""))
        uses = [one["products"] / max(one["cycles"], 1) / (2 * multipliers) for one in layers]
        drawn = charts.timeline(
            [(one["name"], one["cycles"], use) for one, use in zip(layers, uses, strict=True)],
            f"{key}-layers{number}",
        )
        part.pictures.append(Picture(f"Layers of {model}", drawn))
        columns = ["layer", "cycles", "products", "products a multiplier a cycle"]
        rows = [
            [one["name"], one["cycles"], one["products"], round(2 * use, 3)]
            for one, use in zip(layers, uses, strict=True)
        ]
        part.tables.append(Grid(f"Layers of {model}", columns, rows))


def _comparison(parts: Sequence[Part]) -> tuple[Grid, list[Picture]]:
    """Return builds in one table, and plots of what all of them have."""
    names: list[str] = []
    columns: list[dict[str, Fact]] = []
    for part in parts:
        known: dict[str, Fact] = {}
        for fact in part.facts:
            of = f", {fact.of}" if fact.of and fact.origin != Origin.PROVED else ""
            said = f"{fact.name} ({fact.origin}{of})"
            known.setdefault(said, fact)
            if said not in names:
                names.append(said)
        columns.append(known)
    rows = [
        [name, *(known[name].value if name in known else "" for known in columns)]
        for name in names
        if sum(name in known for known in columns) > 1
    ]
    grid = Grid("Beside each other", ["", *(part.subject.name for part in parts)], rows)
    points = {}
    for part in parts:
        prediction = part.subject.manifest.get("prediction", {})
        if {"multipliers", "lut4_equivalents"} <= prediction.keys():
            points[part.subject.name] = (
                float(prediction["multipliers"]),
                float(prediction["lut4_equivalents"]),
            )
    pictures = []
    if len(points) > 1:
        drawn = charts.scatter(points, "all-cost", ("multipliers", "LUT4-equivalents"))
        pictures.append(Picture("Cost, predicted", drawn))
    return grid, pictures
