"""Random parameters with which signals live: every layer gives maps as those of trained networks.

Parameters as layers are made with are small or equal, so that branches add nothing, channels are
alike and quantisation looks better or worse than it is. Here one forward pass of composed images
scales the weights layer by layer (Mishkin and Matas, "All you need is a good init", ICLR 2016) and
gives batch norms the statistics of what they see; what norms give differs from channel to channel.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from nets.gfnet import GlobalFilter
from nets.parc import Embedding, ParC

_SEED = 2022
_N_IMAGES = 4
_LEAST_VARIANCE = 0.1
"""Of a channel, in the mean of all: few samples may show none."""


def images(size: tuple[int, int], count: int, *, seed: int = _SEED) -> Tensor:
    """Return images [count, 3, height, width]: noise at every scale, edges, and some of its pixels.

    Mean 0 and deviation 1, as those that networks take.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        whole = torch.zeros(count, 3, *size)
        for part in (2, 5, 12, 30, 75):
            noise = torch.randn(count, 3, part, part)
            grown = functional.interpolate(noise, size, mode="bilinear", align_corners=False)
            whole += grown / part**0.5
        # Grey rather than coloured, and with borders between objects.
        whole += whole.mean(1, keepdim=True) + torch.sign(whole[:, :1])
        whole += 0.05 * torch.randn(count, 3, *size)
        return (whole - whole.mean()) / whole.std()


def settle(network: nn.Module, size: tuple[int, int]) -> nn.Module:
    """Give a network of random parameters those with which signals live; return it, to be run.

    Parameters
    ----------
    network
        Just made.
    size
        Height and width of the images.
    """
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(_SEED)
        hooks = [hook for module in network.modules() for hook in _prepare(module)]
        try:
            # Batch norms take the statistics of this one batch.
            network.train()(images(size, _N_IMAGES))
        finally:
            for hook in hooks:
                hook.remove()
    return network.eval()


def _prepare(module: nn.Module) -> list[Any]:
    """Set the parameters that depend on nothing; return hooks that set those that do."""
    hooks: list[Any] = []
    if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
        nn.init.uniform_(module.weight, 0.5, 1.5)
        nn.init.normal_(module.bias, std=0.25)
    elif isinstance(module, Embedding):
        nn.init.normal_(module.table, std=0.2)
    if isinstance(module, nn.BatchNorm2d):
        module.momentum = None
        hooks.append(module.register_forward_hook(_widen))
    for kind, parameter in _SCALED.items():
        if isinstance(module, kind):
            hooks.append(module.register_forward_hook(_scaler(parameter)))
    return hooks


_SCALED: dict[type[nn.Module], str] = {
    nn.Conv2d: "weight",
    nn.Linear: "weight",
    ParC: "weight",
    GlobalFilter: "spectrum",
}
"""Layers, and their parameter that what they give is proportional to, but for the bias."""


def _scaler(parameter: str) -> Callable[..., Tensor]:
    def scale(module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        bias = getattr(module, "bias", None)
        shift = 0 if bias is None else bias.reshape(-1, *(1,) * (output.dim() - 2))
        varying = output - shift
        gain = 1 / varying.std()
        getattr(module, parameter).mul_(gain)
        return varying * gain + shift

    return scale


def _widen(module: nn.Module, _inputs: Any, _output: Tensor) -> None:
    variance = module.running_var
    variance.clamp_(min=_LEAST_VARIANCE * float(variance.mean()))
