"""The command line: ``python -m hw.convert``."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click

from golden.inputs.errors import ParameterError
from golden.numbers.observe import OBSERVERS
from hw.command import table
from hw.convert.calibrate import (
    Calibration,
    load_calibration,
    look_through,
    measure,
    quantize_network,
    warnings_of,
)
from hw.convert.compose import compose
from hw.convert.find import Left, find_passes
from hw.convert.graph import Graph
from hw.convert.integers import IntegerLayer
from hw.convert.probe import LEAST_TAPS
from hw.convert.read_torch import read_export, read_factory
from hw.emit.files import to_json, with_manifest, write_product
from hw.emit.toml import config_files

NETWORK = "network.json"
"""What lists the layers."""


@click.command()
@click.argument("model", metavar="MODEL")
@click.option(
    "--input-size", required=True, metavar="HxW", help="Height and width of the images, 224x224."
)
@click.option(
    "--calibration",
    type=Path,
    required=True,
    metavar="DATA.npz",
    help="Images x [n, channels, H, W] as the network takes them, and labels y [n] if there are.",
)
@click.option("--state", type=Path, metavar="FILE", help="State dict of a factory's network.")
@click.option(
    "--observer",
    type=click.Choice(list(OBSERVERS)),
    default="minmax",
    help="How ranges of maps are chosen.  [minmax]",
)
@click.option("--bits", type=click.IntRange(2, 16), default=8, help="Width of maps.  [8]")
@click.option("--weight-bits", type=click.IntRange(2, 16), default=8, help="Of weights.  [8]")
@click.option(
    "--least-taps",
    type=click.IntRange(2),
    default=LEAST_TAPS,
    help=f"Of kernels with zeros around the map; shorter ones are left.  [{LEAST_TAPS}]",
)
@click.option(
    "--trust-pickle", is_flag=True, help="Load pickled objects of a .pt2 file: they can run code."
)
@click.option("--whole", is_flag=True, help="Convert the whole network, not its ParC layers alone.")
@click.option("--until", "end", metavar="NODE", help="With --whole: the last node that is taken.")
@click.option("--from", "begin", metavar="NODE", help="With --whole: the first node that is taken.")
@click.option(
    "--equalise",
    is_flag=True,
    help="With --whole: channels alike across layers, biases corrected, if that measures better.",
)
@click.option("--check", "checked", is_flag=True, help="With --whole: compare with onnxruntime.")
@click.option("-o", "--out", type=Path, required=True, help="Folder to write to.")
def main(
    model: str,
    input_size: str,
    calibration: Path,
    state: Path | None,
    observer: str,
    bits: int,
    weight_bits: int,
    least_taps: int,
    trust_pickle: bool,
    whole: bool,
    end: str | None,
    begin: str | None,
    equalise: bool,
    checked: bool,
    out: Path,
) -> int:
    """Find the ParC layers of a trained network, quantise them, and write what builds them.

    MODEL is an ONNX file, a file of torch.export, or a factory MODULE:FUNCTION, whose code runs.
    For every layer LAYER.toml and LAYER.npz are written, as `hw.build layer` takes them, besides
    network.json, which lists them, and report.json, which says what the integers cost.

    \b
    python -m hw.convert net.onnx --input-size 224x224 --calibration images.npz -o build/net
    python -m hw.convert nets.zoo:parcnet_s --state trained.pt ... -o build/net

    With --whole all of it: network.toml and network.npz, as `hw.build network` takes them,
    network.qdq.onnx, the same integers for onnxruntime, and report.json.
    """
    size = _parse_size(input_size)
    data = load_calibration(calibration)
    inputs = [path for path in (calibration, state, Path(model)) if path is not None]
    if whole:
        from hw.convert.whole.command import Request, convert

        request = Request(
            model,
            state,
            size,
            trust_pickle,
            begin,
            end,
            observer,
            bits,
            weight_bits,
            equalise,
            checked,
            out,
        )
        return convert(request, data, inputs, _bar)
    for name, given in (
        ("until", end),
        ("from", begin),
        ("equalise", equalise),
        ("check", checked),
    ):
        if given:
            raise ParameterError(name, "left out without --whole", "given")
    graph = _read(model, state, size, data.images.shape[1], trust_pickle=trust_pickle)
    _check_images(data, graph)
    graph, rounded = look_through(graph, data)
    found, left = find_passes(graph, least_taps=least_taps)
    layers = compose(graph, found)
    if not layers:
        raise ParameterError("model", "of ParC layers", _reasons(left) or "one without any")
    n_images = len(data.images)
    with _bar("calibrating", n_images) as bar:
        done, misfits = quantize_network(
            graph,
            layers,
            data,
            observer=observer,
            bits=bits,
            weight_bits=weight_bits,
            progress=bar.update,
        )
    left += misfits
    if not done:
        raise ParameterError("model", "of layers that the hardware can do", _reasons(left))
    with _bar("measuring", n_images) as bar:
        figures = measure(graph, done, data, bar.update)
    notes = [f"{layer.found.name}: {layer.found.note}" for layer in done if layer.found.note]
    warned = [*warnings_of(figures), *notes]
    report = {
        "observer": observer,
        **figures,
        "left": [item.described() for item in left],
        "warnings": warned,
    }
    if rounded is not None:
        report["quantised"] = rounded | {"formats": _formats_taken(graph, done)}
    files = _files(model, graph, done, report)
    write_product(files, NETWORK, out, inputs=inputs)
    for warning in warned:
        click.echo(f"warning: {warning}", err=True)
    click.echo(_report(done, report))
    click.echo(f"{len(files)} files in {out}")
    return 0


def _reasons(left: Sequence[Left]) -> str:
    return "; ".join(f"{item.place}: {item.reason}" for item in left)


def _parse_size(text: str) -> tuple[int, int]:
    parts = text.split("x")
    if len(parts) != 2 or not all(p.isdecimal() and int(p) > 0 for p in parts):
        raise ParameterError("input_size", "a height and a width, as 224x224", repr(text))
    return int(parts[0]), int(parts[1])


def _read(
    model: str, state: Path | None, size: tuple[int, int], channels: int, *, trust_pickle: bool
) -> Graph:
    path = Path(model)
    is_file = path.suffix in (".onnx", ".pt2")
    if state is not None and (is_file or ":" not in model):
        raise ParameterError("state", "left out with a file", state)
    if trust_pickle and path.suffix != ".pt2":
        raise ParameterError("trust_pickle", "left out but for a file .pt2", "given")
    if path.suffix == ".onnx":
        try:
            # Only here is onnx needed.
            from hw.convert.read_onnx import read_onnx
        except ModuleNotFoundError as reason:
            rule = f"read with {reason.name}, of the extra 'torch'"
            raise ParameterError("model", rule, "without") from None
        return read_onnx(path, size)
    if is_file:
        return read_export(path, size, trust_pickle=trust_pickle)
    if ":" in model:
        return read_factory(model, state, size, channels)
    raise ParameterError("model", "a file .onnx or .pt2, or MODULE:FUNCTION", model)


def _check_images(data: Calibration, graph: Graph) -> None:
    wanted, given = graph.input_shape[1:], data.images.shape[1:]
    if given != wanted:
        shape = " x ".join(map(str, wanted))
        found = " x ".join(map(str, given))
        raise ParameterError("calibration", f"images of {shape}", found, verb="must hold")
    if graph.input_shape[0] != 1:
        raise ParameterError(
            "model", "of one image a batch, or a free number", graph.input_shape[0]
        )


def _formats_taken(graph: Graph, layers: Sequence[IntegerLayer]) -> dict[str, list[str]]:
    """Return which formats of which layers are the model's own."""
    taken = {}
    for layer in layers:
        found, formats = layer.found, layer.formats
        pairs = [
            ("data", [found.entry], formats.data),
            ("between", found.between, formats.between),
            ("output", [found.exit], formats.output),
        ]
        taken[found.name] = [
            key
            for key, names, chosen in pairs
            if names and all(graph.formats.get(name) == chosen for name in names)
        ]
    return taken


def _bar(label: str, length: int) -> "AbstractContextManager[Any]":
    return click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty()
    )


def _files(
    model: str, graph: Graph, layers: Sequence[IntegerLayer], report: dict[str, Any]
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for layer in layers:
        files |= config_files(layer.config)
    network = {
        "schema": 1,
        "model": model,
        "input": list(graph.input_shape[1:]),
        "layers": [layer.described() for layer in layers],
    }
    files["report.json"] = to_json(report)
    return with_manifest(files, NETWORK, network)


def _report(layers: Sequence[IntegerLayer], report: dict[str, Any]) -> str:
    """Return the report for reading."""
    rows = [("layer", "form", "map", "SQNR dB")]
    for layer in layers:
        shape = " x ".join(map(str, layer.found.shape))
        rows.append(
            (layer.found.name, layer.found.form, shape, _ratio(report["layers"][layer.found.name]))
        )
    lines = [table(rows)]
    lines += [f"not converted: {item['place']}: {item['reason']}" for item in report["left"]]
    lines.append(
        f"network on {report['images']} images: SQNR of the output {_ratio(report['output'])} dB"
    )
    if "quantised" in report:
        lines.append(_quantised(report["quantised"]))
    if "float_accuracy" in report:
        before, after = report["float_accuracy"], report["integer_accuracy"]
        lines.append(f"accuracy: {before:.2%} in float, {after:.2%} with ParC in integers")
    return "\n".join(lines)


def _quantised(figures: dict[str, Any]) -> str:
    taken = [f"{key} of {name}" for name, keys in figures["formats"].items() for key in keys]
    text = f"quantised model: {figures['roundings']} roundings looked through"
    if figures["clamps"]:
        text += f", but for {len(figures['clamps'])} that clip like an activation"
    return f"{text}; its own formats for {', '.join(taken) or 'no layer'}"


def _ratio(decibels: float | None) -> str:
    return "-" if decibels is None else f"{decibels:.1f}"
