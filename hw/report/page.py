"""A page: what each build is, what is known of it, and builds beside each other."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from hw.report import charts
from hw.report.certificate import largest_found, ranges_of
from hw.report.facts import FAR_OFF, Fact, Origin, facts_of
from hw.report.networks import add_program
from hw.report.part import Grid, Part, Picture, as_text
from hw.report.structure import structure_of
from hw.report.subject import Subject
from hw.simulate.waves import can_simulate, waves_of

_MOST_CHANNELS = 64


def render(parts: Sequence[Part]) -> str:
    """Return the page of ``parts``, each of another name."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["number"] = as_text
    template = environment.from_string(
        files(__package__).joinpath("page.html.j2").read_text(encoding="utf-8")
    )
    comparison = _comparison(parts) if len(parts) > 1 else None
    return template.render(parts=parts, comparison=comparison, far_off=FAR_OFF)


def build_part(subject: Subject, key: str, simulate: Path | None) -> Part:
    """Return the part of a build.

    Parameters
    ----------
    subject
        The build.
    key
        What ids of its plots begin with.
    simulate
        Where simulations are kept; None to do without them.
    """
    waves = waves_of(subject.built, simulate) if simulate and can_simulate(subject.built) else None
    manifest = subject.manifest
    part = Part(
        subject.name,
        _about(subject),
        facts_of(subject, waves.timing if waves else {}),
        subject.template,
        prediction=manifest.get("prediction", {}),
    )
    structure = structure_of(subject.built)
    part.pictures.append(
        Picture(
            "Block diagram",
            charts.diagram(structure, f"{key}-blocks"),
            "Drawn from the Verilog: units, how many multipliers and block memories each has, and "
            f"the bits that run between them; links of less than {structure.least_bits} bits "
            "are left out. " + _rates(manifest),
        )
    )
    _certificate(part, subject, key)
    _weights(part, subject, key)
    if waves is not None:
        drawn = charts.waveform(waves.signals, waves.cycles, f"{key}-waves")
        part.pictures.append(Picture("First transactions", drawn))
    _layers(part, subject, key)
    for number, (device, entry) in enumerate(subject.measured.items()):
        _placement(part, device, entry, f"{key}-{number}")
    return part


def _about(subject: Subject) -> str:
    told = [
        f"{key.replace('_', ' ')} {as_text(value)}"
        for key, value in subject.manifest.get("parameters", {}).items()
        if value is not None and not isinstance(value, Mapping)
    ]
    return f"{subject.kind}: {', '.join(told)}." if told else f"{subject.kind}."


def _placement(part: Part, device: str, entry: Mapping[str, Any], key: str) -> None:
    """Add what place and route left."""
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


def _certificate(part: Part, subject: Subject, key: str) -> None:
    certificate = subject.manifest.get("certificate", {})
    if ranges := ranges_of(certificate):
        drawn = charts.ranges(ranges, f"{key}-ranges")
        text = "Proved over every input; ticks stand where the bits of a node end."
        part.pictures.append(Picture("Ranges of the nodes", drawn, text))
    if "error_bound" in certificate:
        found = largest_found(subject)
        drawn = charts.error_bounds(certificate, f"{key}-bounds", found)
        text = "Bounds hold of every input and of the worst channel (docs/formats.md)."
        if found is not None:
            part.facts.append(Fact("largest error of a sum found", found, Origin.SEARCHED))
            text += (
                " Orange: the largest error that a search of seconds found there, from the worst "
                "inputs of quantisation on; what is further off was not found, or is not there."
            )
        part.pictures.append(Picture("Certificate", drawn, text))


def _weights(part: Part, subject: Subject, key: str) -> None:
    weight = subject.weights.get("weight")
    if weight is None or weight.ndim < 2 or len(weight) < 2:
        return
    drawn = charts.weights(weight.astype(np.int64), f"{key}-weights")
    shown = min(len(weight), _MOST_CHANNELS)
    text = f"Integers as built in, {shown} of {len(weight)} channels: range, middle half, median."
    part.pictures.append(Picture("Weights", drawn, text))


def _layers(part: Part, subject: Subject, key: str) -> None:
    """Add a network's layers, with cycles as `hw.run --layers` saw them where it did."""
    manifest = subject.manifest
    multipliers = manifest.get("multipliers") or manifest.get("prediction", {}).get("multipliers")
    seen = {
        one["name"]: one["measured"] for one in subject.run.get("layers", ()) if "measured" in one
    }
    for number, program in enumerate(manifest.get("programs", ())):
        if program.get("layers"):
            keys = f"{key}-program{number}"
            add_program(part, program, manifest["parameters"], multipliers, keys, seen)


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
    grid = Grid("Beside each other", ["", *(part.name for part in parts)], rows)
    points = {}
    for part in parts:
        prediction = part.prediction
        if {"multipliers", "lut4_equivalents"} <= prediction.keys():
            points[part.name] = (
                float(prediction["multipliers"]),
                float(prediction["lut4_equivalents"]),
            )
    pictures = []
    if len(points) > 1:
        drawn = charts.scatter(points, "all-cost", ("multipliers", "LUT4-equivalents"))
        pictures.append(Picture("Cost, predicted", drawn))
    return grid, pictures
