"""Every engine over the lengths that matter, placed on one device, beside other cores."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from flow.families import part_named
from flow.implement import Means, implement, n_steps
from flow.product import build
from flow.report import Report
from flow.tools import FlowError, MissingToolError
from golden.inputs.errors import ParameterError
from golden.inputs.read import read_json
from hw.emit.files import to_json
from hw.emit.product import Built
from hw.engines import ENGINES
from hw.measured.store import DONE, FAILED, Store
from hw.measured.store import Result as Kept
from hw.sweep.point import Point
from hw.sweep.work import implemented_figures
from hw.targets.device import USABLE
from hw.targets.registry import device_named

LENGTHS = (8, 14, 16, 32, 56, 64, 112, 256)
DEVICE = "lfe5u-85f-6"
CAPACITY = device_named(DEVICE).capacity
"""What it has."""

OTHER_LENGTH = 8
OTHERS = ("up5k", "gw2a-18", "ccgm1a1", "lifcl-40-9", "xc7", "xcup", "cyclonev")
"""Devices beside ECP5."""

PEERS, SINGLES = (Path(__file__).with_name(f"{name}.json") for name in ("peers", "singles"))
"""Figures that were put in by hand: of other cores, and of builds that nobody measures again."""
LAYERS = sorted((Path(__file__).parent / "layers").glob("*.toml"))
"""Configurations of whole layers to measure, for ECP5."""


@dataclass(frozen=True)
class Case:
    """A build to measure."""

    engine: str
    length: int
    device: str = DEVICE
    target: str = "ecp5"

    @property
    def name(self) -> str:
        """Name of the build."""
        return f"{self.engine}_{self.length}"

    @property
    def options(self) -> dict[str, int | str]:
        """Options of `hw.build`."""
        fitting = ENGINES[self.engine].candidates.within(self.length, CAPACITY["dsp"])
        return {"length": self.length, "target": self.target, **fitting}

    @property
    def arguments(self) -> list[str]:
        """Arguments of `hw.build`."""
        told = (word for key, value in self.options.items() for word in (f"--{key}", str(value)))
        return [self.engine, *told]


@dataclass(frozen=True)
class Result:
    """What a case came to.

    Parameters
    ----------
    case
        What was measured.
    report
        Of the implementation, or None where there is none.
    why_not
        Why there is none.
    lanes, cycles_per_group, latency_cycles, max_abs_error
        From the manifest.
    """

    case: Case
    report: Report | None = None
    why_not: str = ""
    lanes: int = 0
    cycles_per_group: int = 0
    latency_cycles: int = 0
    max_abs_error: float = 0.0

    @property
    def msamples(self) -> float | None:
        """Million samples a second, at the Fmax measured."""
        if self.report is None or self.report.fmax_mhz is None:
            return None
        beats = self.case.length / self.cycles_per_group
        return self.report.fmax_mhz * self.lanes * beats

    @property
    def msamples_per_multiplier(self) -> float | None:
        """Million samples a second for each multiplier."""
        dsp = self.figure("dsp")
        return None if self.msamples is None or not dsp else self.msamples / dsp

    @property
    def copies(self) -> int | None:
        """How many fit an LFE5U-85F, by the count of what each takes."""
        if self.report is None or self.case.device != DEVICE:
            return None
        used = self.report.resources
        return min(
            int(CAPACITY[kind] * USABLE[kind] / used[kind]) for kind in CAPACITY if used.get(kind)
        )

    @property
    def full_device_msamples(self) -> float | None:
        """Million samples a second of a device full of copies, at the Fmax of one."""
        if self.copies is None or self.msamples is None:
            return None
        return self.copies * self.msamples

    def figure(self, kind: str) -> int | float | None:
        """Return one of the report's resources."""
        return None if self.report is None else self.report.resources.get(kind)

    def entry(self) -> dict[str, Any]:
        """Return this as JSON has it."""
        derived = ("msamples", "msamples_per_multiplier", "copies", "full_device_msamples")
        figures = {name: getattr(self, name) for name in derived}
        return asdict(self) | {"report": self.report and self.report.entry()} | figures


def cases(engines: Sequence[str], lengths: Sequence[int]) -> list[Case]:
    """Return what is measured: every engine and length on ECP5, and one length elsewhere."""
    on_ecp5 = [Case(engine, length) for engine in engines for length in lengths]
    elsewhere = [
        Case(engine, OTHER_LENGTH, device, part_named(device).target)
        for engine in engines
        for device in OTHERS
    ]
    return on_ecp5 + elsewhere


def measure(case: Case, means: Means) -> Result:
    """Build and implement ``case``; where that is impossible, say why."""
    device = part_named(case.device)
    left = n_steps(device, means.seeds)

    def step(word: str) -> None:
        nonlocal left
        left -= 1
        means.progress(f"{case.name}: {word}")

    try:
        with tempfile.TemporaryDirectory() as folder:
            product = build(case.name, case.arguments, Path(folder))
        report = implement(product, device, replace(means, progress=step))
    except ParameterError as refusal:
        result = Result(case, why_not=str(refusal))
    except MissingToolError as missing:
        result = Result(case, why_not=missing.message)
    except FlowError as failure:
        result = Result(case, why_not=_last_error(failure.message))
    else:
        result = _result(case, product, report)
    for _ in range(left):
        means.progress(f"{case.name}: {result.why_not}")
    return result


def _result(case: Case, product: Built, report: Report) -> Result:
    manifest = product.manifest
    return Result(
        case,
        report,
        lanes=manifest["parameters"]["lanes"],
        cycles_per_group=manifest["timing"]["cycles_per_group"],
        latency_cycles=manifest["timing"]["latency_cycles"],
        max_abs_error=manifest["certificate"]["max_abs_error"],
    )


@dataclass(frozen=True)
class LayerResult:
    """What a whole layer came to on `DEVICE`.

    Parameters
    ----------
    name, form
        Of the layer.
    shape
        Channels, height and width of its map.
    engines
        Of its passes.
    report
        Of the implementation.
    latency_cycles, cycles_per_frame
        From the manifest.
    """

    name: str
    form: str
    shape: tuple[int, int, int]
    engines: tuple[str, ...]
    report: Report
    latency_cycles: int
    cycles_per_frame: int

    @property
    def frames(self) -> float | None:
        """Maps a second, at the Fmax measured."""
        fmax = self.report.fmax_mhz
        return None if fmax is None else fmax * 1e6 / self.cycles_per_frame

    def entry(self) -> dict[str, Any]:
        """Return this as JSON has it."""
        return asdict(self) | {"report": self.report.entry(), "frames": self.frames}


def measure_layer(config: Path, means: Means) -> LayerResult:
    """Build and implement the layer that ``config`` describes."""
    with tempfile.TemporaryDirectory() as folder:
        product = build(config.stem, ["layer", "--config", str(config)], Path(folder))
    manifest = product.manifest
    channels, height, width = (
        manifest["parameters"][key] for key in ("channels", "height", "width")
    )
    return LayerResult(
        name=config.stem,
        form=manifest["form"],
        shape=(channels, height, width),
        engines=tuple(engine["engine"] for engine in manifest["engines"].values()),
        report=implement(product, part_named(DEVICE), means),
        latency_cycles=manifest["timing"]["latency_cycles"],
        cycles_per_frame=manifest["timing"]["cycles_per_frame"],
    )


def _last_error(message: str) -> str:
    """Return the line that says why a tool failed."""
    errors = [line for line in message.splitlines() if "ERROR" in line]
    said = errors[-1].partition("ERROR: ")[2] if errors else message.splitlines()[0]
    return said.rstrip(".:")


def keep(results: Sequence[Result], seeds: int, store: Store) -> None:
    """Keep in ``store`` what was measured, as a sweep of the same points does."""
    points = []
    for result in results:
        case = result.case
        point = Point(case.engine, case.options, case.device)
        *_, task = point.tasks(("place",), seeds)
        points.append((point.entry, [task.key]))
        store.record({task.key: _kept(result)})
    store.name_points("bench", points)


def _kept(result: Result) -> Kept:
    if result.report is None:
        return Kept(FAILED, result.why_not)
    return Kept(DONE, figures=implemented_figures(result.report.entry(), placed=True))


def results_file(results: Sequence[Result], layers: Sequence[LayerResult]) -> bytes:
    """Return all that was measured as JSON."""
    entries = {
        "schema": 1,
        "results": [result.entry() for result in results],
        "layers": [layer.entry() for layer in layers],
        "peers": read_json(PEERS, "peers"),
        "singles": read_json(SINGLES, "singles"),
    }
    return to_json(entries)


def read_results(path: Path) -> tuple[list[Result], list[LayerResult]]:
    """Return what `results_file` wrote."""
    entries = read_json(path, "results")
    results = [_read_result(entry) for entry in entries["results"]]
    return results, [LayerResult(**_own(LayerResult, entry)) for entry in entries["layers"]]


def _read_result(entry: dict[str, Any]) -> Result:
    return Result(**_own(Result, entry) | {"case": Case(**entry["case"])})


def _own(kind: type[Result | LayerResult], entry: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of ``kind`` that ``entry`` holds, with what is derived left out."""
    own = {field.name: entry[field.name] for field in fields(kind)}
    report = own["report"]
    return own | {"report": report and Report.of(report)}
