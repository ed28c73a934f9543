"""Files of other quantisers, as roundings around operators in real numbers."""

import onnx

from hw.convert.whole.qonnx import without_quants
from hw.convert.whole.qoperator import without_qoperators
from hw.convert.whole.uniform import with_integer_kernels, with_words_of_one_kind


def as_roundings(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, bool]:
    """Return a network whose integers all are those of QuantizeLinear and DequantizeLinear.

    What was in integers still is, by its name; onnxruntime computes all of it in integers.

    Returns
    -------
    The network, and whether onnxruntime computes the file itself in integers, as it stands.
    """
    standing = without_qoperators(proto)
    made = with_words_of_one_kind(with_integer_kernels(without_quants(standing)))
    return made, made is standing
