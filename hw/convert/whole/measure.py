"""What integers cost: signal to noise of every map, and how often the result is the same."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from golden.network.map import Map
from golden.network.network import Network
from golden.numbers.interval import Integers
from golden.numbers.observe import Sqnr
from golden.operator.parc import Floats
from hw.convert.whole.model import Model
from hw.convert.whole.referee import Referee, SourceFile
from hw.convert.whole.steps import Step


def measure(
    model: Model,
    steps: Sequence[Step],
    network: Network,
    images: Floats,
    labels: Integers | None,
    progress: Callable[[int], object],
) -> dict[str, Any]:
    """Return how far the integers of all maps are from the network's own numbers.

    Returns
    -------
    dict
        ``images``; ``layers``, decibels of each map, None without noise; ``worst``, the map that is
        furthest off; ``output``, decibels; ``same_class``, of the images; and where labels are
        known ``float_accuracy`` and ``integer_accuracy``.
    """
    known = [s for s in steps if s.tensor and s.kind not in ("image", "constant")]
    ratios = {step.name: Sqnr() for step in known}
    names = list(dict.fromkeys((*(step.tensor for step in known), model.output)))
    output = network.outputs[0]
    guesses = np.zeros((len(images), 2), np.int64)
    for index, image in enumerate(images):
        exact = model.run(names, image[None])
        made = network.trace({network.input: network.quantize(image[None])})
        for step in known:
            data = network.maps[step.name]
            real = np.clip(step.as_map(_real(exact[step.tensor], data)), *_ends(step))
            ratios[step.name].add(real, data.dequantize(made[step.name]))
        guesses[index] = exact[model.output].argmax(), made[output].argmax()
        progress(1)
    layers = {name: ratio.decibels for name, ratio in ratios.items()}
    noisy = {name: value for name, value in layers.items() if value is not None}
    result: dict[str, Any] = {
        "images": len(images),
        "layers": layers,
        "worst": min(noisy, key=noisy.__getitem__) if noisy else None,
        "output": layers.get(output),
        "same_class": float(np.mean(guesses[:, 0] == guesses[:, 1])),
    }
    if labels is not None:
        right = np.mean(guesses == labels[: len(images), None], axis=0).tolist()
        result |= dict(zip(("float_accuracy", "integer_accuracy"), right, strict=True))
    return result


def _real(values: npt.NDArray[np.generic], data: Map) -> Floats:
    """Return a tensor in real numbers: what is moved may be in integers."""
    whole = values.dtype.kind in "iu"
    return data.dequantize(values.astype(np.int64)) if whole else values.astype(np.float64)


def _ends(step: Step) -> tuple[float, float]:
    """Return the ends of a result: those of its words, where the file has them as an activation."""
    if step.format is None:
        return step.clip
    low, high = (
        (word - step.format.zero_point) * step.format.scale
        for word in (step.format.low, step.format.high)
    )
    return low, high


def check(
    network: Network,
    images: Floats,
    progress: Callable[[int], object],
    source: SourceFile | None = None,
) -> dict[str, Any]:
    """Return how the referee's maps differ from the integers', of each image.

    Parameters
    ----------
    network, images
        In integers; real numbers.
    progress
        Is told of each image.
    source
        The network's own file, where that has integers.
    """
    referee = Referee(network)
    elements, wrong = 0, list[str]()
    for image in images:
        of_source = source.compare(image[None]) if source else ()
        for difference in (*referee.compare(image[None]), *of_source):
            elements += difference.elements
            if not difference.right:
                wrong.append(
                    f"{difference.name}: {difference.wrong} of {difference.elements} samples, "
                    f"by up to {difference.largest}"
                )
        theirs, ours = referee.outputs(image[None]), network.predict(image[None])
        if _exact(network):
            wrong += [
                f"output {name}"
                for name, values in ours.items()
                if not np.array_equal(values.astype(np.float32), theirs[name])
            ]
        progress(1)
    return {
        "images": len(images),
        "maps": len(network.nodes),
        "elements": elements,
        "different": wrong,
    }


def _exact(network: Network) -> bool:
    return all(operator.max_error == 0 for operator in network.operators.values())
