"""Where the published networks have ParC layers, and how large those are at any input size.

`nets` holds the networks themselves, written in torch; this needs none of it.

Sources: Zhang et al., "ParC-Net", ECCV 2022, and Yang et al., "Fast-ParC".
"""

from collections.abc import Mapping
from dataclasses import dataclass

from golden.errors import ParameterError


@dataclass(frozen=True)
class Place:
    """A ParC layer of a network.

    Parameters
    ----------
    name
        Path of its module.
    channels
        Of the map.
    halvings
        Times that the image's height and width have been halved.
    """

    name: str
    channels: int
    halvings: int


@dataclass(frozen=True)
class PlacedLayer:
    """A ParC layer for one size of image.

    Parameters
    ----------
    name
        Path of its module.
    form
        As `hw.build layer` calls it.
    channels, height, width
        Of the map.
    axis
        Of a dense layer: along which lines run, "both" for half of the channels each.
    """

    name: str
    form: str
    channels: int
    height: int
    width: int
    axis: str = "both"


@dataclass(frozen=True)
class Network:
    """A network and its ParC layers, in order.

    Parameters
    ----------
    form
        Of all its ParC layers.
    size
        Height and width of the images it was published for.
    places
        The layers.
    round_up
        Whether an odd size is halved upwards, by padding, or downwards.
    """

    form: str
    size: int
    places: tuple[Place, ...]
    round_up: bool = True

    def layers(self, height: int, width: int) -> list[PlacedLayer]:
        """Return the layers for images of ``height`` and ``width``.

        Halves of a dense layer share an engine, so on a map that is not square each is a layer.

        Raises
        ------
        ParameterError
            Where a map would be a single row or column, or none.
        """
        layers = []
        for place in self.places:
            rows = self._side("height", height, place.halvings)
            columns = self._side("width", width, place.halvings)
            if self.form != "dense" or rows == columns:
                layers.append(PlacedLayer(place.name, self.form, place.channels, rows, columns))
                continue
            for axis in ("height", "width"):
                name, half = f"{place.name}.{axis}", place.channels // 2
                layers.append(PlacedLayer(name, self.form, half, rows, columns, axis))
        return layers

    def _side(self, side: str, size: int, halvings: int) -> int:
        halved = size
        for _ in range(halvings):
            halved = (halved + self.round_up) // 2
        if halved < 2:
            least = (1 << halvings) + 1 if self.round_up else 2 << halvings
            raise ParameterError(f"input_{side}", f"at least {least}", size)
        return halved


def _convnext(base: int) -> Network:
    places = [Place(f"stages.2.{block}.conv", 4 * base, 4) for block in (6, 7, 8)]
    places.append(Place("stages.3.2.conv", 8 * base, 5))
    return Network("parallel", 224, tuple(places), round_up=False)


def _parcnet_s() -> Network:
    stages = ((3, 192, 2), (4, 256, 4), (5, 320, 3))
    places = [
        Place(f"layer{stage}.blocks.{block}.mix", channels, stage)
        for stage, channels, n_blocks in stages
        for block in range(n_blocks)
    ]
    return Network("metaformer", 256, tuple(places))


NETWORKS: Mapping[str, Network] = {
    "resnet50-parc": Network(
        "dense",
        224,
        (
            *(Place(f"layer3.{block}.conv2", 256, 4) for block in (3, 4, 5)),
            Place("layer4.2.conv2", 512, 5),
        ),
    ),
    "mobilenetv2-parc": Network(
        "parallel",
        224,
        (
            *(Place(f"stage4.{block}.conv", 384, 4) for block in (2, 3)),
            Place("stage5.2.conv", 576, 4),
            Place("stage6.2.conv", 960, 5),
        ),
    ),
    "convnext-xt-parc": _convnext(48),
    "convnext-t-parc": _convnext(96),
    "parcnet-s": _parcnet_s(),
}


def find_network(name: str) -> Network:
    """Return a network by its name.

    Raises
    ------
    ParameterError
        Where there is none of that name.
    """
    if name not in NETWORKS:
        raise ParameterError("network", f"one of {', '.join(NETWORKS)}", repr(name))
    return NETWORKS[name]
