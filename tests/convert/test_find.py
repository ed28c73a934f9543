"""ParC is found and understood however it is written, from torch and from ONNX."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.operator.parc import Kernel, metaformer, parallel, parc, serial
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program
from nets.parc import MetaFormer, Parallel, ParC

SIZE = (7, 6)
CHANNELS = 4
AXES = ("height", "width")


class Written(nn.Module):
    """ParC along one axis; `write` says how."""

    def __init__(self, axis, length, write, learned=None):
        super().__init__()
        self.axis, self.length, self.write = axis, length, write
        self.dim = AXES.index(axis) + 2
        shape = (learned or length, 1) if axis == "height" else (1, learned or length)
        self.weight = nn.Parameter(torch.randn(CHANNELS, 1, *shape))
        self.embedding = nn.Parameter(torch.randn(1, CHANNELS, *shape))
        self.bias = nn.Parameter(torch.randn(CHANNELS))
        self.norm = nn.BatchNorm2d(CHANNELS)
        for value in (self.norm.running_mean, self.norm.bias.data):
            value.normal_()
        for value in (self.norm.running_var, self.norm.weight.data):
            value.uniform_(0.5, 2)

    def forward(self, x):
        return self.write(self, x)

    def convolve(self, x, weight=None):
        weight = self.weight if weight is None else weight
        return functional.conv2d(x, weight, self.bias, groups=CHANNELS)

    def wrapped(self, x):
        return torch.cat((x, x.narrow(self.dim, 0, self.length - 1)), self.dim)


def concatenated(layer, x):
    return layer.convolve(layer.wrapped(x + layer.embedding))


def padded(layer, x):
    ends = (0, 0, 0, layer.length - 1) if layer.axis == "height" else (0, layer.length - 1, 0, 0)
    return layer.convolve(functional.pad(x + layer.embedding, ends, mode="circular"))


def indexed(layer, x):
    order = torch.arange(2 * layer.length - 1) % layer.length
    return layer.convolve(torch.index_select(x + layer.embedding, layer.dim, order))


def cropped(layer, x):
    y = layer.convolve(torch.cat((x, x), layer.dim))
    return y.narrow(layer.dim, 0, layer.length)


def resized(layer, x):
    size = (layer.length, 1) if layer.axis == "height" else (1, layer.length)
    weight, embedding = (
        functional.interpolate(t, size, mode="bilinear", align_corners=True)
        for t in (layer.weight, layer.embedding)
    )
    return layer.convolve(layer.wrapped(x + embedding), weight)


def normed_before(layer, x):
    return layer.convolve(layer.wrapped(layer.norm(x + layer.embedding)))


def normed_after(layer, x):
    return layer.norm(concatenated(layer, x))


def by_real_transforms(layer, x):
    spectrum = torch.conj(torch.fft.rfft(layer.weight.transpose(0, 1), dim=layer.dim))
    product = torch.fft.rfft(x + layer.embedding, dim=layer.dim) * spectrum
    y = torch.fft.irfft(product, n=layer.length, dim=layer.dim)
    return y + layer.bias[:, None, None]


def by_complex_transforms(layer, x):
    spectrum = torch.conj(torch.fft.fft(layer.weight.transpose(0, 1), dim=layer.dim))
    product = torch.fft.fft(x, dim=layer.dim) * spectrum
    return torch.fft.ifft(product, dim=layer.dim).real


WAYS = {
    way.__name__: way
    for way in (
        *(concatenated, padded, indexed, cropped, resized, normed_before, normed_after),
        *(by_real_transforms, by_complex_transforms),
    )
}


class Side(nn.Module):
    """Networks side by side, each between layers that are no ParC."""

    def __init__(self, parts, channels=CHANNELS):
        super().__init__()
        self.before = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in parts)
        self.parts = nn.ModuleList(parts)

    def forward(self, x):
        pairs = zip(self.before, self.parts, strict=True)
        return torch.cat([torch.relu(part(torch.relu(first(x)))) for first, part in pairs], 1)


def exported(network, size=SIZE, channels=CHANNELS):
    image = torch.zeros(1, channels, *size)
    return from_program(torch.export.export(network.eval(), (image,)), size)


def through_onnx(network, folder, size=SIZE, channels=CHANNELS):
    path = folder / "network.onnx"
    image = torch.zeros(1, channels, *size)
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), (image,), path, dynamo=True, verbose=False)
    return read_onnx(path, size)


def side_by_side(axis):
    torch.manual_seed(0)
    length = SIZE[AXES.index(axis)]
    return Side(
        [Written(axis, length, way, 5 if way is resized else None) for way in WAYS.values()]
    )


def check(graph):
    """Hold every layer to float64 by an independent path: the graph itself on random data."""
    found, left = find_passes(graph)
    layers = compose(graph, found)
    image = torch.randn(graph.input_shape, dtype=torch.float64)
    names = {name for layer in layers for name in (layer.entry, layer.exit)}
    _, values = graph.run(image, names)
    for layer in layers:
        x = layer.of_entry(values[layer.entry].numpy()[0])
        y = layer.of_exit(values[layer.exit].numpy()[0])
        np.testing.assert_allclose(defined(layer, x), y, atol=1e-9)
    return layers, left


def defined(layer, x):
    """What golden's definition gives for a layer's kernels."""
    if layer.form not in ("serial", "parallel", "metaformer"):
        return layer.respond(x)
    kernels = [
        tuple(Kernel(p.weight, p.embedding, p.bias) for p in chain.passes) for chain in layer.chains
    ]
    if layer.form == "metaformer":
        return metaformer(x, kernels[0], kernels[1], residual=layer.residual)
    if layer.form == "parallel":
        return parallel(x, kernels[0][0], kernels[1][0])
    order = tuple(p.axis for p in layer.chains[0].passes)
    if len(order) == 2:
        return serial(x, *kernels[0], order=order)
    kernel = kernels[0][0]
    return parc(x, kernel.weight, axis=order[0], embedding=kernel.embedding, bias=kernel.bias)


@pytest.mark.parametrize("axis", AXES)
def test_every_way_to_write_it_is_found(axis):
    network = side_by_side(axis)
    layers, left = check(exported(network))
    assert not left
    assert [layer.scope for layer in layers] == [f"parts.{i}" for i in range(len(WAYS))]
    assert all(layer.entry.startswith("relu") for layer in layers), "embedding or norm not folded"
    assert ["batch_norm" in layer.exit for layer in layers] == [
        way is normed_after for way in WAYS.values()
    ]


def test_onnx_holds_the_same_layers_as_torch(tmp_path):
    network = side_by_side("height")
    layers, left = check(through_onnx(network, tmp_path))
    expected = compose(exported(network), find_passes(exported(network))[0])
    assert not left
    for layer, other in zip(layers, expected, strict=True):
        (mine,), (theirs,) = layer.chains[0].passes, other.chains[0].passes
        np.testing.assert_allclose(mine.weight, theirs.weight, atol=1e-5)
        np.testing.assert_allclose(mine.embedding, theirs.embedding, atol=1e-5)
        np.testing.assert_allclose(mine.bias, theirs.bias, atol=1e-5)


def test_an_unfolded_embedding_has_no_mean_and_is_what_was_added():
    torch.manual_seed(0)
    part = Written("width", SIZE[1], concatenated)
    (layer,), _ = check(exported(Side([part])))
    (found,) = layer.chains[0].passes
    added = part.embedding.detach().double().numpy()[0, :, 0]
    np.testing.assert_allclose(
        found.embedding, added - added.mean(axis=1, keepdims=True), atol=1e-9
    )


class Serial(nn.Module):
    """Both axes in series, with an embedding in front of either."""

    def __init__(self, first="height"):
        super().__init__()
        second = AXES[1 - AXES.index(first)]
        self.first = ParC(CHANNELS, SIZE[AXES.index(first)], axis=first)
        self.second = ParC(CHANNELS, SIZE[AXES.index(second)], axis=second)

    def forward(self, x):
        return self.second(self.first(x))


class Normed(nn.Module):
    """A layer between batch norms over all channels, with a residual or not."""

    def __init__(self, layer, residual):
        super().__init__()
        self.before, self.layer, self.after = nn.BatchNorm2d(8), layer, nn.BatchNorm2d(8)
        self.residual = residual
        for norm in (self.before, self.after):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
            norm.weight.data.uniform_(0.5, 2)

    def forward(self, x):
        y = self.after(self.layer(self.before(x)))
        return x + y if self.residual else y


LAYERS = {
    "serial": (lambda: Serial("height"), "serial", False),
    "serial-width-first": (lambda: Serial("width"), "serial", False),
    "parallel": (lambda: Parallel(8, 6), "parallel", False),
    "metaformer": (lambda: MetaFormer(8, 6), "metaformer", False),
    "normed-parallel": (lambda: Normed(Parallel(8, 6), residual=True), "parallel", False),
    "normed-metaformer": (
        lambda: Normed(MetaFormer(8, 6), residual=True),
        "metaformer",
        True,
    ),
    "mixing": (lambda: ParC(8, 6, axis="height", groups=1), "dense", False),
}


@pytest.mark.parametrize("name", LAYERS)
def test_passes_are_put_together(name):
    torch.manual_seed(0)
    make, form, residual = LAYERS[name]
    channels = CHANNELS if form == "serial" else 8
    graph = exported(Side([make()], channels), channels=channels)
    (layer,), left = check(graph)
    assert not left
    assert (layer.form, layer.residual) == (form, residual)
    assert layer.shape == (channels, *SIZE)
    assert layer.entry.startswith("relu"), "what lies before was not folded"


@pytest.mark.parametrize("size", [(6, 6), (7, 6)])
def test_dense_halves_are_a_layer_on_a_square_map_and_on_another(size):
    torch.manual_seed(0)
    network = Side([Normed(Parallel(8, 6, dense=True), residual=False)], 8)
    (layer,), left = check(exported(network, size, channels=8))
    assert not left
    assert (layer.form, layer.shape) == ("dense", (8, *size))
    assert layer.entry.startswith("relu"), "what lies before was not folded"


class Interleaved(Parallel):
    """Even channels along the height, odd ones along the width, each back in its place."""

    def forward(self, x):
        halves = self.height(x[:, 0::2]), self.width(x[:, 1::2])
        return torch.stack(halves, 2).flatten(1, 2)


def test_interleaved_halves_are_one_layer_that_orders_channels():
    torch.manual_seed(0)
    (layer,), _ = check(exported(Side([Interleaved(8, 6)], 8), (6, 6), channels=8))
    assert layer.form == "parallel"
    assert layer.takes == layer.gives == (0, 2, 4, 6, 1, 3, 5, 7)


def test_many_groups_of_channels_stay_one_dense_layer_that_says_what_it_wastes():
    torch.manual_seed(0)
    graph = exported(Side([ParC(34, 6, axis="width", groups=17)], 34), channels=34)
    (layer,), _ = check(graph)
    assert (layer.form, layer.shape) == ("dense", (34, *SIZE))
    assert layer.note == "1 of 17 products counts: channels mix in groups, and no form has them"


def zero_padded(layer, x):
    reach = (layer.length // 2, 0) if layer.axis == "height" else (0, layer.length // 2)
    return functional.conv2d(x, layer.weight, padding=reach, groups=CHANNELS)


def blended(layer, x):
    return layer.convolve(layer.wrapped(x)) + layer.embedding


def test_what_is_no_parc_is_left_with_a_reason():
    found, left = find_passes(exported(Side([Written("height", 7, zero_padded)])))
    assert not found
    assert [item.reason for item in left] == [
        "7 x 1 taps, fewer than 9 (`linear` does them, --least-taps takes them)"
    ]


def test_a_short_kernel_on_a_circle_is_left():
    conv = nn.Conv2d(CHANNELS, CHANNELS, (3, 1), padding=(1, 0), groups=CHANNELS)
    conv.padding_mode = "circular"
    conv._reversed_padding_repeated_twice = [0, 0, 1, 1]
    found, left = find_passes(exported(Side([conv])))
    assert not found
    assert [item.reason for item in left] == [
        "3 taps on a circle of 7: `serial`, the nearest form, has as many taps as samples"
    ]


def test_a_position_table_after_the_convolution_stays_outside():
    graph = exported(Side([Written("height", 7, blended)]))
    (layer,), left = check(graph)
    assert not left
    assert layer.exit.startswith("conv2d")


def test_a_kernel_of_another_length_is_refused():
    def short(layer, x):
        return functional.conv2d(layer.wrapped(x), layer.weight[:, :, :5], groups=CHANNELS)

    graph = exported(Side([Written("height", 7, short)]))
    with pytest.raises(ValueError, match="kernels") as error:
        find_passes(graph)
    assert str(error.value) == (
        "Model must be of kernels as long as its maps, or of some that it resizes, not with 5 taps "
        "along a height of 7 in conv2d_1 in parts.0"
    )
