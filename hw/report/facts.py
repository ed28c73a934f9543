"""Numbers of a build, each with where it came from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hw.report.subject import Subject
from hw.targets.registry import devices
from hw.targets.titles import TITLES

FAR_OFF = 0.1
"""From this part of it on, a prediction's difference from what was measured is marked."""


class Origin(StrEnum):
    """Where a number came from."""

    PREDICTED = "predicted"
    SYNTHESISED = "synthesised"
    PLACED = "placed"
    SIMULATED = "simulated"
    PROVED = "proved"
    SEARCHED = "searched"


@dataclass(frozen=True)
class Fact:
    """A number.

    Parameters
    ----------
    name
        What it is of.
    value
        The number.
    origin
        Where it came from.
    of
        The device, or what else it holds for.
    expected
        What was predicted of it, where that was.
    """

    name: str
    value: float | int | bool | str
    origin: Origin
    of: str = ""
    expected: float | None = None

    @property
    def difference(self) -> float | None:
        """How much more it is than was predicted, as a part of that."""
        if not self.expected or not isinstance(self.value, (int, float)):
            return None
        return float(self.value) / self.expected - 1

    @property
    def far_off(self) -> bool:
        """Whether the prediction missed it."""
        return self.difference is not None and abs(self.difference) > FAR_OFF


def facts_of(subject: Subject, simulated: Mapping[str, int]) -> list[Fact]:
    """Return all numbers; ``simulated`` are cycles that a simulation was seen to take."""
    manifest = subject.manifest
    facts = [*_timing(manifest, simulated), *_predicted(manifest)]
    facts += list(_certified(manifest.get("certificate", {})))
    for program in manifest.get("programs", ()):
        facts += _certified(program.get("certificate", {}), of=str(program.get("model", "")))
    facts += _programs(manifest)
    for device, entry in subject.measured.items():
        facts += _measured(device, entry, manifest.get("prediction", {}))
    facts += _frames(subject.run, manifest)
    return facts


def _timing(manifest: Mapping[str, Any], simulated: Mapping[str, int]) -> Iterator[Fact]:
    for key, value in manifest.get("timing", {}).items():
        name = key.replace("_", " ")
        yield Fact(name, value, Origin.PREDICTED)
        if key in simulated:
            yield Fact(name, simulated[key], Origin.SIMULATED, expected=value)


def _predicted(manifest: Mapping[str, Any]) -> Iterator[Fact]:
    prediction = dict(manifest.get("prediction", {}))
    target = str(prediction.pop("target", manifest.get("parameters", {}).get("target", "")))
    if "multipliers" in manifest:
        yield Fact("multipliers", manifest["multipliers"], Origin.PREDICTED, target)
    for key, value in prediction.items():
        yield Fact(TITLES.get(key, key.replace("_", " ")), value, Origin.PREDICTED, target)


def _certified(certificate: Mapping[str, Any], of: str = "") -> Iterator[Fact]:
    for key, value in certificate.items():
        if isinstance(value, (bool, int, float, str)):
            yield Fact(key.replace("_", " "), value, Origin.PROVED, of)


def _programs(manifest: Mapping[str, Any]) -> Iterator[Fact]:
    for program in manifest.get("programs", ()):
        model = str(program.get("model", ""))
        for key in ("cycles", "products", "descriptors", "scratch_bytes"):
            if key in program:
                yield Fact(key.replace("_", " "), program[key], Origin.PREDICTED, model)


def _measured(
    device: str, entry: Mapping[str, Any], prediction: Mapping[str, Any]
) -> Iterator[Fact]:
    origin = Origin.PLACED if "placed" in str(entry["how"]) else Origin.SYNTHESISED
    known = {TITLES.get(key, key): value for key, value in prediction.items()}
    known_device = devices().get(device)
    same = known_device is not None and known_device.target == prediction.get("target")
    for key, value in entry["resources"].items():
        title = TITLES.get(key, key)
        yield Fact(title, value, origin, device, known.get(title) if same else None)
    if entry.get("fmax_mhz") is not None:
        seeds = len(entry.get("seeds", ()))
        yield Fact("clock, MHz", entry["fmax_mhz"], origin, f"{device}, median of {seeds}")


def _frames(run: Mapping[str, Any], manifest: Mapping[str, Any]) -> Iterator[Fact]:
    frames = run.get("frames", ())
    if not frames:
        return
    programs = manifest.get("programs", ())
    expected = programs[0].get("cycles") if len(programs) == 1 else None
    for key in ("cycles", "waiting", "read_bytes", "written_bytes"):
        if key in frames[0]:
            name = f"{key.replace('_', ' ')} of the first frame"
            yield Fact(
                name, frames[0][key], Origin.SIMULATED, "", expected if key == "cycles" else None
            )
    yield Fact("samples unlike golden's", run.get("mismatches", 0), Origin.SIMULATED)
