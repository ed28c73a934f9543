"""Write the small quantised networks that tests read, with the tools that users write theirs with.

They are Brevitas 0.13.4 (with onnxoptimizer 0.4.2) and torchao 0.18, in an environment of their
own: Brevitas wants older setuptools than this project. The files are in the repository, so that
tests need neither.

    python tests/convert/whole/write_files.py tests/convert/whole/files
"""

import sys
import warnings
from pathlib import Path

import brevitas.nn as qnn
import onnx
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import Int8WeightPerChannelFloat, Int32Bias, ShiftedUint8ActPerTensorFloat
from torch import nn
from torch.nn import functional
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
    X86InductorQuantizer,
    get_default_x86_inductor_quantization_config,
)
from torchao.testing.pt2e._xnnpack_quantizer import (
    XNNPACKQuantizer,
    get_symmetric_quantization_config,
)

SHAPE = (1, 3, 8, 8)
_PASSES = 8


def real(x):
    """Return the numbers of what Brevitas passes on."""
    return getattr(x, "value", x)


class Trained(nn.Module):
    """A block with a residual, and a classifier, as Brevitas trains them."""

    def __init__(self, bits, weight_bits, bias):
        super().__init__()
        kernels = {"weight_bit_width": weight_bits, "bias_quant": bias, "return_quant_tensor": True}
        maps = {"bit_width": bits, "return_quant_tensor": True}
        each = {**kernels, "weight_quant": Int8WeightPerChannelFloat}
        shifted = {**maps, "act_quant": ShiftedUint8ActPerTensorFloat}
        self.image = qnn.QuantIdentity(bit_width=8, return_quant_tensor=True)
        self.first = qnn.QuantConv2d(3, 6, 3, padding=1, bias=True, **kernels)
        self.relu = qnn.QuantReLU(**maps)
        self.second = qnn.QuantConv2d(6, 6, 3, padding=1, groups=6, bias=True, **each)
        self.norm = nn.BatchNorm2d(6)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)
        self.between = qnn.QuantIdentity(**maps)
        self.third = qnn.QuantConv2d(6, 6, 1, bias=True, **kernels)
        self.shifted = qnn.QuantIdentity(**shifted)
        self.added = qnn.QuantIdentity(**maps)
        self.gate = qnn.QuantSigmoid(**maps)
        self.pooled = qnn.QuantIdentity(**maps)
        self.last = qnn.QuantConv2d(6, 4, 1, bias=False, **kernels)
        self.mapped = qnn.QuantIdentity(**maps)
        self.mean = qnn.QuantIdentity(**maps)
        self.classes = qnn.QuantLinear(4, 5, bias=True, **kernels)
        self.output = qnn.QuantIdentity(bit_width=8)

    def forward(self, x):
        x = self.relu(self.first(self.image(x)))
        y = self.between(self.norm(real(self.second(x))))
        y = self.shifted(self.third(y))
        y = self.gate(self.added(real(y) + real(x)))
        y = self.pooled(functional.max_pool2d(real(y), 2))
        y = self.mapped(self.last(y))
        y = self.mean(functional.adaptive_avg_pool2d(real(y), 1))
        return self.output(self.classes(y.flatten(1)))


class Plain(nn.Module):
    """A block with a residual, and a classifier, in real numbers."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 1.5)
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.third, self.last = nn.Conv2d(6, 6, 1), nn.Conv2d(6, 4, 1, bias=False)
        self.classes = nn.Linear(4, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        y = self.third(functional.hardtanh(self.second(x), -0.5, 0.5)) + x
        y = torch.relu(self.last(functional.max_pool2d(y, 2)))
        return self.classes(functional.adaptive_avg_pool2d(y, 1).flatten(1))


def written_by_brevitas(folder):
    """Write QCDQ and QONNX files, by the older exporter and the newer."""
    for dynamo in (False, True):
        torch.manual_seed(0)
        # The newer one has no rounded biases.
        bits, bias = (6, None) if dynamo else (4, Int32Bias)
        net = Trained(bits, 4, bias)
        for _ in range(_PASSES):
            net(torch.randn(SHAPE))
        net.eval()
        for name, export in (("qcdq", export_onnx_qcdq), ("qonnx", export_qonnx)):
            path = folder / f"brevitas_{name}{'_dynamo' if dynamo else ''}.onnx"
            options = {"opset_version": 18 if dynamo else 17, "dynamo": dynamo}
            export(net, args=torch.randn(SHAPE), export_path=str(path), **options)
            onnx.save(stripped(onnx.load(path)), path)
            path.with_name(f"{path.name}.data").unlink(missing_ok=True)


def stripped(proto):
    """Return a network without what only its exporter knows."""
    del proto.metadata_props[:], proto.graph.metadata_props[:], proto.graph.value_info[:]
    for entry in (*proto.graph.node, *proto.graph.input, *proto.graph.output):
        del entry.metadata_props[:]
        entry.doc_string = ""
    return proto


def written_by_torchao(folder):
    """Write files of torch.export, quantised for two backends."""
    each = get_symmetric_quantization_config(is_per_channel=True)
    quantizers = {
        "xnnpack": XNNPACKQuantizer().set_global(each),
        "x86": X86InductorQuantizer().set_global(get_default_x86_inductor_quantization_config()),
    }
    for name, quantizer in quantizers.items():
        torch.manual_seed(0)
        program = torch.export.export(Plain().eval(), (torch.randn(SHAPE),))
        prepared = prepare_pt2e(program.module(), quantizer)
        for _ in range(_PASSES):
            prepared(torch.randn(SHAPE))
        program = torch.export.export(convert_pt2e(prepared), (torch.zeros(SHAPE),))
        torch.export.save(program, folder / f"torchao_{name}.pt2")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    written_by_brevitas(folder)
    written_by_torchao(folder)
