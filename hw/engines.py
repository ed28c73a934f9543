"""The line engines by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from golden.direct.design import DirectDesign
from golden.fermat.design import FermatDesign
from golden.fft.design import FftDesign
from golden.line.design import LineDesign
from hw.direct import core as direct
from hw.direct.core import DirectCore
from hw.direct.predict import predict as predict_direct
from hw.fermat.core import FermatCore
from hw.fermat.core import pipeline_latency as fermat_latency
from hw.fermat.predict import predict as predict_fermat
from hw.fft.core import FftCore
from hw.fft.pipeline import pipeline_latency as fft_latency
from hw.fft.predict import predict as predict_fft
from hw.line.core import Core
from hw.targets.cost import Cost


@dataclass(frozen=True)
class Engine:
    """A line engine.

    Parameters
    ----------
    design
        Describes one.
    core
        Makes a core of a design.
    predict
        What a design takes of a device.
    latency, pipeline_latency
        Of a design's core, without making one.
    """

    design: type[LineDesign]
    core: Callable[[Any], Core]
    predict: Callable[[Any], Cost]
    latency: Callable[[Any], int]
    pipeline_latency: Callable[[Any], int]


ENGINES: Mapping[str, Engine] = {
    "direct": Engine(
        DirectDesign, DirectCore, predict_direct, direct.latency, direct.pipeline_latency
    ),
    "fft": Engine(FftDesign, FftCore, predict_fft, fft_latency, fft_latency),
    "fermat": Engine(FermatDesign, FermatCore, predict_fermat, fermat_latency, fermat_latency),
}

_NO_FIGURES = ("name", "weights")
_known: dict[tuple[object, ...], Cost] = {}


def predict_line(design: LineDesign) -> Cost:
    """Return what an engine takes of a device; what is known of one for any weights is kept."""
    predict = ENGINES[design.engine].predict
    if design.weights is not None:
        return predict(design)
    told = (
        getattr(design, field.name) for field in fields(design) if field.name not in _NO_FIGURES
    )
    key = (type(design), *told)
    if key not in _known:
        _known[key] = predict(design)
    return _known[key]
