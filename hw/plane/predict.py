"""What two-dimensional engines share of what they take of a device."""

from golden.plane.design import PlaneDesign
from hw.predict import counter, ram
from hw.targets.cost import Cost


def ends(design: PlaneDesign) -> Cost:
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
