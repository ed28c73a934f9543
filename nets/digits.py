"""Two small networks with ParC on scikit-learn's handwritten digits, and the digits.

Their trained parameters lie in `WEIGHTS`; ``scripts/train_digits.py`` makes them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from golden.inputs.read import read_arrays
from nets.blocks import Head, conv_norm
from nets.convnext import ConvNeXt
from nets.parcnet import MetaFormerBlock

WEIGHTS = Path(__file__).with_name("weights")
CLASSES = 10
_TEST_IMAGES = 360
_SIDE = 8


class DigitsMetaFormer(nn.Module):
    """Two ParC-MetaFormer blocks, on maps of the images' size and of half of it.

    Parameters
    ----------
    size
        Height and width of the images.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv_norm(1, 16, 3, activation=nn.Hardswish),
            MetaFormerBlock(16, size),
            conv_norm(16, 32, 3, stride=2, activation=nn.Hardswish),
            MetaFormerBlock(32, size // 2),
        )
        self.head = Head(32, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 1, H, W]; return [B, 10]."""
        result: Tensor = self.head(self.features(x))
        return result


def convnext() -> nn.Module:
    """Return a ParC-ConvNeXt of two stages for images of 8 x 8, not trained."""
    parc = {(0, 1): 8, (1, 1): 4}
    return ConvNeXt(16, CLASSES, depths=(2, 2), parc=parc, patch=1, image_channels=1, scale=0.1)


def metaformer() -> nn.Module:
    """Return a ParC-MetaFormer of two blocks for images of 16 x 16, not trained."""
    return DigitsMetaFormer(16)


@dataclass(frozen=True)
class Task:
    """A network and the size of digits that it takes.

    Parameters
    ----------
    make
        Returns the network, not trained.
    size
        Height and width of the images.
    """

    make: Callable[[], nn.Module]
    size: int


TASKS: Mapping[str, Task] = {
    "convnext": Task(convnext, 8),
    "metaformer": Task(metaformer, 16),
}


def load_trained(name: str) -> nn.Module:
    """Return a network of `TASKS` with its trained parameters."""
    network = TASKS[name].make()
    arrays = read_arrays(WEIGHTS / f"{name}.npz", "name")
    network.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    return network.eval()


def trained_metaformer() -> nn.Module:
    """Return the ParC-MetaFormer with its trained parameters, as `hw.convert` takes a network."""
    return load_trained("metaformer")


def digits(size: int, *, test: bool) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return images ``[n, 1, size, size]`` from -1 to 1 and labels ``[n]``.

    Parameters
    ----------
    size
        Height and width; the digits are 8 x 8, and larger ones interpolated.
    test
        Whether to return the 360 images kept back from training, or all others.
    """
    # Only here is scikit-learn needed.
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    chosen = order[:_TEST_IMAGES] if test else order[_TEST_IMAGES:]
    x = torch.from_numpy(images[chosen].astype(np.float32) / 8 - 1).reshape(-1, 1, _SIDE, _SIDE)
    if size != _SIDE:
        x = functional.interpolate(x, (size, size), mode="bilinear", align_corners=False)
    return x.numpy(), labels[chosen].astype(np.int64)
