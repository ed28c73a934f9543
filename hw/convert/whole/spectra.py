"""Global filters: products of spectra, however they are written, as circular convolutions.

What a part of a network with transforms in it computes is asked of itself: its response to an
impulse is a kernel, and it is a filter if it does to noise what that kernel does.
"""

from collections.abc import Sequence

import numpy as np

from golden.operator.parc import Floats
from hw.convert.whole.model import Model, between
from hw.convert.whole.referee import session_of
from hw.convert.whole.spans import Span, data_input, spans

_TRANSFORM = "DFT"
_LIKE = 1e-4
"""Of the largest sample, that a filter may be off its kernel, in float32."""


def beginnings(model: Model) -> dict[str, int]:
    """Return where parts with transforms begin: the first operations, by what they give."""
    makers = {name: index for index, o in enumerate(model.operations) for name in o.outputs}
    found = {}
    for index, o in enumerate(model.operations):
        if o.kind != _TRANSFORM:
            continue
        while True:
            entry = data_input(model.operations[index], model.constants)
            if entry not in makers or len(model.shapes[entry]) == 4:
                break
            index = makers[entry]
        found[model.operations[index].outputs[0]] = index
    return found


def filter_at(model: Model, first: int, axes: Sequence[str]) -> tuple[Span, Floats, Floats] | None:
    """Return the filter that begins with an operation: its span, kernels and biases.

    None where there is no filter.

    Parameters
    ----------
    model
        That it is part of.
    first
        The operation's number.
    axes
        Of the map that it takes, "C", "H" and "W" among them.

    Returns
    -------
    Kernels ``[C, 1, K_h, K_w]``, as large as the map, or 1 where it only works along the other
    side; biases ``[C]``.
    """
    entry = data_input(model.operations[first], model.constants)
    if entry is None or sorted(axes) != sorted("NCHW"):
        return None
    for span in spans(model.operations, first, entry, model.constants):
        alike = model.shapes[span.exit] == model.shapes[entry]
        if alike and any(o.kind == _TRANSFORM for o in span.operations):
            found = _kernels(model, span, axes)
            if found is not None:
                return (span, *found)
    return None


def _kernels(model: Model, span: Span, axes: Sequence[str]) -> tuple[Floats, Floats] | None:
    shape = model.shapes[span.entry]
    part = between(model.proto, span.entry, shape, span.exit)
    session, order = session_of(part), [axes.index(axis) for axis in "NCHW"]
    back = np.argsort(order)

    def made_of(maps: Floats) -> Floats:
        feed = {span.entry: maps.transpose(back).astype(np.float32)}
        (made,) = session.run([span.exit], feed)
        result: Floats = made.transpose(order).astype(np.float64)
        return result

    sides = [shape[axis] for axis in order]
    nothing, impulse = np.zeros(sides), np.zeros(sides)
    impulse[:, :, 0, 0] = 1.0
    rest = made_of(nothing)
    response = made_of(impulse) - rest
    noise = np.random.default_rng(1).standard_normal(sides)
    spectrum = np.fft.rfft2(noise) * np.fft.rfft2(response)
    wanted = np.fft.irfft2(spectrum, s=sides[2:]) + rest[:, :, :1, :1]
    made = made_of(noise)
    if np.abs(made - wanted).max() > _LIKE * max(np.abs(made).max(), 1e-30):
        return None
    # A convolution's kernel as the taps of a correlation: mirrored around its first one.
    kernel = np.roll(response[0, :, ::-1, ::-1], 1, (1, 2))[:, None]
    return _trimmed(kernel), rest[0, :, 0, 0]


def _trimmed(kernel: Floats) -> Floats:
    """Return kernels without sides along which only the first tap is anything."""
    least = _LIKE * np.abs(kernel).max()
    if np.abs(kernel[:, :, 1:]).max(initial=0) <= least:
        kernel = kernel[:, :, :1]
    if np.abs(kernel[..., 1:]).max(initial=0) <= least:
        kernel = kernel[..., :1]
    return kernel
