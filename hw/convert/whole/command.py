"""``python -m hw.convert --whole``: a whole network to integers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx

from golden.inputs.errors import ParameterError
from golden.network.files import CONFIG, WEIGHTS, written
from golden.network.network import Network
from golden.operator.parc import Floats
from hw.command import table
from hw.convert.archive import load_program
from hw.convert.calibrate import Calibration
from hw.convert.read_onnx import check_model
from hw.convert.read_torch import export_factory
from hw.convert.whole.calibrated import Bar, Calibrator
from hw.convert.whole.foreign import as_roundings
from hw.convert.whole.imported import Imported, complete, is_quantised
from hw.convert.whole.imported import maps_of as imported_maps
from hw.convert.whole.last import without_softmax
from hw.convert.whole.left_real import rounded_everywhere
from hw.convert.whole.measure import check, measure
from hw.convert.whole.model import Model, cut, fixed, proto_of_program, simplified
from hw.convert.whole.qdq import write_qdq
from hw.convert.whole.quantise import fuse_clips, quantise
from hw.convert.whole.recognise import recognise
from hw.convert.whole.referee import SourceFile
from hw.convert.whole.steps import Step
from hw.emit.files import with_manifest, write_product
from hw.emit.toml import to_toml

QDQ, REPORT = "network.qdq.onnx", "report.json"
_MEASURED, _CHECKED = 8, 2
"""Images, where there are no labels; images that go through the referee."""
_POOR = 20
"""Decibels under which integers are warned of."""


@dataclass(frozen=True)
class Request:
    """What a user asks for.

    Parameters
    ----------
    model, state, size, trust_pickle
        The network.
    begin, end
        Nodes that a part begins and ends with.
    observer, bits, weight_bits
        How formats are chosen.
    equalise
        Whether to make channels alike where that helps.
    checked
        Whether to compare with onnxruntime.
    out
        Folder to write to.
    """

    model: str
    state: Path | None
    size: tuple[int, int]
    trust_pickle: bool
    begin: str | None
    end: str | None
    observer: str
    bits: int
    weight_bits: int
    equalise: bool
    checked: bool
    out: Path


def convert(request: Request, data: Calibration, inputs: list[Path], bar: Bar) -> int:
    """Write the network's files, and return the exit status.

    Raises
    ------
    ParameterError
        Where the network, a part of it or the images can't be done.
    """
    if request.bits > 8 or request.weight_bits > 8:
        name = "bits" if request.bits > 8 else "weight_bits"
        raise ParameterError(name, "at most 8 with --whole", getattr(request, name))
    given = fixed(_proto(request, data.images.shape[1]), request.size)
    _check_channels(proto_shape(given), data)
    written, stands = as_roundings(given)
    part, before = cut(written, request.begin, request.end)
    images = data.images if before is None else _made_by(simplified(before), data.images)
    part, left_out = without_softmax(part)
    part, rounded = rounded_everywhere(part, images, request.observer)
    model = simplified(part)
    steps, network, gained = to_network(model, images, request, bar)
    shown = images if data.labels is not None else images[:_MEASURED]
    with bar("measuring", len(shown)) as progress:
        figures = measure(model, steps, network, shown, data.labels, progress.update)
    report: dict[str, Any] = {"observer": request.observer, **figures}
    if gained:
        report["equalised"] = gained
    report["certificate"] = network.certificate()
    if request.checked:
        with bar("checking", min(len(images), _CHECKED)) as progress:
            words = {step.name: step.words for step in steps if step.words}
            stands = stands and not request.begin and not rounded
            file = cut(given, None, request.end)[0] if stands else part
            axes = {step.words: step.word_axes for step in steps if step.words}
            source = SourceFile(network, file, words, axes) if words else None
            report["check"] = check(network, images[:_CHECKED], progress.update, source)
    report |= {"left_out": left_out, "rounded": rounded}
    report["warnings"] = _warnings(report)
    files = _files(network, report)
    write_product(files, REPORT, request.out, inputs=inputs)
    _say(network, report, files, request.out)
    return 1 if report.get("check", {}).get("different") else 0


def to_network(
    model: Model, images: Floats, request: Request, bar: Bar
) -> tuple[list[Step], Network, dict[str, Any]]:
    """Return the steps of a network, its integers, and what equalisation measured."""
    steps, output = recognise(model)
    steps = fuse_clips(steps, output, model.constants)
    if is_quantised(steps):
        if request.equalise:
            raise ParameterError("equalise", "left out of a network that is quantised", "given")
        return *_imported(model, steps, output), {}
    output = output if any(step.name == output for step in steps) else steps[-1].name
    calibrator = Calibrator(
        model, steps, output, images, request.observer, request.bits, request.weight_bits, bar
    )
    if request.equalise:
        return calibrator.best()
    return steps, calibrator.made(steps), {}


def _imported(model: Model, steps: list[Step], output: str) -> tuple[list[Step], Network]:
    """Return a network in the file's own formats."""
    output = output if any(step.name == output for step in steps) else steps[-1].name
    steps = complete(steps)
    network = quantise(
        steps,
        imported_maps(steps),
        output,
        weight_bits=8,
        constants=model.constants,
        making_of=Imported,
    )
    return steps, network


def _proto(request: Request, channels: int) -> onnx.ModelProto:
    path = Path(request.model)
    is_file = path.suffix in (".onnx", ".pt2")
    if request.state is not None and (is_file or ":" not in request.model):
        raise ParameterError("state", "left out with a file", request.state)
    if request.trust_pickle and path.suffix != ".pt2":
        raise ParameterError("trust_pickle", "left out but for a file .pt2", "given")
    if path.suffix == ".onnx":
        return check_model(path)
    if is_file:
        return proto_of_program(load_program(path, trust_pickle=request.trust_pickle))
    if ":" in request.model:
        program = export_factory(request.model, request.state, request.size, channels)
        return proto_of_program(program)
    raise ParameterError("model", "a file .onnx or .pt2, or MODULE:FUNCTION", request.model)


def proto_shape(proto: onnx.ModelProto) -> tuple[int, ...]:
    """Return the shape of the image that a network of `fixed` takes."""
    return tuple(d.dim_value for d in proto.graph.input[0].type.tensor_type.shape.dim)


def _check_channels(shape: tuple[int, ...], data: Calibration) -> None:
    if shape[0] != 1:
        raise ParameterError("model", "of one image a batch, or a free number", shape[0])
    if data.images.shape[1:] != shape[1:]:
        wanted, found = (" x ".join(map(str, s)) for s in (shape[1:], data.images.shape[1:]))
        raise ParameterError("calibration", f"images of {wanted}", found, verb="must hold")


def _made_by(model: Model, images: Floats) -> Floats:
    """Return what the first part of a network makes of images."""
    return np.concatenate(
        [model.run([model.output], image[None])[model.output] for image in images]
    ).astype(np.float64)


def _files(network: Network, report: dict[str, Any]) -> dict[str, bytes]:
    options, archive = written(network)
    files = {
        CONFIG: to_toml(options),
        WEIGHTS: archive,
        QDQ: write_qdq(network).SerializeToString(),
    }
    return with_manifest(files, REPORT, {"name": "network", **report})


def _warnings(report: dict[str, Any]) -> list[str]:
    ratios = {**report["layers"], "the network's output": report["output"]}
    left_out = [
        f"{place} is left out: the results before it are in the same order"
        for place in report["left_out"]
    ]
    rounded = [
        f"{name}, which the file leaves in real numbers, is rounded as the images have it"
        for name in report["rounded"]
    ]
    return (
        left_out
        + rounded
        + [
            f"integers of {name} are {ratio:.1f} dB from float, under {_POOR} dB"
            for name, ratio in ratios.items()
            if ratio is not None and ratio < _POOR
        ]
    )


def _say(network: Network, report: dict[str, Any], files: Mapping[str, bytes], out: Path) -> None:
    rows = [("layer", "operator", "map", "products", "SQNR dB")]
    for name, operator in network.operators.items():
        ratio = report["layers"].get(name)
        shape = " x ".join(map(str, operator.gives.shape))
        shown = "-" if ratio is None else f"{ratio:.1f}"
        rows.append((name, operator.kind, shape, f"{operator.products:,}", shown))
    for warning in report["warnings"]:
        click.echo(f"warning: {warning}", err=True)
    click.echo(table(rows))
    click.echo(
        f"{network.products:,} products a frame; sums of {report['certificate']['sum_bits']} bits"
    )
    click.echo(
        f"on {report['images']} images: the same class in {report['same_class']:.2%}, worst map "
        f"{report['worst']}"
    )
    if "float_accuracy" in report:
        before, after = report["float_accuracy"], report["integer_accuracy"]
        click.echo(f"accuracy: {before:.2%} in float, {after:.2%} in integers")
    if "equalised" in report:
        ratios = report["equalised"]["decibels"].items()
        tried = ", ".join(f"{name} {ratio:.1f} dB" for name, ratio in ratios)
        click.echo(f"equalised: {report['equalised']['chosen']}, of {tried}")
    if "check" in report:
        _say_check(report["check"])
    click.echo(f"{len(files)} files in {out}")


def _say_check(figures: dict[str, Any]) -> None:
    for line in figures["different"]:
        click.echo(f"not as onnxruntime computes it: {line}", err=True)
    if not figures["different"]:
        click.echo(
            f"as onnxruntime computes them: {figures['elements']:,} samples of "
            f"{figures['maps']} maps, {figures['images']} images"
        )
