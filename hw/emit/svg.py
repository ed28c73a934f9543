"""A figure as SVG, the same whenever it is drawn."""

import io

import matplotlib
from matplotlib.figure import Figure


def as_svg(figure: Figure, salt: str, *, outlines: bool = True) -> bytes:
    """Return a figure as a file.

    Parameters
    ----------
    figure
        The figure.
    salt
        What ids are made of.
    outlines
        Whether letters are drawn, so that they look the same everywhere, or are text.
    """
    buffer = io.BytesIO()
    font = "path" if outlines else "none"
    with matplotlib.rc_context({"svg.hashsalt": salt, "svg.fonttype": font}):
        # No date: the same figures give the same file.
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
