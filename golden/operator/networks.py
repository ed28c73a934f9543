"""The ParC layers of published networks: their shapes on images of any size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from golden.inputs.errors import ParameterError

Size: TypeAlias = tuple[int, int]
"""Height and width."""

MIN_SIDE, MAX_SIDE = 32, 8192


@dataclass(frozen=True)
class LayerShape:
    """What a ParC layer of a network works on.

    Parameters
    ----------
    name
        Module of the network that it belongs to, its dots replaced.
    form
        As `hw.build layer` has it.
    channels, height, width
        Of its map.
    """

    name: str
    form: str
    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class _Stage:
    """Layers of one shape.

    Parameters
    ----------
    modules
        A layer each.
    channels
        Of their maps.
    stride
        Pixels of the image from a sample to the next.
    """

    modules: tuple[str, ...]
    channels: int
    stride: int


@dataclass(frozen=True)
class PublishedNetwork:
    """A network with ParC layers.

    Parameters
    ----------
    name, form
        Of it, and of all its layers.
    size
        Side of the square images that it was published for.
    stages
        Where it has ParC layers.
    pads
        Whether halving a map of odd sides leaves the larger half: convolutions with a border do.
    """

    name: str
    form: str
    size: int
    stages: tuple[_Stage, ...]
    pads: bool = True

    def layers(self, size: Size | None = None) -> list[LayerShape]:
        """Return the ParC layers for images of ``size``, in the order in which a map takes them.

        Raises
        ------
        ParameterError
            Where a side is out of range.
        """
        height, width = size or (self.size, self.size)
        if not all(MIN_SIDE <= side <= MAX_SIDE for side in (height, width)):
            rule = f"of sides from {MIN_SIDE} to {MAX_SIDE}"
            raise ParameterError("input_size", rule, f"{height}x{width}")
        return list(self._layers(height, width))

    def _layers(self, height: int, width: int) -> Iterator[LayerShape]:
        for stage in self.stages:
            sides = [
                -(-s // stage.stride) if self.pads else s // stage.stride for s in (height, width)
            ]
            for module in stage.modules:
                yield LayerShape(module, self.form, stage.channels, sides[0], sides[1])


def _blocks(module: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{module}_{number}" for number in numbers)


_CONVNEXT_BLOCKS = (_blocks("stages_2", 6, 7, 8), _blocks("stages_3", 2))


def _convnext(name: str, base: int) -> PublishedNetwork:
    stages = tuple(
        _Stage(blocks, factor * base, 4 * factor)
        for factor, blocks in zip((4, 8), _CONVNEXT_BLOCKS, strict=True)
    )
    return PublishedNetwork(name, "parallel", 224, stages, pads=False)


NETWORKS: Mapping[str, PublishedNetwork] = {
    network.name: network
    for network in (
        PublishedNetwork(
            "resnet50-parc",
            "dense",
            224,
            (
                _Stage(_blocks("layer3", 3, 4, 5), 256, 16),
                _Stage(_blocks("layer4", 2), 512, 32),
            ),
        ),
        PublishedNetwork(
            "mobilenetv2-parc",
            "parallel",
            224,
            (
                _Stage(_blocks("stage4", 2, 3), 384, 16),
                _Stage(_blocks("stage5", 2), 576, 16),
                _Stage(_blocks("stage6", 2), 960, 32),
            ),
        ),
        _convnext("convnext-xt-parc", 48),
        _convnext("convnext-t-parc", 96),
        PublishedNetwork(
            "parcnet-s",
            "metaformer",
            256,
            (
                _Stage(_blocks("layer3_blocks", 0, 1), 192, 8),
                _Stage(_blocks("layer4_blocks", 0, 1, 2, 3), 256, 16),
                _Stage(_blocks("layer5_blocks", 0, 1, 2), 320, 32),
            ),
        ),
    )
}
"""From Zhang et al., "ParC-Net", ECCV 2022 (arXiv 2203.03952), and Yang et al., "Fast-ParC"
(arXiv 2210.04020)."""
