"""Global filters in whole networks: products of spectra are circular convolutions in integers."""

import json

import numpy as np
import torch
from torch import nn

from golden.network.files import read_network
from hw.command import run_command
from hw.convert.command import main
from nets.gfnet import Block

CHANNELS, SIZE = 4, (6, 8)


class Along(nn.Module):
    """A filter along one side."""

    def __init__(self, axis):
        super().__init__()
        self.axis = axis
        n = SIZE[axis - 2] // 2 + 1
        sides = (n, 1) if axis == 2 else (1, n)
        self.weight = nn.Parameter(torch.randn(CHANNELS, *sides, 2) / 3)

    def forward(self, x):
        made = torch.fft.rfft(x, dim=self.axis) * torch.view_as_complex(self.weight)
        return torch.fft.irfft(made, n=SIZE[self.axis - 2], dim=self.axis)


class Last(nn.Module):
    """A global filter as its reference code has it: channels last, then the norm of both."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(SIZE[0], SIZE[1] // 2 + 1, CHANNELS, 2) / 3)

    def forward(self, x):
        x = x.permute(0, 2, 3, 1)
        spectrum = torch.fft.rfft2(x, dim=(1, 2), norm="ortho")
        made = torch.fft.irfft2(
            spectrum * torch.view_as_complex(self.weight), s=SIZE, dim=(1, 2), norm="ortho"
        )
        return made.permute(0, 3, 1, 2) * 1.5


class Powers(nn.Module):
    """What no kernel does: the spectrum's square."""

    def forward(self, x):
        spectrum = torch.fft.rfft2(x)
        return torch.fft.irfft2(spectrum * spectrum, s=SIZE)


def convert(network, folder, *more):
    images = np.random.default_rng(2).normal(0, 1, (4, CHANNELS, *SIZE)).astype(np.float32)
    np.savez(folder / "images.npz", x=images)
    program = torch.export.export(network.eval(), (torch.zeros(1, CHANNELS, *SIZE),))
    torch.export.save(program, folder / "net.pt2")
    arguments = ["net.pt2", "--whole", "--input-size", "6x8", *more]
    arguments += ["--calibration", "images.npz", "-o", "out"]
    places = {"net.pt2", "images.npz", "out"}
    return run_command(
        main, "hw.convert", [str(folder / a) if a in places else a for a in arguments]
    )


def test_filters_are_circular_convolutions(tmp_path):
    torch.manual_seed(3)
    forms = (Last(), Along(2), Along(3), Block(CHANNELS, SIZE))
    network = nn.Sequential(*(part for form in forms for part in (form, nn.ReLU())))
    with torch.no_grad():
        network[-2].branch[1].spectrum.normal_(0, 0.5)
    assert convert(network, tmp_path, "--check") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["check"]["different"] == []
    assert report["output"] > 15
    network = read_network(tmp_path / "out" / "network.toml")
    filters = [o for o in network.operators.values() if o.kind == "circular"]
    kernels = [SIZE, (SIZE[0], 1), (1, SIZE[1]), SIZE]
    assert [f.weight.shape for f in filters] == [(CHANNELS, 1, *kernel) for kernel in kernels]


def test_spectra_that_are_no_filter_are_named(tmp_path, capsys):
    assert convert(Powers(), tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "of operations whose spectra filter each channel around its map (--until" in line
    assert not (tmp_path / "out").exists()
