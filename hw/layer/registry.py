"""The forms of layers: how each is described, built and predicted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from golden.layer import LayerDesign
from golden.layer_dense import DenseLayerDesign
from golden.layer_filter import DepthwiseDesign, GlobalFilterDesign
from golden.layer_forms import MetaFormerDesign, ParallelDesign, SerialDesign
from golden.layer_linear import LinearLayerDesign
from hw.layer.base import LayerComponent
from hw.layer.chain import AxesLayer
from hw.layer.dense import DenseLayer, predict_dense
from hw.layer.filter import FilterLayer, predict_filter
from hw.layer.linear import LinearLayer, predict_linear
from hw.layer.predict import predict_axes
from hw.predict import Cost


@dataclass(frozen=True)
class Form:
    """A form of layers.

    Parameters
    ----------
    design
        Describes one.
    component
        Makes one of a design.
    predict
        What a design takes of a device.
    """

    design: type[LayerDesign]
    component: Callable[[Any], LayerComponent]
    predict: Callable[[Any], Cost]


LAYERS: Mapping[str, Form] = {
    form.design.form: form
    for form in (
        Form(SerialDesign, AxesLayer, predict_axes),
        Form(ParallelDesign, AxesLayer, predict_axes),
        Form(MetaFormerDesign, AxesLayer, predict_axes),
        Form(DenseLayerDesign, DenseLayer, predict_dense),
        Form(LinearLayerDesign, LinearLayer, predict_linear),
        Form(GlobalFilterDesign, FilterLayer, predict_filter),
        Form(DepthwiseDesign, FilterLayer, predict_filter),
    )
}
