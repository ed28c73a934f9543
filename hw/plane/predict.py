"""What two-dimensional engines share of what they take of a device."""

from golden.plane.design import PlaneDesign
from hw.predict import counter, ram
from hw.targets.cost import Cost


def ends(design: PlaneDesign) -> Cost:
    """Cost of the door, and of counting what leaves."""
    cost = Cost(luts=20) + counter(design.length * design.channels)
    if design.size == design.length:
        return cost
    for size in design.sizes:
        cost += counter(size) + counter(size) + Cost(luts=8)
    samples = design.lanes * design.data_bits
    if design.plane.wraps:
        cost += ram(depth=design.length, width=samples)
        cost += Cost(luts=samples + 4 * design.length.bit_length())
    return cost + Cost(luts=samples)
