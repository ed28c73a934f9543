"""Files of other quantisers, as roundings around operators in real numbers."""

import onnx

from hw.convert.whole.qoperator import without_qoperators


def as_roundings(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a network whose integers all are those of QuantizeLinear and DequantizeLinear."""
    return without_qoperators(proto)
