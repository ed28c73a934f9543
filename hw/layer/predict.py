"""What layers take of a device, from their parameters alone."""

from golden.layer_axes import AxesDesign
from hw.engines import ENGINES
from hw.predict import Cost


def predict_axes(design: AxesDesign) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return sum((ENGINES[e.engine].predict(e) for e in design.engines.values()), Cost())
