"""The layer ParC: float64's definition, the hardware's integers, and training."""

import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from golden.direct.design import DirectDesign
from golden.line.design import Requantization
from golden.line.weights import LineWeights
from golden.numbers.quantize import Activation
from golden.operator.parc import parc, resize
from nets.parc import MetaFormer, Parallel, ParC, freeze

AXES = ("height", "width")
DATA = Activation.from_range(-2.5, 3.0, 8)
OUTPUT = Activation.from_range(-4.0, 3.5, 8)


def made(axis, length=6, channels=3, **options):
    torch.manual_seed(0)
    layer = ParC(channels, length, axis=axis, **options).double()
    torch.nn.init.normal_(layer.weight, std=0.3)
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    if layer.embedding is not None:
        torch.nn.init.normal_(layer.embedding.table, std=0.3)
    return layer


def defined(layer, x):
    n_taps = x.shape[2 + AXES.index(layer.axis)]
    weight = layer.weight.detach().numpy().reshape(x.shape[1], -1)
    embedding = layer.embedding and layer.embedding.table.detach().numpy().reshape(weight.shape)
    return np.stack(
        [
            parc(
                image,
                resize(weight, n_taps),
                axis=layer.axis,
                embedding=None if embedding is None else resize(embedding, n_taps),
                bias=None if layer.bias is None else layer.bias.detach().numpy(),
            )
            for image in x.numpy()
        ]
    )


@pytest.mark.parametrize("form", ["concat", "fft"])
@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("options", [{}, {"embedding": False}, {"bias": False}])
@pytest.mark.parametrize("size", [(6, 6), (9, 4)])
def test_it_is_what_golden_defines(axis, form, options, size):
    layer = made(axis, form=form, **options)
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    np.testing.assert_allclose(layer(x).detach().numpy(), defined(layer, x), atol=1e-6)


def test_freezing_changes_nothing_but_the_parameters():
    network = torch.nn.Sequential(Parallel(4, 6), MetaFormer(4, 6)).eval()
    x = torch.randn(1, 4, 9, 5)
    before = network(x)
    freeze(network, x)
    assert network[0].height.length == 9
    assert network[1].width_first[0].table.shape == (1, 2, 1, 5)
    torch.testing.assert_close(network(x), before)


class Both(torch.nn.Module):
    """ParC in both forms, side by side."""

    def __init__(self):
        super().__init__()
        self.forms = torch.nn.ModuleList(
            ParC(3, 6, axis=axis, form=form) for axis in AXES for form in ("concat", "fft")
        )

    def forward(self, x):
        return torch.cat([layer(x) for layer in self.forms], 1)


def test_frozen_it_goes_to_onnx_without_a_trace_of_resizing(tmp_path):
    torch.manual_seed(0)
    network, x = Both(), torch.randn(1, 3, 9, 5)
    freeze(network, x)
    path = tmp_path / "parc.onnx"
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        torch.onnx.export(network, (x,), path, dynamo=True, verbose=False)
    model = onnx.load(path)
    assert not {node.op_type for node in model.graph.node} & {"Resize", "Upsample", "Shape"}
    (y,) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x.numpy()})
    np.testing.assert_allclose(y, network(x).detach().numpy(), atol=1e-5)


@pytest.mark.parametrize("axis", AXES)
def test_quantised_it_is_the_hardware_to_the_bit(axis):
    layer = made(axis, 7)
    layer.quantize(DATA, OUTPUT)
    kernel = layer.integer_kernel()
    design = DirectDesign(
        name="layer",
        length=7,
        channels=3,
        rows=5,
        requantization=Requantization(),
        weights=LineWeights(
            kernel.weight,
            kernel.pe,
            kernel.bias,
            kernel.multiplier,
            kernel.shift,
            kernel.zero_point,
        ),
    )
    shape = (2, 3, 7, 5) if axis == "height" else (2, 3, 5, 7)
    maps = np.random.default_rng(0).integers(-128, 128, shape)
    lines = np.swapaxes(maps, 2, 3) if axis == "height" else maps
    results = design.model(lines.reshape(-1, 7)).reshape(lines.shape)
    expected = np.swapaxes(results, 2, 3) if axis == "height" else results
    np.testing.assert_array_equal(layer.integer_forward(maps), expected)
    y = layer(torch.from_numpy(DATA.dequantize(maps)))
    np.testing.assert_array_equal(OUTPUT.quantize(y.detach().numpy()), expected)


def test_gradients_go_straight_through_but_not_where_data_clip():
    layer = made("width")
    x = torch.randn(1, 3, 4, 6, dtype=torch.float64)
    x[0, 0, 0, 0] = 100.0
    x.requires_grad_()
    layer(x.clamp(-2.5, 3.0)).square().sum().backward()
    smooth = layer.weight.grad.clone()
    assert x.grad[0, 0, 0, 0] == 0
    layer.weight.grad = x.grad = None
    layer.quantize(DATA, OUTPUT)
    layer(x).square().sum().backward()
    assert x.grad[0, 0, 0, 0] == 0
    assert (x.grad != 0).sum() == x.numel() - 1
    torch.testing.assert_close(layer.weight.grad, smooth, rtol=0.2, atol=1.5)


def test_training_in_integers_reduces_the_loss():
    layer = made("height")
    layer.quantize(DATA, OUTPUT)
    x = torch.randn(8, 3, 6, 6, dtype=torch.float64)
    target = x.roll(-1, 2)
    optimizer = torch.optim.Adam(layer.parameters(), 0.1)
    losses = []
    for _ in range(100):
        loss = (layer(x) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 < 1.0 < losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"axis": "H"}, "Axis must be 'height' or 'width', not 'H'"),
        ({"axis": "width", "form": "sum"}, "Form must be 'concat' or 'fft', not 'sum'"),
        ({"axis": "width", "groups": 3}, "Groups must be a divisor of 4 channels, not 3"),
        (
            {"axis": "width", "groups": 1, "form": "fft"},
            "Form must be 'concat' where channels mix, not 'fft'",
        ),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match="must be") as error:
        ParC(4, 6, **options)
    assert str(error.value) == message


def test_what_quantisation_refuses():
    layer = ParC(4, 6, axis="width", groups=2)
    with pytest.raises(ValueError, match="Groups") as error:
        layer.quantize(DATA, OUTPUT)
    assert str(error.value) == "Groups must be as many as channels to be quantised, not 2"
    with pytest.raises(ValueError, match=r"^Layer must be quantised first$"):
        layer.integer_kernel()
