"""What is rounded lies on a grid of integers, and gradients pass."""

import math

import pytest
import torch
from torch import nn

from nets.fake_quantize import FakeQuantize, FakeQuantizeWeight, fake_quantize
from nets.parc import ParC
from nets.scenes import SceneNet, folded, scenes


def seen(low, high, **options):
    grid = FakeQuantize(**options)
    grid(torch.tensor([low, high]))
    return grid.eval()


@pytest.mark.parametrize(
    ("low", "high", "scale"), [(-1.0, 1.0, 2**-6), (0.0, 1.99, 2**-7), (-0.1, 6.0, 2**-5)]
)
def test_scales_are_powers_of_two_that_cover_the_range(low, high, scale):
    grid = seen(low, high)
    step, zero = grid.grid
    assert step == scale
    assert (-128 - zero) * step <= low
    assert (127 - zero) * step >= high - step
    x = torch.linspace(low, high, 1001)
    y = grid(x)
    assert torch.equal(y / step, torch.round(y / step))
    assert float((y - x).abs().max()) <= step


def test_zero_stays_zero_where_all_values_are_far_from_it():
    grid = seen(3.0, 4.0)
    assert float(grid(torch.zeros(1))) == 0


def test_fewer_bits_have_fewer_steps():
    y = seen(-1.0, 1.0, bits=4)(torch.linspace(-2, 2, 999))
    assert len(y.unique()) == 16


def test_ranges_follow_while_training_and_stand_afterwards():
    grid = FakeQuantize()
    for _ in range(500):
        grid(torch.tensor([-1.0, 1.0]))
        grid(torch.tensor([-3.0, 5.0]))
    assert float(grid.high) == pytest.approx(3, abs=0.1)
    before = float(grid.eval().high)
    grid(torch.tensor([100.0]))
    assert float(grid.high) == before


def test_weights_have_a_scale_an_output_channel():
    weight = torch.tensor([[1.0, -0.4, 0.003], [0.01, 0.002, -0.0051]])
    rounded = FakeQuantizeWeight()(weight)
    steps = torch.tensor([[1.0], [0.01]]) / 127
    torch.testing.assert_close(rounded / steps, torch.round(weight / steps), atol=1e-4, rtol=0)
    assert torch.equal(FakeQuantizeWeight()(torch.zeros(2, 3)), torch.zeros(2, 3))


def test_kernels_are_rounded_when_they_are_resized():
    torch.manual_seed(0)
    layer = fake_quantize(nn.Sequential(ParC(2, 6, axis="width", embedding=False, bias=False)))[0]
    impulse = torch.zeros(1, 2, 1, 9)
    impulse[..., 0] = 1
    kernel = layer(impulse)[0, :, 0]
    step = kernel.abs().amax(1, keepdim=True) / 127
    torch.testing.assert_close(kernel / step, torch.round(kernel / step), atol=1e-3, rtol=0)


def test_gradients_pass_but_not_where_values_clip():
    grid = seen(-1.0, 1.0)
    x = torch.tensor([0.3, 50.0], requires_grad=True)
    grid(x).sum().backward()
    assert x.grad.tolist() == [1, 0]


def test_folding_changes_nothing_and_rounding_little():
    torch.manual_seed(0)
    network = SceneNet()
    images = torch.from_numpy(scenes((32, 32), 16, seed=0, test=True)[0])
    network.train()(images)
    with torch.no_grad():
        before = network.eval()(images)
        after = folded(network)(images)
        torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
        rounding = fake_quantize(network).train()
        for _ in range(3):
            rounding(images)
        noise = (rounding.eval()(images) - before).std() / before.std()
    assert 20 * math.log10(1 / float(noise)) > 15
    kinds = [type(module).__name__ for module in network.modules()]
    # Input, mean, and of four blocks five maps each; the stem's two, the classes.
    assert kinds.count("FakeQuantize") == 2 + 4 * 6 + 2 + 1
