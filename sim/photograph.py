"""A photograph out of a wheel, as the feature map that the demo convolves."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from sklearn.datasets import load_sample_image

Floats = npt.NDArray[np.float64]

SIZE = 56
"""Height and width of the map: ImageNet's after the first two poolings."""


def feature_map() -> Floats:
    """Return 8 channels x `SIZE` x `SIZE` of the sample photograph "china.jpg".

    The channels are its three colours, its brightness, the edges across and along, the Laplacian,
    and the local contrast; each is averaged over blocks and has mean 0 and deviation 1.
    """
    image = load_sample_image("china.jpg").astype(np.float64) / 255
    side = min(image.shape[:2]) // SIZE * SIZE
    image = image[:side, -side:]
    grey = image.mean(axis=2)
    blurred = ndimage.gaussian_filter(grey, 4)
    channels = np.stack(
        [
            *np.moveaxis(image, 2, 0),
            grey,
            ndimage.sobel(grey, axis=0),
            ndimage.sobel(grey, axis=1),
            ndimage.gaussian_laplace(grey, 2),
            np.sqrt(ndimage.gaussian_filter((grey - blurred) ** 2, 4)),
        ]
    )
    block = side // SIZE
    pooled = channels.reshape(-1, SIZE, block, SIZE, block).mean(axis=(2, 4))
    centred = pooled - pooled.mean(axis=(1, 2), keepdims=True)
    scaled: Floats = centred / centred.std(axis=(1, 2), keepdims=True)
    return scaled


def position_aware_kernels(channels: int, length: int) -> tuple[Floats, Floats, Floats]:
    """Return kernels ``[C, N]``, embeddings ``[C, N]`` and biases ``[C]`` like trained ones.

    Kernels as long as the line, strongest near tap 0 and wrapping round; embeddings drawn with the
    deviation that the reference code starts from, 0.02, times ten as if trained.
    """
    generator = np.random.default_rng(2022)
    taps = np.arange(length)
    distance = np.minimum(taps, length - taps)
    width = np.geomspace(1, length / 4, channels)[:, None]
    kernels = np.exp(-distance / width) * generator.normal(1, 0.6, (channels, length))
    kernels /= np.abs(kernels).sum(axis=1, keepdims=True)
    embedding = generator.normal(0, 0.2, (channels, length))
    return kernels, embedding, generator.normal(0, 0.1, channels)
