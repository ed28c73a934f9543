"""The forms of layers by name."""

from golden.layer.dense import DenseLayerDesign
from golden.layer.design import LayerDesign
from golden.layer.filter import DepthwiseDesign, GlobalFilterDesign
from golden.layer.forms import MetaFormerDesign, ParallelDesign, SerialDesign
from golden.layer.linear import LinearLayerDesign

LAYERS: dict[str, type[LayerDesign]] = {
    design.form: design
    for design in (
        SerialDesign,
        ParallelDesign,
        MetaFormerDesign,
        DenseLayerDesign,
        LinearLayerDesign,
        GlobalFilterDesign,
        DepthwiseDesign,
    )
}
"""A form of one's own is entered here."""
