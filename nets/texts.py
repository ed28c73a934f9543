"""RapidOCR's classifier of texts, upright or upside down, and texts rendered for it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from nets.wheels import wheel_file

Pixels = npt.NDArray[np.uint8]
Images = npt.NDArray[np.float32]

_WORDS = (
    *("position", "aware", "circular", "convolution", "kernel", "signal 2048", "line 56"),
    *("Verilog", "feature map", "quantised", "stream", "latency", "multiplier", "Fermat"),
)
_HEIGHT, _WIDTH = 48, 192


def text_directions() -> Path:
    """Return the ONNX file of RapidOCR's classifier of texts, upright or upside down.

    It takes [n, 3, 48, 192] and gives the chances of 0 and 180 degrees.

    Raises
    ------
    ParameterError
        Where the wheel that has it is not installed.
    """
    return wheel_file("rapidocr_onnxruntime", "models/ch_ppocr_mobile_v2.0_cls_infer.onnx")


def texts(count: int, *, seed: int = 0) -> tuple[Images, npt.NDArray[np.int64]]:
    """Return images [count, 3, 48, 192] of words in Pillow's own font, and which is upside down.

    Parameters
    ----------
    count, seed
        How many, and which.
    """
    generator = np.random.default_rng(seed)
    turned = generator.integers(2, size=count)
    images = np.zeros((count, 3, _HEIGHT, _WIDTH), np.float32)
    for image, is_turned in zip(images, turned, strict=True):
        pixels = _text(generator)[:: 1 - 2 * is_turned, :: 1 - 2 * is_turned]
        image[:, :, : pixels.shape[1]] = (pixels.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)
    return images, turned


def _text(generator: np.random.Generator) -> Pixels:
    """Return a word on a ground of another shade, [48, at most 192, 3]."""
    word = " ".join(generator.choice(_WORDS, 2, replace=False))
    dark, light = (int(generator.integers(*ends)) for ends in ((0, 90), (160, 256)))
    ink, ground = (dark, light) if generator.integers(2) else (light, dark)
    font = ImageFont.load_default(int(generator.integers(24, 38)))
    left, top, right, bottom = (round(end) for end in font.getbbox(word))
    page = Image.new("RGB", (right - left + 12, bottom - top + 10), (ground,) * 3)
    ImageDraw.Draw(page).text((6 - left, 5 - top), word, (ink,) * 3, font)
    width = min(_WIDTH, -(-page.width * _HEIGHT // page.height))
    return np.asarray(page.resize((width, _HEIGHT), Image.Resampling.BILINEAR))
