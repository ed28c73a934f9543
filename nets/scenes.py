"""Scenes of two digits, a network with ParC that tells which stands where, and its parameters.

A scene is an image with two of scikit-learn's digits of different classes, no column and no row in
common; a network says which of them is the left one and which is the upper one. The network has
ParC alone to look across a map: without position embeddings it gives the same for a scene that is
moved round the border by whole patches, and scenes are drawn so that the moved ones have all four
answers with the same chance. So 25 % of scenes are right by luck, and what is more is seen by the
embedding.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from nets.blocks import Head, LayerNorm
from nets.convnext import Block
from nets.digits import CLASSES, digits
from nets.fake_quantize import fake_quantize
from nets.parc import Parallel

WEIGHTS = Path(__file__).with_name("weights")
PATCH = 4
"""Pixels of a map's sample, along both axes."""
Size = tuple[int, int]
"""Height and width."""
NAMES = ("scenes", "scenes_blind", "scenes_int8")
SIZE = 32
"""Height and width of scenes that kernels and embeddings have an entry a patch for."""
TRAINED_SIZES: tuple[Size, ...] = ((32, 32), (48, 48), (32, 48), (48, 32))
"""Of scenes to learn from."""
_PART = 4
"""A digit takes this part of the scene, along both axes."""

Images = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
_Integers = npt.NDArray[np.int64]


class SceneNet(nn.Module):
    """Patches, ParC-ConvNeXt blocks, and two digits for the mean of the map.

    Parameters
    ----------
    embedding
        Whether ParC has its position embeddings.
    channels, n_blocks
        Of the map, and behind each other.
    """

    def __init__(self, *, embedding: bool = True, channels: int = 32, n_blocks: int = 4) -> None:
        super().__init__()
        length = SIZE // PATCH
        self.stem = nn.Sequential(nn.Conv2d(1, channels, PATCH, PATCH), LayerNorm(channels))
        self.blocks = nn.Sequential(
            *(
                Block(channels, Parallel(channels, length, embedding=embedding), scale=1.0)
                for _ in range(n_blocks)
            )
        )
        self.head = Head(channels, 2 * CLASSES, nn.BatchNorm1d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Take images [B, 1, H, W]; return [B, 20]: the left digit's class, the upper one's."""
        result: Tensor = self.head(self.blocks(self.stem(x)))
        return result


def right(logits: Tensor, labels: Tensor) -> Tensor:
    """Return [B], which scenes have both digits right."""
    return (logits.unflatten(1, (2, CLASSES)).argmax(2) == labels).all(1)


def scenes(
    size: Size, count: int, *, seed: int | tuple[int, ...], test: bool
) -> tuple[Images, Labels]:
    """Return images ``[count, 1, height, width]`` from -1 to 1 and labels ``[count, 2]``.

    Labels are the left digit and the upper one.

    Parameters
    ----------
    size
        Multiples of 4; a digit takes a quarter of it, so that scenes of all sizes look the same.
    count, seed
        How many, and which.
    test
        Whether the digits are those kept back from training.
    """
    generator = np.random.default_rng(seed)
    glyphs, classes = _glyphs((size[0] // _PART, size[1] // _PART), test)
    chosen = _two_classes(generator, classes, count)
    rows, top = _places(generator, size[0], count)
    columns, left = _places(generator, size[1], count)
    images = np.full((count, 1, *size), -1, np.float32)
    for image, pair, row, column in zip(images, chosen, rows, columns, strict=True):
        for glyph, y, x in zip(glyphs[pair], row, column, strict=True):
            image[0, y : y + glyph.shape[0], x : x + glyph.shape[1]] = glyph
    labels = np.stack([np.choose(first, classes[chosen].T) for first in (left, top)], 1)
    return images, labels


@cache
def _glyphs(size: Size, test: bool) -> tuple[Images, Labels]:
    images, labels = digits(8, test=test)
    resized = functional.interpolate(
        torch.from_numpy(images), size, mode="bilinear", align_corners=False
    )
    return resized[:, 0].numpy(), labels


def _two_classes(generator: np.random.Generator, classes: Labels, count: int) -> _Integers:
    """Return indices ``[count, 2]`` of digits of different classes."""
    chosen = generator.integers(len(classes), size=(count, 2))
    while True:
        same = classes[chosen[:, 0]] == classes[chosen[:, 1]]
        if not same.any():
            return chosen
        chosen[same, 1] = generator.integers(len(classes), size=int(same.sum()))


@dataclass(frozen=True)
class _Starts:
    """Where the first of two digits may stand, a distance round the border and a phase each.

    Parameters
    ----------
    distance
        From the first digit on to the second, round the border if need be.
    start, n_starts
        Columns: first digit on the left, second one on the left. A patch apart each.
    """

    distance: _Integers
    start: npt.NDArray[np.int64]
    n_starts: npt.NDArray[np.int64]


@cache
def _starts(side: int) -> _Starts:
    """Return all distances and phases with which either digit can be the first."""
    part = side // _PART
    distance, phase = (
        table.ravel()
        for table in np.meshgrid(np.arange(part, side - part + 1), np.arange(PATCH), indexing="ij")
    )
    low = np.stack([np.zeros_like(distance), side - distance], 1)
    high = np.stack([side - part - distance, np.full_like(distance, side - part)], 1)
    start = low + (phase[:, None] - low) % PATCH
    n_starts = np.maximum((high - start) // PATCH + 1, 0)
    both = (n_starts > 0).all(1)
    return _Starts(distance[both], start[both], n_starts[both])


def _places(generator: np.random.Generator, side: int, count: int) -> tuple[_Integers, _Integers]:
    """Return places ``[count, 2]`` of digits along an axis, and which of the two is the first.

    What a network sees that can't tell places round the border apart is distance and phase; with
    any of them, either digit is the first with the same chance.
    """
    starts = _starts(side)
    kind = generator.integers(len(starts.distance), size=count)
    second_first = generator.integers(2, size=count)
    step = generator.integers(starts.n_starts[kind, second_first])
    first = starts.start[kind, second_first] + PATCH * step
    second = (first + starts.distance[kind]) % side
    return np.stack([first, second], 1), second_first


def folded(network: SceneNet) -> SceneNet:
    """Fold the branches' scales and the head's norm into the layers beside them, and return it."""
    with torch.no_grad():
        for block in network.blocks:
            block.project.weight *= block.scale[..., None]
            block.project.bias *= block.scale.flatten()
            block.scale = nn.Parameter(torch.ones_like(block.scale), requires_grad=False)
        norm, linear = network.head.norm, network.head.linear
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        linear.bias += linear.weight @ (norm.bias - gain * norm.running_mean)
        linear.weight *= gain
    network.head.norm = nn.Identity()
    return network


def blank(name: str) -> SceneNet:
    """Return one of `NAMES`, not trained.

    Parameters
    ----------
    name
        "scenes"; "scenes_blind" without embeddings; "scenes_int8", which rounds as integers do.
    """
    network = SceneNet(embedding=name != "scenes_blind")
    return fake_quantize(folded(network)) if name == "scenes_int8" else network


def load_trained(name: str) -> nn.Module:
    """Return one of `NAMES` with its trained parameters."""
    network = blank(name)
    with np.load(WEIGHTS / f"{name}.npz") as arrays:
        state = {key: torch.from_numpy(arrays[key]) for key in arrays.files}
    network.load_state_dict(state)
    return network.eval()


def trained_int8() -> nn.Module:
    """Return the network that was trained to be rounded, without what rounds: for `hw.convert`."""
    state = {
        key.replace("parametrizations.", "").replace(".original", ""): value
        for key, value in load_trained("scenes_int8").state_dict().items()
    }
    network = folded(SceneNet())
    network.load_state_dict({key: state[key] for key in network.state_dict()})
    return network.eval()
