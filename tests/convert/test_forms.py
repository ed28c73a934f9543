"""Every form that can be built is found, however it is written and whatever it came through."""

import json
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from golden.numbers.observe import Sqnr
from golden.numbers.quantize import Activation
from golden.operator.parc import circulant
from hw.build import run
from hw.command import run_command
from hw.convert.calibrate import Calibration, measure, quantize_network
from hw.convert.command import main
from hw.convert.compose import compose
from hw.convert.find import find_passes
from hw.convert.integers import Formats, to_integers
from hw.convert.read_onnx import read_onnx
from hw.convert.read_torch import from_program, read_export
from nets.parc import MetaFormer, Parallel, ParC, freeze

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


class Halves(Parallel):
    """One half of the channels along the height and one along the width; `write` cuts them."""

    def __init__(self, write):
        super().__init__(CHANNELS, HEIGHT)
        self.width = ParC(CHANNELS // 2, WIDTH, axis="width")
        self.write = write

    def forward(self, x):
        return self.write(self, x)


def width_first(layer, x):
    first, second = torch.chunk(x, 2, 1)
    return torch.cat((layer.width(first), layer.height(second)), 1)


def crossed(layer, x):
    first, second = torch.chunk(x, 2, 1)
    return torch.cat((layer.height(second), layer.width(first)), 1)


def interleaved(layer, x):
    return torch.stack((layer.height(x[:, 0::2]), layer.width(x[:, 1::2])), 2).flatten(1, 2)


def shuffled(layer, x):
    first, second = torch.chunk(x.view(1, 2, 2, *SIZE).transpose(1, 2).reshape(x.shape), 2, 1)
    y = torch.cat((layer.height(first), layer.width(second)), 1)
    return y.view(1, 2, 2, *SIZE).transpose(1, 2).reshape(x.shape)


def sliced(layer, x):
    half = CHANNELS // 2
    wrapped = torch.cat((x[:, :half], x[:, :half, :-1]), 2)
    height = functional.conv2d(wrapped, layer.height.weight, groups=half)
    wrapped = torch.cat((x[:, half:], x[:, half:, :, :-1]), 3)
    width = functional.conv2d(wrapped, layer.width.weight, groups=half)
    return torch.cat((height, width), 1)


HALVES = {
    width_first: ([2, 3, 0, 1], [2, 3, 0, 1]),
    crossed: ([2, 3, 0, 1], range(CHANNELS)),
    interleaved: ([0, 2, 1, 3], [0, 2, 1, 3]),
    shuffled: ([0, 2, 1, 3], [0, 2, 1, 3]),
    sliced: (range(CHANNELS), range(CHANNELS)),
}
"""Which channels a layer takes and gives, in its order."""


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
    "transposed": (
        lambda: nn.ConvTranspose2d(CHANNELS, CHANNELS, (1, 9), padding=(0, 4), groups=CHANNELS),
        LINEAR,
    ),
    "stride": (lambda: depthwise((9, 1), padding=(4, 0), stride=(2, 1)), LINEAR),
    "inception": (Inception, [("linear", 1), ("linear", 1)]),
    "square": (lambda: depthwise(9, padding=4), [("depthwise", 4)]),
    "oblong": (lambda: depthwise((9, 4), padding="same"), [("depthwise", 4)]),
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
    **{write.__name__: (lambda write=write: Halves(write), [("parallel", 4)]) for write in HALVES},
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
    parts = {name: [] for name in names}
    for layer in layers:
        parts[names[int(layer.scope.split(".")[1])]].append(layer)
    forms = {
        name: [(layer.form, layer.shape[0]) for layer in layers] for name, layers in parts.items()
    }
    assert forms == {name: KINDS[name][1] for name in names}
    for write, (takes, gives) in HALVES.items():
        (layer,) = parts[write.__name__]
        assert (layer.takes, layer.gives) == (tuple(takes), tuple(gives)), write.__name__
    assert [layer.residual for layer in parts["by halves"]] == [True]
    images = np.random.default_rng(0).normal(size=(1, CHANNELS, *SIZE))
    data = Calibration(images)
    done, misfits = quantize_network(graph, layers, data, progress=lambda _: None)
    assert not misfits
    figures = measure(graph, done, data, lambda _: None)
    assert min(figures["layers"].values()) > 25
    assert figures["output"] > 25


@pytest.mark.parametrize("name", ["spectral", "rank-one", "einsum", "groups"])
def test_zero_points_far_from_the_middle_are_taken_out(name, tmp_path):
    graph = read(by_module, [name], tmp_path)
    for layer in compose(graph, find_passes(graph)[0]):
        x = np.random.default_rng(0).uniform(-1, 7, layer.shape)
        (between, y), ratio = layer.stages(x), Sqnr()
        data, output = (Activation.from_range(v.min(), v.max(), 8) for v in (x, y))
        middle = [Activation.from_range(v.min(), v.max(), 8) for v in between]
        integer = to_integers(layer, Formats(data, output, *middle), weight_bits=8)
        ratio.add(y - y.mean(), integer.respond(x) - y.mean())
        assert ratio.decibels > 25


BUILT = ["tokens", "both", "oblong", "interleaved"]
"""One of each form that is no ParC, and one that orders channels otherwise than the graph."""


def test_what_is_written_builds(tmp_path, monkeypatch, capsys):
    made = types.ModuleType("made_up")
    made.factory = lambda: Together(BUILT)
    monkeypatch.setitem(sys.modules, "made_up", made)
    images = np.random.default_rng(0).normal(size=(2, CHANNELS, *SIZE))
    np.savez(tmp_path / "images.npz", x=images)
    options = ["--input-size", f"{HEIGHT}x{WIDTH}", "--calibration", str(tmp_path / "images.npz")]
    out = tmp_path / "net"
    assert run_command(main, "convert", ["made_up:factory", *options, "-o", str(out)]) == 0
    network = json.loads((out / "network.json").read_text())
    forms = [layer["form"] for layer in network["layers"]]
    assert sorted(forms) == sorted(form for name in BUILT for form, _ in KINDS[name][1])
    (tokens,) = (layer for layer in network["layers"] if layer["form"] == "global_filter")
    assert (tokens["input_layout"], tokens["output_layout"]) == ("HWC", "HWC")
    (halves,) = (layer for layer in network["layers"] if layer["form"] == "parallel")
    assert halves["input_channels"] == halves["output_channels"] == [0, 2, 1, 3]
    for layer in network["layers"]:
        built = tmp_path / layer["name"]
        assert run(["layer", "--config", str(out / layer["config"]), "-o", str(built)]) == 0
        manifest = json.loads((built / f"{layer['name']}.json").read_text())
        assert (manifest["kind"], manifest["form"]) == ("layer", layer["form"])
    capsys.readouterr()


REFUSALS = {
    "a table": (
        lambda: Added(),
        "it adds a value of each position after the convolution: every form adds one a channel",
    ),
    "small": (
        lambda: depthwise(5, padding=2),
        "5 x 5 taps, fewer than 9 (`depthwise` does them, --least-taps takes them)",
    ),
    "stride": (
        lambda: depthwise(9, padding=4, stride=2),
        "it has a stride: `depthwise` and `global_filter` have none",
    ),
    "across": (
        lambda: depthwise((9, 1), padding=(4, 0), stride=(1, 2)),
        "it has a stride across its height: `linear` may have one along it",
    ),
    "half a torus": (
        lambda: nn.Sequential(nn.CircularPad2d((4, 4, 0, 0)), depthwise(9, padding=(4, 0))),
        "circular along the width alone: `global_filter` is so along both axes, `depthwise` along "
        "neither",
    ),
    "small torus": (
        lambda: depthwise(9, padding=4, padding_mode="circular"),
        "few taps on circles of 10 and 12: `global_filter`, the nearest form, has as many taps as "
        "samples",
    ),
    "mixing": (
        lambda: nn.Conv2d(CHANNELS, CHANNELS, (9, 1), padding=(4, 0)),
        "it mixes channels with zeros around the map: `dense` is circular, of 10 taps",
    ),
    "another size": (
        lambda: depthwise((9, 1)),
        "no map of the same height and width goes in and comes out: forms keep them, but for a "
        "stride of 2 along one axis in `linear`",
    ),
    "mirrored": (
        lambda: depthwise((9, 1), padding=(4, 0), padding_mode="reflect"),
        "its taps differ from place to place: every form has the same everywhere",
    ),
}


class Added(nn.Module):
    """A product of spectra that has a spectrum added."""

    def forward(self, x):
        ramp = torch.arange(float(HEIGHT))[:, None] * torch.ones(WIDTH)
        spectrum = torch.fft.rfft2(ramp)
        return torch.fft.irfft2(torch.fft.rfft2(x) * spectrum + spectrum, s=SIZE)


def test_refusals_name_the_place_and_what_the_nearest_form_wants():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1), nn.Tanh(), nn.Identity())
    for make, reason in REFUSALS.values():
        network[2] = make()
        graph = from_program(
            torch.export.export(network.eval(), (torch.zeros(1, CHANNELS, *SIZE),)), SIZE
        )
        found, left = find_passes(graph)
        assert not found
        assert [item.reason for item in left] == [reason]
        assert left[0].place.split()[1:] in (["in", "2"], ["in", "2.1"])


def test_small_kernels_are_taken_where_they_are_asked_for():
    network = nn.Sequential(depthwise(1), nn.Tanh(), depthwise((3, 5), padding=(1, 2)))
    graph = from_program(
        torch.export.export(network.eval(), (torch.zeros(1, CHANNELS, *SIZE),)), SIZE
    )
    (found,), _ = find_passes(graph, least_taps=5)
    assert (found.computed.kind, found.computed.taps) == (("depthwise",), (3, 5))
