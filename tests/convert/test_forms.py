"""Every form that can be built is found, however it is written and whatever it came through."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.parc import circulant
from hw.convert.calibrate import Calibration, measure, quantize_network
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program, read_export
from nets.parc import MetaFormer, ParC, freeze

CHANNELS, SIZE = 4, (10, 12)
HEIGHT, WIDTH = SIZE


def depthwise(kernel, **options):
    return nn.Conv2d(CHANNELS, CHANNELS, kernel, groups=CHANNELS, **options)


class Tokens(nn.Module):
    """GFNet's layer: tokens, channels last, filtered as maps."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(CHANNELS)
        self.spectrum = nn.Parameter(torch.randn(HEIGHT, WIDTH // 2 + 1, CHANNELS, 2))

    def forward(self, x):
        tokens = self.norm(x.flatten(2).transpose(1, 2))
        maps = tokens.view(1, HEIGHT, WIDTH, CHANNELS)
        bins = torch.fft.rfft2(maps, dim=(1, 2), norm="ortho")
        bins = bins * torch.view_as_complex(self.spectrum)
        y = torch.fft.irfft2(bins, s=SIZE, dim=(1, 2), norm="ortho")
        return torch.relu(y.reshape(1, -1, CHANNELS)).transpose(1, 2).reshape(x.shape)


class Spectral(nn.Module):
    """A product of spectra, on maps as they are; or one of rank 1."""

    def __init__(self, rank_one):
        super().__init__()
        self.rank_one = rank_one
        shape = (CHANNELS, HEIGHT, WIDTH)
        if rank_one:
            kernel = torch.randn(*shape[:2], 1) * torch.randn(shape[0], 1, shape[2])
        else:
            kernel = torch.randn(shape)
        self.spectrum = nn.Parameter(torch.view_as_real(torch.fft.rfft2(kernel)))

    def forward(self, x):
        bins = torch.fft.rfft2(x) * torch.view_as_complex(self.spectrum)
        return torch.fft.irfft2(bins, s=SIZE)


class Inception(nn.Module):
    """InceptionNeXt's mixer: an identity, a square and two bands."""

    def __init__(self):
        super().__init__()
        self.square = nn.Conv2d(1, 1, 3, padding=1)
        self.row = nn.Conv2d(1, 1, (1, 9), padding=(0, 4))
        self.column = nn.Conv2d(1, 1, (9, 1), padding=(4, 0))

    def forward(self, x):
        a, b, c, d = torch.split(x, (1, 1, 1, 1), 1)
        return torch.cat((a, self.square(b), self.row(c), self.column(d)), 1)


class Stripes(nn.Module):
    """SLaK's pair of oblong kernels, each with its norm, and a small one."""

    def __init__(self):
        super().__init__()
        self.tall = nn.Sequential(depthwise((9, 5), padding=(4, 2)), nn.BatchNorm2d(CHANNELS))
        self.wide = nn.Sequential(depthwise((5, 9), padding=(2, 4)), nn.BatchNorm2d(CHANNELS))
        self.small = depthwise(5, padding=2)
        for norm in (self.tall[1], self.wide[1]):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x):
        return self.tall(x) + self.wide(x) + self.small(x)


class Rolled(nn.Module):
    """A sum of rolled maps, as a kernel tap by tap; with the map added at the end."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(HEIGHT, CHANNELS, 1, 1))

    def forward(self, x):
        y = sum(w * torch.roll(x, -k, 2) for k, w in enumerate(self.weight))
        return x + y


class Circulant(nn.Module):
    """Products with circulant matrices: of each channel's own, or of one for all."""

    def __init__(self, write):
        super().__init__()
        self.write = write
        own = torch.from_numpy(circulant(np.random.default_rng(1).normal(size=(CHANNELS, HEIGHT))))
        one = torch.from_numpy(circulant(np.random.default_rng(2).normal(size=(1, WIDTH))))[0]
        self.own, self.one = nn.Parameter(own.float()), nn.Parameter(one.float())

    def forward(self, x):
        return self.write(self, x)


def einsum(layer, x):
    return torch.einsum("chk,nckw->nchw", layer.own, x)


def matmul(layer, x):
    return x @ layer.one.T


def transposed_matmul(layer, x):
    return (x.transpose(2, 3) @ layer.own.transpose(1, 2)).transpose(2, 3)


def linear(layer, x):
    return functional.linear(x, layer.one)


class Unfolded(nn.Module):
    """Windows of a wrapped map, and their products with a kernel."""

    def __init__(self, write):
        super().__init__()
        self.write = write
        self.weight = nn.Parameter(torch.randn(CHANNELS, WIDTH))

    def forward(self, x):
        return self.write(self, torch.cat((x, x[..., :-1]), 3))


def by_windows(layer, x):
    return (x.unfold(3, WIDTH, 1) * layer.weight[:, None, None, :]).sum(-1)


def by_columns(layer, x):
    columns = functional.unfold(x, (1, WIDTH)).view(1, CHANNELS, WIDTH, HEIGHT, WIDTH)
    return torch.einsum("ck,nckhw->nchw", layer.weight, columns)


class OfRows(nn.Module):
    """A one-dimensional convolution of rows, wrapped or with zeros around."""

    def __init__(self, wraps):
        super().__init__()
        more = {"padding_mode": "circular"} if wraps else {}
        taps, reach = (2 * WIDTH - 1, WIDTH - 1) if wraps else (9, 4)
        self.conv = nn.Conv1d(CHANNELS, CHANNELS, taps, padding=reach, groups=CHANNELS, **more)

    def forward(self, x):
        rows = x.permute(0, 2, 1, 3).reshape(HEIGHT, CHANNELS, WIDTH)
        return self.conv(rows).reshape(1, HEIGHT, CHANNELS, WIDTH).permute(0, 2, 1, 3)


class ByHalves(MetaFormer):
    """ParC-Net's own layout: each half has its residual."""

    def forward(self, x):
        first, second = torch.chunk(x, 2, 1)
        halves = first + self.height_first(first), second + self.width_first(second)
        return torch.cat(halves, 1)


def multiplied():
    return nn.Conv2d(CHANNELS, 2 * CHANNELS, (9, 1), padding=(4, 0), groups=CHANNELS)


LINEAR = [("linear", 4)]
KINDS = {
    "tokens": (Tokens, [("global_filter", 4)]),
    "spectral": (lambda: Spectral(False), [("global_filter", 4)]),
    "rank-one": (lambda: Spectral(True), [("serial", 4)]),
    "row": (lambda: depthwise((1, 9), padding=(0, 4)), LINEAR),
    "past": (lambda: nn.Sequential(nn.ZeroPad2d((8, 0, 0, 0)), depthwise((1, 9))), LINEAR),
    "toeplitz": (lambda: depthwise((2 * HEIGHT - 1, 1), padding=(HEIGHT - 1, 0)), LINEAR),
    "both": (
        lambda: nn.Sequential(depthwise((9, 1), padding=(4, 0)), depthwise((1, 9), padding=(0, 4))),
        LINEAR,
    ),
    "stride": (lambda: depthwise((9, 1), padding=(4, 0), stride=(2, 1)), LINEAR),
    "inception": (Inception, [("linear", 1), ("linear", 1)]),
    "square": (lambda: depthwise(9, padding=4), [("depthwise", 4)]),
    "stripes": (Stripes, [("depthwise", 4), ("depthwise", 4)]),
    "rolled": (Rolled, [("serial", 4)]),
    **{
        write.__name__: (lambda write=write: Circulant(write), [("serial", 4)])
        for write in (einsum, matmul, transposed_matmul, linear)
    },
    **{
        write.__name__: (lambda write=write: Unfolded(write), [("serial", 4)])
        for write in (by_windows, by_columns)
    },
    "wrapped rows": (lambda: OfRows(True), [("serial", 4)]),
    "rows": (lambda: OfRows(False), LINEAR),
    "by halves": (lambda: ByHalves(CHANNELS, SIZE[0]), [("metaformer", 4)]),
    "groups": (lambda: ParC(CHANNELS, HEIGHT, axis="height", groups=2), [("dense", 2)] * 2),
    "multiplier": (multiplied, LINEAR * 2),
}
"""By name: what makes the network, and the layers' forms and channels."""
TRANSFORMS = ("tokens", "spectral", "rank-one")
"""What torch's older exporter of ONNX cannot write."""


class Together(nn.Module):
    """Every kind behind layers that are no filters: exported at the cost of one."""

    def __init__(self, names):
        super().__init__()
        torch.manual_seed(0)
        self.before = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 1) for _ in names)
        self.parts = nn.ModuleList(KINDS[name][0]() for name in names)

    def forward(self, x):
        pairs = zip(self.before, self.parts, strict=True)
        results = [torch.relu(part(torch.tanh(conv(x)))) for conv, part in pairs]
        return torch.cat([y.flatten(1) for y in results], 1)


def by_module(network, image, _folder):
    return from_program(torch.export.export(network, (image,)), SIZE)


def by_file(network, image, folder):
    torch.export.save(torch.export.export(network, (image,)), folder / "network.pt2")
    return read_export(folder / "network.pt2", SIZE)


def by_onnx(network, image, folder):
    torch.onnx.export(network, (image,), folder / "network.onnx", dynamo=True, verbose=False)
    return read_onnx(folder / "network.onnx", SIZE)


def by_traced_onnx(network, image, folder):
    torch.onnx.export(network, (image,), folder / "network.onnx", dynamo=False, opset_version=18)
    return read_onnx(folder / "network.onnx", SIZE)


def read(route, names, folder):
    with warnings.catch_warnings():
        # torch.onnx uses what torch itself has deprecated.
        warnings.simplefilter("ignore")
        network, image = Together(names).eval(), torch.zeros(1, CHANNELS, *SIZE)
        freeze(network, image)
        return route(network, image, folder)


@pytest.mark.parametrize("route", [by_module, by_file, by_onnx, by_traced_onnx])
def test_every_form_is_found_and_keeps_its_values(route, tmp_path):
    names = [n for n in KINDS if route is not by_traced_onnx or n not in TRANSFORMS]
    graph = read(route, names, tmp_path)
    layers = compose(graph, find_passes(graph)[0])
    forms = {name: [] for name in names}
    for layer in layers:
        part = names[int(layer.scope.split(".")[1])]
        forms[part].append((layer.form, layer.shape[0]))
    assert forms == {name: KINDS[name][1] for name in names}
    images = np.random.default_rng(0).normal(size=(1, CHANNELS, *SIZE))
    data = Calibration(images)
    done, misfits = quantize_network(graph, layers, data, progress=lambda _: None)
    assert not misfits
    figures = measure(graph, done, data, lambda _: None)
    assert min(figures["layers"].values()) > 25
    assert figures["output"] > 25
