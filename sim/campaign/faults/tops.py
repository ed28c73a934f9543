"""Small builds with weights in ROM that faults are put into."""

import tempfile
from pathlib import Path

from golden.layer.design import LayerDesign
from golden.line.design import LineDesign
from sim.campaign.small import LINES, layer_of, line_of

TOPS = (
    *("direct", "direct-folded-requantized", "direct-paired", "fft", "fft-of-other-length"),
    *("fermat", "dense", "linear", "depthwise"),
)


def top_of(name: str) -> LineDesign | LayerDesign:
    """Return the design of a top."""
    if name in LINES:
        return line_of(name)
    with tempfile.TemporaryDirectory() as folder:
        return layer_of(name, Path(folder))
