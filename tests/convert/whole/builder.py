"""Small ONNX files, written node by node."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Writes small ONNX files."""

    def __init__(self, shape=(1, 3, 8, 8)):
        self.nodes, self.constants, self.shape, self.last = [], [], shape, "x"
        self.rng = np.random.default_rng(11)

    def constant(self, values, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype), name))
        return name

    def add(self, kind, *more, source=None, outputs=1, **attributes):
        """Add a node on the last tensor, and return its name."""
        names = [f"t{len(self.nodes)}_{i}" for i in range(outputs)]
        inputs = [source or self.last, *more]
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, names, name, **attributes))
        self.last = names[0]
        return names if outputs > 1 else names[0]

    def conv(self, outputs, inputs, size=(1, 1), groups=1, **attributes):
        shape = (outputs, inputs // groups, *size)
        weight = self.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape)
        bias = self.constant(self.rng.normal(0, 0.2, outputs))
        return self.add("Conv", self.constant(weight), bias, group=groups, **attributes)

    def norm(self, channels):
        values = [self.rng.uniform(0.5, 1.5, channels), self.rng.normal(0, 0.3, channels)]
        values += [self.rng.normal(0, 0.3, channels), self.rng.uniform(0.5, 1.5, channels)]
        return self.add("BatchNormalization", *map(self.constant, values))

    def save(self, path, rank=4, opset=20, inputs=()):
        shape = ["batch", *self.shape[1:]] if self.shape[0] is None else list(self.shape)
        taken = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape), *inputs]
        given = [helper.make_tensor_value_info(self.last, TensorProto.FLOAT, list("abcd"[:rank]))]
        graph = helper.make_graph(self.nodes, "net", taken, given, self.constants)
        opsets = [helper.make_opsetid("", opset)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), path)
        return path
