"""Calibration: images through the network, once for the formats and once for what they cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from golden.inputs.errors import ParameterError
from golden.inputs.read import read_arrays
from golden.numbers.interval import Integers
from golden.numbers.observe import OBSERVERS, Agreement, Samples, Sqnr
from golden.numbers.quantize import Activation
from golden.operator.parc import Floats
from hw.convert.compose import FoundLayer
from hw.convert.find import Left
from hw.convert.graph import Graph, Values
from hw.convert.integers import Formats, IntegerLayer, to_integers

Progress = Callable[[int], object]

_FAITHFUL = 60
"""Decibels by which a layer found must agree with the network on the images, both in float64."""
_CUT = 20
"""Decibels of a map over what is cut off by the ends of its format, where that is no activation."""
_POOR = 20
"""Decibels under which integers are warned of."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Images, and what they show where that is known.

    Parameters
    ----------
    images
        float64 ``[n, channels, height, width]``.
    labels
        Index of the greatest output that is right, ``[n]``.
    """

    images: Floats
    labels: Integers | None = None

    def image(self, index: int) -> torch.Tensor:
        """Return an image as a batch of one."""
        return torch.from_numpy(self.images[index : index + 1])


def load_calibration(path: Path) -> Calibration:
    """Read ``x`` ``[n, channels, height, width]`` and, if there, ``y`` ``[n]`` of an .npz file.

    Raises
    ------
    ParameterError
        Where it cannot be read, holds no images, all one value, or what is no number.
    """
    arrays = read_arrays(path, "calibration")
    if "x" not in arrays:
        _refuse("an array 'x'", f"only {', '.join(arrays) or 'nothing'}")
    x = arrays["x"]
    if x.ndim != 4 or x.dtype.kind not in "iuf":
        _refuse("numbers 'x' [n, channels, height, width]", f"{x.dtype} of shape {x.shape}")
    if x.size == 0:
        _refuse("at least one image", f"'x' of shape {x.shape}")
    images = x.astype(np.float64)
    broken = ~np.isfinite(images)
    if broken.any():
        _refuse(
            "finite numbers in 'x'", f"{images[broken][0]} in image {np.argwhere(broken)[0, 0]}"
        )
    if np.ptp(images) == 0:
        _refuse("images that vary", f"{images.flat[0]} everywhere")
    labels = arrays.get("y")
    if labels is not None and (labels.shape != x.shape[:1] or labels.dtype.kind not in "iu"):
        _refuse(f"integers 'y' of shape {x.shape[:1]}", f"{labels.dtype} of shape {labels.shape}")
    return Calibration(images, None if labels is None else labels.astype(np.int64))


def look_through(graph: Graph, calibration: Calibration) -> tuple[Graph, dict[str, Any] | None]:
    """Return the network that a quantised one approximates, and what was done to it.

    A rounding whose ends cut off little of the images' maps is left out; one whose ends cut off
    more is an activation, and stays as a clamp.

    Returns
    -------
    The graph, and None for a network that rounds nothing, or a dict: ``roundings``, how many there
    are, and ``clamps``, the names of those that stay.
    """
    ends = graph.rounded()
    if not ends:
        return graph, None
    cut = [Sqnr() for _ in ends]
    for index in range(len(calibration.images)):
        _, values = graph.run(calibration.image(index), {name for pair in ends for name in pair})
        for (before, behind), ratio in zip(ends, cut, strict=True):
            ratio.add(values[before].numpy(), values[behind].numpy())
    passed = {
        behind
        for (_, behind), ratio in zip(ends, cut, strict=True)
        if ratio.decibels is None or ratio.decibels >= _CUT
    }
    clamps = [behind for _, behind in ends if behind not in passed]
    return graph.without(passed), {"roundings": len(ends), "clamps": clamps}


def quantize_network(
    graph: Graph,
    layers: Sequence[FoundLayer],
    calibration: Calibration,
    *,
    progress: Progress,
    observer: str = "minmax",
    bits: int = 8,
    weight_bits: int = 8,
) -> tuple[list[IntegerLayer], list[Left]]:
    """Run the images through ``graph``, and give every layer its formats and integers.

    Formats that the model itself has for maps are taken.

    Returns
    -------
    The layers, and those that do not fit the hardware's formats, with the reason.

    Raises
    ------
    ParameterError
        Where a layer found is not what the network computes of these images.
    """
    names = {n for layer in layers for n in (layer.entry, layer.exit)}
    seen = {name: Samples() for name in names}
    seen_between = [Samples() for _ in layers]
    agreements = [Agreement() for _ in layers]
    for index in range(len(calibration.images)):
        _, values = graph.run(calibration.image(index), names)
        for name, value in values.items():
            seen[name].add(value.numpy())
        for layer, agreement, middle in zip(layers, agreements, seen_between, strict=True):
            x = layer.of_entry(values[layer.entry].numpy()[0])
            y = layer.of_exit(values[layer.exit].numpy()[0])
            passed, result = layer.stages(x)
            agreement.add(y, result)
            for part in passed:
                middle.add(part)
        progress(1)
    _check_faithful(layers, agreements)
    choose = _Chooser(graph, OBSERVERS[observer], bits)
    done, left = [], []
    for layer, middle in zip(layers, seen_between, strict=True):
        between = None
        if layer.n_passes == 2:
            between = _fitting(choose(middle, *layer.between), layer, 1)
        data = _fitting(choose(seen[layer.entry], layer.entry), layer, 0)
        formats = Formats(data, choose(seen[layer.exit], layer.exit), between)
        try:
            done.append(to_integers(layer, formats, weight_bits=weight_bits))
        except ValueError as reason:
            left.append(Left(layer.name, str(reason)))
    return done, left


@dataclass(frozen=True)
class _Chooser:
    """Chooses formats: the model's own, or by what has been seen of the values."""

    graph: Graph
    observe: Callable[[Samples, int], Activation]
    bits: int

    def __call__(self, seen: Samples, *names: str) -> Activation:
        """Return one format for all the values of these names, of which so much was seen."""
        given = {self.graph.formats.get(name) for name in names}
        if len(given) == 1 and (own := given.pop()) is not None:
            return own
        return self.observe(seen, self.bits)


def _check_faithful(layers: Sequence[FoundLayer], agreements: Sequence[Agreement]) -> None:
    """Refuse what was found wrong, whatever the reason: the last line of defence."""
    for layer, agreement in zip(layers, agreements, strict=True):
        # Written so that a ratio that is no number is refused.
        if not agreement.decibels >= _FAITHFUL:
            place = f" ({layer.scope})" if layer.scope else ""
            raise ParameterError(
                "model",
                f"of layers that compute what was found, within {_FAITHFUL} dB on the images",
                f"with {layer.name}{place}, found as {layer.form} from {layer.entry} to "
                f"{layer.exit}, at {agreement.decibels:.1f} dB",
            )


def warnings_of(figures: Mapping[str, Any]) -> list[str]:
    """Return what in the figures of `measure` needs a look."""
    ratios = {**figures["layers"], "the network's output": figures["output"]}
    return [
        f"integers of {name} are {ratio:.1f} dB from float, under {_POOR} dB"
        for name, ratio in ratios.items()
        if ratio is not None and ratio < _POOR
    ]


def _fitting(data: Activation, layer: FoundLayer, number: int) -> Activation:
    """Return ``data`` as pass ``number`` needs it.

    With steps large enough for its embeddings; and where there are zeros around the map, which
    the hardware puts there as the integer 0, with that for its zero.
    """
    if layer.padded and data.zero_point:
        ends = data.dequantize(np.array([data.low, data.high]))
        data = Activation.symmetric(float(np.abs(ends).max()), data.bits)
    least = max(chain.passes[number].most_embedded for chain in layer.chains) / data.high
    return replace(data, scale=max(data.scale, least))


def measure(
    graph: Graph,
    layers: Sequence[IntegerLayer],
    calibration: Calibration,
    progress: Progress,
) -> dict[str, Any]:
    """Return how far the integers are from float64, in each layer and in the whole network.

    Returns
    -------
    dict
        ``layers``: the signal to quantisation noise ratio of each, its input exact; ``output``:
        that of the network with all layers in integers; and where labels are known
        ``float_accuracy`` and ``integer_accuracy``. Ratios are in decibels, None where there is no
        noise.
    """
    ratios = {layer.found.name: Sqnr() for layer in layers}
    whole = Sqnr()
    right = np.zeros(2, dtype=np.int64)
    names = {n for layer in layers for n in (layer.found.entry, layer.found.exit)}
    in_integers = stand_ins(layers)
    n_images = len(calibration.images)
    for index in range(n_images):
        image = calibration.image(index)
        exact, values = graph.run(image, names)
        for layer in layers:
            x = layer.found.of_entry(values[layer.found.entry].numpy()[0])
            y = layer.found.of_exit(values[layer.found.exit].numpy()[0])
            ratios[layer.found.name].add(y, layer.respond(x))
        rounded, _ = graph.run(image, names, in_integers)
        whole.add(exact.numpy(), rounded.numpy())
        if calibration.labels is not None:
            guesses = [int(out.reshape(-1).argmax()) for out in (exact, rounded)]
            right += np.array(guesses) == calibration.labels[index]
        progress(1)
    result: dict[str, Any] = {
        "images": n_images,
        "layers": {name: ratio.decibels for name, ratio in ratios.items()},
        "output": whole.decibels,
    }
    if calibration.labels is not None:
        for key, count in zip(("float_accuracy", "integer_accuracy"), right, strict=True):
            result[key] = int(count) / n_images
    return result


def stand_ins(
    layers: Sequence[IntegerLayer],
) -> dict[str, Callable[[Values, torch.Tensor], torch.Tensor]]:
    """Return what `Graph.run` replaces to have ``layers`` in integers; their inputs are watched."""
    by_exit: dict[str, list[IntegerLayer]] = {}
    for layer in layers:
        by_exit.setdefault(layer.found.exit, []).append(layer)
    return {exit: _stand_in(several) for exit, several in by_exit.items()}


def _stand_in(layers: Sequence[IntegerLayer]) -> Callable[[Values, torch.Tensor], torch.Tensor]:
    """Return what puts the channels that ``layers`` give in the place of a value's own."""

    def respond(values: Values, value: torch.Tensor) -> torch.Tensor:
        made = value.clone()
        for layer in layers:
            found = layer.found
            y = layer.respond(found.of_entry(values[found.entry].numpy()[0]))
            found.into_exit(made.numpy()[0], y)
        return made

    return respond


def _refuse(rule: str, value: object) -> NoReturn:
    raise ParameterError("calibration", rule, value, verb="must hold")
