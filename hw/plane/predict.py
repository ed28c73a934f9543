"""What a two-dimensional engine takes of a device, from its parameters alone."""

from golden.plane.design import PlaneDesign
from golden.plane.fermat import PlaneFermat
from golden.plane.fft import PlaneFft
from hw.fermat.predict import predict as predict_engine
from hw.fft.predict import whole
from hw.predict import counter, ram
from hw.targets.cost import Cost


def predict_fft(design: PlaneFft) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    spectrum = counter(design.size) + counter(design.channels)
    return whole(design) + spectrum + _ends(design)


def predict_fermat(design: PlaneFermat) -> Cost:
    """Return multipliers and block RAMs, exactly, and LUT4-equivalents on ECP5."""
    return predict_engine(design) + _ends(design)


def _ends(design: PlaneDesign) -> Cost:
    """Cost of the door, of counting what leaves, and of the layer's framing."""
    cost = Cost(luts=20)
    frame = design.length * design.channels
    cost += counter(frame) + counter(frame)
    if design.size == design.length:
        return cost
    for size in design.sizes:
        cost += counter(size) + counter(size) + Cost(luts=8)
    if design.plane.wraps:
        cost += ram(depth=design.length, width=design.data_bits)
        cost += Cost(luts=design.data_bits + 4 * design.length.bit_length())
    return cost + Cost(luts=design.data_bits)
