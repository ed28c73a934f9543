"""The forms of layers: how each is described, built and predicted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from golden.layer.axes import AxesDesign
from golden.layer.dense import DenseLayerDesign
from golden.layer.design import LayerDesign
from golden.layer.filter import DepthwiseDesign, GlobalFilterDesign
from golden.layer.forms import MetaFormerDesign, ParallelDesign, SerialDesign
from golden.layer.linear import LinearLayerDesign
from hw.layer.base import LayerComponent
from hw.layer.chain import AxesLayer
from hw.layer.dense import DenseLayer, predict_dense
from hw.layer.dense import cycles_per_frame as dense_cycles
from hw.layer.filter import FilterLayer, predict_filter
from hw.layer.filter import cycles_per_frame as filter_cycles
from hw.layer.linear import LinearLayer, predict_linear
from hw.layer.linear import cycles_per_frame as linear_cycles
from hw.layer.plan import AxesPlan
from hw.layer.predict import predict_axes
from hw.targets.cost import Cost


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
    cycles
        Cycles from a frame to the next in steady state, unstalled; where halves of the channels
        have engines of different rates, which `hw.layer.pace` follows, as if both had the slower.
    """

    design: type[LayerDesign]
    component: Callable[[Any], LayerComponent]
    predict: Callable[[Any], Cost]
    cycles: Callable[[Any], int]


def axes_cycles(design: AxesDesign) -> int:
    """Cycles from a frame of ``design`` to the next; see `Form`."""
    return AxesPlan(design).cycles_per_frame


LAYERS: Mapping[str, Form] = {
    form.design.form: form
    for form in (
        Form(SerialDesign, AxesLayer, predict_axes, axes_cycles),
        Form(ParallelDesign, AxesLayer, predict_axes, axes_cycles),
        Form(MetaFormerDesign, AxesLayer, predict_axes, axes_cycles),
        Form(DenseLayerDesign, DenseLayer, predict_dense, dense_cycles),
        Form(LinearLayerDesign, LinearLayer, predict_linear, linear_cycles),
        Form(GlobalFilterDesign, FilterLayer, predict_filter, filter_cycles),
        Form(DepthwiseDesign, FilterLayer, predict_filter, filter_cycles),
    )
}
