"""Photographs out of wheels, as EfficientNet-Lite takes them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Images = npt.NDArray[np.float32]

_CROPPED = 0.875
"""Part of an image's shorter side that the network sees, as in its evaluation."""


def photographs() -> Mapping[str, Pixels]:
    """Return those in scikit-learn's and matplotlib's wheels: arrays [height, width, 3]."""
    # Only here are these packages needed.
    import matplotlib as mpl
    from PIL import Image
    from sklearn.datasets import load_sample_image

    file = Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    portrait = np.asarray(Image.open(file).convert("RGB"))
    named = {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    return named | {"grace_hopper": portrait}


def centre(pixels: Pixels, side: int = 224) -> Images:
    """Return the middle of a photograph as EfficientNet-Lite takes it, [3, side, side]."""
    part = int(_CROPPED * min(pixels.shape[:2]))
    top, left = ((size - part) // 2 for size in pixels.shape[:2])
    return _scaled(pixels[top : top + part, left : left + part], side)


def crops(count: int, side: int = 224, *, seed: int = 0) -> Images:
    """Return square parts of the photographs at random, some mirrored, [count, 3, side, side]."""
    generator = np.random.default_rng(seed)
    shown = list(photographs().values())
    images = []
    for _ in range(count):
        pixels = shown[generator.integers(len(shown))]
        part = int(generator.uniform(0.3, 1) * min(pixels.shape[:2]))
        top, left = (int(generator.integers(size - part + 1)) for size in pixels.shape[:2])
        square = pixels[top : top + part, left : left + part]
        images.append(_scaled(square[:, :: 1 - 2 * int(generator.integers(2))], side))
    return np.stack(images)


def _scaled(pixels: Pixels, side: int) -> Images:
    from PIL import Image

    square = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    scaled: Images = (np.asarray(square, np.float32) - np.float32(127)) / np.float32(128)
    return scaled.transpose(2, 0, 1)


CLASSES: Mapping[int, str] = {
    108: "sea anemone",
    309: "bee",
    311: "grasshopper",
    400: "gown",
    442: "bell cote",
    483: "castle",
    652: "military uniform",
    663: "monastery",
    667: "mortarboard",
    698: "palace",
    887: "vestment",
    906: "tie",
    947: "mushroom",
    975: "lakeside",
    985: "daisy",
}
"""ImageNet's names of classes that these photographs are taken for."""
